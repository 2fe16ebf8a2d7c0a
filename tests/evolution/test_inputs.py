"""What a job was made with, and nothing else, is decoded."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from styled.errors import InputChanged, InputOutOfReach, UnreadableImage
from styled.evolution import digest, open_input, reading_input


def test_an_input_is_opened_at_its_start_if_it_is_the_one(tmp_path: Path) -> None:
    path = tmp_path / "content.png"
    path.write_bytes(b"bytes")
    for known in (digest(path), ""):
        with open_input(path, known) as file:
            assert file.read() == b"bytes"


def test_another_is_refused_before_anything_looks_into_it(tmp_path: Path) -> None:
    path = tmp_path / "input" / "content.png"
    path.parent.mkdir()
    path.write_bytes(b"made to harm a decoder")
    with pytest.raises(InputChanged, match=r"input/content\.png is not the file"), open_input(path, "00" * 32):
        pytest.fail("it was opened")


def test_a_pipe_in_its_place_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "content.png")
    with pytest.raises(UnreadableImage, match="not a regular file"), open_input(tmp_path / "content.png", "00" * 32):
        pytest.fail("it was opened")


def test_only_what_is_the_disk_s_is_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "content.png"
    with pytest.raises(UnreadableImage, match="cannot be opened"), reading_input("it"), open_input(missing, ""):
        pytest.fail("it was opened")
    with pytest.raises(OSError, match="No space left"), reading_input("it"):
        raise OSError(errno.ENOSPC, "No space left")

    def dead(*_: object, **__: object) -> int:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr("styled.images.opening.open_regular", dead)
    with (
        pytest.raises(InputOutOfReach, match=r"^it cannot be read: Transport"),
        reading_input("it"),
        open_input(missing, ""),
    ):
        pytest.fail("it was opened")
