"""What a start waits for, and what it gives up on."""

from __future__ import annotations

import errno
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from styled.config import Config, ControlConfig, RetentionConfig
from styled.daemon import daemon as daemon_module
from styled.daemon.daemon import Daemon
from styled.daemon.process.service import Notifier
from styled.errors import (
    DaemonAlreadyRunning,
    DaemonError,
    SettingsError,
    StorageRefuses,
    StoreError,
    StoreLocked,
    StoreRefused,
    StyledError,
)
from styled.job import JobState
from styled.root import Root
from styled.store.status import DaemonStatus
from styled.store.store import Store
from tests.daemon.workshop import add_job
from tests.deadlines import patience, wait_until

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.EIO, "Input/output error"),
        RuntimeError("can't start new thread"),
        StorageRefuses("the disk does not take it"),
        StoreLocked("it is locked"),
        StoreRefused("it cannot be written"),
    ],
    ids=str,
)  # fmt: skip
def test_what_may_pass_is_waited_for_in_words(root: Root, error: Exception) -> None:
    reason = Daemon(root, Config)._why_wait(error)
    assert str(getattr(error, "strerror", None) or error).partition(". ")[0] in reason


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "Permission denied"),
        RuntimeError("a mistake of ours"),
        StoreError("from a newer styled"),
        DaemonAlreadyRunning("another runs"),
    ],
    ids=str,
)  # fmt: skip
def test_what_waiting_does_not_mend_ends_the_start(root: Root, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        Daemon(root, Config)._why_wait(error)
    assert caught.value is error


def test_every_error_of_the_tree_that_may_pass_says_what_to_do() -> None:
    classes: list[type[StyledError]] = [StyledError]
    for each in classes:
        classes.extend(each.__subclasses__())
    passing = [each for each in classes if each.may_pass]
    assert {StorageRefuses, StoreLocked, StoreRefused} <= set(passing)
    assert all(each.advice_default for each in passing)
    assert not DaemonError.may_pass


class Waits:
    """In the place of the signals: each wait ends at once, with what the test gives."""

    def __init__(self, then: Callable[[int], set[signal.Signals]] = lambda _: set()) -> None:
        self.times, self._then = 0, then

    def wait(self, _seconds: float) -> None:
        self.times += 1
        assert self.times < 20, "it does not begin"

    def received(self) -> list[signal.Signals]:
        return list(self._then(self.times))

    def wake(self) -> None:
        pass


@contextmanager
def opened(root: Root, waits: Waits, config: Callable[[], Config] = Config) -> Iterator[Daemon | None]:
    """Open all that a daemon opens at its start, in this process; None if it was asked to stop before that."""
    daemon = Daemon(root, config)
    daemon._notifier = SimpleNamespace(waiting=lambda _: None, status=lambda _: None)  # type: ignore[assignment]
    daemon._signals = waits  # type: ignore[assignment]
    with ExitStack() as stack:
        daemon._selector = stack.enter_context(selectors.DefaultSelector())
        yield daemon if daemon._open_when_possible(stack) else None


@pytest.fixture
def quiet_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of this process stays as it is."""
    monkeypatch.setattr(daemon_module, "start_logging", lambda *_, **__: SimpleNamespace(trouble=""))


def refuse(monkeypatch: pytest.MonkeyPatch, errors: list[Exception]) -> None:
    """Have each error end one opening of the doors."""
    real = Daemon._open_doors

    def doors(daemon: Daemon, stack: ExitStack) -> None:
        if errors:
            raise errors.pop(0)
        real(daemon, stack)

    monkeypatch.setattr(Daemon, "_open_doors", doors)


def starts(root: Root) -> str | None:
    with Store.open(root) as store:
        return store.meta("unclean_starts")


@pytest.mark.usefixtures("quiet_log")
def test_waiting_to_begin_is_no_crash_however_long_it_takes(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [
        OSError(errno.ENOTCONN, "Transport endpoint is not connected"),
        OSError(errno.EMFILE, "Too many open files"),
        RuntimeError("can't start new thread"),
        StoreLocked("it is locked"),
        OSError(errno.ESTALE, "Stale file handle"),
    ]
    refuse(monkeypatch, errors)
    waits = Waits()
    with opened(root, waits) as daemon:
        assert daemon is not None
        assert waits.times == 5
        assert daemon._queue_pause.reason == ""
        assert len(daemon._queue_pause._starts()) == 1  # from here on what ends the daemon is a crash


@pytest.mark.usefixtures("quiet_log")
def test_a_wrong_configuration_is_no_crash(root: Root) -> None:
    for _ in range(4):
        with (
            pytest.raises(SettingsError),
            opened(root, Waits(), lambda: Config(control=ControlConfig(group="no-such-group"))),
        ):
            pass
    with opened(root, Waits()) as daemon:
        assert daemon is not None
        assert daemon._queue_pause.reason == ""


@pytest.mark.usefixtures("quiet_log")
def test_to_be_stopped_while_waiting_to_begin_is_no_crash(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, [OSError(errno.EIO, "Input/output error") for _ in range(9)])
    for _ in range(4):
        with opened(root, Waits(lambda times: {signal.SIGTERM} if times == 2 else set())) as daemon:
            assert daemon is None
    assert starts(root) is None


@pytest.mark.usefixtures("quiet_log")
def test_crashes_after_the_start_hold_the_queue(root: Root) -> None:
    for _ in range(3):
        with opened(root, Waits()) as daemon:
            assert daemon is not None
            assert daemon._queue_pause.reason == ""
    with opened(root, Waits()) as daemon:
        assert daemon is not None
        assert daemon._queue_pause.reason.startswith("the daemon crashed 3 times within 10 minutes")


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("number", [errno.ENOTCONN, errno.ESTALE])
def test_a_dead_mount_in_the_place_of_evolution_keeps_no_daemon_from_starting(
    root: Root, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    Store.open(root).close()
    trash = root.evolution / ".trash-12345678-harbour"
    trash.mkdir()
    dead = [True]

    def refusing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *args: Any, **how: Any) -> Any:
            if dead[0] and isinstance(path, str | Path) and Path(path).is_relative_to(root.evolution):
                raise OSError(number, os.strerror(number), str(path))
            return real(path, *args, **how)

        return call

    for name in ("stat", "lstat", "scandir", "listdir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    waits = Waits()
    with opened(root, waits) as daemon:
        assert daemon is not None
        assert waits.times == 0
        assert os.strerror(number) in daemon._evolution_watch.trouble
        assert daemon._queue_pause.reason == ""
        dead[0] = False
        daemon._evolution_watch.look()
        daemon._trash.empty()
        daemon._trash._thread.close(time.monotonic() + patience(10))
        assert not trash.exists()


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("seen_by", ["a beat", "a job whose folder was missed"])
def test_what_is_left_of_deleted_jobs_is_deleted_when_its_disk_is_mounted_late(root: Root, seen_by: str) -> None:
    with Store.open(root) as store:
        add_job(root, store, "harbour")
    trash = root.evolution / ".trash-12345678-wave"
    trash.mkdir()
    disk = root.evolution.rename(root.path / "disk")
    root.evolution.mkdir()  # its mount point
    with opened(root, Waits()) as daemon:
        assert daemon is not None
        daemon._reporter._notifier = Notifier()  # nobody is told
        assert "holds none of the folders" in daemon._evolution_watch.trouble
        root.evolution.rmdir()
        disk.rename(root.evolution)
        if seen_by == "a beat":
            wait_until(lambda: daemon._look_and_tell() or not daemon._evolution_watch.trouble)
        else:
            assert not daemon._is_evolution_away()
        daemon._trash._thread.close(time.monotonic() + patience(10))
        assert not trash.exists()


@pytest.mark.usefixtures("quiet_log")
def test_restarts_while_the_clock_is_a_year_ahead_remove_nothing_for_its_age(root: Root) -> None:
    a_year_ago = time.time() - 365 * 86_400.0
    with Store.open(root) as store:
        job = add_job(root, store, "harbour")
        store.move(job.id, JobState.CANCELLED)
        store.change(job.id, finished_at=a_year_ago)
        store.publish(
            DaemonStatus(pid=1, version="1", started_at=a_year_ago, beat_at=a_year_ago + 60.0, state="running")
        )
    for _ in range(3):
        with opened(root, Waits(), lambda: Config(retention=RetentionConfig(days=30.0))) as daemon:
            assert daemon is not None
            daemon._look_and_tell()
            janitor = daemon._janitor
            janitor.turn()
            wait_until(lambda janitor=janitor: janitor._plan is not None and janitor._plan.done())
            janitor.turn()
            assert janitor.trouble.startswith("the clock has gone ahead by ")
            assert [each.id for each in daemon._store.jobs()] == [job.id]
