"""Events that never come, inboxes that go away: everything is found all the same, and nothing is cancelled."""

from __future__ import annotations

import shutil
import time

import pytest

from styled.job import JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, picture

pytestmark = pytest.mark.processes


def test_without_any_event_a_look_finds_what_was_dropped(root: Root) -> None:
    # As after an overflow of the kernel's queue, on a full table of watches, or on a network filesystem.
    with DaemonProcess(root, STYLED_INBOX__WATCH="poll", STYLED_INBOX__RESCAN_S="0.5") as daemon:
        for number in range(2):
            daemon.drop(f"job{number}", levels=(number, 200))
        for number in range(2):
            daemon.until(f"job{number}", JobState.DONE)
        daemon.end()
    check_invariant(root, {"job0", "job1"})


def test_an_inbox_that_goes_away_and_comes_back_is_taken_from_again(daemon: DaemonProcess) -> None:
    root = daemon.root
    daemon.drop("before", settings={"steps": 60})
    daemon.until_step("before", 1)
    shutil.rmtree(root.inbox)
    status = wait_until(lambda: (s := daemon.client.request("status")["status"])["state"] == "degraded" and s)
    assert "inbox" in status["note"]
    root.inbox.write_text("a file instead")
    time.sleep(0.5)
    root.inbox.unlink()
    elsewhere = root.path / "elsewhere"
    elsewhere.mkdir()
    inbox = root.path / "inbox"  # not root.inbox, which follows a link of the owner's
    inbox.symlink_to(elsewhere)
    time.sleep(0.5)
    inbox.unlink()
    inbox.mkdir()
    daemon.drop("after", levels=(1, 2))
    daemon.until("after", JobState.DONE, seconds=60)
    daemon.until("before", JobState.DONE)
    assert daemon.client.request("status")["status"]["state"] == "running"
    assert daemon.end() == 0


def test_a_read_only_looking_pair_waits_with_its_reason_and_the_daemon_lives(daemon: DaemonProcess) -> None:
    lonely = daemon.root.inbox / "lonely"
    lonely.mkdir()
    picture(lonely / "content.png")
    told = wait_until(lambda: daemon.client.request("status")["status"]["incomplete"])
    assert (told[0]["name"], "style" in told[0]["missing"]) == ("lonely", True)
    picture(lonely / "style.png", 200)
    daemon.until("lonely", JobState.DONE)
