"""Deleting folders of jobs: gone at once, by a rename; the files follow in a thread, however many they are."""

from __future__ import annotations

import errno
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog

from styled.lasting_thread import LastingThread
from styled.root import Root

_CLOSE_S = 1.0
"""That closing waits for a folder that is being deleted: its disk may hang."""

PREFIX = ".trash-"
"""Of a job's folder on its way out; whatever in ``evolution/`` has such a name may be deleted."""


class Trash:
    """Deletes job folders of a root. A context manager.

    Args:
        root: whose.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._thread = LastingThread("styled-trash")
        self._is_closed = False
        self._is_emptied = False
        self._log = structlog.get_logger("trash")

    def put(self, job_id: str) -> None:
        """Delete a job's folder. One that is gone already, or a link in its place, is passed over.

        Raises:
            OSError: it cannot be renamed.
        """
        with self.putting(job_id):
            pass

    @contextmanager
    def putting(self, job_id: str) -> Iterator[None]:
        """Delete a job's folder if the block succeeds, in which it is away already; if it fails, the folder is back.

        Args and errors as :meth:`put`.
        """
        folder = self._root.evolution / job_id
        if folder.is_symlink() or not folder.is_dir():
            yield
            return
        trash = self._root.evolution / f"{PREFIX}{secrets.token_hex(4)}-{job_id}"
        try:
            folder.rename(trash)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            trash = folder  # overlayfs cannot rename a folder of its lower layer
        try:
            yield
        except BaseException:
            if trash != folder:
                trash.rename(folder)
            raise
        if trash == folder:
            (folder / "job.json").unlink(missing_ok=True)  # without it nobody takes the rest for a job
        self._thread.submit(partial(self._delete, trash))

    def empty(self) -> None:
        """Delete what an earlier daemon had no time for; to be called when the disk is there, and again when it is back."""
        if self._is_emptied:
            return
        try:
            left = [path for path in self._root.evolution.glob(f"{PREFIX}*") if path.is_dir() and not path.is_symlink()]
        except OSError as error:
            self._log.warning("what is left of deleted jobs cannot be looked for", error=str(error))
            return
        self._is_emptied = True
        for trash in left:
            self._thread.submit(partial(self._delete, trash))

    def __enter__(self) -> Trash:
        return self

    def __exit__(self, *_: object) -> None:
        # What is not deleted yet is found by the next daemon.
        self._is_closed = True
        self._thread.close(time.monotonic() + _CLOSE_S)

    def _delete(self, trash: Path) -> None:
        if self._is_closed:
            return
        # rmtree does not follow links, also when a folder is swapped for one while it works.
        try:
            if trash.exists():  # it may have been found twice
                shutil.rmtree(trash)
        except OSError as error:
            self._log.warning("a deleted job's folder cannot be removed", folder=trash, error=str(error))
