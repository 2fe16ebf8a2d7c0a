"""What users ask about pairs, with a real inbox that is driven."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from styled.daemon import inbox_commands
from styled.daemon.inbox_commands import InboxCommands
from styled.errors import ControlError, NoSuchPair, NotMoved
from styled.root import Root
from styled.store.store import Store
from tests.inbox.conftest import clock, drive, one_checking_child, root, store
from tests.inbox.driver import Driver

__all__ = ["clock", "drive", "one_checking_child", "root", "store"]


pytestmark = pytest.mark.processes


@pytest.fixture
def commands(root: Root, store: Store, drive: Driver) -> Iterator[InboxCommands]:
    commands = InboxCommands(root, store, drive.inbox)
    yield commands
    commands.close()


def test_a_rejected_pair_is_looked_at_again(drive: Driver, commands: InboxCommands) -> None:
    (drive.root.inbox / "cat.content.svg").write_bytes(b"<svg/>")
    drive.drop(cat__style=b"no image")
    drive.run(140)
    assert set(drive.rejections()) == {"cat"}
    answer = commands.recheck("cat")
    assert answer == {"name": "cat", "to": ["cat.content.svg", "cat.style.png"]}
    drive.run(2)
    assert drive.rejections() == {}
    assert drive.left() == ["cat.content.svg", "cat.style.png"]
    drive.run(140)  # nothing was corrected
    assert set(drive.rejections()) == {"cat"}


def test_an_incomplete_pair_is_dismissed_and_its_place_said(drive: Driver, commands: InboxCommands) -> None:
    drive.drop(cat__content=b"x")
    (drive.root.inbox / "box").mkdir()
    (drive.root.inbox / "box" / "content.png").write_bytes(b"y")
    drive.run(7)
    assert set(drive.waits()) == {"cat", "box"}
    assert commands.recheck("cat") == {"name": "cat", "to": []}
    assert commands.dismiss("inbox/cat", by="anna")["to"] == "inbox/dismissed/cat"
    assert commands.dismiss("box", by="anna")["to"] == "inbox/dismissed/box"
    drive.run(2)
    assert drive.waits() == {}
    assert not (drive.root.inbox / "box").exists()
    assert (drive.root.inbox / "dismissed" / "box" / "content.png").read_bytes() == b"y"
    assert drive.rejections() == {}


def test_what_is_ignored_is_dismissed_too(drive: Driver, commands: InboxCommands) -> None:
    (drive.root.inbox / "holiday.zip").write_bytes(b"z")
    drive.run(7)
    name = drive.inbox.found.ignored[0].name
    assert commands.dismiss(name, by="anna")["to"] == "inbox/dismissed/holiday.zip"
    assert (drive.root.inbox / "dismissed" / "holiday.zip" / "holiday.zip").read_bytes() == b"z"


def test_a_name_that_two_things_have_is_asked_about(drive: Driver, commands: InboxCommands) -> None:
    drive.drop(cat__content=b"x")
    (drive.root.rejected / "cat").mkdir(parents=True)
    (drive.root.rejected / "cat" / "a.png").write_bytes(b"r")
    drive.run(7)
    with pytest.raises(NoSuchPair, match="more than one") as refused:
        commands.dismiss("cat", by="anna")
    assert "rejected/cat" in refused.value.advice
    assert commands.dismiss("rejected/cat", by="anna")["to"] == "inbox/dismissed/cat"
    assert commands.dismiss("inbox/cat", by="anna")["to"] == "inbox/dismissed/cat-2"


@pytest.mark.parametrize("name", ["none", "../evolution", "rejected/../..", "inbox/..", "rejected/", ""])
def test_a_name_of_nothing_is_refused(drive: Driver, commands: InboxCommands, name: str) -> None:
    drive.run(1)
    for ask in (commands.recheck, lambda pair: commands.dismiss(pair, by="anna")):
        with pytest.raises(NoSuchPair):
            ask(name)


def test_an_inbox_that_does_not_answer_does_not_hold_the_loop(
    drive: Driver, commands: InboxCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(inbox_commands, "WAIT_S", 0.01)
    monkeypatch.setattr(inbox_commands, "put_back", lambda *_: answers.wait() and [])
    for _ in range(2):
        with pytest.raises(ControlError, match="does not answer"):
            commands.recheck("rejected/cat")
    answers.set()


def test_what_the_system_refuses_is_said_in_words(
    drive: Driver, commands: InboxCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(inbox_commands, "dismiss_rejected", refuse)
    with pytest.raises(NotMoved, match="Permission denied"):
        commands.dismiss("rejected/cat", by="anna")
