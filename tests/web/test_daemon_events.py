"""The daemon's stream is followed: an event, its end and its return each cause a look."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.daemon.control.protocol import Reply, encode
from styled.root import Root
from styled.web import daemon_events
from styled.web.daemon_events import follow_events
from tests.deadlines import patience


async def test_each_event_and_the_end_and_the_return_of_the_daemon_cause_a_look(root: Root) -> None:
    looks: asyncio.Queue[None] = asyncio.Queue()
    connections: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert b'"subscribe"' in await reader.readline()
        writer.write(encode(Reply(v=1, id=1, ok=True, result={})))
        connections.put_nowait(writer)

    async def looked() -> None:
        async with asyncio.timeout(patience(10)):
            await looks.get()

    following = asyncio.create_task(follow_events(root, lambda: looks.put_nowait(None), again_s=0.01))
    for _ in range(2):  # there, gone, there again
        server = await asyncio.start_unix_server(answer, root.socket)
        await looked()
        writer = await connections.get()
        writer.write(encode(Reply(v=1, event={"seq": 1, "kind": "moved"})))
        await looked()
        writer.close()
        server.close()
        root.socket.unlink(missing_ok=True)
        await looked()
        while not looks.empty():
            looks.get_nowait()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_disk_that_hangs_holds_up_nothing_but_the_events(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the daemon's socket lies on the root's disk: looking it up on the loop stopped every page."""
    hangs, comes_back = threading.Event(), threading.Event()

    @contextlib.contextmanager
    def dead(_path: Path) -> Iterator[str]:
        hangs.set()
        assert comes_back.wait(patience(60))
        yield "/nowhere"

    monkeypatch.setattr(daemon_events, "short_path", dead)
    following = asyncio.create_task(follow_events(root, lambda: None))
    async with asyncio.timeout(patience(10)):
        while not hangs.is_set():  # the loop goes on
            await asyncio.sleep(0.001)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    comes_back.set()
