"""When the folders of ended jobs are thinned or removed: first a plan, which anybody may look at, then its execution."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from styled.config import RetentionConfig
from styled.evolution import JobFolder, frames
from styled.files.untrusted import is_file
from styled.job import ENDED, Job
from styled.root import Root

THIN = 30
"""Frames kept by ``frames = "thin"``, evenly over the job: an animation of a few seconds."""

DELETED = "its folder in evolution/ was deleted"
"""Reason of an ended job."""

GRACE_S = 3600.0
"""An ended job is left alone for this long: somebody may be looking at it. Also if the clock was set back by as much since."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    job: Job
    action: Literal["remove", "thin", "note"]
    """``note``: ``why`` becomes the job's reason, for its folder was deleted, or is back."""
    bytes: int
    """That it frees."""
    why: str


def plan(
    root: Root,
    jobs: Iterable[Job],
    config: RetentionConfig,
    now: float,
    *,
    needed: Container[str] = (),
    size: Callable[[Path], int] | None = None,
) -> list[Step]:
    """Return what is to be done by the settings, the oldest job first. Nothing is changed.

    Args:
        root: whose jobs.
        jobs: any jobs; only ended ones with a ``job.json`` in a folder of their own, or without any folder, are considered.
        config: how long and how much.
        now: Unix seconds.
        needed: ids of jobs that stay: others that have not ended start from their pictures.
        size: bytes in a folder; links count as what they take themselves.
    """
    size = size or folder_bytes
    ended = _oldest_first([job for job in jobs if job.id not in needed and _is_ours(root, job, now)], now)
    steps: list[Step] = []
    kept: list[tuple[Job, int]] = []
    for job in ended:
        age_days = (now - (job.finished_at or 0.0)) / 86400.0
        if config.days and age_days > config.days:
            folder = root.evolution / job.id
            steps.append(Step(job, "remove", size(folder), f"ended {age_days:.0f} days ago"))
        else:
            kept.append((job, size(root.evolution / job.id) if config.max_gb else 0))
    total = sum(taken for _, taken in kept)
    while config.max_gb and kept and total > config.max_gb * 1e9:
        job, taken = kept.pop(0)
        steps.append(Step(job, "remove", taken, f"all ended jobs take more than {config.max_gb:g} GB"))
        total -= taken
    for job, _ in kept if config.frames != "all" else ():
        try:
            extra = surplus_frames(JobFolder(root.evolution / job.id), config.frames)
            freed = sum(path.lstat().st_size for path in extra)
        except OSError:
            continue  # another user's, or on a dead mount; the look of the next hour may see more
        if extra:
            steps.append(Step(job, "thin", freed, f"{len(extra)} frames"))
    return steps


def _oldest_first(jobs: Iterable[Job], now: float) -> list[Job]:
    """Return ended jobs in the order of their ends.

    A job that ended in the future did so while the clock was ahead, or the clock is behind now. It goes before the jobs
    that were added later: else it would be the youngest until that date, and what is painted meanwhile would go for it.
    """
    ends = []
    latest = now
    for job in sorted(jobs, key=lambda job: job.number, reverse=True):
        finished = job.finished_at or 0.0
        is_possible = finished <= now
        latest = min(latest, finished) if is_possible else latest
        ends.append((finished if is_possible else latest, is_possible, job.number, job))
    return [job for *_, job in sorted(ends, key=lambda end: end[:3])]


def deleted(root: Root, jobs: Iterable[Job]) -> list[Step]:
    """Return a note for each ended job whose folder somebody has deleted, or has put back since."""
    steps = []
    for job in jobs:
        is_gone = _is_gone(root.evolution / job.id)
        if is_gone and not job.reason:
            steps.append(Step(job, "note", 0, DELETED))
        elif not is_gone and job.reason == DELETED:
            steps.append(Step(job, "note", 0, ""))
    return steps


def _is_gone(folder: Path) -> bool:
    try:
        folder.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        pass  # on a dead mount, say: nobody knows
    return False


def surplus_frames(folder: JobFolder, keep: Literal["all", "thin", "none"]) -> Sequence[Path]:
    """Return the frames that are not kept."""
    paths = [path for _, path in frames(folder)]
    if keep == "all" or folder.frames.is_symlink():
        return ()
    if keep == "none":
        return paths
    last = len(paths) - 1
    kept = {round(number * last / (THIN - 1)) for number in range(THIN)}
    return [path for number, path in enumerate(paths) if number not in kept]


def folder_bytes(folder: Path) -> int:
    """Return how many bytes the files in a folder take on the disk, links not followed."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118  # a hundred thousand times
            except OSError:
                continue  # removed while we counted, or on a dead mount
    return total


def _is_ours(root: Root, job: Job, now: float) -> bool:
    folder = JobFolder(root.evolution / job.id)
    if job.state not in ENDED or job.finished_at is None or abs(now - job.finished_at) <= GRACE_S:
        return False
    return _is_gone(folder.path) or (not folder.path.is_symlink() and is_file(folder.job_json))
