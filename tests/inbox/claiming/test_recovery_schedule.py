"""What cannot be mended without the inbox is tried again until it can be, and told once."""

from __future__ import annotations

import json

import structlog

from styled.inbox.claiming.recovery import mend_files
from styled.inbox.claiming.recovery_schedule import RecoverySchedule
from styled.root import Root
from styled.store.store import Store
from tests.store.conftest import FakeClock


def test_a_rejection_that_waits_for_its_mount_is_finished_when_the_inbox_is_back(
    root: Root, store: Store, clock: FakeClock
):
    hidden = root.rejected / ".reject-0123"
    hidden.mkdir(parents=True)
    (hidden / "a.png").write_bytes(b"a")
    plan = {"name": "cat", "text": "no", "moves": [{"source": "inbox/a.png", "target": "a.png"}], "folder": ""}
    (root.state / "rejections").mkdir(parents=True)
    (root.state / "rejections" / "0123.json").write_text(json.dumps(plan))
    disk = root.inbox.rename(root.path / "disk")
    root.inbox.mkdir()
    schedule = RecoverySchedule(root, store, clock=clock)

    def turn() -> None:
        recovery = schedule.begin()
        assert recovery is not None
        schedule.finish(recovery, mend_files(root, recovery.known, only_folders=recovery.only_folders))

    with structlog.testing.capture_logs() as logged:
        turn()
        for _ in range(3):
            assert not schedule.blocks
            wait = schedule.due_in()
            assert wait is not None
            clock.pass_by(wait)
            turn()
    assert [line["note"] for line in logged] == ["cat could not be moved to inbox/rejected/: No such file or directory"]
    root.inbox.rmdir()
    disk.rename(root.inbox)
    clock.pass_by(60.0)
    turn()
    assert (root.rejected / "cat" / "a.png").read_bytes() == b"a"
    assert not schedule.planned
