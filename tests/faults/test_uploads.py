"""Uploads of every kind into a running daemon: one job each, with exactly the bytes that were sent."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.job import JobState
from styled.root import Root
from styled.store.reader import StoreReader
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, picture

pytestmark = pytest.mark.processes

SETTLE_S = 0.4


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon that waits a little longer for the rest of a file, the same for all tests; each has pairs of its own."""
    root = Root.at(tmp_path_factory.mktemp("uploads") / "root")
    root.path.mkdir()
    with DaemonProcess(root, STYLED_INBOX__SETTLE_S=str(SETTLE_S)) as daemon:
        yield daemon
        assert daemon.end() == 0
        names = [job.name for job in daemon.jobs()]
    check_invariant(root, names)  # each test has looked for its own: beside them nothing is left


@pytest.fixture
def sources(tmp_path: Path) -> tuple[bytes, bytes]:
    """The bytes of a content and a style."""
    return picture(tmp_path / "a.png", 40, 320, 240).read_bytes(), picture(tmp_path / "b.png", 200).read_bytes()


def taken(daemon: DaemonProcess, name: str, sources: tuple[bytes, bytes]) -> None:
    """Check that a pair became one job with these bytes."""
    job = daemon.until(name, JobState.DONE)
    folder = daemon.root.evolution / job.id
    assert ((folder / job.content).read_bytes(), (folder / job.styles[0]).read_bytes()) == sources
    assert [each.name for each in daemon.jobs()].count(name) == 1


def test_a_slow_writer_is_waited_for(daemon: DaemonProcess, sources: tuple[bytes, bytes]) -> None:
    tries = 0
    while not written_slowly(daemon, f"slow-upload-{tries}", sources):
        tries += 1  # this machine held us up for longer than the quiet time: what then became a job is no fault
    taken(daemon, f"slow-upload-{tries}", sources)


def written_slowly(daemon: DaemonProcess, name: str, sources: tuple[bytes, bytes]) -> bool:
    """Write a content in pieces, in more than the quiet time together; return whether each gap was shorter than that."""
    folder = daemon.root.inbox / f".{name}"
    folder.mkdir()
    (folder / "style.png").write_bytes(sources[1])
    (folder / "content.png").touch()
    folder = folder.rename(daemon.root.inbox / name)
    size = len(sources[0]) // 4 + 1
    written_at = time.monotonic()
    for start in range(0, len(sources[0]), size):
        try:
            with (folder / "content.png").open("r+b") as file:  # closed each time: only quiet can tell
                file.seek(0, os.SEEK_END)
                file.write(sources[0][start : start + size])
        except FileNotFoundError:
            assert time.monotonic() - written_at >= SETTLE_S, "it was taken too early"
            return False
        gap, written_at = time.monotonic() - written_at, time.monotonic()
        if gap >= SETTLE_S:
            return False
        time.sleep(0.5 * SETTLE_S)  # a pace, and so a clock
        assert daemon.job(name) is None or time.monotonic() - written_at >= SETTLE_S
    return True


def test_a_stalled_writer_that_has_the_file_open_is_waited_for(
    daemon: DaemonProcess, sources: tuple[bytes, bytes]
) -> None:
    folder = daemon.root.inbox / "stalled"
    folder.mkdir()
    (folder / "style.png").write_bytes(sources[1])
    with (folder / "content.png").open("wb") as file:
        file.write(sources[0][:-10])
        file.flush()
        time.sleep(3 * SETTLE_S)  # longer than the quiet time, and so a clock
        assert daemon.job("stalled") is None
        file.write(sources[0][-10:])
    taken(daemon, "stalled", sources)


def scp(target: Path, data: bytes) -> Iterator[None]:
    """In place, in pieces."""
    with target.open("wb") as file:
        for start in range(0, len(data), 500):
            file.write(data[start : start + 500])
            file.flush()
        yield


def rsync(target: Path, data: bytes) -> Iterator[None]:
    """Under a hidden random name, then renamed."""
    hidden = target.with_name(f".{target.name}.Xk3dq9")
    hidden.write_bytes(data)
    yield
    hidden.rename(target)


def ftp(target: Path, data: bytes) -> Iterator[None]:
    """Under a name that says it is part of a file, then renamed."""
    part = target.with_name(f"{target.name}.filepart")
    part.write_bytes(data)
    yield
    part.rename(target)


def webdav(target: Path, data: bytes) -> Iterator[None]:
    """An empty file first."""
    target.touch()
    yield
    target.write_bytes(data)


def moved(target: Path, data: bytes) -> Iterator[None]:
    """Written elsewhere on the disk and moved in."""
    outside = target.parents[3] / f"{target.parent.name}-{target.name}"
    outside.write_bytes(data)
    yield
    outside.rename(target)


