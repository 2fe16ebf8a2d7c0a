"""The daemon's own stream of events, followed so that the page changes when the queue does and not a second later."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable

from styled.daemon.control.protocol import MAX_LINE, VERSION, Request, encode, short_path
from styled.errors import StyledError
from styled.root import Root
from styled.store.reader import StoreReader
from styled.web.disk_call import disk_call

_CONNECT_S = 10.0
"""That a daemon with a full backlog is given."""

AGAIN_S = 1.0
"""Between two tries to reach a daemon that does not run."""


async def follow_events(root: Root, on_change: Callable[[], None], *, again_s: float = AGAIN_S) -> None:
    """Call ``on_change`` at each event of the root's daemon, and when it comes or goes, until cancelled.

    What an event holds is not looked at: the store is the truth, and is read by who is called.

    Args:
        root: whose daemon.
        on_change: called on the event loop.
        again_s: seconds between two tries to reach it.
    """
    while True:
        with contextlib.suppress(OSError, ValueError, StyledError):
            # None there, ended, a line of no end, a store that cannot be read (which the page shows): it is tried again.
            reader, writer = await asyncio.open_unix_connection(sock=await _connected(root), limit=MAX_LINE)
            try:
                since = await disk_call(_last_event, root)
                writer.write(encode(Request(v=VERSION, id=1, op="subscribe", args={"since": since})))
                while await reader.readline():
                    on_change()
            finally:
                writer.close()
                on_change()
        await asyncio.sleep(again_s)


async def _connected(root: Root) -> socket.socket:
    """Return a socket that is connected to the daemon: also its name lies on a disk that may hang.

    Raises:
        OSError: there is none.
    """
    given_up = threading.Event()
    try:
        return await disk_call(_connect, root, given_up)
    finally:
        given_up.set()


def _connect(root: Root, given_up: threading.Event) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_CONNECT_S)
        with short_path(root.socket) as address:
            connection.connect(address)
        if given_up.is_set():  # nobody takes it any more
            raise TimeoutError
        connection.setblocking(False)
    except BaseException:
        connection.close()
        raise
    return connection


def _last_event(root: Root) -> int:
    with StoreReader.open(root) as reader:
        return reader.last_event()
