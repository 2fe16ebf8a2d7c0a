"""styled gallery, sheet and timelapse as commands, on jobs that a daemon has painted."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from styled.job import Job, JobState
from tests.cli.conftest import Styled
from tests.faults.daemon_process import DaemonProcess

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def harbour(daemon: DaemonProcess) -> Job:
    daemon.drop("harbour")
    return daemon.until("harbour", JobState.DONE)


def test_the_gallery_shows_what_was_painted(harbour: Job, daemon: DaemonProcess, styled: Styled) -> None:
    told = styled("gallery")
    page = daemon.root.evolution / "index.html"
    assert (told.stdout, told.stderr) == (f"{page}: 1 result\n", "")
    assert f'data-job="{harbour.id}"' in page.read_text()


@pytest.mark.parametrize("ref", ["1", "harbour", "id", "path"])
def test_a_sheet_of_a_job_by_any_name(
    harbour: Job, daemon: DaemonProcess, styled: Styled, tmp_path: Path, ref: str
) -> None:
    ref = {"id": harbour.id, "path": str(daemon.root.evolution / harbour.id)}.get(ref, ref)
    told = styled("sheet", ref, cwd=tmp_path)
    assert told.stdout == "harbour-sheet.png\n", told.stderr
    with Image.open(tmp_path / "harbour-sheet.png") as sheet:
        assert (sheet.format, sheet.width) == ("PNG", 1600)


def test_a_sheet_replaces_nothing_unasked(harbour: Job, styled: Styled, tmp_path: Path) -> None:
    mine = tmp_path / "mine.png"
    mine.write_text("mine")
    assert styled("sheet", "1", "-o", mine).returncode == 73
    assert mine.read_text() == "mine"
    assert styled("sheet", "1", "1", "-o", mine, "--overwrite").returncode == 0
    assert mine.read_bytes().startswith(b"\x89PNG")
    assert "ends with .png" in styled("sheet", "1", "-o", tmp_path / "a.jpg").stderr
    assert "is not a folder" in styled("sheet", "1", "-o", tmp_path / "no" / "a.png").stderr
    assert styled("sheet", "99").returncode == 4


def test_films(harbour: Job, daemon: DaemonProcess, styled: Styled) -> None:
    pytest.importorskip("imageio_ffmpeg", reason="the extra 'video' is not installed")
    folder = daemon.root.evolution / harbour.id
    (folder / "evolution.webp").unlink()
    assert styled("timelapse", "1").stdout == f"{folder / 'evolution.webp'}\n"
    with Image.open(folder / "evolution.webp") as film:
        assert getattr(film, "n_frames", 1) > 2
    assert styled("timelapse", "--format", "mp4", "1").stdout == f"{folder / 'evolution.mp4'}\n"
    assert (folder / "evolution.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_job_without_frames_has_no_film(daemon: DaemonProcess, styled: Styled) -> None:
    daemon.drop("bare", settings={"frame_every": 0})
    daemon.until("bare", JobState.DONE)
    told = styled("timelapse", "bare")
    assert told.returncode == 1
    assert "has no frames. They are kept with frame_every above 0" in told.stderr
