"""When a job's checkpoints are written, and whether painting goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from styled.engine.iterate import Iterate
from styled.errors import DiskFull
from styled.evolution import CheckpointWriter
from styled.messages import Checkpointed, Noted
from styled.settings import Settings
from styled.sizing.memory_limit import spare

ROOM = 1.25
"""So many times its bytes must be spare for a snapshot to be held while painting goes on."""


class Checkpoints:
    """The checkpoints of one worker's turn at a job: yields the messages to send.

    Args:
        writer: of the job's folder.
        settings: ``checkpoint_s`` and ``memory_limit`` are used.
        is_lean: memory ran out before, so none is taken that is not needed: painting waits for every checkpoint.
        clock: seconds, monotonic.
    """

    def __init__(
        self, writer: CheckpointWriter, settings: Settings, *, is_lean: bool, clock: Callable[[], float]
    ) -> None:
        self._writer, self._settings = writer, settings
        self._is_lean, self._clock = is_lean, clock
        self._saved_at = clock()

    def ended(self, *, wait: bool = False) -> Iterator[Checkpointed]:
        """Return a message for one that has become durable.

        Args:
            wait: for one that is under way.

        Raises:
            StyledError: it could not be written, see :class:`~styled.evolution.CheckpointWriter`.
        """
        step = self._writer.ended(wait=wait)
        if step is not None:
            yield Checkpointed(step=step)

    def settled(self, iterate: Iterate) -> Iterator[Checkpointed | Noted]:
        """Wait for one under way at the last step: a finished picture is not given up for want of a checkpoint."""
        try:
            yield from self.ended(wait=True)
        except (DiskFull, OSError) as error:
            yield Noted(
                step=iterate.step, note=f"the last checkpoint was not written, the picture is finished: {error}"
            )

    def when_due(self, iterate: Iterate, meta: Mapping[str, Any]) -> Iterator[Checkpointed]:
        """Begin one if it is time and none is under way; wait for it where there is no memory to paint meanwhile."""
        if self._writer.is_busy or self._clock() - self._saved_at < self._settings.checkpoint_s:
            return
        yield from self._save(iterate, meta)

    def now(self, iterate: Iterate, meta: Mapping[str, Any]) -> Iterator[Checkpointed]:
        """Write one after the one under way, and wait for both."""
        yield from self.ended(wait=True)
        yield from self._save(iterate, meta)
        yield from self.ended(wait=True)

    def _save(self, iterate: Iterate, meta: Mapping[str, Any]) -> Iterator[Checkpointed]:
        snapshot = iterate.snapshot()
        held = sum(array.nbytes for array in snapshot.values())
        self._writer.begin(snapshot, meta)
        del snapshot  # it is the writer's, who lets go of it when it is written
        waits = self._is_lean or spare(self._settings, iterate.peak_bytes) < ROOM * held
        yield from self.ended(wait=waits)
        self._saved_at = self._clock()
