"""The inbox as the daemon drives it: real files, real decoding child, a clock that tests move."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import structlog

from styled import images
from styled.config import InboxConfig
from styled.errors import DiskFull, StoreError
from styled.evolution import JobFolder, read_job_file
from styled.inbox import intake as inbox_module
from styled.inbox.claiming import claim as claiming
from styled.inbox.intake import Inbox
from styled.job import Job, JobState
from styled.root import Root
from styled.settings import Settings
from styled.store.store import Store
from styled.vgg19.weights import describe
from tests.deadlines import patience
from tests.store.conftest import FakeClock, png

pytestmark = pytest.mark.processes

CONFIG = InboxConfig(settle_s=5.0, rescan_s=30.0, watch="poll", truncated_grace_s=120.0, max_bytes=100_000)


class SharedChecker(images.Checker):
    """Lives on when its inbox closes: its child, a tenth of a second's work to start, checks for the next test too."""

    def __exit__(self, *_: object) -> None:
        """Stay."""


@pytest.fixture(autouse=True, scope="module")
def _one_checking_child() -> Iterator[None]:
    shared: dict[tuple[int, int], SharedChecker] = {}

    def checker(*, max_bytes: int, max_pixels: int) -> SharedChecker:
        limits = max_bytes, max_pixels
        return shared.setdefault(limits, SharedChecker(max_bytes=max_bytes, max_pixels=max_pixels))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "Checker", checker)
        yield
    for each in shared.values():
        each.close()


class Driver:
    """Calls the inbox as the daemon does; time passes between the calls."""

    def __init__(self, root: Root, store: Store, clock: FakeClock) -> None:
        self.root, self.store, self.clock = root, store, clock
        self.inbox = Inbox(root, store, CONFIG, clock=clock, wall=lambda: 1_795_381_300.0 + clock.now)

    def use(self, config: InboxConfig = CONFIG, defaults: dict[str, object] | None = None) -> None:
        self.inbox.reload(config, defaults or {})

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
        """Whether a thread works: a look, or the preparer's."""
        return self.inbox._lookout.looking or (may_take and self.inbox.waiting() > 0 and not self.inbox._mender.planned)

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
        return {entry.name: entry.reason for entry in self.inbox.rejected()[0]}

    def waits(self) -> dict[str, str]:
        return {entry.name: entry.missing for entry in self.inbox.incomplete()[0]}


@pytest.fixture
def drive(root: Root, store: Store, clock: FakeClock) -> Iterator[Driver]:
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    driver = Driver(root, store, clock)
    yield driver
    driver.inbox.close()
    structlog.reset_defaults()


def test_a_dropped_pair_becomes_a_job_once_it_is_quiet(drive: Driver, root: Root):
    drive.drop(harbour__content=png(1), harbour__style=png(2))
    assert drive.run(4.5) == []
    assert drive.waits() == {"harbour": "the rest of harbour.content.png, or some quiet seconds"}
    (job,) = drive.run(2)
    assert (job.name, job.number, job.state, job.content, job.styles) == (
        "harbour", 1, JobState.WAITING, "input/content.png", ("input/style.png",)
    )  # fmt: skip
    assert (root.evolution / job.id / "input" / "content.png").read_bytes() == png(1)
    assert drive.left() == []
    assert drive.store.get(1) == job
    assert (drive.inbox.trouble, drive.inbox.incomplete(), drive.inbox.rejected()) == ("", ([], 0), ([], 0))
    file = read_job_file(JobFolder(root.evolution / job.id))
    assert (file.number, file.digests[job.content]) == (1, job.content_digest)
    assert file.settings.keys() == set(Settings.__struct_fields__)
    assert file.weights_digest == describe("builtin").digest
    assert not (root.evolution / job.id / "claim.json").exists()


def test_the_start_up_scan_waits_as_long_as_any_other(drive: Driver):
    """A daemon that starts in the middle of an upload must not take what lies there."""
    drive.drop(a__style=png(2))
    growing = drive.root.inbox / "a.content.png"
    whole = png(1, side=64)
    for end in range(10, len(whole), 20):
        growing.write_bytes(whole[:end])
        assert drive.run(3.5) == []
    growing.write_bytes(whole)
    (job,) = drive.run(11)
    assert (drive.root.evolution / job.id / "input" / "content.png").read_bytes() == whole


def test_a_stalled_writer_that_has_the_file_open_is_waited_for(drive: Driver):
    drive.drop(a__style=png(2))
    with (drive.root.inbox / "a.content.png").open("wb") as writer:
        writer.write(png(1))
        writer.flush()
        assert drive.run(60) == []
        assert drive.waits() == {"a": "the rest of a.content.png, which is open for writing"}
    assert len(drive.run(12)) == 1


