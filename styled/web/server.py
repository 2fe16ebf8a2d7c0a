"""``styled web``: the application, its socket on this machine's own address, and its end."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from types import FrameType

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from styled.errors import OutOfResources
from styled.lasting_thread import LastingThread
from styled.root import Root
from styled.web.daemon_events import follow_events
from styled.web.disk_call import disk_call
from styled.web.files import GALLERY, Served, open_served
from styled.web.guard import Guard
from styled.web.look import Look
from styled.web.page import gallery_policy, live_page, live_policy, parts_of
from styled.web.stream import Stream

HOST = "127.0.0.1"

WATCHERS_MOST = 32
"""Pages that are open at once."""

_CONNECTIONS_MOST = 200
_BACKLOG = 64
_PIECE_BYTES = 256 * 1024
_LOOK_S = 0.1
"""Between two looks at whether the server is told to end; it looks as often itself."""
_END_S = 2
"""Seconds that answers under way are given at the end."""


class LivePage:
    """Answers requests below the token's path.

    Args:
        root: whose queue is shown.
        stream: what the page is told when something changes.
    """

    def __init__(self, root: Root, stream: Stream) -> None:
        self._root, self._stream = root, stream
        self._closer = LastingThread("styled-web-close")  # closing a file of a dead file server hangs as well

    def close(self) -> None:
        """Let go of all files, as far as their disk lets it."""
        self._closer.close(0.0)

    def app(self, token: str) -> ASGIApp:
        """Return the application, which answers nobody who does not know the token."""
        routes = [
            Route("/", self._page),
            Route("/events", self._events),
            Route("/evolution/{path:path}", self._file),
        ]
        return Guard(Starlette(routes=routes), token)

    async def _page(self, _request: Request) -> Response:
        return HTMLResponse(live_page(), headers={"Content-Security-Policy": live_policy()})

    async def _events(self, _request: Request) -> Response:
        if self._stream.watchers >= WATCHERS_MOST:
            return PlainTextResponse("Too many pages are open.\n", 503)
        return StreamingResponse(self._stream.messages(), media_type="text/event-stream")

    async def _file(self, request: Request) -> ASGIApp:
        names = request.path_params["path"].split("/")
        try:
            served = await disk_call(lambda: open_served(self._root.evolution, names))
        except OSError:
            return PlainTextResponse("There is nothing here.\n", 404)
        # Asked for anew each time: a job that is painted again has other pictures of the same names.
        headers = {"ETag": served.mark, "Cache-Control": "private, no-cache"}
        if names == [GALLERY]:
            headers["Content-Security-Policy"] = gallery_policy()
        if request.headers.get("if-none-match") == served.mark:
            self._closer.submit(partial(os.close, served.descriptor))
            return Response(status_code=304, headers=headers)
        return _File(served, headers, self._closer)


class _File:
    """Answers with the bytes of an open file, and closes it at the end, also where nobody has waited for it."""

    def __init__(self, served: Served, headers: dict[str, str], closer: LastingThread) -> None:
        self._closer = closer
        self._served, self._headers = served, {**headers, "Content-Length": str(served.size)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = StreamingResponse(_pieces(self._served), media_type=self._served.media_type, headers=self._headers)
            await answer(scope, receive, send)
        finally:
            self._closer.submit(partial(os.close, self._served.descriptor))


async def _pieces(served: Served) -> AsyncIterator[bytes]:
    """Yield what was announced; of a file that has become shorter less, and the connection ends."""
    done = 0
    while done < served.size:
        # At its place, and not where the descriptor stands: a read that is abandoned may end when that is another file's.
        piece = await disk_call(os.pread, served.descriptor, min(served.size - done, _PIECE_BYTES), done)
        if not piece:
            return
        done += len(piece)
        yield piece


def listening(port: int) -> socket.socket:
    """Return a socket that listens on this machine's own address.

    Args:
        port: 0 for any that is free.

    Raises:
        OutOfResources: the port is taken, or may not be used.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise OutOfResources(
            f"port {port} cannot be used: {error.strerror}", "Leave --port out to get a free one."
        ) from error
    return made


def serve(root: Root, listener: socket.socket, token: str) -> None:
    """Serve a root's live page until SIGINT or SIGTERM.

    Args:
        root: whose queue is shown.
        listener: from :func:`listening`; it is closed at the end.
        token: the first part of the address.
    """
    # The server raises what has ended it once more when it has ended: that is no error here.
    before = {number: signal.signal(number, _nothing) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        asyncio.run(run(root, listener, token))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def run(
    root: Root, listener: socket.socket, token: str, *, ready: Callable[[uvicorn.Server], None] | None = None
) -> None:
    """Serve until the server is told to end.

    Args:
        root: whose queue is shown.
        listener: listens already; it is closed at the end.
        token: the first part of the address.
        ready: gets the server before it begins.
    """
    look = Look(root)
    stream = Stream(lambda: parts_of(look()), close=look.close)
    page = LivePage(root, stream)
    # Its own configuration of logging would close the handlers of this process: absl's, which TensorFlow brings, closes
    # the stream too that it was made with.
    config = uvicorn.Config(
        page.app(token), log_config=None, lifespan="off", ws="none", log_level="error", access_log=False, proxy_headers=False,
        server_header=False, limit_concurrency=_CONNECTIONS_MOST, timeout_graceful_shutdown=_END_S, timeout_keep_alive=30, backlog=_BACKLOG,
    )  # fmt: skip

    server = uvicorn.Server(config)
    if ready is not None:
        ready(server)
    beside = [
        asyncio.create_task(follow_events(root, stream.hurry)),
        asyncio.create_task(_end_with(server, stream)),
    ]
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await stream.end()
        page.close()
        await anyio.to_thread.run_sync(stream.join, _END_S)  # but not longer: a look may hang on a dead disk


async def _end_with(server: uvicorn.Server, stream: Stream) -> None:
    """End what is sent to open pages when the server is told to end: it waits for them."""
    while not server.should_exit:
        await asyncio.sleep(_LOOK_S)
    await stream.end()


def new_token() -> str:
    """Return a token that nobody can guess: 128 bits, as text that any terminal marks with a double click."""
    return secrets.token_hex(16)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Take a signal that has been dealt with."""
