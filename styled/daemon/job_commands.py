"""What users may ask of the queue: pause, resume, cancel, retry, again, edit, priority, remove. Durable when they return."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog

from styled.backend.runner import Runner
from styled.daemon.dispatch import Dispatcher
from styled.daemon.job_record import record
from styled.daemon.repainting import change_settings, paint_again
from styled.daemon.upkeep.trash import Trash
from styled.errors import ControlError, IllegalMove, JobFileDamaged
from styled.evolution import JobFolder, forget_step_downs
from styled.job import PRIORITIES, Job, JobState
from styled.root import Root
from styled.store.store import Store

CANCEL_GRACE_S = 10.0
"""A cancelled job's last steps are worth a little waiting, in case it is retried."""


class JobCommands:
    """Carries out users' requests about single jobs.

    Args:
        root: whose jobs.
        store: the queue's record.
        dispatcher: notified when a job may have become due.
        runner: asked to stop a job's worker.
        trash: where removed jobs' folders go.
    """

    def __init__(self, root: Root, store: Store, dispatcher: Dispatcher, runner: Runner, trash: Trash) -> None:
        self._root = root
        self._store = store
        self._dispatcher = dispatcher
        self._runner = runner
        self._trash = trash
        self._log = structlog.get_logger("queue")

    def pause(self, ref: str | int, *, by: str) -> Job:
        """Pause a job. A running one's worker writes its checkpoint and ends, which frees its memory.

        Raises:
            NoSuchJob: no such job.
            IllegalMove: it has ended, or is paused.
        """
        job = self._store.find(ref)
        paused = self._store.move(
            job.id, JobState.PAUSED, expect=job.state, reason=f"paused by {by}", **self._handle(job)
        )
        # As long as at the daemon's own end, or as three steps take: the memory is wanted back, the steps too.
        progress = self._runner.progress(job.id)
        grace_s = max(self._dispatcher.stop_grace_s, 3.0 * progress.step_seconds if progress else 0.0)
        self._runner.stop(job.id, grace_s)
        return self._moved(paused)

    def resume(self, ref: str | int) -> Job:
        """Put a paused job back into the queue; it goes on from its checkpoint, once its worker has ended.

        Raises:
            NoSuchJob: no such job.
            IllegalMove: it is not paused.
        """
        job = self._store.find(ref)
        return self._moved(
            self._store.move(
                job.id,
                JobState.WAITING,
                expect=JobState.PAUSED,
                attempts=0,
                not_before=0.0,
                **self._handle(job),
            )
        )

    def cancel(self, ref: str | int, *, by: str) -> Job:
        """Cancel a job; its files stay.

        Raises:
            NoSuchJob: no such job.
            IllegalMove: it has ended.
        """
        job = self._store.find(ref)
        cancelled = self._store.move(
            job.id, JobState.CANCELLED, expect=job.state, reason=f"cancelled by {by}", **self._handle(job)
        )
        self._runner.stop(job.id, CANCEL_GRACE_S)
        return self._moved(cancelled)

    def retry(self, ref: str | int, *, from_start: bool = False) -> Job:
        """Queue an ended job again: from its checkpoint, or from the start without what was painted.

        Raises:
            NoSuchJob: no such job.
            IllegalMove: it has not ended, or its worker has not yet; or it is done, and not to lose what was painted.
        """
        job = self._ended_job(ref)
        if job.state is JobState.DONE and not from_start:
            raise IllegalMove(
                f"job {job.number:04d} is done",
                f"Paint it again as a new job: styled again {job.number}. To drop what was painted: --from-start.",
            )
        if from_start:
            waiting = self._store.move(job.id, JobState.WAITING, expect=job.state, step=0, loss=None)
            # Only when the store has agreed; no worker starts before this returns.
            _forget_painting(JobFolder(self._root.evolution / job.id))
            return self._moved(waiting)
        return self._moved(self._store.move(job.id, JobState.WAITING, expect=job.state))

    def again(self, ref: str | int, changes: Mapping[str, Any]) -> Job:
        """Add a job with the same images: :func:`styled.daemon.repainting.paint_again`."""
        added = paint_again(self._root, self._store, self._store.find(ref), changes)
        self._dispatcher.changed()
        return added

    def edit(self, ref: str | int, changes: Mapping[str, Any]) -> Job:
        """Change settings of a job that has not begun: :func:`styled.daemon.repainting.change_settings`."""
        job = self._store.find(ref)
        if job.id in self._dispatcher.busy():
            raise IllegalMove(f"the worker of job {job.number:04d} has not ended yet", "Try again in a moment.")
        edited = change_settings(self._root, self._store, job, changes)
        self._dispatcher.changed()
        return edited

    def prioritise(self, ref: str | int, priority: int) -> Job:
        """Set a job's priority; higher runs first. A running job runs on.

        Raises:
            NoSuchJob: no such job.
            ControlError: the priority is out of range.
        """
        if priority not in PRIORITIES:
            raise ControlError(
                f"priority {priority} is out of range", f"Give a whole number from {PRIORITIES[0]} to {PRIORITIES[-1]}."
            )
        return self._moved(self._store.set_priority(self._store.find(ref).id, priority))

    def prioritise_by(self, ref: str | int, by: int) -> Job:
        """Raise a job's priority by so much, or lower it; errors as :meth:`prioritise`.

        Five such requests are five steps, however old the sender's own picture of the queue is.
        """
        job = self._store.find(ref)
        return self.prioritise(job.number, job.priority + by)

    def to_top(self, ref: str | int) -> Job:
        """Give a job a priority above all others that wait, as far as priorities go; errors as :meth:`prioritise`."""
        job = self._store.find(ref)
        first = self._store.jobs([JobState.WAITING], limit=2, order="queue")
        others = [other.priority for other in first if other.id != job.id]
        return self.prioritise(
            job.number, min(max([job.priority, *(priority + 1 for priority in others)]), PRIORITIES[-1])
        )

    def remove(self, ref: str | int) -> Job:
        """Delete an ended job: its folder, with the images the user gave, and its row.

        Raises:
            NoSuchJob: no such job.
            IllegalMove: it has not ended, or its worker has not yet, or a job that has not ended starts from its picture.
            ControlError: its folder cannot be moved away; nothing was changed.
            StoreError: the row cannot be removed, on a full disk say; nothing was changed.
        """
        job = self._ended_job(ref)
        if (other := self._store.started_from().get(job.id)) is not None:
            raise IllegalMove(
                f"job {other:04d} starts from the picture of job {job.number:04d}",
                f"Remove it when that has ended, or let that start from something else: styled edit {other} --set init=content.",
            )
        try:
            with self._trash.putting(job.id):
                self._store.remove(job.id)
        except OSError as error:
            raise ControlError(
                f"the folder of job {job.number:04d} cannot be removed: {error.strerror or error}",
                f"Look at the permissions, attributes and mounts of evolution/{job.id}.",
            ) from error
        return job

    def _ended_job(self, ref: str | int) -> Job:
        job = self._store.find(ref)
        if job.id in self._dispatcher.busy():
            raise IllegalMove(f"the worker of job {job.number:04d} has not ended yet", "Try again in a moment.")
        if job.finished_at is None:
            raise IllegalMove(f"job {job.number:04d} is {job.state}", "Cancel it first.")
        return job

    def _handle(self, job: Job) -> dict[str, Any]:
        """Keep the handle of a worker that lives on for a while, so that not even a crash of the daemon leaves it behind."""
        live = job.id in self._runner.running()
        return {"handle": job.handle, "node": job.node} if live else {}

    def _moved(self, job: Job) -> Job:
        record(self._root, job)
        self._dispatcher.changed()
        return job


def _forget_painting(folder: JobFolder) -> None:
    """Remove what an earlier run would be continued from. The result stays until the new one replaces it."""
    for old in (folder.checkpoint, folder.frames):
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        old.mkdir(exist_ok=True)
    folder.losses.unlink(missing_ok=True)
    with suppress(JobFileDamaged):  # then it is written again, and starts from nothing too
        forget_step_downs(folder)