@pytest.mark.parametrize("upload", ["rsync", "scp", "ftp", "webdav", "browser"])
def test_every_way_of_uploading_gives_one_job(drive: Driver, upload: str):
    inbox, data = drive.root.inbox, png(1)
    drive.drop(a__style=png(2))
    target = inbox / "a.content.png"
    temporary = {
        "rsync": inbox / ".a.content.png.Ab12Cd",
        "ftp": inbox / "a.content.png.filepart",
        "browser": inbox / "a.content.png.crdownload",
    }
    place = temporary.get(upload, target)
    if upload == "webdav":
        place.write_bytes(b"")
        assert drive.run(20) == []
    place.write_bytes(data[:40])
    assert drive.run(4) == []
    place.write_bytes(data)
    if place != target:
        assert drive.run(20) == []
        place.rename(target)
    (job,) = drive.run(11)
    assert (drive.root.evolution / job.id / "input" / "content.png").read_bytes() == data
    assert drive.run(60) == []
    assert drive.left() == []


def test_all_four_rules_and_a_folder_of_pairs(drive: Driver):
    inbox = drive.root.inbox
    for number, path in enumerate(
        [
            "one/content.png",
            "one/style.png",
            "one/style-2.png",
            "one/mask.png",
            "two.content.png",
            "two-style.png",
            "content/three.png",
            "style/three.png",
            "hot/style.png",
            "hot/four.png",
            "hot/five.png",
            "batch/six.content.png",
            "batch/six.style.png",
        ]
    ):
        (inbox / path).parent.mkdir(exist_ok=True)
        (inbox / path).write_bytes(png(number))
    (inbox / "one" / "job.toml").write_text("seed = 11\npriority = 3\n")
    (inbox / "one" / "notes.txt").write_text("mine")
    (inbox / "hot" / "job.toml").write_text("style_weight = 5.0\n")
    jobs = {job.name: job for job in drive.run(11)}
    assert sorted(jobs) == ["five", "four", "one", "six", "three", "two"]
    one = jobs["one"]
    assert (one.priority, one.settings, one.mask, one.styles) == (
        3,
        {"seed": 11},
        "input/mask.png",
        ("input/style.png", "input/style-2.png"),
    )
    assert (drive.root.evolution / one.id / "input" / "extra" / "notes.txt").read_text() == "mine"
    assert jobs["four"].settings == jobs["five"].settings == {"style_weight": 5.0}
    assert drive.left() == ["hot/job.toml", "hot/style.png"]
    assert not (inbox / "one").exists()
    (inbox / "hot" / "seven.png").write_bytes(png(77))
    assert [job.name for job in drive.run(11)] == ["seven"]


def test_the_roots_defaults_are_in_every_job(drive: Driver):
    drive.use(defaults={"size": 256, "seed": 3})
    (drive.root.inbox / "a.toml").write_text("seed = 4\n")
    drive.drop(a__content=png(1), a__style=png(2))
    (job,) = drive.run(11)
    assert job.settings == {"size": 256, "seed": 4}


def test_a_truncated_image_is_given_time_to_grow_and_then_rejected(drive: Driver):
    drive.drop(a__content=png(1, side=64)[:-40], a__style=png(2))
    assert drive.run(100) == []
    assert "whole image" in drive.waits()["a"]
    assert drive.left() == ["a.content.png", "a.style.png"]
    assert drive.run(30) == []
    assert "truncated" in drive.rejections()["a"]
    assert drive.left() == []
    assert (drive.root.rejected / "a" / "a.style.png").read_bytes() == png(2)
    assert drive.store.events(0)[-1].kind == "rejected"


def test_a_truncated_image_that_grows_after_all_is_taken(drive: Driver):
    drive.drop(a__content=png(1, side=64)[:-40], a__style=png(2))
    assert drive.run(100) == []
    drive.drop(a__content=png(1, side=64))
    assert len(drive.run(11)) == 1


@pytest.mark.parametrize(
    ("content", "toml", "reason"),
    [
        (b"x" * 100_001, "", "the limit is 0 MB"),
        (b"", "", "is empty"),
        (b"hello, I am a text", "", "not an image"),
        (None, "size = 1\n", "from 32 to 65536"),
        (None, "stile_weight = 1\n", "style_weight"),
        (None, "init = '/etc/passwd'\n", "content, noise, style or job:<id>"),
        (None, "x" * 20_000, "16 KiB"),
    ],
)
def test_what_can_never_be_a_job_is_rejected_with_the_reason(
    drive: Driver, content: bytes | None, toml: str, reason: str
):
    drive.drop(
        bad__content=png(1) if content is None else content, bad__style=png(2), good__content=png(3), good__style=png(4)
    )
    if toml:
        (drive.root.inbox / "bad.toml").write_text(toml)
    jobs = drive.run(130)
    assert [job.name for job in jobs] == ["good"]
    assert reason in drive.rejections()["bad"]
    assert drive.left() == []


