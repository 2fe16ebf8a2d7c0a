"""Keeps ``job.json`` in step with the store, so that the queue can be rebuilt from the folders alone."""

from __future__ import annotations

import structlog

from styled.errors import DiskFull, JobFileDamaged, SettingsError
from styled.evolution import JobFile, JobFolder, digest, write_job_file
from styled.inbox.names import READY_NAME, SETTINGS_NAME
from styled.job import Job
from styled.root import Root
from styled.settings import settings_from, whole_values
from styled.store.adoption import save_state, state_of


def record(root: Root, job: Job) -> bool:
    """Write a job's state into its folder, after the store has it.

    A damaged ``job.json`` is written again, with all that decides the picture. A folder that is gone, or a disk without
    room, is logged and no more: the store has the state, and
    :class:`styled.daemon.upkeep.record_check.RecordCheck` writes it later.

    Returns:
        whether it is written.
    """
    log = structlog.get_logger("queue")
    try:
        try:
            save_state(root.evolution, job)
        except JobFileDamaged as error:
            log.warning("job.json is written again", job=job.id, error=error.message)
            folder = JobFolder(root.evolution / job.id)
            write_job_file(folder, _from_store(folder, job))
    except (DiskFull, OSError, SettingsError) as error:
        log.warning("job.json is behind the store", job=job.id, error=str(error))
        return False
    return True


def _from_store(folder: JobFolder, job: Job) -> JobFile:
    digests = {job.content: job.content_digest, **dict(zip(job.styles, job.style_digests, strict=False))}
    # The store does not have those of the other files that were claimed, and without them no checkpoint would fit.
    others = [f"{folder.input.name}/{name}" for name in (SETTINGS_NAME, READY_NAME)]
    for path in [*([job.mask] if job.mask else []), *others]:
        if (folder.path / path).is_file():
            digests[path] = digest(folder.path / path)
    return JobFile(
        **state_of(job),
        name=job.name,
        content=job.content,
        styles=job.styles,
        mask=job.mask,
        settings=settings_from(whole_values(job.settings), source="the database"),
        digests={path: digest for path, digest in digests.items() if digest},
        names=job.names,
        may_download=False,  # whether it was allowed is not known any more
        created_at=job.created_at,
    )
