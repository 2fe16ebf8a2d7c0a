"""An attempt's folder in the spool: what is laid out for a node, and what the node writes.

======================  ============================================  ============================
file                    what                                          written by
======================  ============================================  ============================
``<job>/``              a job's folder as ``evolution/`` has it       the bridge, then the worker
``order.json``          what to run                                   the bridge, last of all
``messages.jsonl``      what the worker sends                         the worker
``heartbeat.json``      that the node lives                           ``attempt``
``end.json``            how the worker ended                          ``attempt``, once
``engine.log``          what the scheduler or ``attempt`` printed     the scheduler
``taken``               how much of the log was brought over          the bridge
======================  ============================================  ============================
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from styled.backend.runner import Task
from styled.errors import DataDamaged
from styled.evolution import JobFile, JobFolder, open_input, read_job_file
from styled.files import durable
from styled.files.decoding import read_json
from styled.files.untrusted import open_regular

PREFIX = "styled-"

HEARTBEAT_S = 5.0
"""Between two heartbeats of a node."""

_SMALL_FILE = 64 * 1024
_HEADROOM = 64 * 2**20
"""Bytes that shall be free in the spool beyond what is laid out: frames and a first checkpoint."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is to do."""

    job: str
    """The job's id, and the name of its folder beside the order."""
    worker: str
    """Module to run."""
    versions: dict[str, str]
    """Of styled and the libraries that decide the pixels, as the daemon has them."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """That an attempt lives. Its content changes with each one: no two clocks are compared."""

    beats: int
    cpu_seconds: float
    """Used by the worker."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker ended."""

    returncode: int
    """As ``subprocess`` has it: negative for a signal."""
    signalled: bool
    """The attempt was sent SIGTERM and passed it on."""
    killed_by_kernel: bool
    host: str
    unfit: str = ""
    """Why this node can paint nothing for this daemon: another version; empty if it can."""


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one attempt."""

    path: Path
    job: str

    @property
    def folder(self) -> JobFolder:
        """Where the worker paints."""
        return JobFolder(self.path / self.job)

    @property
    def order(self) -> Path:
        """What to run."""
        return self.path / "order.json"

    @property
    def messages(self) -> Path:
        """What the worker sends."""
        return self.path / "messages.jsonl"

    @property
    def heartbeat(self) -> Path:
        """That the node lives."""
        return self.path / "heartbeat.json"

    @property
    def end(self) -> Path:
        """How the worker ended."""
        return self.path / "end.json"

    @property
    def taken(self) -> Path:
        """How much of the worker's log was brought over; the bridge's own."""
        return self.path / "taken"

    @property
    def log(self) -> Path:
        """What the scheduler, or the attempt, printed."""
        return self.path / "engine.log"


def name_of(prefix: str, task: Task) -> str:
    """Return the name of an attempt, for its folder and for the scheduler: nothing of it comes from a user."""
    return f"{prefix}{task.number:04d}-{task.attempt}"


def lay_out(place: Place, source: JobFolder, order: Order) -> None:
    """Copy what a node needs to paint a job: settings, inputs, frames, and the checkpoint to go on from.

    Raises:
        JobFileDamaged: the job's file cannot be read.
        ImageError: an input is not the one the job was made with.
        StorageRefuses: the spool does not take it.
        OSError: the spool is not there.
    """
    job = read_job_file(source)
    target = place.folder
    with durable.waiting_for(place.path.parent):
        place.path.mkdir(mode=0o700)
        target.create()
        inputs = [job.content, *job.styles, *([job.mask] if job.mask is not None else [])]
        painted = [path for folder in (source.frames, source.checkpoint) for path in _files_in(folder)]
        size = sum(_size_of(path) for path in [*(source.path / name for name in inputs), *painted])
        durable.require_space(place.path, size + _HEADROOM)
        for name in inputs:
            (target.path / name).parent.mkdir(parents=True, exist_ok=True)
            digest = job.digests.get(name, "")
            with open_input(source.path / name, digest) as file, (target.path / name).open("xb") as copy:
                shutil.copyfileobj(file, copy, 2**20)
        for path in painted:
            _copy(path, target.path / path.relative_to(source.path))
        _copy_init(place, source, job)
        _copy(source.job_json, target.job_json)
        durable.write_json(place.order, order)


def _size_of(path: Path) -> int:
    """Return a file's size in bytes; 0 where only opening it gives an error that names what is wrong."""
    try:
        return path.stat().st_size
    except OSError as error:
        if durable.passing_trouble(error, str(path)) is not None:
            raise
        return 0


def _files_in(folder: Path) -> list[Path]:
    """Return the regular files in a folder of a job that are not half written."""
    if not folder.is_dir() or folder.is_symlink():
        return []
    return [
        path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file() and not path.is_symlink()
    ]


def _copy_init(place: Place, source: JobFolder, job: JobFile) -> None:
    """Copy the result of the job that this one starts from to where a worker looks for it: beside the job's folder."""
    kind, _, name = job.settings.init.partition(":")
    if kind != "job" or not name or Path(name).name != name or name == place.job:
        return  # a wrong name is the worker's to report
    result = JobFolder(source.path.parent / name).result
    if result.is_file():
        (place.path / name).mkdir()
        _copy(result, place.path / name / result.name)


def _copy(source: Path, target: Path) -> None:
    with os.fdopen(open_regular(source), "rb") as file, target.open("xb") as copy:
        shutil.copyfileobj(file, copy, 2**20)


def read_small(path: Path, kind: type[msgspec.Struct]) -> msgspec.Struct | None:
    """Read a small file that a node may be writing; None if it is not there, or is not whole.

    Raises:
        OSError: the spool does not answer.
    """
    try:
        return read_json(path, kind, most=_SMALL_FILE)
    except (FileNotFoundError, DataDamaged):
        return None


def is_missing(path: Path) -> bool:
    """Return whether a path is surely not there: an error of a file server is no answer."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def clear(place: Path) -> None:
    """Remove an attempt's folder, as far as that can be done: a lost node may still write into it."""
    shutil.rmtree(place, ignore_errors=True)


def foreign_versions(order: Order, here: dict[str, str]) -> str:
    """Return what of this node is another version than the daemon's, or an empty text.

    styled must be the same; of the libraries the first two numbers.
    """
    for name, wanted in order.versions.items():
        found = here.get(name)
        if found is None or found == wanted:
            continue  # TensorFlow may be installed under another name
        if name == "styled" or (name == "tensorflow" and found.split(".")[:2] != wanted.split(".")[:2]):
            return f"{name} {found} is installed there, and {wanted} where the daemon runs"
    return ""
