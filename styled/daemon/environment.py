"""Whether workers can begin at all: a broken installation is not the jobs' fault, and fails none of them.

A worker that ends before it says that it has started tells of its job or of this machine. What only the machine can
bring about (no process could be started, a module is missing, the packaged weights are damaged) holds the queue at
once; anything else does when workers of two jobs end alike. A held queue is probed: one job is started now and then,
another one each time if there is one. As soon as a worker starts, the queue goes on, and a job whose worker ended
early before is known to be at fault itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from styled.backend.verdict import Blame

LEAST_S = 1.0
"""Between two probes, also where jobs are tried again at once: starting what fails at once would keep the loop."""

_TURN_S = 0.5
"""Between the times at which two jobs that were tried may be tried again: the one that waits longest comes first."""

_TURNS = 60
"""Of so many jobs at most: those after them come in the order of the queue."""

_LIKE = 80
"""Characters in which the reasons of two jobs agree to be alike: what follows may name a file of the job."""


class Environment:
    """Takes note of how workers begin, and says whether more may be started.

    Args:
        backoff_s: seconds before each probe; the last one repeats.
        clock: Unix seconds, as jobs are put off by.
    """

    def __init__(self, backoff_s: Callable[[], Sequence[float]], *, clock: Callable[[], float]) -> None:
        self._backoff_s = backoff_s
        self._clock = clock
        self._early: dict[str, str] = {}
        """Jobs whose worker ended early since the last one that began, with the reason."""
        self._at_fault: set[str] = set()
        """Jobs whose worker ended early while another one's began."""
        self._probes = 0
        self._probe_at = 0.0
        self._probing = ""
        """The job that is started to see whether a worker can begin."""
        self.trouble = ""
        """Why the queue is held, one line; empty if it is not."""
        self._log = structlog.get_logger("queue")

    def started(self, job: str) -> None:
        """Take note of a worker whose process was started."""
        if self.trouble:
            self._probing = job

    def began(self, job: str) -> None:
        """Take note of a worker that has begun."""
        self.ended(job)
        self._early.pop(job, None)
        self._at_fault.discard(job)
        self._at_fault.update(self._early)
        self._early.clear()
        if self.trouble:
            self._log.info("workers can begin again; the queue goes on")
        self.trouble, self._probes = "", 0

    def ended(self, job: str) -> None:
        """Take note of a worker that ended in a way that tells nothing of this machine."""
        if self._probing == job:
            self._probing = ""

    def ended_early(self, job: str, reason: str, blame: Blame) -> list[str] | None:
        """Take note of a worker that ended before it began, or whose process could not be started.

        Returns:
            None if that is the job's own fault; else the jobs that had been blamed for what is no fault of theirs.
        """
        self.ended(job)
        others = [other for other, why in self._early.items() if other != job and why[:_LIKE] == reason[:_LIKE]]
        self._early.pop(job, None)
        self._early[job] = reason  # the last one of those that were tried
        surely = blame is Blame.MACHINE and job not in self._at_fault
        if not surely and not others and not self.trouble:
            return None
        if job in self._at_fault and not others:
            return None
        backoff = self._backoff_s()
        delay = max(LEAST_S, backoff[min(self._probes, len(backoff) - 1)])
        self._probes += 1
        self._probe_at = self._clock() + delay
        trouble = f"no worker can begin: {reason}"
        if trouble != self.trouble:
            self._log.error("the queue is held; it is tried again, and no attempt counts", reason=reason, seconds=delay)
        first, self.trouble = not self.trouble, trouble
        return others if first else []

    def may_start(self) -> bool:
        """Return whether a job may be started: in a held queue one at a time, when that is due."""
        return not self.trouble or (not self._probing and self._clock() >= self._probe_at)

    def probe_in(self) -> float:
        """Return the seconds until a held queue is probed; 0 if it is not held."""
        return max(0.0, self._probe_at - self._clock()) if self.trouble else 0.0

    def put_off_s(self) -> dict[str, float]:
        """Return for how many seconds each job is put off whose worker ended early, while the queue is held.

        Longer than until the next probe, and those that were tried last the longest: other jobs are the next probes. Two
        that are broken themselves could keep a mended queue held otherwise.
        """
        return {job: self.probe_in() + _TURN_S * (1 + min(place, _TURNS)) for place, job in enumerate(self._early)}
