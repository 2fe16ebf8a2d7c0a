"""The inbox on other mounts, for real: another filesystem, read-only, unmounted and mounted again, a disk that is full."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styled.config import InboxConfig
from styled.errors import DiskFull
from styled.inbox.intake import Inbox
from styled.job import Job
from styled.root import Root
from styled.store.store import Store
from tests.deadlines import patience
from tests.store.conftest import png

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")]

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """``mount(folder, "-t", "tmpfs", …)``; unmounted at the end."""
    mounted: list[Path] = []

    def do(folder: Path, *arguments: str) -> None:
        done = subprocess.run(["mount", *arguments, str(folder)], check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        mounted.append(folder)

    yield do
    for folder in reversed(mounted):
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def drop(folder: Path, name: str, number: int) -> None:
    for part in ("content", "style"):
        (folder / f"{name}.{part}.png").write_bytes(png(number + (part == "style")))


@pytest.fixture
def store(root: Root) -> Iterator[Store]:
    with Store.open(root) as opened:
        yield opened


@pytest.fixture
def inbox(root: Root, store: Store) -> Iterator[Inbox]:
    with Inbox(root, store, InboxConfig(settle_s=0.1, rescan_s=0.5, watch="poll")) as opened:
        yield opened


def run(inbox: Inbox, until: Callable[[], bool], seconds: float = 20.0) -> list[Job]:
    jobs: list[Job] = []
    give_up = time.monotonic() + patience(seconds)
    while not until() and time.monotonic() < give_up:
        jobs += inbox.turn()
        time.sleep(0.01)
    assert until()
    return jobs


def for_some_looks(inbox: Inbox) -> list[Job]:
    """Turn for as long as two whole looks at the inbox take; return what became jobs."""
    enough = inbox._scanner.begun + 3
    return run(inbox, lambda: inbox._scanner.begun >= enough)


def test_an_inbox_on_another_filesystem_is_copied_from_and_emptied(
    root: Root, store: Store, inbox: Inbox, mount: Mount
):
    mount(root.inbox, "-t", "tmpfs", "tmpfs")
    drop(root.inbox, "a", 1)
    (root.inbox / "b").mkdir()
    for part in ("content.png", "style.png", "notes.txt"):
        (root.inbox / "b" / part).write_bytes(png(5))
    run(inbox, lambda: len(store.jobs()) == 2)
    assert sorted(path.name for path in root.inbox.rglob("*")) == ["b", "notes.txt"]
    job = store.get(1)
    assert (root.evolution / job.id / "input" / "content.png").read_bytes() in (png(1), png(5))
    assert inbox.trouble == ""


def test_two_binds_of_one_filesystem_are_two_mounts(
    root: Root, store: Store, inbox: Inbox, mount: Mount, tmp_path: Path
):
    """They have one device number, and a rename between them fails all the same."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mount(root.inbox, "--bind", str(elsewhere))
    assert root.inbox.stat().st_dev == root.evolution.stat().st_dev
    drop(root.inbox, "a", 1)
    run(inbox, lambda: len(store.jobs()) == 1)
    assert list(root.inbox.iterdir()) == []


def test_a_read_only_inbox_gives_each_pair_once_and_across_restarts(
    root: Root, store: Store, inbox: Inbox, mount: Mount, tmp_path: Path
):
    source = tmp_path / "source"
    source.mkdir()
    drop(source, "a", 1)
    mount(root.inbox, "--bind", str(source))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(root.inbox)], check=True)
    run(inbox, lambda: len(store.jobs()) == 1)
    assert "cannot be written" in inbox.trouble
    assert for_some_looks(inbox) == []
    with Inbox(root, store, InboxConfig(settle_s=0.1, rescan_s=0.5, watch="poll")) as again:
        assert for_some_looks(again) == []
    drop(source, "b", 5)
    (source / "bad.content.png").symlink_to("/etc/passwd")
    jobs = run(inbox, lambda: len(store.jobs()) == 2)
    assert [job.name for job in jobs] == ["b"]
    run(inbox, lambda: any("symbolic link" in entry.missing for entry in inbox.found.incomplete))
    assert sorted(path.name for path in source.iterdir()) == [
        "a.content.png", "a.style.png", "b.content.png", "b.style.png", "bad.content.png"
    ]  # fmt: skip


def test_an_unmounted_inbox_is_not_an_empty_one(root: Root, store: Store, inbox: Inbox, mount: Mount, tmp_path: Path):
    share = tmp_path / "share"
    share.mkdir()
    mount(root.inbox, "--bind", str(share))
    drop(root.inbox, "a", 1)
    (root.inbox / "half.content.png").write_bytes(png(9))
    run(inbox, lambda: len(store.jobs()) == 1 and inbox.found.incomplete_count == 1)
    before = store.jobs()
    subprocess.run(["umount", str(root.inbox)], check=True)
    assert for_some_looks(inbox) == []
    assert store.jobs() == before
    mount(root.inbox, "--bind", str(share))
    (root.inbox / "half.style.png").write_bytes(png(10))
    assert [job.name for job in run(inbox, lambda: len(store.jobs()) == 2)] == ["half"]


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_under_evolution_undoes_the_claim_and_it_goes_on_when_there_is_room(
    root: Root, mount: Mount, tmp_path: Path
):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "-t", "tmpfs", "-o", "size=600k", "tmpfs")
    small = Root(disk)
    small.inbox.mkdir()
    small.evolution.mkdir()
    with (
        Store.open(small) as store,
        Inbox(small, store, InboxConfig(settle_s=0.1, rescan_s=0.5, watch="poll")) as inbox,
    ):
        drop(small.inbox, "a", 1)
        run(inbox, lambda: inbox._scanner.begun > 0 and not inbox._recovery_schedule.planned)
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space"):
            fill(filler)
        full: list[DiskFull] = []
        give_up = time.monotonic() + patience(20)
        while not full and time.monotonic() < give_up:
            try:
                inbox.turn()
            except DiskFull as error:
                full.append(error)
            time.sleep(0.01)
        assert full
        assert sorted(path.name for path in small.inbox.iterdir()) == ["a.content.png", "a.style.png"]
        assert [path.name for path in small.evolution.iterdir()] == []
        assert store.jobs() == []
        filler.unlink()
        run(inbox, lambda: len(store.jobs()) == 1)
        assert list(small.inbox.iterdir()) == []
