"""Carries out the retention settings: looks once an hour, in a thread, and removes a few jobs each turn."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

import msgspec
import structlog

from styled.config import RetentionConfig
from styled.daemon.job_commands import JobCommands
from styled.daemon.upkeep.retention import Step, deleted, plan, surplus_frames
from styled.errors import ControlError, IllegalMove, NoSuchJob, StoreError
from styled.evolution import JobFolder
from styled.job import ENDED
from styled.lasting_thread import LastingThread
from styled.root import Root
from styled.store.store import Store

EVERY_S = 3600.0
"""Between two looks."""

_PER_TURN = 10
"""Jobs removed before the loop goes on."""

_CLOSE_S = 1.0
"""That closing waits for the look in progress: its disk may hang."""


class Janitor:
    """Removes and thins ended jobs as configured. A context manager.

    Args:
        root: whose jobs.
        store: knows them.
        job_commands: removes them.
        config: ``[retention]``.
        wake: called from the thread when it has a plan.
        clock: monotonic seconds.
        doubt: why ages are not believed now; empty if they are.
    """

    def __init__(
        self,
        root: Root,
        store: Store,
        job_commands: JobCommands,
        config: RetentionConfig,
        *,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        doubt: Callable[[], str] = lambda: "",
    ) -> None:
        self._config = config
        self._root = root
        self._store = store
        self._job_commands = job_commands
        self._wake = wake
        self._clock = clock
        self._doubt = doubt
        self._due_at = clock()
        self._once: RetentionConfig | None = None
        self.trouble = ""
        """Why not all is removed that the settings say; one line."""
        self._plan: Future[list[Step]] | None = None
        self._steps: deque[Step] = deque()
        self._thread = LastingThread("styled-janitor")
        self._log = structlog.get_logger("retention")

    def reconfigure(self, config: RetentionConfig) -> None:
        """Go on by another configuration."""
        self._config = config

    def clean(self, config: RetentionConfig) -> None:
        """Look now, by other settings than the usual ones."""
        self._once = config
        self._due_at = self._clock()

    def turn(self) -> None:
        """Look if it is time to; do a few steps of what was planned."""
        if self._plan is not None and self._plan.done():
            plan, self._plan = self._plan, None
            self._steps.extend(plan.result())
        for _ in range(min(_PER_TURN, len(self._steps))):
            self._do(self._steps.popleft())
        if self._plan is None and not self._steps and self._clock() >= self._due_at:
            self._look()

    def wake_after(self) -> float | None:
        """Return in how many seconds :meth:`turn` is due; None while the thread plans."""
        if self._steps:
            return 0.0
        return None if self._plan is not None else max(0.0, self._due_at - self._clock())

    def __enter__(self) -> Janitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close(time.monotonic() + _CLOSE_S)

    def _look(self) -> None:
        config, self._once = self._once or self._believed(self._config), None
        self._due_at = self._clock() + EVERY_S
        jobs, needed = self._store.jobs(ENDED), self._store.started_from()

        def work() -> list[Step]:
            try:
                steps = plan(self._root, jobs, config, time.time(), needed=needed)
                for step in steps:
                    if step.action == "thin":
                        self._thin(step, config)
                return [step for step in steps if step.action == "remove"] + deleted(self._root, jobs)
            except Exception:  # noqa: BLE001  # logged with its traceback; the queue goes on
                self._log.exception("looking for what to remove failed; it is tried again in an hour")
                return []
            finally:
                self._wake()

        self._plan = self._thread.submit(work)

    def _believed(self, config: RetentionConfig) -> RetentionConfig:
        """Return the settings without what goes by ages, if those are in doubt."""
        doubt = self._doubt() if config.days else ""
        if doubt and doubt != self.trouble:
            self._log.warning("nothing is removed for its age", why=doubt)
        self.trouble = doubt
        return msgspec.structs.replace(config, days=0.0) if doubt else config

    def _thin(self, step: Step, config: RetentionConfig) -> None:
        try:
            for path in surplus_frames(JobFolder(self._root.evolution / step.job.id), config.frames):
                path.unlink(missing_ok=True)
        except OSError as error:
            self._log.warning("its frames cannot be thinned now", job=step.job.id, why=str(error))
            return
        self._log.info("thinned", job=step.job.id, why=step.why, bytes=step.bytes)

    def _do(self, step: Step) -> None:
        try:
            # By number and end: a job that was retried since is not what was planned for.
            if self._store.get(step.job.id).finished_at != step.job.finished_at:
                return
            if step.action == "note":
                self._store.change(step.job.id, reason=step.why)
                return
            self._job_commands.remove(step.job.number)  # its id may look like the number of another
        except (NoSuchJob, IllegalMove) as error:
            self._log.info("not removed after all", job=step.job.id, why=error.message)
        except (ControlError, StoreError) as error:  # this one only; the next look tries again
            self._log.warning("cannot be removed now", job=step.job.id, why=error.message)
        else:
            self._log.info("removed", job=step.job.id, why=step.why, bytes=step.bytes)
