"""A part that raises is logged, shown and tried again later; nothing that it raises gets out."""

from __future__ import annotations

import errno

import pytest
from structlog.testing import capture_logs

from styled.daemon.supervisor import BACKOFF_S, FORGET_S, Part, Supervisor
from styled.errors import DiskFull, StoreLocked


class Clock:
    """Monotonic seconds, moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Broken:
    """A part that raises what it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls = 0

    def turn(self) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def part() -> Broken:
    return Broken()


@pytest.fixture
def supervisor(clock: Clock) -> Supervisor:
    return Supervisor(clock=clock, wall=lambda: clock() + 1000.0)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EIO, "Input/output error"), RecursionError(), MemoryError(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "?"), AssertionError("never")],
)  # fmt: skip
def test_whatever_a_part_raises_stays_there_with_a_traceback_in_the_log(
    supervisor: Supervisor, part: Broken, error: Exception
) -> None:
    part.error = error
    with capture_logs() as log:
        assert not supervisor.turn(Part.RETENTION, part.turn)
        assert supervisor.turn(Part.GALLERY, Broken().turn)
    assert [(line["log_level"], line["exc_info"]) for line in log] == [("error", error)]
    (trouble,) = supervisor.troubles()
    assert (trouble.part, trouble.since, trouble.retry_at) == ("retention", 1000.0, 1001.0)
    assert type(error).__name__ in trouble.trouble


def test_it_is_tried_again_later_each_time_and_logged_once(supervisor: Supervisor, part: Broken, clock: Clock) -> None:
    part.error = ValueError("no\nsuch\x1b[31m thing")
    waits = []
    with capture_logs() as log:
        for _ in range(len(BACKOFF_S) + 2):
            supervisor.turn(Part.GALLERY, part.turn)
            assert not supervisor.turn(Part.GALLERY, part.turn)  # it waits
            wait = supervisor.wake_after(Part.GALLERY, 0.0)
            assert wait is not None
            waits.append(wait)
            clock.now += wait
    assert tuple(waits) == (*BACKOFF_S, BACKOFF_S[-1], BACKOFF_S[-1])
    assert part.calls == len(waits)
    assert len(log) == 1
    assert supervisor.troubles()[0].trouble == "ValueError: no such\\x1b[31m thing"


def test_a_part_that_works_again_says_so_and_one_that_comes_and_goes_does_not_fill_the_log(
    supervisor: Supervisor, part: Broken, clock: Clock
) -> None:
    with capture_logs() as log:
        for _ in range(5):
            part.error = OSError(errno.EIO, "Input/output error")
            supervisor.turn(Part.HOOKS, part.turn)
            part.error = None
            clock.now += 60.0
            assert supervisor.turn(Part.HOOKS, part.turn)
            assert supervisor.troubles() == []
            assert supervisor.wake_after(Part.HOOKS, None) is None
    assert sum("exc_info" in line for line in log) == 1
    clock.now += FORGET_S
    supervisor.turn(Part.HOOKS, part.turn)
    part.error = OSError(errno.EIO, "Input/output error")
    with capture_logs() as log:
        supervisor.turn(Part.HOOKS, part.turn)
    assert log[0]["seconds"] == BACKOFF_S[0]  # as if it had never failed


def test_what_may_pass_is_tried_every_second_without_a_traceback(
    supervisor: Supervisor, part: Broken, clock: Clock
) -> None:
    part.error = StoreLocked("queue.db is locked by another program")
    with capture_logs() as log:
        for _ in range(20):
            supervisor.turn(Part.DISPATCH, part.turn)
            assert supervisor.wake_after(Part.DISPATCH, None) == 1.0
            clock.now += 1.0
    assert [line["log_level"] for line in log] == ["error"]
    assert "exc_info" not in log[0]


def test_a_full_disk_is_the_disks_affair(clock: Clock, part: Broken) -> None:
    full: list[str] = []
    supervisor = Supervisor(refused=full.append, clock=clock)
    part.error = DiskFull("no room")
    supervisor.turn(Part.INTAKE, part.turn)
    assert full == ["no room"]


def test_waits_end_when_there_is_no_time_for_them(supervisor: Supervisor, part: Broken) -> None:
    part.error = KeyError("x")
    supervisor.turn(Part.DISPATCH, part.turn)
    assert supervisor.any_waits
    supervisor.hasten()
    assert not supervisor.any_waits
    supervisor.turn(Part.DISPATCH, part.turn)
    assert part.calls == 2


def test_a_part_that_goes_on_as_well_as_it_can_tells_that_itself(supervisor: Supervisor, clock: Clock) -> None:
    words = ""
    supervisor.watch(Part.INTAKE, lambda: words)
    assert supervisor.troubles() == []
    words = "no events"
    first = supervisor.troubles()
    clock.now += 10.0
    assert supervisor.troubles() == first
    assert (first[0].part, first[0].trouble, first[0].retry_at) == ("intake", "no events", None)
    words = ""
    assert supervisor.troubles() == []
