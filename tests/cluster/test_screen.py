"""What the terminal UI says of the nodes, by what the daemon and a real cluster say."""

from __future__ import annotations

import time

import pytest

from styled.tui.app import StyledApp
from styled.tui.options import Options
from tests.cluster.cluster_daemon import ClusterDaemon
from tests.tui.conftest import HOST, screen_text, until

pytestmark = pytest.mark.processes


async def test_each_node_is_a_row_with_the_job_that_it_paints(daemon: ClusterDaemon) -> None:
    for name in ("slow-first", "slow-second"):
        daemon.drop(name, settings={"steps": 4000})
    nodes = {daemon.until_step(name, 5).node for name in ("slow-first", "slow-second")}
    app = StyledApp(daemon.root, Options(refresh_s=0.25), start_daemon=False, clock=time.time, measure=lambda: HOST)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot is not None and len(app.snapshot.nodes) == 2)
        await pilot.press("6")

        def rows() -> dict[str, list[str]]:
            words = (line.split() for line in screen_text(app).splitlines())
            return {line[0]: line[1:] for line in words if line and line[0] in nodes}

        await until(pilot, lambda: set(rows()) == nodes)
        await until(pilot, lambda: all(row[0] == "running" for row in rows().values()))
        assert sorted(row[1] for row in rows().values()) == ["0001", "0002"], screen_text(app)
