"""Hints from the real kernel, and what happens when they stop coming."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.inbox import watcher as watching
from styled.inbox.watcher import Watcher
from tests.deadlines import patience, wait_until
from tests.store.conftest import FakeClock


@pytest.fixture
def woken() -> threading.Event:
    return threading.Event()


@pytest.fixture
def watcher(tmp_path: Path, woken: threading.Event, clock: FakeClock) -> Iterator[Watcher]:
    (tmp_path / "inbox").mkdir()
    found = Watcher(tmp_path / "inbox", "native", wake=woken.set, clock=clock)
    found.keep_alive()
    found.take_hint()
    yield found
    found.stop()


def test_a_start_is_a_hint_because_nobody_watched_before(tmp_path: Path, clock: FakeClock):
    watcher = Watcher(tmp_path, "native", wake=lambda: None, clock=clock)
    watcher.keep_alive()
    assert watcher.take_hint()
    assert not watcher.take_hint()
    watcher.stop()


@pytest.mark.parametrize("what", ["written", "moved in", "in a folder", "in a folder moved in"])
def test_what_happens_in_the_inbox_wakes(watcher: Watcher, woken: threading.Event, tmp_path: Path, what: str):
    inbox = tmp_path / "inbox"
    if what == "written":
        (inbox / "a").write_bytes(b"a")
    elif what == "moved in":
        (tmp_path / "a").write_bytes(b"a")
        (tmp_path / "a").rename(inbox / "a")
    else:
        outside = tmp_path / "folder" if "moved" in what else inbox / "folder"
        outside.mkdir()
        if "moved" in what:
            outside.rename(inbox / "folder")
        assert woken.wait(patience(10))
        watcher.take_hint()
        woken.clear()
        # watchdog needs half a second to pair moves and to watch the new folder, and tells of neither.
        numbers = itertools.count()
        wait_until(lambda: (inbox / "folder" / f"{next(numbers)}").write_bytes(b"a") and woken.is_set())
    assert woken.wait(patience(10))
    assert watcher.take_hint()


def test_reading_files_is_no_hint(watcher: Watcher, tmp_path: Path, woken: threading.Event):
    (tmp_path / "inbox" / "a").write_bytes(b"a")
    assert woken.wait(patience(10))
    while woken.wait(0.6):  # watchdog keeps what it hears for half a second
        woken.clear()
    watcher.take_hint()
    for _ in range(5):
        (tmp_path / "inbox" / "a").read_bytes()
    assert not woken.wait(0.6)  # as long as that
    assert not watcher.take_hint()


def test_a_dead_observer_is_noticed_and_replaced(watcher: Watcher, tmp_path: Path, woken: threading.Event):
    assert watcher._observer is not None
    for emitter in watcher._observer.emitters:
        emitter.stop()
        emitter.join(5)
    watcher.keep_alive()
    assert watcher.restarts == 1
    assert watcher.take_hint()
    woken.clear()
    (tmp_path / "inbox" / "a").write_bytes(b"a")
    assert woken.wait(patience(10))


def test_a_folder_that_is_deleted_and_made_again_is_watched_again(
    watcher: Watcher, tmp_path: Path, clock: FakeClock, woken: threading.Event
):
    inbox = tmp_path / "inbox"
    inbox.rmdir()
    assert wait_until(lambda: watcher._observer is None or not watcher._is_alive(watcher._observer))
    watcher.keep_alive()
    assert watcher.problem
    assert not watcher.is_native()
    inbox.mkdir()
    watcher.keep_alive()
    assert not watcher.is_native(), "it waits before it tries again"
    clock.pass_by(60)
    watcher.keep_alive()
    assert watcher.is_native()
    assert watcher.problem == ""
    assert watcher.take_hint()
    woken.clear()
    (inbox / "a").write_bytes(b"a")
    assert woken.wait(patience(10))


def test_a_limit_of_the_kernel_means_polling_with_advice(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    from watchdog.observers import inotify

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(inotify.InotifyEmitter, "on_thread_start", refuse)
    watcher = Watcher(tmp_path, "native", wake=lambda: None, clock=clock)
    watcher.keep_alive()
    assert not watcher.is_native()
    assert "max_user_watches" in watcher.problem
    assert f"every {watching.POLL_S:g} s" in watcher.problem
    watcher.stop()


@pytest.mark.parametrize(
    ("mode", "kind", "polls"),
    [("auto", "nfs4", True), ("auto", "ext4", False), ("poll", "ext4", True), ("native", "cifs", False)],
)
def test_network_filesystems_are_polled_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, kind: str, polls: bool
):
    monkeypatch.setattr(watching, "filesystem_type", lambda *_, **__: kind)
    watcher = Watcher(tmp_path, mode, wake=lambda: None)  # type: ignore[arg-type]
    watcher.keep_alive()
    assert watcher.polls is polls
    assert watcher.is_native() is not polls
    watcher.stop()


def test_threads_are_gone_after_stop(watcher: Watcher):
    observer = watcher._observer
    assert observer is not None
    threads = [observer, *observer.emitters]
    watcher.stop()
    assert wait_until(lambda: not any(thread.is_alive() for thread in threads))


def test_where_no_observer_can_be_made_it_polls_and_says_so(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    """Inotify is opened in watchdog's constructor: with no instance left that raises."""

    def refuse() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("watchdog.observers.Observer", refuse)
    watcher = Watcher(tmp_path, "native", wake=lambda: None, clock=clock)
    watcher.keep_alive()
    assert not watcher.is_native()
    assert "max_user_instances" in watcher.problem
    monkeypatch.undo()
    clock.pass_by(3600.0)
    watcher.keep_alive()
    assert (watcher.is_native(), watcher.problem) == (True, "")
    watcher.stop()


def test_a_folder_in_which_something_is_mounted_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An observer would walk into it, and hang with its file server."""
    monkeypatch.setattr(watching, "mounts_in", lambda _: frozenset({"phone"}))
    watcher = Watcher(tmp_path, "native", wake=lambda: None)
    watcher.keep_alive()
    assert not watcher.is_native()
    assert watcher.problem == "no events from the inbox, looking every 5 s instead: something is mounted in it (phone)"
    monkeypatch.undo()
    watcher.restart()
    assert watcher.is_native()
    assert watcher.problem == ""
    watcher.stop()


@pytest.mark.parametrize(("mode", "polls"), [("auto", True), ("poll", True), ("native", False)])
def test_where_the_folder_lies_is_asked_again_when_it_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, polls: bool
):
    kind = "ext4"
    monkeypatch.setattr(watching, "filesystem_type", lambda *_, **__: kind)
    watcher = Watcher(tmp_path, mode, wake=lambda: None)  # type: ignore[arg-type]
    watcher.keep_alive()
    local = (watcher.on_network, watcher.polls, watcher.is_native())
    kind = "nfs4"
    watcher.restart()
    assert (watcher.on_network, watcher.polls, watcher.is_native()) == (True, polls, not polls)
    assert not watcher.needs_a_start()
    kind = "ext4"
    watcher.restart()
    assert (watcher.on_network, watcher.polls, watcher.is_native()) == local
    watcher.stop()


def test_a_watcher_that_polls_from_now_on_tells_no_trouble_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watching, "mounts_in", lambda _: frozenset({"phone"}))
    watcher = Watcher(tmp_path, "auto", wake=lambda: None)
    watcher.keep_alive()
    assert watcher.problem
    monkeypatch.setattr(watching, "filesystem_type", lambda *_, **__: "nfs4")
    watcher.restart()
    assert watcher.problem == ""
    watcher.stop()
