"""From the JOB argument to the job's folder, for commands that only look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from styled.cli.wait import find
from styled.errors import NoSuchJob
from styled.root import Root
from styled.store.queries import is_read_as_number
from styled.store.reader import StoreReader

if TYPE_CHECKING:
    from styled.evolution import JobFolder


def folder_of(root: Root, ref: str) -> JobFolder:
    """Return the folder that ``ref`` means: a job of the queue, else a folder as ``styled run --evolution`` leaves it.

    Args:
        root: whose queue.
        ref: a number, an id, a name; or the name or path of a job's folder.

    Raises:
        NoSuchJob: none of these.
        StoreError: the queue cannot be read.
    """
    from styled.evolution import JobFolder  # brings NumPy, which completing a JOB can do without

    named = next((path for path in (root.evolution / ref, Path(ref)) if (path / "job.json").is_file()), None)
    if named is not None and not is_read_as_number(ref):
        return JobFolder(named.absolute())
    with StoreReader.open(root) as reader:
        try:
            folder = JobFolder(root.evolution / find(reader, ref).id)
        except NoSuchJob:
            if named is None:
                raise
            return JobFolder(named.absolute())
    if not folder.path.is_dir():
        raise NoSuchJob(f"the folder of {folder.id} is gone")
    return folder