def moved_over(target: Path, data: bytes) -> Iterator[None]:
    """Something else first, then replaced by a rename."""
    target.write_bytes(data[: len(data) // 2])
    yield from moved(target, data)


def test_each_way_of_uploading_gives_one_job(daemon: DaemonProcess, sources: tuple[bytes, bytes]) -> None:
    """All at once, each halfway for longer than the quiet time."""
    ways = {way.__name__.replace("_", "-"): way for way in (scp, rsync, ftp, webdav, moved, moved_over)}
    pairs = {name: (sources[0] + name.encode(), sources[1]) for name in ways}
    halfway = []
    for name, way in ways.items():
        folder = daemon.root.inbox / name
        folder.mkdir()
        for role, data in zip(("content.png", "style.png"), pairs[name], strict=True):
            upload = way(folder / role, data)
            next(upload)
            halfway.append(upload)
    time.sleep(2 * SETTLE_S)  # longer than the quiet time, and so a clock
    assert not {job.name for job in daemon.jobs()} & set(ways)
    for upload in halfway:
        assert next(upload, "ended") == "ended"
    for name, pair in pairs.items():
        taken(daemon, name, pair)


def test_a_folder_of_pairs_moved_in_is_found_and_so_is_what_is_added_inside(
    daemon: DaemonProcess, sources: tuple[bytes, bytes]
) -> None:
    outside = daemon.root.path.parent / "trip"
    outside.mkdir()
    for name in ("one", "two"):
        (outside / f"{name}.content.png").write_bytes(sources[0] + name.encode())
        (outside / f"{name}.style.png").write_bytes(sources[1])
    shutil.move(outside, daemon.root.inbox / "trip")
    for name in ("one", "two"):
        daemon.until(name, JobState.DONE)
    inside = daemon.root.inbox / "trip"
    inside.mkdir(exist_ok=True)
    (inside / "three.content.png").write_bytes(sources[0] + b"three")
    (inside / "three.style.png").write_bytes(sources[1])
    daemon.until("three", JobState.DONE)
    if inside.exists():
        inside.rmdir()  # which it could not if anything were left


def test_a_restart_in_the_middle_of_an_upload_waits_for_the_rest(root: Root, sources: tuple[bytes, bytes]) -> None:
    folder = root.inbox / "restarted"
    folder.mkdir(parents=True)
    (folder / "style.png").write_bytes(sources[1])
    with (folder / "content.png").open("wb") as file:
        file.write(sources[0][:-10])
        file.flush()
        with DaemonProcess(root, STYLED_INBOX__SETTLE_S=str(SETTLE_S)) as daemon:
            time.sleep(3 * SETTLE_S)  # longer than the quiet time, and so a clock
            assert daemon.jobs() == []
            file.write(sources[0][-10:])
            file.close()
            taken(daemon, "restarted", sources)
            daemon.end()
    check_invariant(root, {"restarted"})


def test_a_touch_while_the_job_runs_starts_no_second_one_and_the_same_name_again_does(
    daemon: DaemonProcess, sources: tuple[bytes, bytes]
) -> None:
    daemon.drop("slow-twice", settings={"steps": 30})
    job = daemon.until_step("slow-twice", 1)
    (daemon.root.inbox / "slow-twice").mkdir(exist_ok=True)
    os.utime(daemon.root.inbox)
    (daemon.root.inbox / "slow-twice").chmod(0o755)
    time.sleep(2 * SETTLE_S)  # nothing tells of what does not happen
    assert [each.id for each in daemon.jobs() if each.name == job.name] == [job.id]
    (daemon.root.inbox / "slow-twice" / "content.png").write_bytes(sources[0])
    (daemon.root.inbox / "slow-twice" / "style.png").write_bytes(sources[1])
    found = wait_until(lambda: len(same := [each for each in daemon.jobs() if each.name == job.name]) == 2 and same)
    assert len({each.id for each in found}) == 2


@pytest.mark.parametrize(("policy", "jobs", "rejected"), [("run", 2, 0), ("warn", 2, 0), ("skip", 1, 1)])
def test_the_same_pair_again_follows_the_policy(root: Root, policy: str, jobs: int, rejected: int) -> None:
    with DaemonProcess(root, STYLED_INBOX__DUPLICATES=policy) as daemon:
        daemon.drop("first", settings={"steps": 2})
        first = daemon.until("first", JobState.DONE)
        daemon.drop("again", settings={"steps": 2})
        if rejected:
            reason = wait_until(lambda: list(root.rejected.glob("again*/REASON.txt")))[0].read_text()
            assert first.id in reason
        else:
            daemon.until("again", JobState.DONE)
            with StoreReader.open(root) as reader:
                warnings = [event.note for event in reader.events() if event.kind == "duplicate"]
            assert [first.id in note for note in warnings] == ([True] if policy == "warn" else [])
        assert len(daemon.jobs()) == jobs
        daemon.end()
    check_invariant(root, {"first", "again"})
