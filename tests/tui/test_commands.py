"""The keys that change the queue, against a real daemon on a real socket; its queue is paused, so nothing paints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styled.daemon.control.protocol import Client
from styled.daemon.process.service import start_detached
from styled.inbox.add import add_pair
from styled.job import JobState
from styled.root import Root
from styled.store.reader import StoreReader
from styled.tui.app import StyledApp
from styled.tui.options import Options
from styled.tui.widgets.question import Question
from styled.tui.widgets.queue_table import QueueTable
from tests.deadlines import wait_until
from tests.tui.conftest import HOST, picture, screen_text, settled, until

pytestmark = pytest.mark.processes

NAMES = ("alps", "bridge", "cat")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    """A root with a running daemon and three waiting jobs."""
    root = Root(tmp_path / "root")
    root.path.mkdir()
    root.config.write_text("[inbox]\nsettle_s = 0.1\nrescan_s = 0.5\n")
    start_detached(root)
    client = Client(root)
    try:
        client.request("pause")
        image = tmp_path / "image.png"
        Image.fromarray(picture(64, 48).astype(np.uint8)).save(image)
        for count, name in enumerate(NAMES, 1):
            add_pair(root, image, [image], name=name, settings={"seed": count})
            wait_until(lambda count=count: len(states(root)) == count, f"{name} did not come into the queue")
        yield root
    finally:
        client.request("stop")


def states(root: Root) -> dict[str, JobState]:
    with StoreReader.open(root) as reader:
        return {job.name: job.state for job in reader.jobs()}


@pytest.mark.parametrize("size", [(60, 16), (80, 24)])
async def test_every_command(root: Root, size: tuple[int, int]) -> None:
    """Pause, resume, priority, to the top, cancel, retry, remove one and all, pause and resume the queue."""
    app = StyledApp(root, Options(refresh_s=0.1), start_daemon=False, measure=lambda: HOST)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        table = app.screen.query_one(QueueTable)

        def names() -> list[str]:
            return [job.name for job in app.snapshot.jobs]  # type: ignore[union-attr]

        await until(pilot, lambda: names() == list(NAMES))
        assert "paused" in screen_text(app).splitlines()[0]

        await pilot.press("j", "j")
        await until(pilot, lambda: app.screen.job is not None and app.screen.job.name == "cat")
        await pilot.press("T")  # cat to the top; the cursor stays on it
        await until(pilot, lambda: names()[0] == "cat")
        assert "has priority 1 now" in screen_text(app)
        await pilot.press("g")
        await settled(pilot)
        await pilot.press("minus")
        await until(pilot, lambda: names() == list(NAMES) and table.row.name == "cat")  # the cursor went with it

        await pilot.press("g", "j")
        await until(
            pilot,
            lambda: table.row is not None and table.row.name == "bridge" and app.snapshot.focus.job.name == "bridge",
        )
        await pilot.press("p")
        await until(pilot, lambda: states(root)["bridge"] is JobState.PAUSED and names()[-1] == "bridge")
        await until(pilot, lambda: table.row.name == "bridge" and "resume" in screen_text(app).splitlines()[-1])
        await pilot.press("p")
        await until(pilot, lambda: states(root)["bridge"] is JobState.WAITING and names()[1] == "bridge")

        await pilot.press("x", "y")
        await until(pilot, lambda: states(root)["bridge"] is JobState.CANCELLED and table.row.name == "bridge")
        await until(pilot, lambda: app.screen.job.state is JobState.CANCELLED)
        await pilot.press("r")
        await until(pilot, lambda: states(root)["bridge"] is JobState.WAITING)
        await until(pilot, lambda: app.screen.job.state is JobState.WAITING)
        await pilot.press("x", "y")
        await until(pilot, lambda: app.screen.job.state is JobState.CANCELLED and table.row.name == "bridge")
        folder = root.evolution / app.screen.job.id
        await pilot.press("D")
        await pilot.pause()
        assert "deletes evolution/" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: names() == ["alps", "cat"])
        assert not folder.exists()

        await pilot.press("g")
        await pilot.pause(1.0)  # a key that comes right after another job has come under the cursor does nothing
        await pilot.press("x", "y")  # so that nothing paints once the queue goes on
        await until(pilot, lambda: JobState.CANCELLED in states(root).values())
        await pilot.press("g")
        await until(pilot, lambda: app.screen.job is not None and app.screen.job.state is JobState.WAITING)
        await pilot.press("x", "y")
        await until(pilot, lambda: set(states(root).values()) == {JobState.CANCELLED})
        await pilot.press("P")
        await until(pilot, lambda: app.snapshot.daemon.state == "running")
        await pilot.press("P")
        await until(pilot, lambda: app.snapshot.daemon.state == "paused")

        await pilot.press("slash", *"alps", "enter", "X")
        await until(pilot, lambda: "Remove the one ended job (filter: alps)?" in screen_text(app))
        await pilot.press("n")
        await pilot.pause()
        assert set(states(root)) == {"alps", "cat"}
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: set(states(root)) == {"cat"})
        await pilot.press("escape", "X")
        await until(pilot, lambda: "Remove the one ended job?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: not states(root) and "1 of 1 removed" in screen_text(app))
        assert not [path for path in root.evolution.iterdir() if path.is_dir() and not path.name.startswith(".")]
        await pilot.press("X")
        await until(pilot, lambda: "No job here has ended." in screen_text(app))


async def test_the_app_starts_a_daemon_where_none_runs(tmp_path: Path) -> None:
    root = Root(tmp_path)
    app = StyledApp(root, Options(refresh_s=0.1), measure=lambda: HOST)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "daemon up" in screen_text(app), seconds=60.0)
    assert "Stop it with: styled stop" in app.farewell()
    assert Client(root).request("ping")["root"] == str(root.path)
    Client(root).request("stop")
