"""Inboxes that go away, are full or cannot be read: nothing is lost, and what is wrong is said."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import structlog

from styled.inbox.claiming import claim as claiming
from styled.inbox.claiming import mover
from styled.root import Root
from styled.store.store import Store
from tests.inbox.driver import CONFIG, Driver
from tests.store.conftest import FakeClock, png

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("what", ["deleted", "a file", "a link to nothing", "unreadable"])
def test_an_inbox_that_goes_away_is_trouble_and_nothing_more(
    drive: Driver, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    drive.drop(a__content=png(1), a__style=png(2), b__content=png(3))
    jobs = drive.run(11)
    inbox = drive.root.inbox
    elsewhere = inbox.rename(tmp_path / "elsewhere")
    if what == "a file":
        inbox.write_text("not a folder")
    elif what == "a link to nothing":
        inbox.symlink_to(tmp_path / "nowhere")
    elif what == "unreadable":
        inbox.mkdir()
        refuse_to_list(monkeypatch)
    assert drive.run(100) == []
    assert ("inbox/ is a link to" if "link" in what else "inbox/ cannot be read") in drive.inbox.trouble
    assert drive.waits() == {"b": "a style"}
    assert drive.store.jobs() == jobs
    monkeypatch.undo()
    inbox.rmdir() if inbox.is_dir() and not inbox.is_symlink() else inbox.unlink(missing_ok=True)
    elsewhere.rename(inbox)
    drive.drop(b__style=png(4))
    assert [job.name for job in drive.run(80)] == ["b"]
    assert drive.inbox.trouble == ""


def refuse_to_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr("styled.inbox.scanner.look_into", refuse)


def test_an_inbox_made_anew_is_taken_from(drive: Driver):
    drive.run(1)
    drive.root.inbox.rmdir()
    drive.run(5)
    drive.root.inbox.mkdir()
    drive.drop(a__content=png(1), a__style=png(2))
    assert len(drive.run(20)) == 1


def test_a_read_only_inbox_is_copied_from_once_and_told(drive: Driver, root: Root, monkeypatch: pytest.MonkeyPatch):
    drive.drop(a__content=png(1), a__style=png(2))
    real_rename, real_unlink = claiming.rename_new, os.unlink

    def rename(source: str, target: str, *, source_folder: int, target_folder: int) -> None:
        if source.startswith("a."):
            raise OSError(errno.EROFS, "Read-only file system")
        real_rename(source, target, source_folder=source_folder, target_folder=target_folder)

    def unlink(path: str | Path, *, dir_fd: int | None = None) -> None:
        if str(path).startswith("a."):
            raise OSError(errno.EROFS, "Read-only file system")
        real_unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(claiming, "rename_new", rename)
    monkeypatch.setattr(os, "unlink", unlink)
    assert len(drive.run(11)) == 1
    assert drive.left() == ["a.content.png", "a.style.png"]
    assert "cannot be written" in drive.inbox.trouble
    assert drive.run(100) == []
    drive.use()
    assert drive.run(100) == []
    with_new_style = png(5)
    monkeypatch.undo()
    (root.inbox / "a.style.png").write_bytes(with_new_style)
    (job,) = drive.run(11)
    assert (root.evolution / job.id / "input" / "style.png").read_bytes() == with_new_style


@pytest.mark.parametrize("what", ["a file", "a link", "a pipe", "another user's"])
def test_a_rejected_folder_that_cannot_be_used_stops_nothing_and_is_told_once(
    drive: Driver, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = drive.root.rejected
    if what == "a file":
        place.touch()
    elif what == "a link":
        place.symlink_to(tmp_path)
    elif what == "a pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
        real = os.open

        def refuse(path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if Path(path).name == "rejected":
                raise PermissionError(errno.EACCES, "Permission denied")
            return real(path, flags, mode, dir_fd=dir_fd)

        monkeypatch.setattr(os, "open", refuse)
    drive.drop(a__content=png(1), a__style=png(2), b__content=png(3), b__style=png(4))
    (drive.root.inbox / "b.toml").write_text("sise = 3")
    with structlog.testing.capture_logs() as logs:
        assert [job.name for job in drive.run(60)] == ["a"]
    assert drive.inbox.trouble == ""
    assert drive.inbox.warning.startswith("inbox/rejected")
    assert "what cannot be used stays in inbox/" in drive.inbox.warning
    told = [entry for entry in logs if entry["event"] == "inbox/rejected/ cannot be used"]
    assert [entry["reason"] for entry in told] == [drive.inbox.warning]
    assert "unknown setting 'sise'" in drive.waits()["b"]
    assert "rejected" not in drive.waits()
    assert drive.inbox.found.ignored == []
    monkeypatch.undo()
    place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
    drive.run(130)
    assert list(drive.rejections()) == ["b"]
    assert (drive.inbox.warning, list(tmp_path.glob("b*"))) == ("", [])


def test_a_bad_style_of_a_hot_folder_costs_no_picture(drive: Driver):
    hot = drive.root.inbox / "hot"
    hot.mkdir()
    (hot / "style.png").write_bytes(b"no image at all")
    (hot / "x.png").write_bytes(png(1))
    assert drive.run(140) == []
    assert "not an image" in drive.rejections()["hot"]
    assert drive.left() == ["hot/x.png"]
    assert drive.waits() == {"hot": "a style: put style.jpg into its folder"}
    (hot / "style.png").write_bytes(png(2))
    assert [job.name for job in drive.run(11)] == ["x"]


def test_a_bad_picture_in_a_hot_folder_leaves_the_style(drive: Driver):
    hot = drive.root.inbox / "hot"
    hot.mkdir()
    (hot / "style.png").write_bytes(png(2))
    (hot / "bad.png").write_bytes(b"no image at all")
    (hot / "good.png").write_bytes(png(1))
    assert [job.name for job in drive.run(140)] == ["good"]
    assert list(drive.rejections()) == ["bad"]
    assert drive.left() == ["hot/style.png"]


def test_a_file_nobody_may_read_waits_with_the_reason(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    drive.drop(a__content=png(1), a__style=png(2))
    real = os.open

    def refuse(path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if str(path) == "a.content.png":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    assert drive.run(30) == []
    assert drive.waits() == {"a": "permission to read a.content.png"}
    monkeypatch.setattr(os, "open", real)
    assert len(drive.run(65)) == 1


def test_what_cannot_be_moved_to_rejected_stays_with_both_reasons(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    (drive.root.inbox / "a.content.png").symlink_to("/etc/passwd")

    def refuse(*_: object) -> str:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(mover, "reject", refuse)
    assert drive.run(30) == []
    assert "symbolic link" in drive.waits()["a"]
    assert "Read-only" in drive.waits()["a"]
    monkeypatch.undo()
    drive.run(65)
    assert list(drive.rejections()) == ["a"]


def test_a_decoder_that_breaks_in_a_new_way_holds_up_no_other_pair(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    from styled.inbox.checking import PairChecker

    real: Callable[..., object] = PairChecker.check

    def check(self: PairChecker, task: object, *, is_patient: bool) -> object:
        if task.pair.name == "a":  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return real(self, task, is_patient=is_patient)

    monkeypatch.setattr(PairChecker, "check", check)
    drive.drop(a__content=png(1), a__style=png(2), b__content=png(3), b__style=png(4))
    assert [job.name for job in drive.run(10)] == ["b"]
    assert drive.waits() == {"a": "a look at the log: ZeroDivisionError"}
    monkeypatch.setattr(PairChecker, "check", real)
    assert [job.name for job in drive.run(65)] == ["a"]


def test_clock_jumps_cause_no_early_claim(drive: Driver, clock: FakeClock):
    """The wall clock and the files' times may say anything; only quiet looks count."""
    drive.drop(a__content=png(1), a__style=png(2))
    for name in ("a.content.png", "a.style.png"):
        os.utime(drive.root.inbox / name, (0, 0))
    assert drive.run(4) == []
    clock.pass_by(3600)  # suspended: the next look is the second one, an hour later
    assert len(drive.run(1)) == 1


