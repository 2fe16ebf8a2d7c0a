"""What is known of a worker by its messages, wherever it runs."""

from __future__ import annotations

from dataclasses import dataclass

from styled.messages import Checkpointed, Failure, Progress, Result, Started, WorkerMessage

_SILENT_STEPS = 20.0
"""A worker may be silent for so many of its steps."""


@dataclass(slots=True)
class Heard:
    """The facts in the messages of one attempt, for its :class:`~styled.backend.runner.Ended`."""

    first_step: int = 0
    """The step after which it started."""
    began: bool = False
    progressed: bool = False
    progress: Progress | None = None
    """The latest."""
    result: Result | None = None
    failure: Failure | None = None

    def take(self, message: WorkerMessage) -> bool:
        """Note a message; return whether it is to be reported: progress is asked for instead."""
        match message:
            case Started(step=step):
                self.first_step, self.began = step, True
            case Progress():
                self.progress = message
                return False
            case Checkpointed(step=step):
                self.progressed = self.progressed or step > self.first_step
            case Result():
                self.result = message
            case Failure():
                self.failure = message
        return True

    def silence_s(self, least: float) -> float:
        """Return how many seconds of silence are normal, ``least`` at least: much more than a step takes."""
        return max(least, _SILENT_STEPS * self.progress.step_seconds if self.progress else 0.0)
