"""What decides what the daemon does is nobody else's to write, and what belongs to the daemon ends with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from styled.errors import SettingsError
from styled.evolution import JobFolder
from styled.job import JobState
from styled.root import Root
from tests.deadlines import patience, wait_until
from tests.faults import warm
from tests.faults.daemon_process import DaemonProcess, check_invariant, picture
from tests.faults.test_users import STRANGER, ask_as
from tests.tools.processes import has_ended

pytestmark = [pytest.mark.processes, pytest.mark.faults]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


def test_a_killed_daemon_leaves_no_child_whatever_that_does(root: Root) -> None:
    root.config.write_text("[hooks]\non_done = ['sh', '-c', 'trap \"\" TERM HUP; sleep 500 & sleep 500']\n")
    with DaemonProcess(root) as daemon:
        daemon.drop("first")
        daemon.until("first", JobState.DONE)
        daemon.drop("slow", levels=(1, 2), settings={"steps": 5000})
        daemon.until_step("slow", 2)

        def children() -> list[psutil.Process]:
            return psutil.Process(daemon.process.pid).children(recursive=True)

        def commands() -> str:
            return " ".join(" ".join(child.cmdline()) for child in children())

        wait_until(lambda: all(word in commands() for word in ("check_child", "hook_guard", "sleep 500", "launch")))
        family = children()
        for child in family:
            if "check_child" in " ".join(child.cmdline()):
                child.suspend()
        daemon.signal(signal.SIGKILL)
        wait_until(lambda: all(has_ended(child.pid) for child in family))


def test_a_daemon_with_umask_000_makes_nothing_that_everybody_may_write(root: Root) -> None:
    with DaemonProcess(root, through=["sh", "-c", 'umask 000; exec "$@"', "sh"]) as daemon:
        daemon.drop("harbour")
        (root.inbox / "bad.content.png").write_bytes(b"no image")
        picture(root.inbox / "bad.style.png", 200)
        daemon.until("harbour", JobState.DONE)
        wait_until(lambda: list(root.rejected.glob("[!.]*")))
        assert daemon.end() == 0
    made = [root.state, root.evolution, *root.state.rglob("*"), *root.evolution.rglob("*")]
    assert len(made) > 20
    assert [path for path in made if not path.is_symlink() and path.stat().st_mode & stat.S_IWOTH] == []
    assert stat.S_IMODE(root.state.stat().st_mode) == 0o700


def test_a_configuration_that_everybody_may_write_is_neither_started_with_nor_reloaded(root: Root) -> None:
    root.config.write_text("[hooks]\non_done = ['touch', 'owned']\n")
    root.config.chmod(0o666)
    daemon = DaemonProcess(root)
    assert daemon.launch().wait(patience(20)) == SettingsError.exit_code
    assert "may be written by everybody" in daemon.output.read_text()
    root.config.write_text("")
    root.config.chmod(0o644)
    with daemon:
        root.config.write_text("[hooks]\non_done = ['touch', 'owned']\n")
        root.config.chmod(0o646)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: "may be written by everybody" in root.log.read_text())
        daemon.drop("harbour")
        daemon.until("harbour", JobState.DONE)
        assert daemon.end() == 0
    assert not list(root.path.rglob("owned"))


@as_root
def test_what_a_stranger_dropped_is_painted_as_it_was_checked_and_he_can_change_nothing(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.drop("first")
        daemon.until("first", JobState.DONE)
        place = root.inbox / ".sent"
        place.mkdir()
        sent = [picture(place / "content.png", 7), picture(place / "style.png", 9)]
        for path in (place, *sent):
            os.chown(path, STRANGER, STRANGER)
        digests = [path.read_bytes() for path in sent]
        place.rename(root.inbox / "sent")
        job = daemon.until("sent", JobState.DONE)
        inputs = JobFolder(root.evolution / job.id).input
        assert [(inputs / path.name).read_bytes() for path in sent] == digests
        assert {path.stat().st_uid for path in inputs.iterdir()} == {os.geteuid()}
        assert daemon.end() == 0
    check_invariant(root, {"first", "sent"})


def test_a_pair_of_anybodys_has_no_weights_downloaded(root: Root, tmp_path: Path) -> None:
    with DaemonProcess(root, KERAS_HOME=str(tmp_path / "keras")) as daemon:
        daemon.drop("harbour", settings={"weights": "imagenet"})
        reason = wait_until(lambda: list(root.rejected.glob("harbour/REASON.txt")))[0].read_text()
        assert "inbox.allow_download = false" in reason
        assert daemon.end() == 0
    assert not (tmp_path / "keras").exists()


def test_pipes_in_the_place_of_a_jobs_files_block_nobody(root: Root) -> None:
    def styled(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "STYLED_ROOT": str(root.path)}
        return warm.run([*arguments], environment=environment, timeout=patience(20))

    with DaemonProcess(root) as daemon:
        daemon.drop("harbour")
        job = daemon.until("harbour", JobState.DONE)
        folder = JobFolder(root.evolution / job.id)
        wait_until(lambda: not folder.checkpoint.exists())  # removed when the job is recorded as done
        folder.checkpoint.mkdir()
        odd = [
            folder.losses,
            folder.checkpoint / "a.npz",
            folder.checkpoint / "b.npz",
            folder.attempt,
            folder.timelapse,
        ]
        for path in odd:
            path.unlink(missing_ok=True)
            os.mkfifo(path)
        assert styled("gallery").returncode == 0
        assert styled("status").returncode == 0
        assert styled("retry", "--from-start", "1").returncode == 0
        daemon.until("harbour", JobState.DONE)
        assert folder.losses.is_file()
        folder.log.unlink()
        os.mkfifo(folder.log)
        told = styled("log", "1")
        assert (told.returncode != 0, "not a regular file" in told.stderr) == (True, True)
        assert styled("retry", "--from-start", "1").returncode == 0
        daemon.until("harbour", JobState.DONE)
        assert folder.log.is_file()
        assert folder.log.with_suffix(".damaged").is_fifo()
        assert daemon.end() == 0


@pytest.fixture
def without_permissions(public: Path) -> Iterator[Root]:
    """A root on a file system that gives every file to everybody."""
    if os.geteuid() != 0 or shutil.which("bindfs") is None or not Path("/dev/fuse").exists():
        pytest.skip("needs root and bindfs")
    root = Root.at(public / "open")
    root.path.mkdir()
    real = public / "real"
    real.mkdir()
    subprocess.run(
        ["bindfs", "--perms=a+rwx", "--chmod-ignore", "--chown-ignore", str(real), str(root.path)], check=True
    )
    yield root
    subprocess.run(["umount", "-l", str(root.path)], check=True)


def test_where_files_have_no_permissions_a_stranger_still_gives_no_orders(without_permissions: Root) -> None:
    root = without_permissions
    with DaemonProcess(root) as daemon:
        assert stat.S_IMODE(root.socket.stat().st_mode) & 0o002
        assert ask_as(root, STRANGER, STRANGER).startswith("ControlError you may not talk to this daemon")
        daemon.drop("harbour")
        daemon.until("harbour", JobState.DONE)
        events = [json.loads(line)["event"] for line in root.log.read_text().splitlines()]
        assert sum("keeps no permissions" in event for event in events) == 1
        assert daemon.end() == 0
