"""What the daemon stands on is taken away under it: it makes again what is its own, and waits for the rest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from styled.cli import status
from styled.job import JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults import warm
from tests.faults.daemon_process import DaemonProcess, check_invariant

pytestmark = [pytest.mark.faults, pytest.mark.processes]


@pytest.mark.parametrize("what", [".styled", "queue.db*", "control.sock"])
def test_what_is_removed_from_its_folder_is_made_again_and_nothing_is_lost(daemon: DaemonProcess, what: str) -> None:
    root = daemon.root
    daemon.drop("before")
    daemon.until("before", JobState.DONE)
    daemon.drop("slow", settings={"steps": 60})
    daemon.until_step("slow", 3)
    if what == ".styled":
        shutil.rmtree(root.state)
    else:
        for path in root.state.glob(what):
            path.unlink()
    wait_until(lambda: root.database.exists() and daemon.answers())
    assert DaemonProcess(root).launch().wait(60) == 3  # another daemon is refused
    daemon.drop("after", levels=(1, 2))
    assert daemon.until("slow", JobState.DONE).attempts == 0
    daemon.until("after", JobState.DONE)
    assert [job.number for job in daemon.jobs()] == [1, 2, 3]
    assert daemon.end() == 0
    check_invariant(root, {"before", "slow", "after"})


def test_a_root_that_is_renamed_is_waited_for_and_nothing_is_made_in_its_place(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    root, moved = daemon.root, Root.at(tmp_path / "moved")
    daemon.drop("slow", settings={"steps": 60})
    daemon.until_step("slow", 3)
    root.path.rename(moved.path)
    told = wait_until(lambda: (told := status.look(moved)["daemon"])["parts"] and told)
    assert told["state"] == "degraded"
    wait_until(lambda: any(part["part"] == "root" for part in status.look(moved)["daemon"]["parts"]))
    assert not root.path.exists()
    moved.path.rename(root.path)
    assert daemon.until("slow", JobState.DONE).attempts == 0
    wait_until(lambda: status.look(root)["daemon"]["state"] == "running")
    assert daemon.end() == 0
    check_invariant(root, {"slow"})


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("bindfs"), reason="only root may mount, with bindfs")
def test_a_file_system_without_shared_memory_is_named_by_start_and_doctor(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "place"
    (source / "root").mkdir(parents=True)
    place.mkdir()
    if subprocess.run(["bindfs", "-o", "direct_io", source, place], check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        root = Root.at(place / "root")
        daemon = DaemonProcess(root)
        daemon.output = tmp_path / "output.txt"
        assert daemon.launch().wait(60) == 3
        words = "has no SQLite's write-ahead log"
        assert words in daemon.output.read_text()
        assert words in warm.run(["doctor", "--root", str(root.path)], environment={}, timeout=60).stdout
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_daemon_whose_streams_the_caller_has_closed_keeps_its_own_files(root: Root) -> None:
    through = ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"]
    with DaemonProcess(root, through=through) as daemon:
        descriptors = Path(f"/proc/{daemon.process.pid}/fd")
        assert {str((descriptors / str(number)).readlink()) for number in (0, 1, 2)} == {os.devnull}
        daemon.signal(signal.SIGUSR1)  # prints the stacks of all threads, to standard error
        daemon.drop("harbour")
        daemon.until("harbour", JobState.DONE)
        assert daemon.end() == 0
    check_invariant(root, {"harbour"})
