"""Reads the files of one job for the screen, keeping what it read before. Used by the poller's thread only."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from styled import evolution
from styled.chatter_filter import is_chatter_in_log
from styled.errors import ImageError
from styled.evolution import JobFolder
from styled.files.log_lines import words_of
from styled.files.untrusted import open_regular
from styled.job import Job, JobState
from styled.messages import Progress
from styled.root import Root
from styled.tui.cells.plot import columns_of
from styled.tui.model.history import LossHistory
from styled.tui.model.snapshot import Canvas, Compared, Focus, Losses, Picture, View
from styled.tui.reading.pictures import PictureMaker

LOG_LINES = 200
_LOG_BYTES = 64 * 1024
"""Read from the end of log.txt at most: enough for LOG_LINES lines."""

NEW_FRAME_S = 3.0
"""A new frame is drawn at most this often: half blocks cost about 16 kB a picture over SSH."""


class JobReader:
    """The files of one job.

    Args:
        root: where the job lies.
        job_id: its folder under ``evolution/``.
        clock: monotonic seconds.
    """

    def __init__(self, root: Root, job_id: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = JobFolder(root.evolution / job_id)
        self._history = LossHistory()
        self._offset = 0
        self._frames: list[tuple[int, Path]] = []
        self._frames_changed: int | None = None
        self._pictures = PictureMaker()
        self._drawn_at = -1e9
        self._drawn_for: tuple[object, ...] = ()
        self._clock = clock

    def read(self, job: Job, view: View) -> Focus:
        """Return all that the screen shows of ``job``. What cannot be read is said in ``trouble``."""
        troubles: list[str] = []
        for part in (self._read_losses, self._read_frames):
            try:
                part()
            except OSError as error:
                troubles.append(f"{self.folder.id}: {error.strerror or error}")
        if not os.access(self.folder.path, os.R_OK | os.X_OK):
            troubles.append(f"the folder of job {job.number:04d} is gone or closed to you")
        picture = self._newest_picture(job, view, troubles)
        return Focus(
            job=job,
            folder=str(self.folder.path),
            progress=self._history.latest,
            losses=self._losses(job, view),
            frames=tuple(step for step, _ in self._frames),
            picture=picture,
            sides=self._sides(job, view, troubles),
            log=self._log(troubles) if view.log else (),
            trouble="; ".join(dict.fromkeys(troubles)),
        )

    def compared(self, job: Job, canvas: Canvas) -> Compared:
        """Return the job for a comparison: its result, or the newest frame while there is none."""
        troubles: list[str] = []
        try:
            self._read_frames()
        except OSError as error:
            troubles.append(f"{self.folder.id}: {error.strerror or error}")
        source = self._outcome()
        picture = (
            self._draw(source[0], source[1], canvas, troubles, step=source[2]) if source and canvas.wanted else None
        )
        return Compared(job, self.progress(), picture, "; ".join(troubles))

    def _outcome(self) -> tuple[str, Path, int | None] | None:
        """Return (slot, path, step) of the result, else of the newest frame, else None."""
        if os.access(self.folder.result, os.R_OK):
            return "result", self.folder.result, None
        if self._frames:
            step, path = self._frames[-1]
            return "newest", path, step
        return None

    def progress(self) -> Progress | None:
        """Return the newest line of the losses; None if there is none or it cannot be read."""
        try:
            self._read_losses()
        except OSError:
            return None  # the focused job's trouble is shown; another row just has no figures
        return self._history.latest

    def _read_losses(self) -> None:
        while True:
            part = evolution.read_losses(self.folder, self._offset)
            if part.restarted:
                self._history = LossHistory()
            self._offset = part.offset
            self._history.extend(part.losses)
            if not part.losses:
                return

    def _read_frames(self) -> None:
        try:
            changed = self.folder.frames.stat().st_mtime_ns
        except FileNotFoundError:
            self._frames, self._frames_changed = [], None
            return
        if changed != self._frames_changed:
            self._frames = evolution.frames(self.folder)
            self._frames_changed = changed

    def _log(self, troubles: list[str]) -> tuple[str, ...]:
        try:
            lines = [line for line in tail(self.folder.log) if not is_chatter_in_log(line)]
        except OSError as error:
            troubles.append(f"{self.folder.log.name}: {error.strerror or error}")
            return ()
        return tuple(row for line in lines for row in words_of(line))

    def _losses(self, job: Job, view: View) -> Losses:
        history = self._history
        if not len(history) or history.latest is None:
            return Losses()
        planned = max(history.latest.steps, job.steps)
        return Losses(
            columns=tuple(columns_of(history.steps, history.values[view.term], planned, view.plot_columns)),
            scales=tuple(history.scales),
            best=history.best(),
            ten_before=history.before(10),
            per_second=history.fall_per_second(),
        )

    def _newest_picture(self, job: Job, view: View, troubles: list[str]) -> Picture | None:
        """Return the frame asked for, else the result where it is wanted, else the newest; a new one at most every NEW_FRAME_S."""
        if not view.canvas.wanted:
            return None
        if (
            view.large_result
            and job.state is JobState.DONE
            and view.frame is None
            and os.access(self.folder.result, os.R_OK)
        ):
            result = self._draw("finished", self.folder.result, view.canvas, troubles, caption="result")
            if result is not None:
                return result
        if not self._frames:
            return None
        step, path = self._frames[-1]
        wanted = view.frame
        if wanted is not None:
            step, path = min(self._frames, key=lambda frame: abs(frame[0] - wanted))
        wish = (view.canvas, wanted)
        now = self._clock()
        if wish == self._drawn_for and now - self._drawn_at < NEW_FRAME_S:
            kept = self._pictures.last("frame")
            if kept is not None:
                return kept
        self._drawn_for, self._drawn_at = wish, now
        return self._draw("frame", path, view.canvas, troubles, step=step)

    def _sides(self, job: Job, view: View, troubles: list[str]) -> tuple[Picture, ...]:
        """Return content, style and result; the newest frame stands in for a result that is not there yet."""
        if not view.sides.wanted:
            return ()
        style = "style" if len(job.styles) == 1 else f"style 1 of {len(job.styles)}"
        inputs = [("content", job.content, job.content_digest)]
        inputs += [(style, path, next(iter(job.style_digests), "")) for path in job.styles[:1]]
        drawn = [
            self._draw(name, self.folder.path / path, view.sides, troubles, digest=digest)
            for name, path, digest in inputs
        ]
        outcome = None if view.large_result else self._outcome()
        if outcome is not None:
            drawn.append(self._draw(outcome[0], outcome[1], view.sides, troubles, step=outcome[2]))
        return tuple(picture for picture in drawn if picture is not None)

    def _draw(
        self,
        slot: str,
        path: Path,
        canvas: Canvas,
        troubles: list[str],
        *,
        step: int | None = None,
        digest: str = "",
        caption: str = "",
    ) -> Picture | None:
        caption = caption or (slot if step is None else f"frame {step}")
        try:
            return self._pictures.make(slot, path, canvas, caption=caption, step=step, digest=digest)
        except (OSError, ImageError) as error:
            troubles.append(f"{path.name} cannot be shown: {error}")
            return None


def tail(path: Path, lines: int = LOG_LINES) -> tuple[str, ...]:
    """Return the last lines of a text file, undecodable bytes replaced; empty if there is none."""
    try:
        with os.fdopen(open_regular(path, follow_links=True), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _LOG_BYTES))
            data = file.read(_LOG_BYTES)
    except FileNotFoundError:
        return ()
    rows = data.decode(errors="replace").splitlines()
    if size > _LOG_BYTES:
        rows = rows[1:]  # the first is cut
    return tuple(rows[-lines:])
