"""The thread that claims, rejects and mends: whatever moves files in the inbox, which may be on a file server that hangs.

The loop gives orders and later gets their outcomes; it never waits for either. The store is not touched here.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
import structlog

from styled.files.printable import reason_of
from styled.files.untrusted import folder_at
from styled.inbox.admission import Admission
from styled.inbox.checking import Prepared
from styled.inbox.claiming.abandoned import sweep
from styled.inbox.claiming.claim import clear, remove_original, take
from styled.inbox.claiming.claim_record import Claim
from styled.inbox.claiming.recovery import FilesMended, flush_inbox, mend_files
from styled.inbox.claiming.recovery_schedule import Recovery
from styled.inbox.claiming.rejection import reject
from styled.inbox.claiming.taken import Taken
from styled.job_folder import JobFolder, free_id
from styled.lasting_thread import LastingThread
from styled.root import Root

BURST = 200
"""Claims at most between two flushes of the inbox."""

BURST_S = 0.2
"""Seconds after which a burst ends, whatever is left to do: its jobs shall begin."""

HANGS_S = 120.0
"""After which an order that has not been done is trouble; copying two gigabytes takes less."""


class ClaimOrder(NamedTuple):
    """Make a job of a pair."""

    prepared: Prepared
    admission: Admission


class RejectOrder(NamedTuple):
    """Move files to ``inbox/rejected/``."""

    name: str
    reason: str
    paths: tuple[str, ...]
    """Relative to the inbox."""
    key: str
    """Under which the inbox' scanner looks up what is awaited: a pair's content, or a misfit's first path."""


class RemoveOrder(NamedTuple):
    """Remove the originals of files that are jobs already and could not be moved then."""

    taken: Mapping[str, Taken]


class SweepOrder(NamedTuple):
    """Remove folders that a killed ``styled add`` left."""

    names: tuple[str, ...]


Order = ClaimOrder | RejectOrder | RemoveOrder | SweepOrder | Recovery


class Claimed(NamedTuple):
    """The job's folder is whole."""

    order: ClaimOrder
    claim: Claim
    """With the id that it has got."""
    folder: JobFolder
    stuck: dict[str, Taken]


class Rejected(NamedTuple):
    """The files are in ``inbox/rejected/``."""

    order: RejectOrder
    place: str
    """Relative to the root."""


class Removed(NamedTuple):
    """Some originals are gone."""

    order: RemoveOrder
    gone: list[str]


class Swept(NamedTuple):
    """Abandoned folders are removed, or left alone."""

    order: SweepOrder


class Mended(NamedTuple):
    """The files are in order."""

    order: Recovery
    files: FilesMended


class Failed(NamedTuple):
    """An order could not be done; what it had begun is undone, or left for a recovery."""

    order: Order
    error: Exception

    @property
    def words(self) -> str:
        """Why."""
        return reason_of(self.error)


Outcome = Claimed | Rejected | Removed | Swept | Mended | Failed


class Mover:
    """Does one order after another.

    Args:
        root: whose inbox.
        wake: called from the thread when there are outcomes; must return at once.
    """

    def __init__(self, root: Root, *, wake: Callable[[], None]) -> None:
        self._root = root
        self._wake = wake
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._thread = LastingThread("styled-mover")
        self._log = structlog.get_logger("inbox")
        self.pending = 0
        """Orders without an outcome that was fetched."""

    def submit(self, order: Order) -> None:
        """Have an order done; an outcome follows."""
        self.pending += 1
        self._orders.put(order)
        self._thread.submit(self._burst)

    def outcomes(self) -> list[Outcome]:
        """Return what was done since the last call."""
        found = []
        while True:
            try:
                found.append(self._outcomes.get_nowait())
            except queue.Empty:
                self.pending -= len(found)
                return found

    @property
    def hangs(self) -> bool:
        """Whether it has been at something for longer than anything takes."""
        return self._thread.at_it_s > HANGS_S

    def close(self, until: float) -> None:
        """End after what was ordered; what is not done by ``until`` (monotonic seconds) is undone by the next start."""
        self._thread.close(until)

    def _burst(self) -> None:
        """Do what is ordered, with one flush of the inbox for many claims. Results are returned only after it."""
        began = time.monotonic()
        done: list[Outcome] = []
        while len(done) < BURST and time.monotonic() - began < BURST_S:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                break
            done.append(self._do(order))
        if any(isinstance(outcome, Claimed) for outcome in done):
            flush_inbox(self._root)
        for outcome in done:
            self._outcomes.put(outcome)
        if done:
            self._wake()

    def _do(self, order: Order) -> Outcome:
        try:
            match order:
                case ClaimOrder():
                    return self._claim(order)
                case RejectOrder():
                    return Rejected(order, reject(self._root, order.name, order.reason, _inside_root(order.paths)))
                case RemoveOrder():
                    return Removed(order, self._remove(order.taken))
                case SweepOrder():
                    return self._sweep(order)
                case Recovery():
                    return Mended(order, mend_files(self._root, order.known, only_folders=order.only_folders))
        except Exception as error:  # noqa: BLE001  # passed to the loop, which decides what follows
            if not isinstance(error, OSError):
                self._log.debug("an order could not be done", order=type(order).__name__, exc_info=True)
            return Failed(order, error)

    def _claim(self, order: ClaimOrder) -> Claimed:
        claim = order.admission.claim
        job = msgspec.structs.replace(claim.job, id=free_id(claim.job.id, self._root.evolution))
        claim = msgspec.structs.replace(claim, job=job)
        folder = take(self._root, claim)
        cleared = clear(self._root, folder, claim)
        if cleared.problem:
            self._log.warning("the inbox could not be cleared of a pair", pair=job.name, reason=cleared.problem)
        return Claimed(order, claim, folder, cleared.stuck)

    def _sweep(self, order: SweepOrder) -> Swept:
        for name in order.names:
            try:
                note = sweep(self._root.inbox, name)
            except OSError as error:  # another user's, say: the others are swept all the same
                note = f"inbox/{name} cannot be removed: {error.strerror or error}"
            if note:
                self._log.warning("swept", note=note)
        return Swept(order)

    def _remove(self, taken: Mapping[str, Taken]) -> list[str]:
        with folder_at(self._root.inbox) as inbox:
            return [path for path, each in taken.items() if remove_original(path, each, inbox)]


def _inside_root(paths: tuple[str, ...]) -> list[str]:
    return [f"inbox/{path}" for path in paths]
