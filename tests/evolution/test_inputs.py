"""What a job was made with, and nothing else, is decoded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styled.errors import InputChanged, UnreadableImage
from styled.evolution import digest, open_input


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
