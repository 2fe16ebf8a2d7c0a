"""Work beside the event loop: on a daemon thread, its outcome posted as a message.

Not the toolkit's thread workers: the loop waits for those when it ends, so that a read which hangs on a dead
network disk would make ``q`` hang too.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from textual._context import NoActiveAppError
from textual.message import Message
from textual.message_pump import MessagePump


def in_background(pump: MessagePump, name: str, work: Callable[[], Message]) -> None:
    """Run ``work`` on a thread and post the message it returns to ``pump``. Call it on the event loop's thread."""
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: post(pump, loop, work()), name=f"styled-{name}", daemon=True).start()


def post(pump: MessagePump, loop: asyncio.AbstractEventLoop, message: Message) -> None:
    """Post from another thread; where ``pump`` or the loop has ended meanwhile nothing is posted."""
    try:
        pump.post_message(message)
    except NoActiveAppError:
        return  # the widget was removed
    except RuntimeError:
        if not loop.is_closed():
            raise
