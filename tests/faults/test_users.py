"""Other users of the machine: at the socket, and as owners of what lies in the inbox. Needs root; pytest -m root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from styled.daemon.process.lock import RootLock
from styled.errors import DaemonAlreadyRunning, DaemonError
from styled.job import JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import FAULTS, DaemonProcess, check_invariant, picture

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")]

STRANGER = 65534
GROUP = 65533

ASK = """
import os, sys
from styled.daemon.control.protocol import Client
from styled.root import Root
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[2]))
try:
    print(Client(Root.at(sys.argv[3])).request("pause"))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def root(public: Path) -> Root:
    """An empty root that other users come to."""
    root = Root.at(public / "root")
    root.path.mkdir()
    return root


def ask_as(root: Root, user: int, group: int) -> str:
    """Return what somebody else hears when he asks the daemon to pause."""
    command = [sys.executable, "-c", ASK, str(group), str(user), str(root.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FAULTS.parent.parent)
    return done.stdout + done.stderr


def test_a_stranger_may_not_talk_to_the_daemon(daemon: DaemonProcess) -> None:
    for folder in (daemon.root.path, daemon.root.state):
        folder.chmod(0o755)
    assert ask_as(daemon.root, STRANGER, STRANGER).startswith("ControlError you may not talk to the daemon")
    daemon.root.socket.chmod(0o777)  # as all is on a file system without permissions
    for _ in range(3):
        assert ask_as(daemon.root, STRANGER, STRANGER).startswith("ControlError you may not talk to this daemon")
    assert daemon.root.log.read_text().count("a client is refused") == 1
    assert daemon.client.request("status")["status"]["state"] == "running"


def test_with_mode_0660_a_member_of_the_group_may_and_is_named_in_the_log(root: Root) -> None:
    group = subprocess.run(["getent", "group", str(GROUP)], capture_output=True, text=True, check=False).stdout
    name = group.partition(":")[0] or "nogroup"
    number = int(group.split(":")[2]) if group else STRANGER
    with DaemonProcess(root, STYLED_CONTROL__MODE="0660", STYLED_CONTROL__GROUP=name) as daemon:
        root.path.chmod(0o755)
        assert ask_as(root, STRANGER - 5, STRANGER - 5).startswith("ControlError you may not talk to the daemon")
        root.state.chmod(0o755)
        root.socket.chmod(0o777)
        assert ask_as(root, STRANGER - 5, STRANGER - 5).startswith("ControlError you may not talk to this daemon")
        root.state.chmod(0o710)
        assert ask_as(root, STRANGER, number) == "{}\n"
        assert daemon.client.request("status")["status"]["state"] == "paused"
        entries = [json.loads(line) for line in root.log.read_text().splitlines()]
        # Come as far as the socket, he can open nothing beside it.
        closed = [root.lock, *root.state.glob("queue.db*")]
        assert closed
        assert [path.name for path in closed if path.stat().st_mode & 0o077] == []
        assert any("nobody" in str(entry) or str(STRANGER) in str(entry) for entry in entries)
        assert daemon.end() == 0


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
def test_a_file_that_may_not_be_read_waits_and_the_rest_is_painted(root: Root) -> None:
    """The daemon runs as root without root's right to read everything: the interpreter may be in root's home."""
    root.inbox.mkdir()
    with DaemonProcess(root, through=["setpriv", "--bounding-set=-dac_override,-dac_read_search"]) as daemon:
        locked = picture(root.inbox / "locked.content.png")
        locked.chmod(0o000)
        picture(root.inbox / "locked.style.png", 200)
        daemon.drop("good", levels=(1, 2))
        daemon.until("good", JobState.DONE)
        told = wait_until(lambda: daemon.client.request("status")["status"]["incomplete"])
        assert [(entry["name"], entry["missing"]) for entry in told] == [
            ("locked", "permission to read locked.content.png")
        ]
        locked.chmod(0o644)
        daemon.until("locked", JobState.DONE, seconds=90)
        assert daemon.end() == 0
    check_invariant(root, {"good", "locked"})


LOCK = """
import fcntl, os, sys, time
os.setgid(65534); os.setuid(65534)
folder = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(folder, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(1000)
"""


def test_a_strangers_lock_on_the_roots_folder_stops_no_start_and_a_daemon_of_ours_does(root: Root) -> None:
    root.path.chmod(0o755)
    with subprocess.Popen([sys.executable, "-c", LOCK, str(root.path)], stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == b"locked\n"
        with RootLock(root), pytest.raises(DaemonAlreadyRunning):
            RootLock(root).acquire()
        stranger.kill()


def test_folders_that_a_stranger_made_for_the_daemon_are_refused(root: Root) -> None:
    for folder in (root.state, root.evolution):
        folder.mkdir()
        os.chown(folder, STRANGER, -1)
        with pytest.raises(DaemonError, match="belongs to another user") as caught:
            RootLock(root).acquire()
        assert "chown" in caught.value.advice
        folder.rmdir()
    root.evolution.mkdir()
    root.evolution.chmod(0o777)
    with RootLock(root):
        assert root.evolution.stat().st_mode & 0o777 == 0o775
