"""An attempt's folder in the spool: how it is laid out for a node, and cleared. What lies there: ``place``."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import msgspec

from styled.backend.runner import Task
from styled.backend.staged.place import Order, Place
from styled.errors import DataDamaged
from styled.evolution import JobFile, open_input, read_job_file, reading_input
from styled.files import durable
from styled.files.decoding import read_json
from styled.files.untrusted import open_regular
from styled.job_folder import JobFolder

PREFIX = "styled-"

_SMALL_FILE = 64 * 1024
_HEADROOM = 64 * 2**20
"""Bytes that shall be free in the spool beyond what is laid out: frames and a first checkpoint."""


def name_of(prefix: str, task: Task) -> str:
    """Return the name of an attempt, for its folder and for the scheduler: nothing of it comes from a user."""
    return f"{prefix}{task.number:04d}-{task.attempt}"


def lay_out(place: Place, source: JobFolder, order: Order) -> None:
    """Copy what a node needs to paint a job: settings, inputs, frames, and the checkpoint to go on from.

    Raises:
        JobFileDamaged: the job's file cannot be read.
        ImageError: an input is not the one the job was made with.
        InputOutOfReach: the disk does not give one.
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
            with ExitStack() as stack:
                with reading_input(name):
                    file = stack.enter_context(open_input(source.path / name, digest))
                copy = stack.enter_context((target.path / name).open("xb"))
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


def clear(place: Path) -> None:
    """Remove an attempt's folder, as far as that can be done: a lost node may still write into it."""
    shutil.rmtree(place, ignore_errors=True)
