"""Files that are jobs already and could not be moved: known again after a remount, forgotten when gone, removed when possible."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.files.signature import Signature
from styled.inbox.claiming import claim as claiming
from styled.inbox.claiming.taken import Taken
from styled.store.store import Store
from tests.inbox.driver import Driver
from tests.store.conftest import png

STAYS = "inbox/ cannot be written: pairs are copied and stay there"


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    """Make all that begins with ``a.`` immovable, or movable again."""
    real_rename, real_unlink = claiming.rename_new, os.unlink
    state = {"read only": True}

    def refused(name: str) -> bool:
        return state["read only"] and str(name).startswith("a.")

    def rename(source: str, target: str, *, source_folder: int, target_folder: int) -> None:
        if refused(source):
            raise OSError(errno.EROFS, "Read-only file system")
        real_rename(source, target, source_folder=source_folder, target_folder=target_folder)

    def unlink(path: str | Path, *, dir_fd: int | None = None) -> None:
        if refused(str(path)):
            raise OSError(errno.EROFS, "Read-only file system")
        real_unlink(path, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(claiming, "rename_new", rename)
        patch.setattr(os, "unlink", unlink)
        yield lambda value: state.update({"read only": value})


@pytest.fixture
def taken(drive: Driver, read_only: Callable[[bool], None]) -> Driver:
    """A pair is a job and lies in the inbox still."""
    drive.drop(a__content=png(1), a__style=png(2))
    assert len(drive.run(11)) == 1
    assert drive.left() == ["a.content.png", "a.style.png"]
    assert drive.inbox.trouble == STAYS
    return drive


def remount(drive: Driver, change: Callable[[Path], None] = lambda _: None) -> None:
    """Give every file another inode, and the inbox another identity: what a remount of FUSE or SMB does."""
    inbox = drive.root.inbox
    old = inbox.rename(inbox.with_name("old"))
    shutil.copytree(old, inbox)
    change(inbox)


@pytest.mark.processes
def test_a_remount_paints_nothing_again(taken: Driver, store: Store):
    remount(taken)
    assert taken.run(100) == []
    assert len(store.jobs()) == 1
    assert taken.inbox.trouble == STAYS
    taken.use()
    assert taken.run(20) == []


@pytest.mark.processes
def test_other_bytes_of_the_same_size_and_time_are_another_pair(taken: Driver):
    def change(inbox: Path) -> None:
        path = inbox / "a.content.png"
        status = path.stat()
        path.write_bytes(png(1)[:-1] + png(9)[-1:] if png(1)[-1:] != png(9)[-1:] else png(9))
        os.truncate(path, status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    remount(taken, change)
    jobs = taken.run(20)
    assert [job.name for job in jobs] == ["a"]


@pytest.mark.processes
def test_originals_are_removed_once_that_is_possible_and_the_trouble_ends(
    taken: Driver, store: Store, read_only: Callable[[bool], None]
):
    read_only(False)
    assert taken.run(70) == []
    assert taken.left() == []
    assert taken.inbox.trouble == ""
    assert store.taken() == {}


@pytest.mark.processes
def test_originals_that_somebody_removed_are_forgotten(taken: Driver, store: Store, read_only: Callable[[bool], None]):
    for name in taken.left():
        (taken.root.inbox / name).rename(taken.root.path / name)
    taken.run(10)
    assert store.taken() == {}
    assert taken.inbox.trouble == ""
    for name in ("a.content.png", "a.style.png"):
        (taken.root.path / name).rename(taken.root.inbox / name)
    assert len(taken.run(11)) == 1  # dropped once more, and so painted once more


@pytest.mark.processes
def test_with_nothing_mounted_nothing_is_forgotten(taken: Driver, store: Store):
    inbox = taken.root.inbox
    mounted = inbox.rename(inbox.with_name("mounted"))
    inbox.mkdir()
    taken.run(40)
    assert taken.inbox.trouble == ""
    assert len(store.taken()) == 2
    inbox.rmdir()
    mounted.rename(inbox)
    assert taken.run(40) == []


@given(st.integers(0, 2**63), st.integers(0, 2**63), st.integers(-(2**62), 2**62), st.sampled_from(["", "0" * 64]))
def test_what_is_remembered_is_read_back(inode: int, size: int, mtime_ns: int, digest: str):
    taken = Taken(inode, size, mtime_ns, digest)
    assert Taken.parse(taken.text) == taken


@pytest.mark.parametrize("text", ["", "1", "1:2", "a:b:c", "1:2:3:4:5"])
def test_what_is_no_such_text_is_nothing(text: str):
    assert Taken.parse(text) is None


def test_rows_of_an_older_version_have_no_digest():
    taken = Taken.parse("7:10:99")
    assert taken == Taken(7, 10, 99, "")
    assert taken.is_same(Signature(1, 7, 10, 99, 5))
    assert taken.may_be(Signature(1, 8, 10, 99, 5))
    assert not taken.is_same(Signature(1, 8, 10, 99, 5))
    assert not taken.may_be(Signature(1, 7, 10, 98, 5)), "without a digest nothing else tells that it was only touched"


def test_of_a_touched_file_the_digest_decides():
    taken = Taken(7, 10, 99, "0" * 64)
    assert taken.may_be(Signature(1, 7, 10, 98, 5))
    assert not taken.is_same(Signature(1, 7, 10, 98, 5))
    assert not taken.may_be(Signature(1, 7, 11, 99, 5))


@pytest.mark.processes
def test_a_touch_of_what_stays_paints_nothing_again(taken: Driver, store: Store):
    """Found by chaos: a pair in an immutable folder was painted a second time after its files were touched."""
    for name in taken.left():
        os.utime(taken.root.inbox / name, (1_000_000, 1_000_000))
    assert taken.run(40) == []
    assert len(store.jobs()) == 1
    taken.use()
    assert taken.run(20) == []
