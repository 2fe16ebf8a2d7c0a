from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.config import InboxConfig
from styled.inbox import scanner as looking
from styled.inbox.classify import InboxState
from styled.inbox.scanner import InboxScanner
from styled.inbox.watcher import POLL_S
from styled.root import Root
from tests.deadlines import patience
from tests.store.conftest import FakeClock


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def look(scanner: InboxScanner) -> InboxState | None:
    """Begin a look if it is time to, wait for it, and return its result."""
    found = scanner.look(busy=(), taken={}, notes={}, wall=0.0)
    if scanner._running is None:
        return found
    scanner._running.exception(timeout=patience(30))
    return scanner.look(busy=(), taken={}, notes={}, wall=0.0)


@pytest.fixture
def polling(inbox: Path, clock: FakeClock) -> Iterator[InboxScanner]:
    scanner = InboxScanner(Root(inbox.parent), InboxConfig(watch="poll"), wake=lambda: None, clock=clock)
    yield scanner
    scanner.close(time.monotonic() + 5.0)


def test_it_looks_at_once_and_then_when_it_is_time(polling: InboxScanner, clock: FakeClock):
    assert polling.due_in() == 0
    assert look(polling) is not None
    assert look(polling) is None
    assert polling.due_in() == POLL_S
    clock.pass_by(POLL_S)
    assert look(polling) is not None


def test_files_that_are_not_quiet_make_it_look_sooner(polling: InboxScanner, inbox: Path, clock: FakeClock):
    look(polling)
    clock.pass_by(POLL_S)
    for name in ("a.content.png", "a.style.png"):
        (inbox / name).write_bytes(b"x")
    look(polling)
    assert polling.due_in() == pytest.approx(5.0)
    clock.pass_by(5.0)
    found = look(polling)
    assert found is not None
    assert [pair.name for pair in found.ready] == ["a"]


def test_with_events_it_looks_seldom_and_soon_after_a_hint(inbox: Path):
    """An inbox where nothing happens costs next to nothing, and a drop is seen at once."""
    woken = threading.Event()
    scanner = InboxScanner(Root(inbox.parent), InboxConfig(rescan_s=3600.0), wake=woken.set)
    try:
        look(scanner)
        give_up = time.monotonic() + patience(10)
        while scanner.due_in() < 1:  # a look for the start of the events
            assert time.monotonic() < give_up
            look(scanner)
            time.sleep(0.02)
        assert scanner.due_in() > 3000
        woken.clear()
        (inbox / "a.content.png").write_bytes(b"x")
        assert woken.wait(patience(10))
        started = time.monotonic()
        while (found := look(scanner)) is None:
            assert time.monotonic() - started < patience(5)
            time.sleep(0.01)
        assert found.incomplete_count == 1
    finally:
        scanner.close(time.monotonic() + 5.0)


