"""The page of results follows the queue, rarely enough, and its troubles are only logged."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest
import structlog

from styled.config import GalleryConfig
from styled.daemon.upkeep.gallery_refresher import LONGEST_PAUSE_S, RETRY_S, SETTLE_S, SHARE, GalleryRefresher
from styled.job import JobState
from styled.root import Root
from styled.store.records import Event
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import DaemonProcess

pytestmark = pytest.mark.processes


def event(kind: str = "moved", after: str = "done") -> Event:
    return Event(seq=1, at=0.0, kind=kind, number=1, id="x", before="running", after=after, note="")


class Clock:
    """Goes with the real time, and ahead when told to."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gallery_refresher(root: Root, clock: Clock) -> Iterator[GalleryRefresher]:
    gallery_refresher = GalleryRefresher(root, GalleryConfig(), clock=clock)
    yield gallery_refresher
    gallery_refresher.close()


def write(gallery_refresher: GalleryRefresher, clock: Clock) -> None:
    """Let a writing that is due start, and end."""
    clock.ahead += gallery_refresher.wake_after() or 0.0
    gallery_refresher.turn()
    process = gallery_refresher._process
    assert process is not None, "nothing was started"
    assert "gallery" in process.args  # type: ignore[operator]
    wait_until(lambda: gallery_refresher.turn() or gallery_refresher._process is not process)


def test_a_daemon_shows_a_result_on_the_page_soon_after_its_job(root: Root) -> None:
    with DaemonProcess(root, STYLED_GALLERY__AUTO="true") as daemon:
        daemon.drop("harbour")
        job = daemon.until("harbour", JobState.DONE)
        page = root.evolution / "index.html"
        wait_until(lambda: page.exists() and job.id in page.read_text(), "the page does not show the job")


def test_a_page_that_was_still_due_when_the_daemon_stopped_is_written_by_the_next(root: Root) -> None:
    page = root.evolution / "index.html"
    with DaemonProcess(root, STYLED_GALLERY__AUTO="false") as daemon:
        daemon.drop("harbour")
        job = daemon.until("harbour", JobState.DONE)
    assert not page.exists()
    with DaemonProcess(root, STYLED_GALLERY__AUTO="true"):
        wait_until(lambda: page.exists() and job.id in page.read_text(), "the page does not show the job")


@pytest.mark.parametrize("heard", [event(), event(after="failed"), event(kind="removed", after="")])
def test_it_is_written_after_an_end_or_a_removal_and_then_not_again_for_a_while(
    root: Root, gallery_refresher: GalleryRefresher, clock: Clock, heard: Event
) -> None:
    gallery_refresher.note([event(after="running"), event(kind="priority", after="3")])
    assert gallery_refresher.wake_after() is None
    gallery_refresher.note([heard, heard])
    assert gallery_refresher.wake_after() == pytest.approx(SETTLE_S, abs=0.5)
    before = clock()
    write(gallery_refresher, clock)
    took = clock() - before - SETTLE_S
    assert "<title>styled: results</title>" in (root.evolution / "index.html").read_text()
    assert gallery_refresher.wake_after() is None
    gallery_refresher.note([heard])
    assert (gallery_refresher.wake_after() or 0.0) > 0.5 * took * (1.0 / SHARE - 1.0)


def test_a_failure_is_logged_with_its_reason_and_not_repeated_at_once(
    root: Root, gallery_refresher: GalleryRefresher, clock: Clock
) -> None:
    (root.evolution / "index.html").mkdir()
    gallery_refresher.note([event()])
    with structlog.testing.capture_logs() as logs:
        write(gallery_refresher, clock)
    assert [entry["event"] for entry in logs] == ["the gallery could not be written"]
    assert "index.html" in logs[0]["said"]
    gallery_refresher.note([event()])
    assert (gallery_refresher.wake_after() or 0.0) > RETRY_S - 1.0


def test_a_page_that_could_not_be_written_is_tried_again_less_and_less_often_until_it_is(
    root: Root, gallery_refresher: GalleryRefresher, clock: Clock
) -> None:
    page = root.evolution / "index.html"
    page.mkdir()
    gallery_refresher.note([event()])
    pauses = []
    for _ in range(3):
        write(gallery_refresher, clock)
        pauses.append(gallery_refresher.wake_after() or 0.0)
    assert pauses[0] > RETRY_S - 1.0
    assert pauses[1] > pauses[0]
    assert LONGEST_PAUSE_S >= pauses[2] > pauses[1]
    page.rmdir()
    write(gallery_refresher, clock)
    assert "<title>styled: results</title>" in page.read_text()
    assert gallery_refresher.wake_after() is None


def test_a_writing_that_hung_is_tried_again(gallery_refresher: GalleryRefresher, clock: Clock) -> None:
    suspended(gallery_refresher, clock)
    clock.ahead += gallery_refresher.wake_after() or 0.0
    wait_until(lambda: gallery_refresher.turn() or gallery_refresher._process is None)
    assert gallery_refresher.wake_after() == pytest.approx(LONGEST_PAUSE_S, rel=0.01)


def test_it_keeps_still_when_told_to_or_while_the_disk_is_full(root: Root, clock: Clock) -> None:
    for gallery_refresher in (GalleryRefresher(root, GalleryConfig(auto=False), clock=clock), GalleryRefresher(root, GalleryConfig(), may_write=lambda: False, clock=clock)):  # fmt: skip
        gallery_refresher.note([event()])
        clock.ahead += 2 * SETTLE_S
        gallery_refresher.turn()
        assert gallery_refresher._process is None
        assert gallery_refresher.wake_after() != 0.0, "it would wake the loop without end"


@pytest.mark.parametrize("end", ["limit", "close"])
def test_a_writing_that_hangs_is_ended_and_one_in_progress_ends_with_the_daemon(
    gallery_refresher: GalleryRefresher, clock: Clock, end: str
) -> None:
    child = suspended(gallery_refresher, clock)
    if end == "limit":
        clock.ahead += gallery_refresher.wake_after() or 0.0
        wait_until(lambda: gallery_refresher.turn() or gallery_refresher._process is None)
    else:
        gallery_refresher.close()
    assert not child.is_running()


def test_a_writing_that_sigkill_does_not_end_keeps_nobody_waiting(
    gallery_refresher: GalleryRefresher, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """evolution/ lies on a file server that is dead, say."""
    child = suspended(gallery_refresher, clock)
    process = gallery_refresher._process
    assert process is not None
    with monkeypatch.context() as hung, structlog.testing.capture_logs() as logs:
        hung.setattr(subprocess.Popen, "kill", lambda _process: None)
        hung.setattr("styled.daemon.upkeep.gallery_refresher._KILLED_S", 0.05)
        clock.ahead += gallery_refresher.wake_after() or 0.0
        gallery_refresher.note([event()])
        for _ in range(3):
            gallery_refresher.turn()
            assert gallery_refresher._process is process, "no other one is started beside it"
            assert gallery_refresher.wake_after() is None
        assert len(logs) == 1
        gallery_refresher.close()
        assert len(logs) == 2
    assert child.is_running()
    process.kill()
    process.wait(patience(10))


def suspended(gallery_refresher: GalleryRefresher, clock: Clock) -> psutil.Process:
    """Start a writing, and let it hang; return its process."""
    gallery_refresher.note([event()])
    clock.ahead += 2 * SETTLE_S
    gallery_refresher.turn()
    assert gallery_refresher._process is not None
    child = psutil.Process(gallery_refresher._process.pid)
    child.suspend()
    return child
