"""A turn never waits for the inbox, and one entry never holds up the others."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from styled.errors import DecoderKilled, SlowImage
from styled.images import Checker, ImageInfo
from styled.inbox import checking_thread, scanner
from styled.inbox.claiming import claim as claiming
from styled.inbox.claiming import mover, rejection
from styled.inbox.claiming.claim_record import Claim
from styled.root import Root
from styled.store.store import Store
from tests.deadlines import patience, wait_until
from tests.inbox.driver import Driver
from tests.store.conftest import png

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("place", ["the look", "the check", "the claim", "the rejection", "the recovery"])
def test_turns_go_on_while_a_file_server_hangs(drive: Driver, place: str, monkeypatch: pytest.MonkeyPatch):
    answer = threading.Event()
    asked = threading.Event()

    def hanging(real: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **named: Any) -> Any:
            asked.set()
            answer.wait(patience(60))
            return real(*arguments, **named)

        return do

    where: dict[str, tuple[Any, str]] = {
        "the look": (scanner, "look_into"),
        "the check": (checking_thread.PairChecker, "check"),
        "the claim": (mover, "take"),
        "the rejection": (mover, "reject"),
        "the recovery": (mover, "mend_files"),
    }
    target, name = where[place]
    monkeypatch.setattr(target, name, hanging(getattr(target, name)))
    drive.drop(a__content=png(1), a__style=png(2))
    if place == "the rejection":
        (drive.root.inbox / "b.content.png").symlink_to("/etc/passwd")

    def turn() -> bool:
        drive.inbox.turn()
        drive.clock.pass_by(0.5)
        return asked.is_set()

    wait_until(turn)
    for _ in range(20):
        drive.inbox.turn()  # would never return
    answer.set()
    jobs = drive.store.jobs() or drive.run(11)
    assert [job.name for job in jobs] == ["a"]


def test_closing_leaves_a_hanging_thread_behind(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    answer = threading.Event()
    real = mover.mend_files
    monkeypatch.setattr(mover, "mend_files", lambda *a, **k: (answer.wait(patience(60)), real(*a, **k))[1])
    drive.inbox.turn()
    began = time.monotonic()
    drive.inbox.close()
    assert time.monotonic() - began < patience(2)
    answer.set()


def test_a_picture_that_takes_minutes_holds_up_no_other_pair(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    """It is given up by the quick thread and goes on in the slow one."""
    done = threading.Event()
    real = checking_thread.PairChecker._member

    def member(self: Any, task: Any, *arguments: Any, **named: Any) -> Any:
        if task.pair.name == "slow":
            if self is drive.inbox._preparer._quick.pairs:
                raise SlowImage("slow.content.png could not be decoded within 3 s")
            done.wait(patience(60))
        return real(self, task, *arguments, **named)

    monkeypatch.setattr(checking_thread.PairChecker, "_member", member)
    drive.drop(slow__content=png(1), slow__style=png(2))
    for number in range(5):
        drive.drop(**{f"p{number}__content": png(3), f"p{number}__style": png(number)})
    assert sorted(job.name for job in drive.until(5)) == ["p0", "p1", "p2", "p3", "p4"]
    done.set()
    assert [job.name for job in drive.run(11)] == ["slow"]


def test_a_decoder_that_is_killed_again_and_again_is_tried_again_later(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    tries: list[str] = []
    real = Checker.check_open

    def check(self: Any, descriptor: int, name: str, *, mask_styles: int = 0) -> ImageInfo:
        if name == "a.content.png":
            tries.append(name)
            if len(tries) < kills:
                raise DecoderKilled("the decoder was killed on a.content.png, probably because memory ran out")
        return real(self, descriptor, name, mask_styles=mask_styles)

    monkeypatch.setattr(Checker, "check_open", check)
    kills = 3
    drive.drop(a__content=png(1), a__style=png(2))
    assert drive.run(11) == []
    assert drive.waits() == {
        "a": "another try: the decoder was killed on a.content.png, probably because memory ran out"
    }
    assert [job.name for job in drive.run(140)] == ["a"]
    tries.clear()
    kills = 100
    drive.drop(a__content=png(5), a__style=png(6))
    assert drive.run(200) == []
    assert "memory ran out" in drive.rejections()["a"]
    assert len(tries) == 3


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("pair", ["files", "folder"])
def test_a_full_inbox_keeps_only_the_pair_that_cannot_be_rejected(
    drive: Driver, store: Store, pair: str, monkeypatch: pytest.MonkeyPatch
):
    """Not a full disk: that would stop everything. The pair is told of beside itself, under its own name."""
    if pair == "files":
        drive.drop(bad__content=png(1), bad__style=png(2))
        (drive.root.inbox / "bad.toml").write_text("sise = 3\n")
    else:
        (drive.root.inbox / "bad").mkdir()
        for name, data in (("content.png", png(1)), ("style.png", png(2)), ("job.toml", b"sise = 3\n")):
            (drive.root.inbox / "bad" / name).write_bytes(data)
    before = drive.left()
    monkeypatch.setattr(rejection, "_write_reason", full)
    drive.drop(good__content=png(3), good__style=png(4))
    assert [job.name for job in drive.run(11)] == ["good"]
    assert drive.left() == before
    missing = drive.waits()["bad"]
    assert "sise" in missing
    assert "cannot be moved to inbox/rejected/: No space left on device" in missing
    drive.run(130)
    assert list((drive.root.inbox / "rejected").iterdir()) == []
    assert list((drive.root.state / "rejections").iterdir()) == []
    assert drive.inbox.trouble == ""
    monkeypatch.undo()
    drive.run(70)
    assert "sise" in drive.rejections()["bad"]
    assert drive.left() == []


def test_an_inbox_that_dies_in_the_middle_of_a_claim_ends_nothing(
    drive: Driver, store: Store, monkeypatch: pytest.MonkeyPatch
):
    def dead(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(claiming, "_bring", dead)
    drive.drop(a__content=png(1), a__style=png(2))
    assert drive.run(11) == []
    assert "Transport endpoint is not connected" in drive.inbox.trouble
    monkeypatch.undo()
    assert [job.name for job in drive.run(20)] == ["a"]
    assert drive.inbox.trouble == ""


def test_a_claim_that_could_not_be_undone_is_mended_as_soon_as_the_inbox_is_back(
    drive: Driver, store: Store, monkeypatch: pytest.MonkeyPatch
):
    real = claiming.take

    def dies(root: Root, claim: Claim) -> object:
        (root.inbox).rename(root.path / "away")
        return real(root, claim)

    monkeypatch.setattr(mover, "take", dies)
    drive.drop(a__content=png(1), a__style=png(2))
    drive.run(15)
    assert store.jobs() == []
    assert list(drive.root.evolution.glob(".claim-*"))
    monkeypatch.setattr(mover, "take", real)
    (drive.root.path / "away").rename(drive.root.inbox)
    assert [job.name for job in drive.run(40)] == ["a"]
    assert not list(drive.root.evolution.glob(".claim-*"))


def test_an_inbox_that_dies_when_it_is_cleared_costs_no_job(
    drive: Driver, store: Store, monkeypatch: pytest.MonkeyPatch
):
    def dead(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(claiming, "remove_original", dead)
    drive.drop(a__content=png(1), a__style=png(2))
    assert [job.name for job in drive.run(11)] == ["a"]
    monkeypatch.undo()
    assert drive.run(70) == []
    assert drive.left() == []
    assert len(store.jobs()) == 1


def test_a_thousand_entries_that_are_left_alone_are_a_few_lines_of_the_log(drive: Driver):
    for number in range(1000):
        (drive.root.inbox / f"{number}.txt").write_bytes(b"")
    with structlog.testing.capture_logs() as logs:
        drive.run(40)
    told = [entry for entry in logs if entry["event"].startswith("left alone")]
    assert len(told) == 11
    assert told[-1]["more"] == 990


def test_what_is_mounted_in_the_inbox_is_said_by_name(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    (drive.root.inbox / "phone").mkdir()
    monkeypatch.setattr("styled.inbox.scanner.mounts_in", lambda _: frozenset({"phone"}))
    drive.drop(a__content=png(1), a__style=png(2))
    with structlog.testing.capture_logs() as logs:
        assert [job.name for job in drive.run(11)] == ["a"]
    assert "something else is mounted there" in drive.waits()["phone"]
    assert [entry["path"] for entry in logs if entry["event"] == "left alone in the inbox"] == ["phone"]
