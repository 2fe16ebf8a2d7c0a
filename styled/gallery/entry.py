"""What there is to show of one job, read from its folder: from the files, not from the queue's record."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from styled.errors import JobFileDamaged
from styled.evolution import JobFile, JobFolder, all_losses, frames, read_job_file
from styled.files.untrusted import is_file
from styled.gallery.loss_plot import LossPlot, loss_plot
from styled.job import input_titles
from styled.messages import Progress
from styled.settings import differing, plain
from styled.titles import job_title


@dataclass(frozen=True, slots=True)
class GalleryEntry:
    """One job as it lies in its folder."""

    folder: JobFolder
    job: JobFile | None
    """None when ``job.json`` is missing or damaged: there is a picture all the same."""
    frames: list[tuple[int, Path]]
    """Step and path, by step."""
    plot: LossPlot | None = field(repr=False)
    """Of its losses: not they themselves, which of thousands of jobs would take a gigabyte until the page is written."""
    last: Progress | None
    """The last step painted."""
    has_result: bool
    finished_at: float
    """Unix seconds: when the job ended, else when its folder last changed."""

    @property
    def name(self) -> str:
        """The pair's name, else the job's id."""
        return self.job.name if self.job else self.folder.id

    @property
    def title(self) -> str:
        """The pair's name with what its styles are called, else the job's id."""
        job = self.job
        return job_title(job.name, job.styles, job.names) if job else self.folder.id

    @property
    def picture(self) -> Path | None:
        """The result, else the newest frame, else None."""
        if self.has_result:
            return self.folder.result
        return self.frames[-1][1] if self.frames else None

    @property
    def inputs(self) -> list[tuple[str, Path]]:
        """``content``, ``style``, ``style 2`` … with their paths, as ``job.json`` names them."""
        if self.job is None:
            return []
        paths = (self.job.content, *self.job.styles)
        named = zip(input_titles(len(self.job.styles)), map(self.folder.path.joinpath, paths), strict=True)
        # A folder may come from elsewhere: what its job.json names outside of it is not shown to anybody.
        home = self.folder.path.resolve()
        return [(title, path) for title, path in named if path.resolve().is_relative_to(home)]

    def digest_of(self, path: Path) -> str:
        """Return the digest of an input that ``job.json`` has, empty if none."""
        return self.job.digests.get(str(path.relative_to(self.folder.path)), "") if self.job else ""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.folder.id

    @property
    def files(self) -> list[Path]:
        """Files in the folder that a visitor may want."""
        folder = self.folder
        return [path for path in (folder.result, folder.timelapse, folder.job_json, folder.log) if path.is_file()]

    @property
    def changed(self) -> dict[str, Any]:
        """Settings that are not at their default, as plain values."""
        return differing(self.job.settings) if self.job else {}

    @property
    def unchanged(self) -> dict[str, Any]:
        """Settings at their default, as plain values."""
        changed = self.changed
        return (
            {name: value for name, value in plain(self.job.settings).items() if name not in changed} if self.job else {}
        )

    @property
    def search_text(self) -> str:
        """What the page's search looks through, in lower case."""
        changed = [f"{name}={value}" for name, value in self.changed.items()]
        return " ".join([self.title, self.id, *changed]).casefold()


def read_entry(folder: JobFolder) -> GalleryEntry:
    """Read what there is to show. What is missing or damaged is left out."""
    job: JobFile | None
    try:
        job = read_job_file(folder)
    except JobFileDamaged:
        job = None
    ended = job.finished_at if job else None
    losses = all_losses(folder)
    return GalleryEntry(
        folder=folder,
        job=job,
        frames=frames(folder),
        plot=loss_plot(losses),
        last=losses[-1] if losses else None,
        has_result=folder.result.is_file(),
        finished_at=ended if ended is not None else folder.path.stat().st_mtime,
    )


def job_folders(evolution: Path) -> list[JobFolder]:
    """Return the folders in ``evolution/`` that hold a job or a result, by name; none when it does not exist."""
    try:
        with os.scandir(evolution) as entries:
            names = sorted(entry.name for entry in entries if _may_be_job(entry))
    except FileNotFoundError:
        return []
    folders = (JobFolder(evolution / name) for name in names)
    return [folder for folder in folders if is_file(folder.job_json) or is_file(folder.result)]


def _may_be_job(entry: os.DirEntry[str]) -> bool:
    # Hidden ones are claims in progress. A name that is not UTF-8 has no URL that every browser agrees on.
    if entry.name.startswith(".") or not entry.name.isprintable():
        return False
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False
