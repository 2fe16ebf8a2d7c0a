"""A file whose room is taken before there is none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from styled.errors import DiskFull
from styled.files.reserve import Reserve


def test_the_room_is_taken_at_once_and_the_file_is_whole(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "end.json")
    [taken] = tmp_path.iterdir()
    assert taken.name.startswith(".styled-")
    assert taken.stat().st_blocks * 512 >= 4096
    reserve.write_json({"returncode": 74})
    assert [path.name for path in tmp_path.iterdir()] == ["end.json"]
    assert json.loads((tmp_path / "end.json").read_text()) == {"returncode": 74}
    assert (tmp_path / "end.json").stat().st_size < 100


def test_no_room_even_then_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DiskFull, match=r"cannot write .*end\.json"):
        Reserve(tmp_path / "end.json")
    assert list(tmp_path.iterdir()) == []
