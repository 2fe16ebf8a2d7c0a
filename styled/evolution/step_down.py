"""Going on with less memory after it ran out: how often it did is kept in ``job.json``, where the worker reads it."""

from __future__ import annotations

import msgspec

from styled.evolution.job_file import read_job_file, write_job_file
from styled.job_folder import JobFolder

MAX_STEP_DOWNS = 3
"""Without progress in between. Each takes two fifths of the memory away; where a fifth is not enough, nothing helps."""


def step_down(folder: JobFolder) -> int:
    """Let the job's next worker use less memory; return how often that was done.

    Raises:
        JobFileDamaged: there is no readable ``job.json``.
        DiskFull: no space.
    """
    job = read_job_file(folder)
    job = msgspec.structs.replace(job, step_down=job.step_down + 1)
    write_job_file(folder, job)
    return job.step_down


def forget_step_downs(folder: JobFolder) -> None:
    """Let a job that begins again use all the memory that is free.

    Raises:
        JobFileDamaged: there is no readable ``job.json``.
        DiskFull: no space.
    """
    job = read_job_file(folder)
    if job.step_down:
        write_job_file(folder, msgspec.structs.replace(job, step_down=0))
