"""How long tests wait before they call something missing: the one place that knows how slow this machine is.

A deadline is never what a test measures. It waits for a state, looks often, and goes on at once when it is there; the
deadline only ends a test that would wait for ever. So deadlines are generous, and more so on a slow or busy machine.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

_REFERENCE_S = 0.020
"""What :func:`_work` takes on the machine that the tests' seconds were chosen on, alone."""

LEAST = 2.0
"""Every deadline is at least so many times what it says."""

LONGEST_S = 240.0
"""No deadline is longer: ``timeout`` in pyproject.toml ends a test after 300 s without saying what it waited for."""


def patience(seconds: float) -> float:
    """Return the seconds to wait for what takes at most ``seconds`` on a good machine."""
    return min(LONGEST_S, seconds * max(LEAST, _slowness() * _load()))


def wait_until(condition: Callable[[], Value], what: str = "", seconds: float = 40.0, *, every: float = 0.02) -> Value:
    """Return the first true value of ``condition``.

    Args:
        condition: asked again and again.
        what: for the failure, what did not happen.
        seconds: for :func:`patience`.
        every: seconds between two questions; more where a question costs a good part of that.
    """
    until = time.monotonic() + patience(seconds)
    while not (value := condition()):
        assert time.monotonic() < until, what or "it did not come"
        time.sleep(every)
    return value


def _load() -> float:
    """Return how many others each core has to serve now, at least 1."""
    return max(1.0, 2.0 * os.getloadavg()[0] / (os.cpu_count() or 1))


@functools.cache
def _slowness() -> float:
    """Return how many times slower this machine is than the one the seconds were chosen on."""
    return max(_work() for _ in range(3)) / _REFERENCE_S


def _work() -> float:
    began = time.perf_counter()
    total = 0
    for number in range(400_000):
        total += number & 3
    return time.perf_counter() - began
