"""A root with jobs, and its live page served by a thread of the tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvicorn

from styled.job import Job
from styled.root import Root
from styled.store.store import Store
from styled.web.server import listening, run
from tests.deadlines import patience

TOKEN = "0123456789abcdef"  # noqa: S105  # of the tests


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root."""
    root = Root(tmp_path / "root")
    for folder in (root.inbox, root.evolution, root.state):
        folder.mkdir(parents=True)
    return root


@pytest.fixture
def store(root: Root) -> Iterator[Store]:
    with Store.open(root) as opened:
        yield opened


def add_job(store: Store, name: str, *, job_id: str = "", **fields: Any) -> Job:
    number = store.next_number()
    paths = {"content": "input/content.jpg", "styles": ("input/style.png",)}
    return store.add(
        number=number, id=job_id or f"20261122-2015{number:02d}-{name}", name=name, **{"steps": 40, **paths, **fields}
    )


class Address(NamedTuple):
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{TOKEN}/"


@pytest.fixture
def served(root: Root) -> Iterator[Address]:
    """The live page of the root."""
    listener = listening(0)
    port = listener.getsockname()[1]
    servers: list[uvicorn.Server] = []
    thread = threading.Thread(target=lambda: asyncio.run(run(root, listener, TOKEN, ready=servers.append)))
    thread.start()
    yield Address(port)
    servers[0].handle_exit(15, None)
    thread.join(patience(20))
    assert not thread.is_alive()
