"""``job.json``: enough to run a job again bit for bit, and to rebuild the queue without its database.

The daemon (or ``styled run``) writes it at the claim and at each change of state; the worker only reads it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from styled.errors import DataDamaged, JobFileDamaged
from styled.files import durable
from styled.files.decoding import from_json, read_file
from styled.files.untrusted import is_single_name, open_regular
from styled.job import LARGEST_NUMBER, JobState, Moment, Priority
from styled.job_folder import JobFolder
from styled.settings import Settings

VERSION = 1
"""Of the file's layout. Readers take this one and older; newer ones are refused, not guessed at."""

_MOST_BYTES = 4 * 2**20
"""Of the file; it has some two thousand."""


class JobFile(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``job.json``. Paths are relative to the job's folder; times are Unix seconds."""

    version: int = VERSION
    id: str
    number: Annotated[int, Meta(ge=0, le=LARGEST_NUMBER)]
    name: str
    content: str
    """Path of the content image: ``input/content.jpg``."""
    styles: tuple[str, ...]
    mask: str | None = None
    settings: Settings
    """The file has every setting, also those at their default: a later styled may have other defaults. Settings that an
    earlier styled did not have take their default. A name or a range that is given up would damage older files: such a
    change needs a translation in :func:`read_job_file`."""
    digests: dict[str, str] = {}
    """Path of each input to the SHA-256 of its bytes, hexadecimal."""
    names: dict[str, str] = {}
    """Path of each input to its path in the inbox, or to the name that its sender gave it; empty if not known."""
    weights_digest: str = ""
    """Of the VGG19 weights; empty until they are known."""
    may_download: bool = True
    """Whether ``weights = "imagenet"`` is downloaded where it is missing: not for a pair that anybody may have dropped."""
    versions: dict[str, str] = {}
    """Of styled and the libraries that decide the pixels."""
    created_at: Moment
    priority: Priority = 0
    state: JobState = JobState.WAITING
    started_at: Moment | None = None
    finished_at: Moment | None = None
    output: str = ""
    """Where ``styled run`` puts the result; empty for a job of the queue."""
    reason: str = ""
    """Why it failed, was paused or cancelled; one line, printable."""
    remarks: tuple[str, ...] = ()
    """What was done to its files or settings, or not done with them, that its user may not expect; one line each."""
    step_down: int = 0
    """How often memory ran out while it was painted; each time it goes on with less. No part of its fingerprint."""


def write_job_file(folder: JobFolder, job: JobFile) -> None:
    """Replace ``job.json``, durably.

    Raises:
        DiskFull: no space, or the quota is used up.
    """
    durable.write_json(folder.job_json, job)


def read_job_file(folder: JobFolder) -> JobFile:
    """Read ``job.json``.

    Raises:
        JobFileDamaged: it is missing, not JSON, lacks a field, has a setting that is not allowed, or was written by a newer styled.
    """
    path = folder.job_json
    try:
        data = read_file(path, most=_MOST_BYTES)
        version = from_json(data, _Version).version
        if version > VERSION:
            raise JobFileDamaged(
                f"{path} has layout {version}, this styled reads up to {VERSION}", "Upgrade styled to use this job."
            )
        job = from_json(data, JobFile)
        for name in (job.content, *job.styles, *([job.mask] if job.mask is not None else [])):
            if not all(map(is_single_name, name.split("/"))):
                raise JobFileDamaged(f"{path} is damaged: {name[:80]!r} leads out of the job's folder")
        return job
    except OSError as error:
        raise JobFileDamaged(f"{path} cannot be read: {error.strerror}") from error
    except DataDamaged as error:
        raise JobFileDamaged(f"{path} is damaged: {error.message}") from error


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    with os.fdopen(open_regular(path, follow_links=True), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Version(msgspec.Struct):
    version: int
