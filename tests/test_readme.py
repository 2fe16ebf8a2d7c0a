"""The README tells the truth: its settings table is the settings', its commands exist.

``python tests/test_readme.py`` writes the table anew.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from styled.cli.main import COMMANDS
from styled.settings import settings_table

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
_TABLE = re.compile(r"(?<=<!-- settings -->\n).*(?=<!-- /settings -->)", re.DOTALL)


def toml(value: Any) -> str:
    """Write a default the way a user would."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case dict():
            return "{" + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(toml, value)) + "]"
        case _:
            return repr(value)


def table() -> str:
    lines = ["| setting | meaning | values | default |", "|---|---|---|---|"]
    lines += [f"| `{row.name}` | {row.description} | {row.range} | `{toml(row.default)}` |" for row in settings_table()]
    return "\n".join(lines) + "\n"


def test_the_settings_table_is_that_of_the_code() -> None:
    found = _TABLE.search(README.read_text())
    assert found is not None
    assert found[0] == table(), "write it anew with: python tests/test_readme.py"


def test_every_command_it_names_exists() -> None:
    """Both in the examples and in the sentences."""
    named = set(re.findall(r"(?:^|`|bin/)styled ([a-z]+)", README.read_text(), re.MULTILINE))
    assert named <= set(COMMANDS)
    assert {"run", "demo", "daemon", "add", "weights", "stop"} <= named


def test_the_check_script_finds_the_test_command() -> None:
    """.ci/run takes the command letter for letter from the README."""
    script = (ROOT / ".ci" / "run").read_text()
    [extraction] = [line for line in script.splitlines() if line.startswith("tests=")]
    found = subprocess.run(
        ["bash", "-c", f'{extraction}\nprintf "%s" "$tests"'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest -n 2"


if __name__ == "__main__":
    README.write_text(_TABLE.sub(lambda _: table(), README.read_text()))
