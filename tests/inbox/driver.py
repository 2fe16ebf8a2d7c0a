"""The inbox as the daemon drives it: real files, a real decoding child, a clock that tests move."""

from __future__ import annotations

import time

from styled import images
from styled.config import InboxConfig
from styled.inbox.intake import Inbox
from styled.job import Job
from styled.root import Root
from styled.store.store import Store
from tests.deadlines import patience
from tests.store.conftest import FakeClock

CONFIG = InboxConfig(settle_s=5.0, rescan_s=30.0, watch="poll", truncated_grace_s=120.0, max_bytes=100_000)


class SharedChecker(images.Checker):
    """Lives on when its inbox closes: its child, a tenth of a second's work to start, checks for the next test too."""

    def __exit__(self, *_: object) -> None:
        """Stay."""


class Driver:
    """Calls the inbox as the daemon does; time passes between the calls."""

    def __init__(self, root: Root, store: Store, clock: FakeClock) -> None:
        self.root, self.store, self.clock = root, store, clock
        self.inbox = Inbox(root, store, CONFIG, clock=clock, wall=lambda: 1_795_381_300.0 + clock.now)

    def use(self, config: InboxConfig = CONFIG, defaults: dict[str, object] | None = None) -> None:
        self.inbox.reconfigure(config, defaults or {})

    def run(self, seconds: float, *, may_take: bool = True) -> list[Job]:
        """Let so many seconds pass in steps of half a second; the threads get real time whenever they have work."""
        jobs: list[Job] = []
        for _ in range(int(seconds * 2) + 1):
            jobs += self.inbox.turn(may_take=may_take)
            give_up = time.monotonic() + patience(30)
            while self.busy(may_take) and time.monotonic() < give_up:
                time.sleep(0.002)
                jobs += self.inbox.turn(may_take=may_take)
            self.clock.pass_by(0.5)
        return jobs

    def until(self, number: int) -> list[Job]:
        """Turn until there are so many new jobs, and a little longer: no more may come."""
        jobs: list[Job] = []
        give_up = time.monotonic() + patience(30)
        while len(jobs) < number and time.monotonic() < give_up:
            jobs += self._one_turn()
        for _ in range(10):
            jobs += self._one_turn()
        return jobs

    def _one_turn(self) -> list[Job]:
        jobs = self.inbox.turn()
        time.sleep(0.01)
        self.clock.pass_by(1.0)
        return jobs

    def busy(self, may_take: bool) -> bool:
        """Whether a thread works: a look, the preparer's, the mover's."""
        inbox = self.inbox
        return (
            inbox._scanner._running is not None
            or inbox._mover.pending > 0
            or (may_take and inbox.waiting() > 0 and not inbox._recovery_schedule.planned)
        )

    def drop(self, **files: bytes) -> None:
        """Write ``a__content=…`` as ``a.content.png``."""
        for name, data in files.items():
            (self.root.inbox / f"{name.replace('__', '.')}.png").write_bytes(data)

    def left(self) -> list[str]:
        """What lies in the inbox, rejections apart."""
        paths = (path for path in self.root.inbox.rglob("*") if not path.is_dir() or path.is_symlink())
        return sorted(
            str(path.relative_to(self.root.inbox)) for path in paths if self.root.rejected not in path.parents
        )

    def rejections(self) -> dict[str, str]:
        return {entry.name: entry.reason for entry in self.inbox.found.rejected}

    def waits(self) -> dict[str, str]:
        return {entry.name: entry.missing for entry in self.inbox.found.incomplete}
