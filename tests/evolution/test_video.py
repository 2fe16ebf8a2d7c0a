from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from styled.errors import StyledError
from styled.evolution import JobFolder, write_frame
from styled.evolution.video import LAST_S, PER_SECOND, REPEATS, write_video

pytestmark = pytest.mark.processes

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the extra 'video' is not installed")


def read(film: Path) -> tuple[str, list[npt.NDArray[np.uint8]]]:
    """Decode a film with ffmpeg; return what ffmpeg says of its picture, and its pictures."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(film), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    [header] = [line.strip() for line in done.stderr.decode().splitlines() if "Video: h264" in line]
    size = re.search(r", (\d+)x(\d+)", header)
    assert size is not None
    return header, list(np.frombuffer(done.stdout, np.uint8).reshape(-1, int(size[2]), int(size[1]), 3))


def test_every_frame_is_in_the_film_at_the_size_of_the_last(job: JobFolder) -> None:
    """Odd sizes become even ones; a coarse frame is enlarged."""
    write_frame(job, 10, np.full((20, 32, 3), 40, np.float32), 1024)
    write_frame(job, 20, np.full((51, 65, 3), 120, np.float32), 1024)
    write_frame(job, 30, np.full((51, 65, 3), 220, np.float32), 1024)
    assert write_video(job) == job.path / "evolution.mp4"
    header, pictures = read(job.path / "evolution.mp4")
    assert "yuv420p" in header
    assert " 64x50" in header
    assert f"{PER_SECOND} fps" in header
    assert len(pictures) == 3 * REPEATS + LAST_S * PER_SECOND
    levels = [float(picture.mean()) for picture in pictures]
    assert levels[: 2 * REPEATS : REPEATS] == pytest.approx([40, 120], abs=4)
    assert levels[-1] == pytest.approx(220, abs=4)


def test_a_damaged_frame_is_left_out(job: JobFolder) -> None:
    write_frame(job, 10, np.full((20, 32, 3), 40, np.float32), 1024)
    write_frame(job, 20, np.full((20, 32, 3), 200, np.float32), 1024)
    (job.frames / "000030.jpg").write_bytes(b"cut")
    write_video(job)
    assert len(read(job.path / "evolution.mp4")[1]) == 2 * REPEATS + LAST_S * PER_SECOND


def test_no_frames_no_film(job: JobFolder) -> None:
    assert write_video(job) is None
    (job.frames / "000010.jpg").write_bytes(b"cut")
    assert write_video(job) is None
    assert not (job.path / "evolution.mp4").exists()


def test_without_the_extra_the_user_is_told_how_to_get_it(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(StyledError, match=r"pip install 'styled\[video\]'"):
        write_video(job)


def test_when_ffmpeg_fails_the_old_film_stays(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write_frame(job, 10, np.full((20, 32, 3), 40, np.float32), 1024)
    write_video(job)
    before = (job.path / "evolution.mp4").read_bytes()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/false")
    with pytest.raises(StyledError, match="ffmpeg failed"):
        write_video(job)
    assert (job.path / "evolution.mp4").read_bytes() == before


def test_an_ffmpeg_that_cannot_be_run_is_told(job: JobFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was: a traceback."""
    write_frame(job, 10, np.full((20, 32, 3), 40, np.float32), 1024)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    with pytest.raises(StyledError, match=r"ffmpeg cannot be run: .*nowhere: No such file"):
        write_video(job)

    def none_found() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none_found)
    with pytest.raises(StyledError, match="ffmpeg cannot be run: No ffmpeg exe"):
        write_video(job)
