"""A queue that is held stays held, also when its database is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from styled.daemon.queue_pause import QueuePause
from styled.root import Root
from styled.store.store import Store


@pytest.fixture
def store(root: Root) -> Iterator[Store]:
    with Store.open(root) as opened:
        yield opened


def without_database(root: Root) -> Store:
    for part in root.state.glob("queue.db*"):
        part.unlink()
    return Store.open(root)


def test_a_new_database_knows_that_the_user_had_paused(root: Root, store: Store) -> None:
    QueuePause(store, root.hold).hold("paused by ann")
    store.close()
    with without_database(root) as new:
        assert QueuePause(new, root.hold).reason == "paused by ann"
        assert QueuePause(new, root.hold).reason == "paused by ann"  # it is in the database again
        QueuePause(new, root.hold).release()
    with without_database(root) as newer:
        assert QueuePause(newer, root.hold).reason == ""


def test_the_database_has_the_last_word(root: Root, store: Store) -> None:
    pause = QueuePause(store, root.hold)
    pause.hold("paused by ann")
    pause.release()
    root.hold.write_text("left by somebody")
    assert QueuePause(store, root.hold).reason == ""


def test_a_reason_that_cannot_be_read_is_a_reason(root: Root, store: Store) -> None:
    root.hold.mkdir()
    assert "cannot be read" in QueuePause(store, root.hold).reason