def test_without_a_single_event_the_rescan_finds_everything_and_counts_it(
    inbox: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    """The watcher lives and reports nothing: its queue overflowed, or a folder was moved in."""
    monkeypatch.setattr(looking.Watcher, "on_any_event", lambda *_: None)
    scanner = InboxScanner(
        Root(inbox.parent), InboxConfig(rescan_s=30.0, watch="native"), wake=lambda: None, clock=clock
    )
    try:
        look(scanner)
        clock.pass_by(30)
        look(scanner)
        for name in ("a.content.png", "a.style.png"):
            (inbox / name).write_bytes(b"x")
        clock.pass_by(30)
        found = look(scanner)
        assert found is not None
        assert found.incomplete_count == 1
        assert scanner.missed_events == 2
    finally:
        scanner.close(time.monotonic() + 5.0)


def test_an_inbox_that_cannot_be_read_is_tried_again_ever_more_seldom(
    polling: InboxScanner, inbox: Path, clock: FakeClock
):
    inbox.rmdir()
    waits = []
    for _ in range(9):
        assert look(polling) is None
        waits.append(polling.due_in())
        clock.pass_by(polling.due_in())
    assert waits == [1, 2, 4, 8, 16, 30, 60, 60, 60]
    assert "No such file" in polling.trouble
    inbox.mkdir()
    assert look(polling) is not None
    assert polling.trouble == ""


def test_looking_takes_no_more_than_a_tenth_of_the_time(inbox: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch):
    real = looking.look_into

    def slowly(folder: Path, **_: object) -> object:
        clock.pass_by(2.0)
        return real(folder)

    monkeypatch.setattr(looking, "look_into", slowly)
    scanner = InboxScanner(Root(inbox.parent), InboxConfig(watch="poll"), wake=lambda: None, clock=clock)
    look(scanner)
    scanner.look_soon()
    assert scanner.due_in() == pytest.approx(20.0)
    scanner.close(time.monotonic() + 5.0)


def test_on_a_network_filesystem_files_are_given_longer(inbox: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("styled.inbox.watcher.filesystem_type", lambda *_, **__: "cifs")
    scanner = InboxScanner(Root(inbox.parent), InboxConfig(settle_s=1.0), wake=lambda: None, clock=clock)
    for name in ("a.content.png", "a.style.png"):
        (inbox / name).write_bytes(b"x")
    ready = []
    for _ in range(11):
        found = look(scanner)
        ready += found.ready if found else []
        assert ready == []
        clock.pass_by(0.9)
    clock.pass_by(0.2)
    found = look(scanner)
    assert found is not None
    assert len(found.ready) == 1
    scanner.close(time.monotonic() + 5.0)


def test_an_inbox_where_nothing_changes_is_only_listed(
    polling: InboxScanner, inbox: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    (inbox / "a.content.png").write_bytes(b"x")
    look(polling)
    clock.pass_by(POLL_S)
    first = look(polling)
    real = looking.classify
    monkeypatch.setattr(looking, "classify", None)
    clock.pass_by(POLL_S)
    assert look(polling) is first
    monkeypatch.setattr(looking, "classify", real)
    (inbox / "a.style.png").write_bytes(b"x")
    clock.pass_by(POLL_S)
    second = look(polling)
    assert second is not None
    assert [entry.missing for entry in second.incomplete] == ["the rest of a.style.png, or some quiet seconds"]


def test_an_inbox_that_is_swapped_for_another_is_watched(inbox: Path, tmp_path: Path):
    """Moving a folder away keeps its watch alive: on the wrong folder."""
    woken = threading.Event()
    scanner = InboxScanner(Root(inbox.parent), InboxConfig(rescan_s=0.5), wake=woken.set)
    try:
        look(scanner)
        inbox.rename(tmp_path / "elsewhere")
        inbox.mkdir()
        give_up = time.monotonic() + patience(10)
        while scanner._identity != (inbox.stat().st_dev, inbox.stat().st_ino):
            assert time.monotonic() < give_up
            look(scanner)
            time.sleep(0.05)
        scanner._watcher.take_hint()
        (inbox / "a.content.png").write_bytes(b"x")
        while not scanner._watcher.take_hint():
            assert time.monotonic() < give_up
            time.sleep(0.01)
    finally:
        scanner.close(time.monotonic() + 5.0)


def test_a_file_server_that_does_not_answer_is_told_and_keeps_nobody(
    inbox: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    answer = threading.Event()
    real = looking.look_into

    def hang(folder: Path, **_: object) -> object:
        answer.wait(patience(60))
        return real(folder)

    monkeypatch.setattr(looking, "look_into", hang)
    scanner = InboxScanner(Root(inbox.parent), InboxConfig(watch="poll"), wake=lambda: None, clock=clock)
    for _ in range(100):
        assert scanner.look(busy=(), taken={}, notes={}, wall=0.0) is None
        clock.pass_by(1)
    assert "does not answer" in scanner.trouble
    assert scanner.begun == 1
    answer.set()
    assert scanner._running is not None
    scanner._running.result(timeout=patience(30))
    assert look(scanner) is not None
    assert scanner.trouble == ""
    answer.clear()
    scanner.look_soon()
    scanner.look(busy=(), taken={}, notes={}, wall=0.0)
    started = time.monotonic()
    scanner.close(started + 0.2)
    assert time.monotonic() - started < patience(2)
    answer.set()


@pytest.mark.parametrize("there_before", [True, False])
@pytest.mark.parametrize(("before", "after"), [("ext4", "cifs"), ("cifs", "ext4")])
def test_an_inbox_that_is_mounted_meanwhile_has_the_quiet_time_of_its_filesystem(
    inbox: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, *, before: str, after: str, there_before: bool
):
    kind = before
    monkeypatch.setattr("styled.inbox.watcher.filesystem_type", lambda *_, **__: kind)
    inbox.rename(inbox.parent / "elsewhere")
    if there_before:
        inbox.mkdir()
    scanner = InboxScanner(Root(inbox.parent), InboxConfig(settle_s=1.0), wake=lambda: None, clock=clock)
    look(scanner)
    if there_before:
        inbox.rename(inbox.parent / "mount point")
    inbox.mkdir()
    kind = after
    for name in ("a.content.png", "a.style.png"):
        (inbox / name).write_bytes(b"x")
    clock.pass_by(5.0)
    look(scanner)
    waited = 0.0
    while not (scanner._result and scanner._result.found.ready):
        assert waited < 15.0
        clock.pass_by(0.1)
        waited += 0.1
        scanner.look_soon()
        look(scanner)
    least = 10.0 if after == "cifs" else 1.0
    assert least - 0.05 <= waited <= least + 1.0
    scanner.close(time.monotonic() + 5.0)


def test_an_inbox_that_is_a_link_is_watched_where_it_leads_now(
    inbox: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    def kind(folder: Path, **_: object) -> str:
        return "nfs4" if folder.name == "share" else "ext4"

    monkeypatch.setattr("styled.inbox.watcher.filesystem_type", kind)
    for name in ("disk", "share"):
        (inbox.parent / name).mkdir()
    inbox.rmdir()
    inbox.symlink_to(inbox.parent / "disk")
    scanner = InboxScanner(Root(inbox.parent), InboxConfig(), wake=lambda: None, clock=clock)
    look(scanner)
    assert not scanner._watcher.on_network
    inbox.unlink()
    inbox.symlink_to(inbox.parent / "share")
    scanner.look_soon()
    clock.pass_by(5.0)
    look(scanner)
    clock.pass_by(5.0)
    scanner.look_soon()
    look(scanner)
    assert scanner._watcher.on_network
    scanner.close(time.monotonic() + 5.0)
