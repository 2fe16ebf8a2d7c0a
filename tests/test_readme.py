"""README.md and SETTINGS.md are true: their tables are those of the code, the commands they name exist.

``python tests/test_readme.py`` writes the tables again.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from styled.cli.main import COMMANDS
from styled.errors import StyledError
from styled.presets import presets
from styled.settings import settings_table

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SETTINGS = ROOT / "styled" / "SETTINGS.md"
SETTINGS_HEAD = "# All settings of a job\n\nHow to set them: README.md, under Settings. `styled run --set NAME=VALUE` tries one.\n\n"
MOST_USED = (
    "preset", "size", "steps", "strength", "preserve_color", "style_scale", "statistic", "memory_limit", "frame_every", "format",
)  # fmt: skip
_TABLES = {
    name: re.compile(rf"(?<=<!-- {name} -->\n).*(?=<!-- /{name} -->)", re.DOTALL) for name in ("settings", "presets")
}


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


def tables() -> dict[str, str]:
    """Return the tables that are written from the code, by the name of their place."""
    return {"settings": _settings_table(MOST_USED), "presets": _presets_table()}


def _presets_table() -> str:
    names = list(presets()[0].settings)
    lines = [f"| preset | for | {' | '.join(f'`{name}`' for name in names)} |", "|---|---|" + "---|" * len(names)]
    for preset in presets():
        values = " | ".join(f"`{toml(preset.settings[name])}`" for name in names)
        lines.append(f"| `{preset.name}` | {preset.description} | {values} |")
    return "\n".join(lines) + "\n"


def _settings_table(names: Sequence[str]) -> str:
    rows = {row.name: row for row in settings_table()}
    lines = ["| setting | meaning | values | default |", "|---|---|---|---|"]
    lines += [
        f"| `{name}` | {rows[name].description} | {rows[name].range} | `{toml(rows[name].default)}` |" for name in names
    ]
    return "\n".join(lines) + "\n"


def all_settings() -> str:
    """Return the text of SETTINGS.md."""
    return SETTINGS_HEAD + _settings_table([row.name for row in settings_table()])


def test_the_page_of_all_settings_is_that_of_the_code() -> None:
    assert SETTINGS.read_text() == all_settings(), "write it again with: python tests/test_readme.py"


@pytest.mark.parametrize("name", _TABLES)
def test_the_table_is_that_of_the_code(name: str) -> None:
    found = _TABLES[name].search(README.read_text())
    assert found is not None
    assert found[0] == tables()[name], "write it again with: python tests/test_readme.py"


def test_every_command_it_names_exists() -> None:
    """Both in the examples and in the sentences."""
    named = set(re.findall(r"(?:^|`|bin/)styled ([a-z]+)", README.read_text(), re.MULTILINE))
    assert named <= set(COMMANDS)
    assert {"run", "demo", "daemon", "add", "weights", "stop"} <= named


@pytest.mark.processes
def test_the_check_script_finds_the_test_command() -> None:
    """.ci/run takes the command letter for letter from the README."""
    script = (ROOT / ".ci" / "run").read_text()
    [extraction] = [line for line in script.splitlines() if line.startswith("tests=")]
    found = subprocess.run(
        ["bash", "-c", f'{extraction}\nprintf "%s" "$tests"'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest -n 5"


if __name__ == "__main__":
    text = README.read_text()
    for name, table in tables().items():
        text = _TABLES[name].sub(lambda _, table=table: table, text)
    README.write_text(text)
    SETTINGS.write_text(all_settings())


def test_every_exit_code_is_in_the_table() -> None:
    table = README.read_text().partition("<!-- exit codes -->")[2].partition("<!-- /exit codes -->")[0]
    listed = {int(row.split("|")[1]) for row in table.splitlines()[3:] if row}
    kinds = [StyledError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    # click's own for a wrong command line, Ctrl-C, a reader that has gone.
    assert listed == {kind.exit_code for kind in kinds} | {0, 2, 130, 141}