@pytest.mark.parametrize("place", ["a", "."])
def test_a_pair_that_its_sender_calls_complete_is_not_waited_for(drive: Driver, root: Root, place: str):
    """In a folder and beside its files. The file that says so goes with the pair: the next one is waited for again."""
    folder = root.inbox / place
    folder.mkdir(exist_ok=True)
    prefix = "" if place == "a" else "a."
    (folder / f"{prefix}content.png").write_bytes(png(40))
    (folder / f"{prefix}style.png").write_bytes(png(50))
    assert drive.run(0.5) == []
    (root.inbox / "a.ready").touch()
    drive.inbox._scanner.look_soon()
    assert [job.name for job in drive.run(0.5)] == ["a"]
    assert drive.left() == []
    drive.drop(a__content=png(60), a__style=png(70))
    drive.inbox._scanner.look_soon()
    assert drive.run(0.5) == []
    assert len(drive.run(6)) == 1


def test_what_is_called_complete_and_is_being_written_is_waited_for(drive: Driver, root: Root):
    drive.drop(a__style=png(50))
    (root.inbox / "a.ready").touch()
    with (root.inbox / "a.content.png").open("wb") as writing:
        writing.write(png(40))
        writing.flush()
        assert drive.run(20) == []
        assert drive.waits() == {"a": "the rest of a.content.png, which is open for writing"}
    assert len(drive.run(20)) == 1


def test_what_is_called_complete_and_is_rejected_takes_the_call_with_it(drive: Driver, root: Root):
    (root.inbox / "a").mkdir()
    (root.inbox / "a" / "content.png").write_bytes(png(40))
    (root.inbox / "a" / "style.png").write_bytes(png(50))
    (root.inbox / "a" / "job.toml").write_text("sise = 3")
    (root.inbox / "a.ready").touch()
    drive.run(1)
    assert drive.left() == []
    assert {path.name for path in (root.rejected / "a").iterdir()} == {
        "content.png",
        "style.png",
        "job.toml",
        "a.ready",
        "REASON.txt",
    }


def test_a_full_queue_leaves_pairs_in_the_inbox_until_there_is_room(drive: Driver, store: Store):
    drive.use(msgspec.structs.replace(CONFIG, max_queue=2))
    for number in range(5):
        drive.drop(**{f"p{number}__content": png(number), f"p{number}__style": png(99)})
    assert len(drive.until(2)) == 2
    assert drive.inbox.warning == "the queue is full (2 jobs wait): other pairs stay in inbox/ until there is room"
    assert len(drive.left()) == 6
    store.claim_next()
    assert len(drive.until(1)) == 1
    drive.use(CONFIG)
    assert len(drive.run(10)) == 2
    assert (drive.left(), drive.inbox.warning) == ([], "")


def test_what_waits_for_an_hour_is_told_once(drive: Driver, store: Store):
    drive.drop(lonely__content=png(40))

    def told() -> list[str]:
        return [event.note for event in store.events(0) if event.kind == "incomplete"]

    drive.run(1)
    drive.clock.pass_by(3590)
    drive.run(1)
    assert told() == []
    drive.clock.pass_by(60)
    drive.run(1)
    assert told() == ["lonely waits for a style"]
    drive.clock.pass_by(7200)
    drive.run(1)
    assert len(told()) == 1
