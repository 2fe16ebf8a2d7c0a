"""Compiled functions that outlive a picture, so that the next one of the same shape needs no tracing.

A graph depends on shapes and settings, not on a picture: what a picture is compared with is given to it at each
call. So memory does not grow with the pictures that one process paints, and only with the shapes up to a bound.
"""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Graph = TypeVar("Graph")

KEPT = 4
"""Shapes whose graphs are kept: a picture has up to four scales."""

LARGEST = 3 * 2**21
"""Elements of the largest picture (2 Mpx) whose graphs are kept. Of larger ones a step takes longer than tracing, and
what a graph holds (a table as large as the picture) counts."""


def is_kept(elements: int) -> bool:
    """Return whether the graphs of pictures of so many elements are kept."""
    return elements <= LARGEST


class GraphCache(Generic[Graph]):
    """Keeps what was compiled last. For use from several threads.

    Args:
        kept: how many entries.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._entries: OrderedDict[Hashable, Graph] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Graph], *, elements: int = 0) -> Graph:
        """Return the entry of ``key``, from ``make`` if there is none; the one used longest ago makes room for it.

        Args:
            key: what the entry depends on.
            make: makes it.
            elements: of the pictures it is for, see :func:`is_kept`.
        """
        if not is_kept(elements):
            return make()
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                found = self._entries[key] = make()
            self._entries.move_to_end(key)
            if len(self._entries) > self._kept:
                self._entries.popitem(last=False)
                _dropped.set()
        return found

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)


_dropped = threading.Event()


def collect() -> None:
    """Free the memory of what made room for other entries.

    Graphs refer to themselves: else each would stay, some 25 MB, until Python looks for such circles.
    """
    if _dropped.is_set():
        _dropped.clear()
        gc.collect()
