"""One daemon per root, however the root is reached and however the last one ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from styled.daemon.process.lock import Holder, RootLock, holder_of, read_holder
from styled.errors import DaemonAlreadyRunning, DaemonError, RootAway
from styled.root import Root

pytestmark = pytest.mark.processes

HOLD = "import sys, styled.daemon.process.lock as l, styled.root as r; l.RootLock(r.Root.at(sys.argv[1])).acquire(); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def other(root: Root):
    """Another process that holds the lock of the root."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_daemon_is_refused_with_the_holders_pid(root: Root, other: subprocess.Popen[bytes]) -> None:
    with pytest.raises(DaemonAlreadyRunning, match=f"process {other.pid} already runs a daemon"):
        RootLock(root).acquire()
    holder = holder_of(root)
    assert holder is not None
    assert holder.pid == other.pid


def test_another_path_to_the_same_root_meets_the_same_lock(
    root: Root, other: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(root.path)
    with pytest.raises(DaemonAlreadyRunning, match=str(other.pid)):
        RootLock(Root.at(link)).acquire()


def test_deleting_the_state_folder_does_not_let_a_second_daemon_in(root: Root, other: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(root.state)
    with pytest.raises(DaemonAlreadyRunning):
        RootLock(root).acquire()


def test_a_killed_holder_does_not_block_the_next(root: Root, other: subprocess.Popen[bytes]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert holder_of(root) is None
    with RootLock(root):
        holder = read_holder(root.lock)
        assert holder is not None
        assert holder.pid == os.getpid()


def test_it_can_be_taken_again_after_it_was_given_back(root: Root) -> None:
    lock = RootLock(root)
    for _ in range(2):
        with lock:
            assert holder_of(root) is not None
    assert holder_of(root) is None


def test_a_lock_file_full_of_rubbish_is_no_obstacle(root: Root) -> None:
    root.lock.write_bytes(b"\x00\xff not json")
    assert holder_of(root) is None
    with RootLock(root):
        assert holder_of(root) is not None


@pytest.mark.parametrize("left", [b"", b"no JSON", b'{"pid": 1, "started_at": 5.0}'])
def test_a_holder_that_could_not_note_itself_is_known_all_the_same(
    root: Root, other: subprocess.Popen[bytes], left: bytes
) -> None:
    """On a full disk the file keeps what the last daemon wrote."""
    root.lock.write_bytes(left)
    holder = holder_of(root)
    assert holder is not None
    assert holder.pid == other.pid
    assert psutil.Process(holder.pid).create_time() == holder.started_at
    with pytest.raises(DaemonAlreadyRunning, match=f"process {other.pid} "):
        RootLock(root).acquire()


def test_a_holder_is_known_after_the_clock_was_set_and_the_machine_renamed(
    root: Root, other: subprocess.Popen[bytes]
) -> None:
    """By the kernel: a daemon that hung could not be replaced then."""
    root.lock.write_text(f'{{"pid": {other.pid}, "started_at": 5.0, "host": "elsewhere", "waits": "for a disk"}}')
    started_at = psutil.Process(other.pid).create_time()
    assert holder_of(root) == Holder(other.pid, started_at, socket.gethostname(), "for a disk")


def test_what_a_daemon_on_another_machine_noted_is_believed(root: Root, other: subprocess.Popen[bytes]) -> None:
    root.lock.write_bytes(b'{"pid": 1, "started_at": 5.0, "host": "elsewhere"}')
    assert holder_of(root) == Holder(1, 5.0, "elsewhere")


def test_a_lock_that_is_a_link_is_not_followed(root: Root, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    root.lock.symlink_to(target)
    with pytest.raises(DaemonError, match="cannot be opened"):
        RootLock(root).acquire()
    assert target.read_text() == "kept"


def test_a_root_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(DaemonError, match="Give the daemon a root"):
        RootLock(Root.at(path)).acquire()


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_what_is_kept_for_the_root_is_its_owners_from_the_first_moment(tmp_path: Path, mask: int) -> None:
    root = Root(tmp_path / "new")
    before = os.umask(mask)
    try:
        with RootLock(root):
            assert stat.S_IMODE(root.state.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_an_open_folder_is_closed_by_who_holds_the_lock_and_by_no_other(root: Root) -> None:
    root.state.chmod(0o755)
    with RootLock(root):
        assert stat.S_IMODE(root.state.stat().st_mode) == 0o700
        root.state.chmod(0o710)  # a group was let in
        with pytest.raises(DaemonAlreadyRunning):
            RootLock(root).acquire()
        assert stat.S_IMODE(root.state.stat().st_mode) == 0o710


def test_a_lock_file_that_is_removed_is_made_again_and_still_refuses_another(root: Root) -> None:
    with RootLock(root) as lock:
        assert not lock.keep()
        shutil.rmtree(root.state)
        assert lock.keep()
        assert not lock.keep()
        assert holder_of(root) is not None
        with pytest.raises(DaemonAlreadyRunning):
            RootLock(root).acquire()


def test_a_root_that_is_moved_away_or_replaced_is_not_made_anew(root: Root) -> None:
    moved = root.path.with_name("moved")
    with RootLock(root) as lock:
        root.path.rename(moved)
        with pytest.raises(RootAway, match="is not there any more"):
            lock.keep()
        assert not root.path.exists()
        root.path.mkdir()  # as an empty mount point
        with pytest.raises(RootAway, match="is another folder"):
            lock.keep()
        root.path.rmdir()
        moved.rename(root.path)
        assert not lock.keep()
