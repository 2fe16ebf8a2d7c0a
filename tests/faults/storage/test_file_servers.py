"""File servers that hang, die and come back, under the inbox and under evolution/: a real daemon on real FUSE and mounts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styled.job import JobState
from styled.root import Root
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, picture

pytestmark = [
    pytest.mark.faults,
    pytest.mark.root,
    pytest.mark.processes,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount"),
]

SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")
ANSWER_S = 2.0
"""In which a client has its answer, whatever the file server does."""


class Server:
    """A folder behind a FUSE file system, whose server can be stopped, killed and started again."""

    def __init__(self, kind: str, share: Path, at: Path) -> None:
        self.kind, self.share, self.at = kind, share, at
        share.mkdir(exist_ok=True)
        at.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes]

    def mount(self, *options: str) -> Server:
        if self.kind == "sshfs":
            ssh = self.share.with_name("ssh")
            ssh.write_text(f"#!/bin/sh\nexec {SFTP_SERVER}\n")
            ssh.chmod(0o755)
            command = ["sshfs", "-f", "-o", f"ssh_command={ssh}", f"host:{self.share}", str(self.at), *options]
        else:
            command = ["bindfs", "-f", str(self.share), str(self.at), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or str(self.at) in Path("/proc/mounts").read_text())
        if self.process.poll() is not None:
            pytest.skip(f"cannot mount {self.kind} here")
        return self

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def unmount(self) -> None:
        self.process.kill()  # a stopped one too
        self.process.wait()
        subprocess.run(["umount", "-l", str(self.at)], check=False, capture_output=True)


@pytest.fixture(params=["sshfs", "bindfs"])
def kind(request: pytest.FixtureRequest) -> str:
    if shutil.which(request.param) is None or not (request.param == "bindfs" or SFTP_SERVER.exists()):
        pytest.skip(f"no {request.param} here")
    return str(request.param)


@pytest.fixture
def serve(kind: str, tmp_path: Path) -> Iterator[Callable[[Path], Server]]:
    """``serve(place)`` mounts a share there."""
    servers: list[Server] = []

    def do(place: Path) -> Server:
        servers.append(Server(kind, tmp_path / f"share-{len(servers)}", place).mount())
        return servers[-1]

    yield do
    for server in servers:
        server.unmount()


def put(folder: Path, name: str, level: int) -> None:
    picture(folder / f"{name}.content.png", level)
    picture(folder / f"{name}.style.png", 200)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def answer_s(daemon: DaemonProcess) -> float:
    began = time.monotonic()
    daemon.client.request("status")
    return time.monotonic() - began


def note(daemon: DaemonProcess) -> str:
    return str(daemon.client.request("status")["status"]["note"])


@pytest.mark.parametrize("when", ["at the start", "later"])
def test_a_hung_inbox_leaves_status_and_stop_as_they_are(
    root: Root, serve: Callable[[Path], Server], when: str
) -> None:
    server = serve(root.inbox)
    daemon = DaemonProcess(root, STYLED_INBOX__WATCH="poll")
    if when == "at the start":
        server.signal(signal.SIGSTOP)
    with daemon:
        if when == "later":
            put(server.share, "before", 40)
            daemon.until("before", JobState.DONE)
            server.signal(signal.SIGSTOP)
            put(server.share, "after", 41)
        ends = time.monotonic() + 8.0  # looks, and what they lead to, have begun by then
        while time.monotonic() < ends:
            assert answer_s(daemon) < patience(ANSWER_S)
            time.sleep(0.5)
        began = time.monotonic()
        assert daemon.end() == 0
        assert time.monotonic() - began < patience(ANSWER_S)
    server.signal(signal.SIGCONT)
    with daemon:
        if when == "later":
            daemon.until("after", JobState.DONE)
        daemon.end()


def test_a_server_that_is_killed_is_waited_for_and_each_pair_is_painted_once(
    root: Root, serve: Callable[[Path], Server]
) -> None:
    server = serve(root.inbox)
    names = [f"p{number}" for number in range(12)]
    with DaemonProcess(root, STYLED_INBOX__WATCH="poll", STYLED_INBOX__SETTLE_S="0.1") as daemon:
        for number, name in enumerate(names):
            put(server.share, name, number)
        wait_until(lambda: len(daemon.jobs()) > 0)
        server.signal(signal.SIGKILL)  # with some claimed, some being claimed, some in the inbox
        wait_until(lambda: "inbox" in note(daemon))
        daemon.end()
        daemon.start()  # and again, on the dead mount
        wait_until(lambda: "cannot be read" in note(daemon))
        server.unmount()
        server.mount()
        wait_until(lambda: len(daemon.jobs()) == len(names))
        wait_until(lambda: all(job.state is JobState.DONE for job in daemon.jobs()), seconds=90)
        assert sorted(job.name for job in daemon.jobs()) == sorted(names)
        # What was copied and could not be removed then is removed within a minute.
        wait_until(lambda: note(daemon) == "" and list(server.share.iterdir()) == [], seconds=100)
        daemon.end()
    check_invariant(root, set(names))


def test_a_dead_mount_inside_the_inbox_is_left_alone_by_name(root: Root, serve: Callable[[Path], Server]) -> None:
    root.inbox.mkdir()
    phone = serve(root.inbox / "phone")
    with DaemonProcess(root) as daemon:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            phone.signal(number)
            name = f"after-{number}"
            daemon.drop(name, levels=(number, 3))
            daemon.until(name, JobState.DONE)
        incomplete = daemon.client.request("status")["status"]["incomplete"]
        assert [entry["name"] for entry in incomplete] == ["phone"]
        assert "mounted there" in incomplete[0]["missing"]
        assert daemon.end() == 0


def test_a_remounted_read_only_inbox_is_not_painted_again(root: Root, tmp_path: Path) -> None:
    if shutil.which("bindfs") is None:
        pytest.skip("no bindfs here")
    server = Server("bindfs", tmp_path / "share", root.inbox)
    put(server.share, "a", 40)
    server.mount("-r")
    with DaemonProcess(root, STYLED_INBOX__WATCH="poll") as daemon:
        daemon.until("a", JobState.DONE)
        wait_until(lambda: "cannot be written" in note(daemon))
        server.unmount()
        for path in list(server.share.iterdir()):  # other inodes, as many file systems give after each mount
            shutil.copy2(path, tmp_path / path.name)
            path.unlink()
            shutil.copy2(tmp_path / path.name, path)
        server.mount("-r")
        put(server.share, "b", 41)
        daemon.until("b", JobState.DONE)
        assert len(daemon.jobs()) == 2
        server.unmount()
        server.mount()  # writable: what was copied is removed, in a minute at most
        wait_until(lambda: list(server.share.iterdir()) == [] and note(daemon) == "", seconds=100)
        assert daemon.end() == 0
    server.unmount()


def test_a_full_inbox_mount_keeps_only_the_pair_that_cannot_be_rejected(root: Root) -> None:
    root.inbox.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", root.inbox], check=True)
    try:
        put(root.inbox, "bad", 40)
        (root.inbox / "bad.toml").write_text("sise = 3\n")
        put(root.inbox, "good", 41)
        with pytest.raises(OSError, match="space"):
            fill(root.inbox / "filler.bin")
        with DaemonProcess(root) as daemon:
            daemon.until("good", JobState.DONE)
            status = wait_until(lambda: (s := daemon.client.request("status")["status"])["incomplete"] and s)
            assert [entry["name"] for entry in status["incomplete"]] == ["bad"]
            assert "cannot be moved to inbox/rejected/" in status["incomplete"][0]["missing"]
            assert "disk is full" not in status["note"]
            assert daemon.end() == 0
    finally:
        subprocess.run(["umount", "-l", root.inbox], check=True)


def test_an_evolution_that_is_mounted_late_fails_no_job(root: Root, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    root.evolution.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
    subprocess.run(["mount", "--bind", disk, root.evolution], check=True)
    try:
        with DaemonProcess(root) as daemon:
            daemon.drop("before", levels=(40, 41))
            daemon.until("before", JobState.DONE)
            daemon.end()
            subprocess.run(["umount", root.evolution], check=True)
            daemon.start()
            daemon.drop("late", levels=(42, 43))
            wait_until(lambda: "is its disk mounted?" in note(daemon))
            time.sleep(2.0)
            assert list(root.evolution.iterdir()) == []
            subprocess.run(["mount", "--bind", disk, root.evolution], check=True)
            daemon.until("late", JobState.DONE)
            assert {job.state for job in daemon.jobs()} == {JobState.DONE}
            assert daemon.end() == 0
        check_invariant(root, {"before", "late"})
    finally:
        subprocess.run(["umount", "-l", root.evolution], check=False, capture_output=True)
        subprocess.run(["umount", "-l", disk], check=True)


def test_half_an_upgrade_holds_the_queue_and_fails_no_job(root: Root, tmp_path: Path) -> None:
    module = tmp_path / "modules" / "half_upgraded.py"
    module.parent.mkdir()
    module.write_text("import a_library_that_is_missing\n")
    paths = os.pathsep.join([str(module.parent), str(Path(__file__).parent.parent)])
    with DaemonProcess(root, STYLED_TEST_WORKER="half_upgraded", PYTHONPATH=paths) as daemon:
        for number in range(4):
            daemon.drop(f"p{number}", levels=(number, 9))
        wait_until(lambda: "no worker can begin" in note(daemon))
        time.sleep(3.0)  # several probes
        assert {job.state for job in daemon.jobs()} <= {JobState.WAITING, JobState.RUNNING}
        module.write_text("from synthetic_worker import main\nimport sys\nsys.exit(main())\n")
        wait_until(lambda: [job.state for job in daemon.jobs()] == [JobState.DONE] * 4)
        wait_until(lambda: note(daemon) == "")
        assert daemon.end() == 0
    check_invariant(root, {f"p{number}" for number in range(4)})


def test_another_locale_finds_the_same_jobs(root: Root) -> None:
    names = ["café", "写真"]
    with DaemonProcess(root) as daemon:
        for number, name in enumerate(names):
            daemon.drop(f"slow-{name}", levels=(number, 9), settings={"steps": 200})
        daemon.until_step("slow-café", 3)
        daemon.end()
    through = [shutil.which("env") or "env", "LC_ALL=C", "PYTHONCOERCECLOCALE=0", "PYTHONUTF8=0"]
    with DaemonProcess(root, through=through) as daemon:
        for name in names:
            daemon.until(f"slow-{name}", JobState.DONE, seconds=90)
        assert daemon.end() == 0
    check_invariant(root, {f"slow-{name}" for name in names})
