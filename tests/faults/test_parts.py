"""Whatever a part of the daemon raises, the daemon goes on, says which part it is, and has it work again by itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from styled.job import JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults import warm
from tests.faults.daemon_process import FAULTS, DaemonProcess, check_invariant

pytestmark = [pytest.mark.faults, pytest.mark.processes]

PARTS = {
    "retention": "styled.daemon.upkeep.janitor:Janitor.turn",
    "records": "styled.daemon.upkeep.record_check:RecordCheck.turn",
    "intake": "styled.inbox.intake:Inbox.turn",
    "dispatch": "styled.daemon.dispatch:Dispatcher.turn",
    "status": "styled.daemon.reporting:Reporter.beat",
    "events": "styled.daemon.control.server:ControlServer.publish",
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_breaks_is_shown_and_the_rest_goes_on(root: Root, tmp_path: Path, part: str) -> None:
    broken = tmp_path / "broken"
    through = [sys.executable, str(FAULTS / "failing_part.py"), PARTS[part], str(broken)]
    with DaemonProcess(root, through=through, PYTHONPATH=str(FAULTS)) as daemon:
        daemon.drop("before")
        daemon.until("before", JobState.DONE)
        broken.touch()
        daemon.drop("after", levels=(1, 2))
        if part not in ("intake", "dispatch"):
            daemon.until("after", JobState.DONE)
        found = wait_until(lambda: daemon.client.request("status")["status"]["parts"])
        assert [(each["part"], "is broken" in each["trouble"]) for each in found] == [(part, True)]
        told = json.loads(warm.run(["status", "--json", "--root", str(root.path)], environment={}, timeout=60).stdout)
        assert (told["daemon"]["state"], len(told["daemon"]["parts"])) == ("degraded", 1)
        doctor = warm.run(["doctor", "--root", str(root.path)], environment={}, timeout=60).stdout
        assert "is broken" in doctor
        broken.unlink()
        daemon.until("after", JobState.DONE, 80.0)
        wait_until(lambda: not daemon.client.request("status")["status"]["parts"], seconds=80.0)
        assert daemon.end() == 0
    log = root.log.read_text()
    assert log.count("Traceback") == 1
    check_invariant(root, {"before", "after"})


@pytest.mark.parametrize("part", ["dispatch", "intake", "status"])
def test_a_daemon_with_a_part_that_stays_broken_still_stops(root: Root, tmp_path: Path, part: str) -> None:
    broken = tmp_path / "broken"
    broken.touch()
    through = [sys.executable, str(FAULTS / "failing_part.py"), PARTS[part], str(broken)]
    with DaemonProcess(root, through=through) as daemon:
        wait_until(lambda: daemon.client.request("status")["status"]["parts"])
        assert daemon.end() == 0
