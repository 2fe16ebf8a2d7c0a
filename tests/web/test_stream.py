"""What is sent to pages that watch: the newest state, once, and nothing that piles up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator

import pytest

from styled.web.stream import Parts, Stream
from tests.deadlines import patience


class Shown:
    """What a look finds, as a test sets it; counts the looks."""

    def __init__(self, **parts: str) -> None:
        self.parts: Parts = parts
        self.looks = 0

    def __call__(self) -> Parts:
        self.looks += 1
        return dict(self.parts)


async def next_parts(messages: AsyncIterator[bytes]) -> Parts:
    async with asyncio.timeout(patience(10)):
        async for message in messages:
            if b"data: " in message:
                return dict(json.loads(message.split(b"data: ")[1]))
    raise AssertionError("the stream has ended")


async def test_all_comes_first_then_what_has_changed() -> None:
    shown = Shown(now="a", queue="b")
    closed = threading.Event()
    stream = Stream(shown, every_s=0.01, close=closed.set)
    messages = stream.messages()
    assert await next_parts(messages) == {"now": "a", "queue": "b"}
    shown.parts = {"now": "a", "queue": "c\n<d>"}
    assert await next_parts(messages) == {"queue": "c\n<d>"}
    late = stream.messages()
    assert await next_parts(late) == {"now": "a", "queue": "c\n<d>"}
    await stream.end()
    assert [message async for message in messages] == []
    await late.aclose()
    stream.join(patience(5))
    assert closed.is_set()


async def test_one_that_does_not_read_gets_the_newest_state_only() -> None:
    shown = Shown(now="0")
    stream = Stream(shown, every_s=0.001)
    slow, quick = stream.messages(), stream.messages()
    assert await next_parts(slow) == {"now": "0"}
    await next_parts(quick)
    for number in range(1, 20):
        shown.parts = {"now": str(number)}
        assert await next_parts(quick) == {"now": str(number)}
    assert await next_parts(slow) == {"now": "19"}
    await stream.end()
    await slow.aclose()
    await quick.aclose()


async def test_nobody_looks_while_nobody_watches() -> None:
    shown = Shown(now="a")
    stream = Stream(shown, every_s=0.001)
    messages = stream.messages()
    await next_parts(messages)
    await messages.aclose()
    assert stream.watchers == 0
    looks = shown.looks
    await asyncio.sleep(0.1)
    assert shown.looks <= looks + 1, "the one that was under way"
    again = stream.messages()
    shown.parts = {"now": "b"}
    while await next_parts(again) != {"now": "b"}:
        pass
    await stream.end()
    await again.aclose()


async def test_a_hurried_look_waits_for_no_clock() -> None:
    shown = Shown(now="a")
    stream = Stream(shown, every_s=3600)
    messages = stream.messages()
    await next_parts(messages)
    shown.parts = {"now": "b"}
    stream.hurry()
    assert await next_parts(messages) == {"now": "b"}
    await stream.end()
    await messages.aclose()


async def test_a_look_that_fails_is_shown_and_the_next_may_be_right(caplog: pytest.LogCaptureFixture) -> None:
    fails = True

    def look() -> Parts:
        if fails:
            raise ValueError("nobody foresaw this")
        return {"state": "well"}

    stream = Stream(look, every_s=0.001)
    messages = stream.messages()
    assert await next_parts(messages) == {"state": "unexpected ValueError"}
    fails = False
    assert await next_parts(messages) == {"state": "well"}
    assert "nobody foresaw this" in caplog.text
    await stream.end()
    await messages.aclose()


async def test_a_look_that_hangs_holds_up_neither_the_end_nor_the_signs_of_life() -> None:
    hangs = threading.Event()

    def look() -> Parts:
        hangs.wait(patience(30))
        return {}

    stream = Stream(look, alive_s=0.01)
    messages = stream.messages()
    assert await anext(messages) == b"retry: 1000\n\n"
    assert await anext(messages) == b": alive\n\n"
    async with asyncio.timeout(patience(5)):
        await stream.end()
        assert [message async for message in messages] in ([], [b": alive\n\n"])
    hangs.set()
