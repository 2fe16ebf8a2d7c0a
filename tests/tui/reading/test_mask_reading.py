"""What is shown of a mask that cannot be read."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from PIL import Image

from styled import images
from styled.tui.cells.glyphs import ASCII
from styled.tui.cells.lines import plain
from styled.tui.model.snapshot import Canvas
from styled.tui.panes.new_job import NewJob
from styled.tui.reading.mask_reading import read_mask


def test_the_file_that_failed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may fail in the middle of a file, and then the system does not name it."""
    mask, content = tmp_path / "mäsk.png", tmp_path / "phötö.png"
    Image.new("L", (60, 40), 0).save(mask)
    job = NewJob(content=content, styles=[tmp_path / "style.png"], mask=mask)
    canvas = Canvas(0, 0, "ascii")

    def fail(*_: object, **__: object) -> object:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(images, "probe", fail)
    picture, words = read_mask(job, canvas)
    assert picture is None
    assert plain(words) == "phötö.png: Input/output error"
    assert plain(job.mask_line(words, 80, ASCII)) == "mask      ph?t?.png: Input/output error   m?sk.png"
    monkeypatch.setattr(images, "load", fail)
    assert plain(read_mask(job, canvas)[1]) == "mäsk.png: Input/output error"
