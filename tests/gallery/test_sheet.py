from __future__ import annotations

import numpy as np
import pytest

from styled.errors import StyledError
from styled.gallery import draw_sheet
from styled.gallery.entry import read_entry
from styled.gallery.sheet import JOBS_MAX, WIDTH
from tests.gallery.conftest import MakeJob


def share(sheet: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Return the share of a sheet's pixels with about this colour."""
    return float((np.abs(sheet.astype(int) - colour).max(axis=-1) < 12).mean())


def test_a_sheet_shows_content_style_frames_and_result(make_job: MakeJob) -> None:
    """Each is told by the red of its left half."""
    sheet = np.asarray(draw_sheet([read_entry(make_job())]))
    assert sheet.shape[1:] == (WIDTH, 3)
    for red in (200, 20, 250, 50, 100, 150):  # content, style, result, frames of steps 10, 20, 30
        assert share(sheet, (red, 90, 90)) > 0.005, red
    assert share(sheet, (0x1F, 0x6F, 0xB5)) > 0.0005, "the curve of the content loss"


def test_jobs_stand_below_each_other(make_job: MakeJob) -> None:
    first, second = read_entry(make_job("first")), read_entry(make_job("second", styles=3))
    both = np.asarray(draw_sheet([first, second]))
    upper, lower = np.asarray(draw_sheet([first])), np.asarray(draw_sheet([second]))
    np.testing.assert_array_equal(both, np.concatenate([upper, lower]))


@pytest.mark.parametrize(("width", "height"), [(300, 4), (4, 300), (1, 1)])
def test_extreme_shapes_fit(make_job: MakeJob, width: int, height: int) -> None:
    assert draw_sheet([read_entry(make_job(width=width, height=height))]).width == WIDTH


def test_a_job_that_is_still_painted_shows_its_newest_frame(make_job: MakeJob) -> None:
    unfinished = np.asarray(draw_sheet([read_entry(make_job(result=False, frame_steps=(10, 46)))]))
    assert share(unfinished, (230, 90, 90)) > 0.02


def test_a_frame_that_cannot_be_read_leaves_a_gap(make_job: MakeJob) -> None:
    folder = make_job()
    (folder.frames / "000020.jpg").write_bytes(b"cut")
    (folder.input / "style.png").unlink()
    draw_sheet([read_entry(folder)])


def test_what_cannot_be_a_sheet_is_refused_with_advice(make_job: MakeJob) -> None:
    with pytest.raises(StyledError, match=r"no picture yet. Wait for its first frame"):
        draw_sheet([read_entry(make_job(result=False, frame_steps=()))])
    with pytest.raises(StyledError, match="1 to 50 jobs, not 0"):
        draw_sheet([])
    with pytest.raises(StyledError, match="styled gallery"):
        draw_sheet([read_entry(make_job())] * (JOBS_MAX + 1))
