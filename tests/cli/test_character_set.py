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


@pytest.mark.parametrize(("of_locale", "written"), [("iso-8859-1", b"caf\xe9 ?"), ("utf-8", "café 写".encode())])
def test_a_terminal_is_written_to_as_it_reads(monkeypatch: pytest.MonkeyPatch, of_locale: str, written: bytes) -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(character_set.locale, "getencoding", lambda: of_locale)
    raw = Terminal()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    character_set._write_as_terminals_read(stream)
    stream.write("café 写")
    stream.flush()
    assert raw.getvalue() == written
