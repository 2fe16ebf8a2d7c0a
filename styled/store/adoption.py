"""The way from job folders back to the database, and from the database to the folders' ``job.json``.

A folder of ``evolution/`` with a ``job.json`` that the database does not know becomes a job: one whose
claim was cut off before its last step, or every one of them when the database was lost.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from styled.errors import JobFileDamaged
from styled.evolution.job_file import JobFile, read_job_file, write_job_file
from styled.files.printable import escaped, is_text
from styled.files.untrusted import is_file
from styled.job import ENDED, Job, JobState
from styled.job_folder import JobFolder
from styled.settings import differing
from styled.store.duplicates import pair_digest


class Jobs(Protocol):
    """The part of the store that this module uses: :class:`styled.store.store.Store`."""

    def ids(self) -> set[str]:
        """Return the ids of all jobs."""

    def jobs(self) -> list[Job]:
        """Return all jobs."""

    def batch(self) -> AbstractContextManager[None]:
        """Make the changes inside one transaction."""

    def add(self, *, number: int | None = None, note: str = "", **fields: Any) -> Job:
        """Add a job and return it."""

    def mark_seen(self, digest: str, job: Job) -> None:
        """Remember a pair's digest."""


def adopt_folders(store: Jobs, evolution: Path, running: Collection[str] = ()) -> tuple[list[Job], list[str]]:
    """Add each job folder that the store does not know, in the order of their numbers.

    A number that is missing or taken is replaced by a new one.

    Args:
        store: where they are added.
        evolution: where the folders are.
        running: ids of jobs that have a worker. Another job that was running becomes waiting.

    Returns:
        the added jobs, and what could not be added, for the log.
    """
    found: list[JobFile] = []
    problems: list[str] = []
    for folder in unknown_folders(store.ids(), evolution):
        try:
            # The folder's name is the id, also of a folder that somebody copied or renamed.
            found.append(msgspec.structs.replace(read_job_file(folder), id=folder.id))
        except JobFileDamaged as error:
            problems.append(str(error))
    for file in [file for file in found if not is_text(file.id)]:
        found.remove(file)
        problems.append(f"evolution/{escaped(file.id)} is no job: its name is not UTF-8. Rename it.")
    # A run of `styled run` that has not ended belongs to the command that watches it.
    found = [file for file in found if not file.output or file.state in ENDED]
    found.sort(key=lambda file: (file.number <= 0, file.number, file.created_at))
    with store.batch():
        taken = {job.number for job in store.jobs()} if found else set()
        jobs = []
        for file in found:
            number = file.number if file.number > 0 and file.number not in taken else None
            jobs.append(_adopt(store, file, number, running))
            taken.add(jobs[-1].number)
    for job in jobs:
        save_state(evolution, job)
    return jobs, problems


def unknown_folders(known: Collection[str], evolution: Path) -> list[JobFolder]:
    """Return the job folders that are not among the ``known`` ids of the store, by name."""
    try:
        with os.scandir(evolution) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.name not in known and entry.is_dir(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []
    folders = (JobFolder(evolution / name) for name in sorted(names))
    return [folder for folder in folders if is_file(folder.job_json)]


_STATE = ("id", "number", "priority", "state", "started_at", "finished_at", "reason", "remarks")


def state_of(job: Job) -> dict[str, Any]:
    """Return the fields of a ``job.json`` of which the store has the truth."""
    return {name: getattr(job, name) for name in _STATE}


def save_state(evolution: Path, job: Job) -> None:
    """Write the store's state of a job into its ``job.json``, durably: after each move, so that a rebuild can.

    Raises:
        JobFileDamaged: there is no readable ``job.json`` to write into.
        DiskFull: no space.
    """
    folder = JobFolder(evolution / job.id)
    before = read_job_file(folder)
    after = msgspec.structs.replace(before, **state_of(job))
    if after != before:
        write_job_file(folder, after)


def job_fields(file: JobFile) -> dict[str, Any]:
    """Return the fields of a :class:`Job` that a ``job.json`` holds, without its number."""
    return {
        "id": file.id,
        "name": file.name,
        "state": file.state,
        "content": file.content,
        "styles": file.styles,
        "mask": file.mask,
        "settings": differing(file.settings),
        "priority": file.priority,
        "created_at": file.created_at,
        "started_at": file.started_at,
        "finished_at": file.finished_at,
        "reason": file.reason,
        "remarks": file.remarks,
        "content_digest": file.digests.get(file.content, ""),
        "names": file.names,
        "style_digests": tuple(file.digests.get(style, "") for style in file.styles),
    }


def file_digest(file: JobFile) -> str:
    """Return the digest by which duplicates of this job are known."""
    styles = [file.digests.get(style, "") for style in file.styles]
    mask = file.digests.get(file.mask, "") if file.mask else None
    return pair_digest(file.digests.get(file.content, ""), styles, mask, file.settings)


def _adopt(store: Jobs, file: JobFile, number: int | None, running: Collection[str]) -> Job:
    fields = job_fields(file)
    if file.state is JobState.RUNNING and file.id in running:
        fields |= {"attempts": 1}
    elif file.state is JobState.RUNNING:
        fields |= {"state": JobState.WAITING, "reason": "found without its daemon"}
    job = store.add(number=number, note="found in evolution/", **fields)
    if file.digests:
        store.mark_seen(file_digest(file), job)
    return job
