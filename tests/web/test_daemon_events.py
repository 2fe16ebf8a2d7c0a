"""The daemon's stream is followed: an event, its end and its return each cause a look."""

from __future__ import annotations

import asyncio

from styled.daemon.control.protocol import Reply, encode
from styled.root import Root
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
