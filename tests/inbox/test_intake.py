"""What is dropped becomes jobs, once, when it is whole."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Literal

import pytest
import structlog
from PIL import Image

from styled.config import InboxConfig
from styled.errors import DiskFull, StoreError
from styled.evolution import JobFolder, read_job_file
from styled.inbox.claiming import claim as claiming
from styled.job import Job, JobState
from styled.root import Root
from styled.settings import Settings
from styled.store.store import Store
from styled.vgg19.weights import describe
from tests.deadlines import patience
from tests.inbox.driver import Driver
from tests.store.conftest import FakeClock, png

pytestmark = pytest.mark.processes


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
    assert (drive.inbox.trouble, drive.inbox.found.incomplete, drive.inbox.found.rejected) == ("", [], [])
    folder = JobFolder(root.evolution / job.id)
    file = read_job_file(folder)
    assert (file.number, file.digests[job.content]) == (1, job.content_digest)
    assert json.loads(folder.job_json.read_bytes())["settings"].keys() == set(Settings.__struct_fields__)
    assert file.weights_digest == describe("builtin").digest
    assert not (root.evolution / job.id / "claim.json").exists()


def test_a_job_knows_what_its_images_were_called(drive: Driver, root: Root):
    drive.drop(harbour__content=png(1), harbour__style=png(2))
    hot = root.inbox / "starry_night"
    hot.mkdir()
    (hot / "style.png").write_bytes(png(2))
    (hot / "job.toml").write_text('names = {content = "not all of them.png"}')
    (hot / "cat.png").write_bytes(png(3))
    own = root.inbox / "trip"
    own.mkdir()
    (own / "content.png").write_bytes(png(4))
    (own / "style.png").write_bytes(png(5))
    (own / "job.toml").write_text('names = {content = "tree.png", styles = ["the_scream.png"]}')
    jobs = {job.name: job for job in drive.run(12)}
    assert {name: (job.input_title(job.content), job.style_title, job.title) for name, job in jobs.items()} == {
        "harbour": ("harbour", "harbour", "harbour"),
        "cat": ("cat", "starry_night", "cat × starry_night"),
        "trip": ("tree", "the_scream", "trip × the_scream"),
    }
    assert jobs["cat"].names == {
        "input/content.png": "starry_night/cat.png",
        "input/style.png": "starry_night/style.png",
    }
    assert read_job_file(JobFolder(root.evolution / jobs["cat"].id)).names == jobs["cat"].names
    assert [job.name for job in drive.store.jobs(search="starry")] == ["cat"]


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


def test_a_mask_that_comes_last_under_a_temporary_name_is_painted_with(drive: Driver):
    """Several files are sent at once: the pair may be whole without its mask long before that is here."""
    drive.drop(a__content=png(1), a__style=png(2))
    uploading = drive.root.inbox / "a.mask.png.filepart"
    uploading.write_bytes(b"")
    assert drive.run(60) == []
    assert drive.waits() == {"a": "the rest of a.mask.png.filepart, which is still being written"}
    halves = Image.new("L", (16, 16))
    halves.paste(255, (0, 0, 8, 16))
    halves.save(uploading, "PNG")
    uploading.rename(drive.root.inbox / "a.mask.png")
    assert [job.mask for job in drive.run(11)] == ["input/mask.png"]


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
    halves = Image.open(inbox / "one" / "mask.png")
    halves.paste((255, 255, 255), (0, 0, halves.width // 2, halves.height))
    halves.save(inbox / "one" / "mask.png")
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


def test_a_pair_starts_from_a_job_that_is_named_in_any_way(drive: Driver, root: Root):
    """Its id is kept, so that it stays that job; one without a result is refused with the reason."""
    drive.drop(harbour__content=png(1), harbour__style=png(2))
    (first,) = drive.run(8)
    for name, init in (("by-name", "job:harbour"), ("by-number", "job:1"), ("of-none", "job:cat")):
        if name == "by-name":
            (root.evolution / first.id / "result.png").write_bytes(png(3))
        folder = root.inbox / name
        folder.mkdir()
        (folder / "content.png").write_bytes(png(4))
        (folder / "style.png").write_bytes(png(5))
        (folder / "job.toml").write_text(f'init = "{init}"')
    jobs = {job.name: job.settings["init"] for job in drive.run(8) if job.name != "harbour"}
    assert jobs == dict.fromkeys(("by-name", "by-number"), f"job:{first.id}")
    assert "init = 'job:cat': no job is 'cat'" in (root.inbox / "rejected/of-none/REASON.txt").read_text()


def test_the_roots_defaults_are_in_every_job(drive: Driver):
    drive.use(defaults={"size": 256, "seed": 3})
    (drive.root.inbox / "a.toml").write_text("seed = 4\n")
    drive.drop(a__content=png(1), a__style=png(2))
    (job,) = drive.run(11)
    assert job.settings == {"size": 256, "seed": 4}


def test_a_truncated_image_is_given_time_to_grow_and_then_rejected(drive: Driver):
    drive.drop(a__content=png(1, side=64)[:-40], a__style=png(2))
    assert drive.run(100) == []
    assert "to become readable" in drive.waits()["a"]
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
        (None, "size = 1\n", "from 32 to 65,536"),
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
    assert second.remarks == (f"same images and settings as job 0001 ({first.id})",)
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


@pytest.mark.parametrize("policy", ["warn", "skip"])
def test_a_pair_whose_job_was_removed_is_no_duplicate(drive: Driver, policy: Literal["warn", "skip"]):
    drive.use(InboxConfig(settle_s=5.0, watch="poll", duplicates=policy))
    drive.drop(a__content=png(1), a__style=png(2))
    (first,) = drive.run(11)
    drive.store.move(first.id, JobState.CANCELLED)
    drive.store.remove(first.id)
    drive.drop(b__content=png(1), b__style=png(2))
    (second,) = drive.run(11)
    assert (second.name, second.remarks, drive.rejections()) == ("b", (), {})
    drive.use(InboxConfig(settle_s=5.0, watch="poll", duplicates="skip"))
    drive.drop(c__content=png(1), c__style=png(2))
    assert drive.run(11) == []
    assert f"job 0002 ({second.id})" in drive.rejections()["c"]


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
