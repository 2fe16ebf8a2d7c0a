"""``init = "job:9"``: which job's picture a job starts from. Named by number, id or name; kept by id, which never changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from styled.errors import NoSuchJob, SettingsError
from styled.evolution import JobFolder
from styled.job import JobState
from styled.settings import JOB_PREFIX
from styled.store.queries import Queries


def resolved_init(init: str, queue: Queries, evolution: Path) -> str:
    """Return ``init`` with the job that it names by its id; what names no job stays as it is.

    Args:
        init: the setting: ``job:9``, ``job:harbour``, ``noise``.
        queue: where the job is looked up.
        evolution: where jobs' folders are; one there that the queue does not know may be named by its folder.

    Raises:
        SettingsError: there is no such job, or several, or it has no result.
        StoreError: the queue cannot be read.
    """
    if not init.startswith(JOB_PREFIX):
        return init
    named = init.removeprefix(JOB_PREFIX).strip()
    try:
        job = queue.find(named)
    except NoSuchJob as error:
        if Path(named).name == named and JobFolder(evolution / named).result.is_file():
            return JOB_PREFIX + named
        advice = error.advice or "Give its number, id or name; styled status has them."
        raise SettingsError(f"init = {init[:80]!r}: {error.message}", advice) from error
    if not JobFolder(evolution / job.id).result.is_file():
        ended = job.state in (JobState.FAILED, JobState.CANCELLED)
        raise SettingsError(
            f"init = {init[:80]!r}: job {job.number:04d} ({job.name}) has no result; it is {job.state}",
            "Name a job that is done." if ended else "Wait until it is done, or name another.",
        )
    return JOB_PREFIX + job.id


def with_resolved_init(values: Mapping[str, Any], queue: Queries, evolution: Path) -> dict[str, Any]:
    """Return plain settings with the job that ``init`` names, if it does, by its id. Raises as :func:`resolved_init`."""
    init = values.get("init")
    return {**values, "init": resolved_init(init, queue, evolution)} if isinstance(init, str) else dict(values)