def test_links_pipes_and_sockets_are_rejected_unopened(drive: Driver, tmp_path: Path):
    inbox = drive.root.inbox
    drive.drop(a__style=png(1), b__style=png(1), c__style=png(1), d__style=png(1), e__content=png(5), e__style=png(6))
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(9))
    (inbox / "a.content.png").symlink_to(secret)
    os.link(secret, inbox / "b.content.png")
    os.mkfifo(inbox / "c.content.png")
    (inbox / "f").mkdir()
    (inbox / "f" / "style.png").write_bytes(png(7))
    (inbox / "f" / "content.png").symlink_to("../../secret.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(inbox / "d.content.png"))
    jobs = drive.run(15)
    assert [job.name for job in jobs] == ["e"]
    reasons = drive.rejections()
    assert sorted(reasons) == ["a", "b", "c", "d", "f"]
    assert "symbolic link" in reasons["a"]
    assert "hard link" in reasons["b"]
    assert "pipe" in reasons["c"]
    assert "symbolic link" in reasons["f"]
    assert drive.left() == []
    assert secret.read_bytes() == png(9)


def test_names_that_could_harm_a_terminal_are_left_alone_and_reported_once(drive: Driver):
    for name in (b"x\x1b[2J.content.png", b"\xff.content.png", b"a\nb.style.png"):
        Path(os.fsdecode(os.fsencode(drive.root.inbox) + b"/" + name)).write_bytes(png(1))
    with structlog.testing.capture_logs() as logs:
        assert drive.run(100) == []
    told = [entry["path"] for entry in logs if entry["event"] == "left alone in the inbox"]
    assert sorted(told) == ["\\xff.content.png", "a\\x0ab.style.png", "x\\x1b[2J.content.png"]
    assert len(drive.left()) == 3


def test_the_same_bytes_again_follow_the_policy(drive: Driver):
    drive.drop(a__content=png(1), a__style=png(2))
    (first,) = drive.run(11)
    drive.drop(b__content=png(1), b__style=png(2))
    (second,) = drive.run(11)
    assert second.reason == f"same images and settings as job 0001 ({first.id})"
    assert drive.store.events(0)[-1].kind == "duplicate"
    drive.use(InboxConfig(settle_s=5.0, watch="poll", duplicates="skip"))
    drive.drop(c__content=png(1), c__style=png(2), d__content=png(1), d__style=png(3))
    (drive.root.inbox / "e.toml").write_text("seed = 1")
    drive.drop(e__content=png(1), e__style=png(2))
    assert [job.name for job in drive.run(11)] == ["d", "e"]
    assert f"job 0001 ({first.id})" in drive.rejections()["c"]
    drive.use(InboxConfig(settle_s=5.0, watch="poll", duplicates="run"))
    drive.drop(f__content=png(1), f__style=png(2))
    (last,) = drive.run(11)
    assert last.reason == ""


def test_a_duplicate_inside_one_drop_is_found_too(drive: Driver):
    drive.use(InboxConfig(settle_s=5.0, watch="poll", duplicates="skip"))
    for name in "abcde":
        drive.drop(**{f"{name}__content": png(1), f"{name}__style": png(2)})
    assert [job.name for job in drive.run(11)] == ["a"]
    assert sorted(drive.rejections()) == ["b", "c", "d", "e"]


def test_the_same_name_again_while_the_first_waits_is_a_second_job(drive: Driver):
    drive.drop(a__content=png(1), a__style=png(2))
    first = drive.run(11)
    drive.drop(a__content=png(3), a__style=png(4))
    second = drive.run(11)
    assert {job.name for job in first + second} == {"a"}
    assert len({job.id for job in first + second}) == 2


def test_a_stray_touch_only_makes_it_wait_again(drive: Driver):
    drive.drop(a__content=png(1), a__style=png(2))
    for _ in range(5):
        assert drive.run(4) == []
        os.utime(drive.root.inbox / "a.content.png")
        (drive.root.inbox / "a.style.png").chmod(0o640)
    assert len(drive.run(11)) == 1


def test_two_hundred_pairs_at_most_in_a_turn_and_all_in_the_end(drive: Driver, clock: FakeClock):
    for number in range(40):
        drive.drop(**{f"n{number}__content": png(number), f"n{number}__style": png(1000 + number)})
    assert drive.run(1) == []
    clock.pass_by(6)
    give_up = time.monotonic() + patience(60)
    jobs: list[Job] = []
    while len(jobs) < 40 and time.monotonic() < give_up:
        batch = drive.inbox.turn(limit=3)
        assert len(batch) <= 3
        jobs += batch
        time.sleep(0.002)
    assert [job.name for job in jobs] == [f"n{number}" for number in range(40)]
    assert [job.number for job in jobs] == list(range(1, 41))


def test_without_room_nothing_is_taken_and_everything_later(drive: Driver):
    drive.drop(a__content=png(1), a__style=png(2))
    assert drive.run(20, may_take=False) == []
    assert drive.left() == ["a.content.png", "a.style.png"]
    assert len(drive.run(1)) == 1


def test_a_disk_that_fills_up_during_a_claim_loses_nothing(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    drive.drop(a__content=png(1), a__style=png(2), b__content=png(3), b__style=png(4))
    real = claiming.write_job_file
    calls: list[int] = []

    def full_the_second_time(*args: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise DiskFull("no room")
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(claiming, "write_job_file", full_the_second_time)
    with pytest.raises(DiskFull):
        drive.run(11)
    assert [job.name for job in drive.store.jobs()] == ["a"]
    assert drive.left() == ["b.content.png", "b.style.png"]
    assert [job.name for job in drive.run(12)] == ["b"]
    assert [job.number for job in drive.store.jobs()] == [1, 3]


def test_jobs_that_the_store_refused_are_added_later(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    drive.drop(a__content=png(1), a__style=png(2))
    real = Store.add

    def refuse(*_: object, **__: object) -> Job:
        raise StoreError("disk I/O error")

    monkeypatch.setattr(Store, "add", refuse)
    with pytest.raises(StoreError):
        drive.run(11)
    assert drive.left() == []
    assert drive.store.jobs() == []
    monkeypatch.setattr(Store, "add", real)
    drive.run(10)
    (job,) = drive.store.jobs()
    assert (job.name, job.number) == ("a", 1)
    assert drive.inbox.trouble == ""


@pytest.mark.parametrize("what", ["deleted", "a file", "a link", "unreadable"])
def test_an_inbox_that_goes_away_is_trouble_and_nothing_more(
    drive: Driver, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    drive.drop(a__content=png(1), a__style=png(2), b__content=png(3))
    jobs = drive.run(11)
    inbox = drive.root.inbox
    elsewhere = inbox.rename(tmp_path / "elsewhere")
    if what == "a file":
        inbox.write_text("not a folder")
    elif what == "a link":
        inbox.symlink_to(elsewhere)
    elif what == "unreadable":
        inbox.mkdir()
        refuse_to_list(monkeypatch)
    assert drive.run(100) == []
    assert "inbox/ cannot be read" in drive.inbox.trouble
    assert drive.waits() == {"b": "a style"}
    assert drive.store.jobs() == jobs
    monkeypatch.undo()
    inbox.rmdir() if inbox.is_dir() and not inbox.is_symlink() else inbox.unlink(missing_ok=True)
    elsewhere.rename(inbox)
    drive.drop(b__style=png(4))
    assert [job.name for job in drive.run(80)] == ["b"]
    assert drive.inbox.trouble == ""


def refuse_to_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
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

    monkeypatch.setattr(inbox_module, "reject", refuse)
    assert drive.run(30) == []
    assert "symbolic link" in drive.waits()["a"]
    assert "Read-only" in drive.waits()["a"]
    monkeypatch.undo()
    drive.run(65)
    assert list(drive.rejections()) == ["a"]


def test_a_decoder_that_breaks_in_a_new_way_holds_up_no_other_pair(drive: Driver, monkeypatch: pytest.MonkeyPatch):
    from styled.inbox.checking import Judge

    real: Callable[..., object] = Judge.judge

    def judge(self: Judge, task: object) -> object:
        if task.pair.name == "a":  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return real(self, task)

    monkeypatch.setattr(Judge, "judge", judge)
    drive.drop(a__content=png(1), a__style=png(2), b__content=png(3), b__style=png(4))
    assert [job.name for job in drive.run(10)] == ["b"]
    assert drive.waits() == {"a": "a look at the log: ZeroDivisionError"}
    monkeypatch.setattr(Judge, "judge", real)
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
    drive.inbox._lookout.look_soon()
    assert [job.name for job in drive.run(0.5)] == ["a"]
    assert drive.left() == []
    drive.drop(a__content=png(60), a__style=png(70))
    drive.inbox._lookout.look_soon()
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
