"""Calls that touch a disk, off the event loop: a disk that hangs holds up who asked for its files, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

import anyio.to_thread
from anyio.lowlevel import RunVar

AT_ONCE = 16
"""Threads that may hang at once. They are not those that everything else uses, which would have none left."""

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

_limiter: RunVar[anyio.CapacityLimiter] = RunVar("styled_web_disk")


async def disk_call(function: Callable[[Unpack[_Arguments]], _Result], *arguments: *_Arguments) -> _Result:
    """Call what may hang on a dead disk; who waits for it can be told to end all the same."""
    try:
        limiter = _limiter.get()
    except LookupError:
        _limiter.set(limiter := anyio.CapacityLimiter(AT_ONCE))
    return await anyio.to_thread.run_sync(function, *arguments, abandon_on_cancel=True, limiter=limiter)
