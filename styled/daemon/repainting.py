"""A job's images painted once more, as a new job, and the settings of a job changed before it has begun."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from styled.errors import ControlError, IllegalMove, JobFileDamaged
from styled.evolution import JobFile, JobFolder, last_loss, read_job_file, write_job_file
from styled.files import durable
from styled.inbox.job_toml import check_own_settings
from styled.job import Job, JobState
from styled.job_folder import free_id, job_id
from styled.presets import layered
from styled.root import Root
from styled.settings import Settings, differing, plain, settings_from
from styled.store.adoption import file_digest, job_fields
from styled.store.starting_job import with_resolved_init
from styled.store.store import Store
from styled.version import versions
from styled.vgg19.weights import BUILTIN, BUILTIN_SHA256

_UNFINISHED = ".again-"
"""Begins the name of a folder of ``evolution/`` that is being made."""

_CHANGEABLE = frozenset({JobState.WAITING, JobState.PAUSED})


def paint_again(root: Root, store: Store, job: Job, changes: Mapping[str, Any]) -> Job:
    """Add a job with the same images, and settings that differ in ``changes`` only; nothing of the first one is touched.

    The images are hard links to the first job's, or copies where the file system has no links.

    Args:
        root: whose job.
        store: the queue's record.
        job: the first one, in any state.
        changes: setting to plain value, as in a ``job.toml``; a ``preset`` among them is laid over the first job's.

    Raises:
        SettingsError: a setting is unknown or not allowed here, or names a job that is not there or has no result.
        ControlError: the first job's ``job.json`` or its images are damaged or gone.
        DiskFull: no space; nothing was added.
    """
    first = JobFolder(root.evolution / job.id)
    file = _file_of(first)
    settings = _changed(file.settings, with_resolved_init(changes, store, root.evolution))
    now = datetime.now().astimezone()
    new = msgspec.structs.replace(
        file,
        id=free_id(job_id(file.name, now), root.evolution),
        number=store.next_number(),
        settings=settings,
        # Its job.toml is left behind.
        digests={path: file.digests[path] for path in _inputs(file) if path in file.digests},
        weights_digest=_weights_digest(file, settings),
        versions=versions(),
        created_at=time.time(),
        state=JobState.WAITING,
        started_at=None,
        finished_at=None,
        output="",
        reason="",
        remarks=(),
        step_down=0,
    )
    with durable.disk_full_at(root.evolution):
        _make_folder(root.evolution, first, new)
    try:
        added = store.add(number=new.number, note=f"painted again from job {job.number:04d}", **job_fields(new))
    except BaseException:
        # Else the next start takes it for a job, beside the one that is asked for again.
        shutil.rmtree(root.evolution / new.id, ignore_errors=True)
        raise
    store.mark_seen(file_digest(new), added)
    return added


def change_settings(root: Root, store: Store, job: Job, changes: Mapping[str, Any]) -> Job:
    """Change settings of a waiting or paused job of which nothing is painted yet.

    Args:
        root: whose job.
        store: the queue's record.
        job: which.
        changes: as in :func:`paint_again`.

    Raises:
        IllegalMove: it runs, has ended, or is painted in part: other settings would make those steps worthless.
        SettingsError: a setting is unknown or not allowed here, or names a job that is not there or has no result.
        ControlError: its ``job.json`` is damaged or gone.
        DiskFull: no space; nothing was changed.
    """
    again = f"Paint it again with others: styled again {job.number} --set KEY=VALUE."
    if job.state not in _CHANGEABLE:
        raise IllegalMove(f"job {job.number:04d} is {job.state}: its settings stay", again)
    folder = JobFolder(root.evolution / job.id)
    if painted := last_loss(folder):  # the store follows a step or two behind
        raise IllegalMove(f"job {job.number:04d} is painted up to step {painted.step}: its settings stay", again)
    file = _file_of(folder)
    settings = _changed(file.settings, with_resolved_init(changes, store, root.evolution))
    # The folder first: it is what the worker reads, and what the store is mended from.
    write_job_file(
        folder, msgspec.structs.replace(file, settings=settings, weights_digest=_weights_digest(file, settings))
    )
    return store.change(job.id, settings=differing(settings))


def _changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    check_own_settings(changes, "the settings")
    return settings_from(layered(plain(settings), changes))


def _weights_digest(file: JobFile, settings: Settings) -> str:
    """Return the digest of the weights; empty where only the worker can find it out."""
    if settings.weights == file.settings.weights:
        return file.weights_digest
    return BUILTIN_SHA256 if settings.weights == BUILTIN else ""


def _file_of(folder: JobFolder) -> JobFile:
    try:
        return read_job_file(folder)
    except JobFileDamaged as error:
        raise ControlError(error.message, "Drop its images into the inbox again.") from error


def _inputs(file: JobFile) -> tuple[str, ...]:
    return (file.content, *file.styles, *([file.mask] if file.mask else []))


def _make_folder(evolution: Path, first: JobFolder, new: JobFile) -> None:
    """Make the new job's folder, whole or not at all."""
    for left in evolution.glob(f"{_UNFINISHED}*"):  # of a daemon that was killed meanwhile
        shutil.rmtree(left, ignore_errors=True)
    hidden = JobFolder(evolution / f"{_UNFINISHED}{new.id}")
    try:
        hidden.create()
        for path in _inputs(new):
            _link_or_copy(first.path / path, hidden.path / path)
        durable.sync_folder(hidden.input)
        write_job_file(hidden, new)
        hidden.path.rename(evolution / new.id)
        durable.sync_folder(evolution)
    except FileNotFoundError as error:
        shutil.rmtree(hidden.path, ignore_errors=True)
        raise ControlError(
            f"{error.filename} is gone, so it cannot be painted again", "Drop its images into the inbox again."
        ) from error
    except BaseException:
        shutil.rmtree(hidden.path, ignore_errors=True)
        raise


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links, or an inode that has too many
        shutil.copyfile(source, target, follow_symlinks=False)
        target.chmod(0o440)
