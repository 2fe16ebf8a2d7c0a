"""What the end of a worker means for its job. Pure: facts in, verdict out."""

from __future__ import annotations

import signal
from enum import StrEnum

from styled.backend.runner import Ended
from styled.errors import (
    BackendError,
    CheckpointMismatch,
    DiskFull,
    Diverged,
    DoesNotFit,
    ImageError,
    InputOutOfReach,
    InstallationBroken,
    JobFileDamaged,
    OutOfMemory,
    OutOfResources,
    PairRejected,
    SettingsError,
    StorageRefuses,
    StyledError,
    WeightsDamaged,
    WeightsError,
)
from styled.files.durable import passing_trouble
from styled.messages import STOPPED_EXIT_CODE


class Verdict(StrEnum):
    """What to do with the job."""

    DONE = "done"
    """Its picture is finished, once it is seen to decode."""
    STOPPED = "stopped"
    """It stopped because it was asked to; it goes on from its checkpoint."""
    HOPELESS = "hopeless"
    """It fails now: the same would happen again."""
    OUT_OF_MEMORY = "out-of-memory"
    """It goes on from its checkpoint with less memory, a few times."""
    DISK_FULL = "disk-full"
    """Or it is broken, or read-only: it goes on from its checkpoint when the disk works."""
    OUT_OF_REACH = "out-of-reach"
    """One of its inputs cannot be read: it waits, longer each time, and the others go on."""
    LOST = "lost"
    """The machine it ran on is gone: it goes on from its checkpoint elsewhere, at once."""
    CRASHED = "crashed"
    """It is tried again, if it has attempts left."""


class Blame(StrEnum):
    """Whose fault it is that a worker ended before it started."""

    NOBODY = "nobody"
    """It started, or was stopped, or there was no room or memory for it."""
    UNKNOWN = "unknown"
    MACHINE = "machine"
    """Whatever the job: something is missing or damaged that all jobs need."""


def _kinds(*classes: type[StyledError]) -> frozenset[str]:
    """Return the kinds of these classes and all below them."""
    found = list(classes)
    for each in found:
        found.extend(each.__subclasses__())
    return frozenset(each("").kind for each in found)


_OUT_OF_REACH = _kinds(InputOutOfReach)
_STORAGE = _kinds(StorageRefuses)
_HOPELESS = _kinds(
    SettingsError, ImageError, WeightsDamaged, CheckpointMismatch, Diverged, DoesNotFit, PairRejected, JobFileDamaged
)


def verdict_of(ended: Ended) -> tuple[Verdict, str]:
    """Return what the end of a worker means, and the reason to show: one sentence or two."""
    kind = ended.failure.kind if ended.failure else ""
    if ended.returncode == 0 and ended.result is not None:
        return Verdict.DONE, ""
    if kind in _OUT_OF_REACH:
        return Verdict.OUT_OF_REACH, _said(ended)
    if kind in _STORAGE or (ended.returncode == DiskFull.exit_code and not kind):
        return Verdict.DISK_FULL, _said(ended) or "the disk is full, or does not take what is written"
    if kind in _HOPELESS or (ended.returncode == ImageError.exit_code and not kind):
        return Verdict.HOPELESS, _said(ended) or "its input cannot be used. Its log has details."
    if kind == "out-of-memory" or ended.returncode == OutOfMemory.exit_code or ended.killed_by_kernel:
        killed = OutOfMemory("the kernel ended the worker because memory ran out")
        return Verdict.OUT_OF_MEMORY, _said(ended) or str(killed)
    if ended.asked_to_stop and not ended.stalled:
        return Verdict.STOPPED, ""
    if ended.lost:
        return Verdict.LOST, f"{ended.lost} was lost"
    if ended.stopped_by and not ended.progressed and not kind:
        return Verdict.CRASHED, f"{ended.stopped_by} stopped it before its first checkpoint"
    if ended.stopped_by and not kind:
        return Verdict.STOPPED, f"{ended.stopped_by} stopped it; it goes on from its checkpoint"
    if ended.returncode == STOPPED_EXIT_CODE and not ended.stalled and not kind:
        return Verdict.STOPPED, "somebody stopped the worker"
    return Verdict.CRASHED, _crash(ended)


_OF_THE_MACHINE = _kinds(InstallationBroken, WeightsError, BackendError)
"""What a worker fails with before it starts where the installation is damaged or half upgraded."""


def blame(ended: Ended) -> Blame:
    """Return whose fault it is that a worker ended as it did, as far as that can be seen from it alone."""
    if ended.began:
        return Blame.NOBODY
    if ended.failure is not None and ended.failure.kind in _OF_THE_MACHINE:
        return Blame.MACHINE
    return Blame.UNKNOWN if verdict_of(ended)[0] is Verdict.CRASHED else Blame.NOBODY


def of_the_machine(error: Exception, program: str) -> bool:
    """Return whether an error of starting a worker is the machine's and not its job's: its folder, its log.

    Args:
        error: what starting it raised.
        program: what was to be run.
    """
    return isinstance(error, OSError) and (
        error.filename == program or isinstance(passing_trouble(error, ""), OutOfResources)
    )


def _said(ended: Ended) -> str:
    """Return what the worker itself gave as the reason."""
    if ended.failure is None:
        return ""
    return f"{ended.failure.message}. {ended.failure.advice}".removesuffix(" ")


def _crash(ended: Ended) -> str:
    if ended.stalled:
        return "the worker gave no sign of life and was ended"
    if ended.failure is not None:
        return _said(ended)
    if ended.returncode < 0:
        try:
            name = signal.Signals(-ended.returncode).name
        except ValueError:
            name = f"signal {-ended.returncode}"
        return f"the worker was killed by {name}"
    if ended.returncode == 0:
        return "the worker ended without a result"
    return f"the worker ended with exit code {ended.returncode}"
