"""Names of files are UTF-8 whatever the locale says."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from styled.cli import character_set

LATIN = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""A locale whose character set is not UTF-8, on each machine: Python would choose UTF-8 by itself for it, and may not."""


@pytest.mark.processes
def test_a_job_of_any_name_is_the_same_folder_under_another_locale(tmp_path: Path) -> None:
    environment = {**os.environ, **LATIN}
    told = subprocess.run(
        [sys.executable, "-c", "import sys; print(sys.getfilesystemencoding())"],
        env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.strip() != "utf-8"
    done = subprocess.run(
        [sys.executable, "-m", "styled", "status", "--root", tmp_path / "café 写真", "--json"],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert "café 写真".encode() in done.stdout + done.stderr


def test_where_it_is_utf8_nothing_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "execv", None)
    character_set.use_utf8()


@pytest.mark.parametrize(
    ("of_locale", "written"),
    [("iso-8859-1", b"caf\xe9 \xd7 ? +..."), ("utf-8", b"caf? x ? +..."), ("ascii", b"caf? x ? +...")],
)
def test_a_terminal_is_written_to_as_it_reads(monkeypatch: pytest.MonkeyPatch, of_locale: str, written: bytes) -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(character_set.locale, "getencoding", lambda: of_locale)
    raw = Terminal()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    character_set._write_as_terminals_read(stream)
    stream.write("café × 写 ✓…")
    stream.flush()
    assert raw.getvalue() == written


@pytest.mark.parametrize(
    ("started_with", "is_utf8"),
    [
        ({"LANG": "C"}, False),
        ({}, False),
        ({"LANG": "POSIX"}, False),
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "C", "LC_ALL": "", "LC_CTYPE": "de_DE.utf8"}, True),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "de_DE.ISO-8859-15@euro"}, False),
        ({"LANG": "nowhere"}, False),
    ],
)
def test_the_locale_is_that_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, started_with: dict[str, str], is_utf8: bool
) -> None:
    """As the process was started, not as the interpreter changed it."""
    monkeypatch.setenv("LC_CTYPE", "C.UTF-8")  # what it sets for the C locale
    monkeypatch.setattr(character_set.locale, "getencoding", lambda: "utf-8")
    assert character_set.speaks_utf8(started_with) is is_utf8


@pytest.mark.processes
@pytest.mark.parametrize(("lang", "is_utf8"), [("C", "False"), ("C.UTF-8", "True")])
def test_a_locale_that_the_interpreter_hides_is_found(lang: str, is_utf8: str) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    code = (
        "import locale; from styled.cli import character_set; print(locale.getencoding(), character_set.speaks_utf8())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={**kept, "LANG": lang}, capture_output=True, text=True, check=True
    ).stdout
    assert told.split() == ["UTF-8" if lang != "C" else told.split()[0], is_utf8]


@pytest.mark.parametrize(
    ("term", "is_plain"), [("linux", True), ("vt220", True), ("xterm-256color", False), ("tmux", False)]
)
def test_the_linux_console_has_a_plain_font(monkeypatch: pytest.MonkeyPatch, term: str, is_plain: bool) -> None:
    monkeypatch.setenv("TERM", term)
    assert character_set.has_plain_font() is is_plain
