"""Files that are written while painting goes on: encoded, synced and renamed by a thread, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Written = TypeVar("Written")


class Background(Generic[Written]):
    """Writes one file at a time; to write in the foreground is to begin and to wait.

    Leaving the ``with`` block waits for the one under way, and raises what went wrong with it: a worker that has ended
    writes no more, and nothing fails unheard.

    Args:
        what: it writes, "checkpoint" for example; names the thread, which is started when it is first needed.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=what)
        self._under_way: Future[Written] | None = None

    @property
    def is_busy(self) -> bool:
        """One was begun, and :meth:`ended` has not returned it yet."""
        return self._under_way is not None

    def _begin(self, write: Callable[[], Written]) -> None:
        """Have ``write`` called by the thread.

        Raises:
            RuntimeError: one is under way.
        """
        if self._under_way is not None:
            raise RuntimeError(f"a {self._what} is being written, and is waited for before the next is begun")
        self._under_way = self._thread.submit(write)

    def ended(self, *, wait: bool = False) -> Written | None:
        """Return what was made of the one that is durable and was not returned yet, None if there is none.

        Args:
            wait: until the one under way has ended.

        Raises:
            DiskFull: not enough space for it; what was there is as before, as after any other error.
            Superseded: another worker has taken over the folder.
        """
        if self._under_way is None or not (wait or self._under_way.done()):
            return None
        ended, self._under_way = self._under_way, None
        return ended.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        self.ended()
