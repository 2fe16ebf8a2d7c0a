"""What the screen is told of the daemon: its last report, or its answer where it cannot write one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from styled.daemon.control.protocol import Client
from styled.errors import DaemonNotRunning
from styled.memory import MemorySample
from styled.planning.forecast import Forecaster
from styled.root import Root
from styled.store.status import DaemonStatus, PartTrouble
from styled.store.store import Store
from styled.tui.model.snapshot import UNKNOWN_PULSE, View
from styled.tui.reading.poller import SnapshotMaker
from tests.tui.conftest import NOW, Desk, make_app, screen_text, settled, until

BROKEN = PartTrouble(part="retention", trouble="OSError: Input/output error", since=5.0, retry_at=70.0)


def status(beat_at: float, *parts: PartTrouble) -> DaemonStatus:
    return DaemonStatus(pid=1, version="1", started_at=0.0, beat_at=beat_at, state="degraded", parts=list(parts))


@pytest.fixture
def maker(root: Root) -> SnapshotMaker:
    with Store.open(root) as store:
        store.publish(status(100.0))
    return SnapshotMaker(root, clock=lambda: 150.0, measure=MemorySample, pulse=lambda: UNKNOWN_PULSE)


def test_a_daemon_whose_disk_refuses_its_reports_is_asked(
    maker: SnapshotMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_client: Client, op: str, **_: Any) -> dict[str, Any]:
        return {"status": msgspec.to_builtins(status(149.0, BROKEN))} if op == "status" else {}

    monkeypatch.setattr(Client, "request", answer)
    found = maker.make(View(), queue_only=True).daemon
    assert found is not None
    assert found.words == "retention: OSError: Input/output error"


def test_one_that_is_gone_leaves_its_last_report(maker: SnapshotMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_client: Client, op: str, **_: Any) -> dict[str, Any]:
        raise DaemonNotRunning(op)

    monkeypatch.setattr(Client, "request", answer)
    assert maker.make(View(), queue_only=True).daemon == status(100.0)


def test_what_a_part_suffers_from_is_said_once_beside_why_the_queue_is_held() -> None:
    held = msgspec.structs.replace(status(1.0, BROKEN), state="paused", note="paused by ann")
    assert held.words == "paused by ann; retention: OSError: Input/output error"
    assert msgspec.structs.replace(held, note=held.words.partition("; ")[2]).words == held.words.partition("; ")[2]


def test_a_forecast_that_fails_costs_the_forecast_alone(
    root: Root, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was: for one odd job in the queue the whole screen was empty."""
    jobs = desk.usual()
    monkeypatch.setattr(Forecaster, "_look", lambda *_: min([]))
    maker = SnapshotMaker(root, clock=lambda: NOW, measure=MemorySample, pulse=lambda: UNKNOWN_PULSE)
    snapshot = maker.make(View())
    maker.close()
    assert snapshot.trouble.startswith("unexpected ValueError: min()")
    assert (snapshot.foreseen, snapshot.all_done) == ({}, None)
    assert snapshot.daemon is not None
    assert {job.name for job in jobs} >= {row.name for row in snapshot.rows} != set()


async def test_the_queue_shows_when_jobs_are_done_while_a_daemon_runs(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    for now, shown in ((NOW, True), (NOW + 60.0, False)):
        app = make_app(root, now=now)
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await until(pilot, lambda app=app: app.snapshot.focus is not None)
            row = next(line for line in screen_text(app).splitlines() if jobs[1].name in line)
            assert ("~" in row) is shown, row
