"""What goes wrong is said in words, and the screen stays alive."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from styled.root import Root
from styled.store.status import PartTrouble
from styled.store.store import Store
from styled.tui.widgets.queue_table import QueueTable
from tests.tui.conftest import NOW, Desk, make_app, screen_text, settled, until

pytestmark = pytest.mark.screens

SIZES = [(60, 16), (80, 24), (160, 50)]


def queue(app) -> QueueTable:
    return app.screen.query_one(QueueTable)


async def test_a_command_without_a_daemon_says_so(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("p")
        await until(pilot, lambda: "no daemon runs" in screen_text(app))


async def test_a_job_that_vanishes_leaves_words(desk: Desk, root: Root) -> None:
    """The store forgets the job under the cursor and its folder goes: the screen moves on."""
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        (root.evolution / jobs[0].id / "losses.jsonl").unlink()
        for frame in (root.evolution / jobs[0].id / "frames").iterdir():
            frame.unlink()
        await until(pilot, lambda: "no frame yet" in screen_text(app) and "starting" in screen_text(app))
        desk.store.move(jobs[0].id, jobs[4].state)
        desk.store.remove(jobs[0].id)
        await until(pilot, lambda: queue(app).row is not None and queue(app).row.name == "alps-lake")


async def test_a_corrupt_line_and_a_broken_frame_are_passed_over(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    folder = root.evolution / jobs[0].id
    with (folder / "losses.jsonl").open("ab") as file:
        file.write(b'{"event":"progress","loss":NaN}\n\xff\xfe\n[1]\n{"torn')
    (folder / "frames" / "000050.jpg").write_bytes(b"not a picture")
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await until(pilot, lambda: "000050.jpg cannot be shown" in screen_text(app))
        assert "40/60" in screen_text(app)


async def test_a_damaged_store_is_said_in_words(root: Root) -> None:
    root.database.write_bytes(b"this is no database" * 100)
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await until(pilot, lambda: "store unreadable" in screen_text(app))
        assert "queue.db" in screen_text(app)


async def test_a_locked_store_is_said_in_words_and_the_screen_stays_alive(desk: Desk, root: Root) -> None:
    desk.usual()
    desk.store.close()
    other = sqlite3.connect(root.database, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert "reading the queue" in screen_text(app)
        await pilot.press("question_mark")
        await until(pilot, lambda: "This screen" in screen_text(app), seconds=3.0)
        await pilot.press("escape")
        await until(pilot, lambda: "store unreadable" in screen_text(app))
        assert "locked" in screen_text(app)
        other.close()
        await until(pilot, lambda: "portrait" in screen_text(app))
    desk.store = Store.open(root)


async def test_a_mistake_while_reading_is_said_in_words(desk: Desk, root: Root, monkeypatch) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        with monkeypatch.context() as broken:
            broken.setattr(app._poller._maker._queue_reader, "read", lambda view: 1 / 0)
            await until(pilot, lambda: "unexpected ZeroDivisionError" in screen_text(app))
        await until(pilot, lambda: "portrait" in screen_text(app) and "unexpected" not in screen_text(app))


async def test_a_stuck_disk_is_said_in_words(desk: Desk, root: Root) -> None:
    """No snapshot for a while: the status row says so, since the poller's thread cannot."""
    desk.usual()
    now = [1.0e9]
    app = make_app(root)
    app._clock = lambda: now[0]
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        app._poller.stop()
        assert app.snapshot is not None
        now[0] = app.snapshot.taken_at + 7.0
        await pilot.pause(1.2)
        assert "NO NEWS from the disk for 7s" in screen_text(app)


def test_a_status_of_another_version_is_not_read(desk: Desk, root: Root) -> None:
    desk.store.set_meta("status", msgspec.json.encode({"pid": "x"}).decode())
    app = make_app(root)
    assert app._poller._maker.make(app._poller._view).daemon is None


async def test_a_part_of_the_daemon_that_does_not_work_is_said_in_words(desk: Desk, root: Root) -> None:
    desk.usual()
    part = PartTrouble(part="retention", trouble="OSError: Input/output error", since=NOW - 60.0, retry_at=NOW + 9.0)
    desk.publish(state="paused", note="paused by ann", parts=[part])
    async with make_app(root).run_test(size=(100, 24)) as pilot:
        app = await settled(pilot)
        await until(pilot, lambda: "paused by ann; retention: OSError: Input/output error" in screen_text(app))
