"""A clock that is set, or wrong, neither freezes a back-off nor removes a job."""

from __future__ import annotations

import pytest

from styled.daemon.wall_clock import WallClock

DAY = 86_400.0
NOW = 1_790_000_000.0


class Machine:
    """A monotonic clock, and one that people set."""

    def __init__(self) -> None:
        self.up = 100.0
        self.set_by = 0.0

    def monotonic(self) -> float:
        return self.up

    def wall(self) -> float:
        return NOW + self.up + self.set_by


@pytest.fixture
def machine() -> Machine:
    return Machine()


def clock(machine: Machine, last_seen: float | None) -> WallClock:
    return WallClock(last_seen, wall=machine.wall, monotonic=machine.monotonic)


def test_what_is_set_meanwhile_does_not_move_a_due_time(machine: Machine) -> None:
    steady = clock(machine, None).steady
    before = steady()
    machine.set_by = -7200.0
    machine.up += 5.0
    assert steady() == before + 5.0


@pytest.mark.parametrize("last_seen", [None, NOW, NOW + 90.0, NOW + 50 * DAY])
def test_a_clock_that_goes_as_it_did_is_believed(machine: Machine, last_seen: float | None) -> None:
    watched = clock(machine, last_seen)
    for _ in range(30):
        assert watched.doubt() == ""
        machine.up += DAY


def test_a_clock_60_days_ahead_at_the_start_is_believed_after_a_day(machine: Machine) -> None:
    machine.set_by = 60 * DAY
    watched = clock(machine, NOW)
    assert watched.doubt().startswith("the clock has gone ahead by 60d")
    machine.up += DAY - 1.0
    assert watched.doubt()
    machine.up += 1.0
    assert watched.doubt() == ""
    machine.up += 30 * DAY
    assert watched.doubt() == ""


def test_a_clock_that_is_set_right_is_believed_at_once(machine: Machine) -> None:
    watched = clock(machine, NOW)
    assert not watched.doubt()
    machine.set_by = 60 * DAY
    machine.up += 3600.0
    assert watched.doubt()
    machine.set_by = 0.0
    assert watched.doubt() == ""
    machine.set_by = -5 * DAY  # and from there ahead again: five days are many, too
    assert watched.doubt() == ""
    machine.set_by = 0.0
    assert watched.doubt()


def restarted(machine: Machine, last: WallClock) -> WallClock:
    """Boot the machine again, and start the clock of the next daemon by what the last one handed on."""
    doubted = last.doubted()
    last_seen, doubted_s = (machine.wall(), 0.0) if doubted is None else doubted
    machine.set_by += machine.up
    machine.up = 0.0
    return WallClock(last_seen, doubted_s, wall=machine.wall, monotonic=machine.monotonic)


def test_a_doubt_goes_on_over_restarts_and_ends_after_a_day_in_all(machine: Machine) -> None:
    machine.set_by = 365 * DAY
    watched = clock(machine, NOW)
    for _ in range(4):
        machine.up += DAY / 4 - 1.0
        assert watched.doubt().startswith("the clock has gone ahead by 365d")
        watched = restarted(machine, watched)
        assert watched.doubt()
    machine.up += 4.0
    assert watched.doubt() == ""
    watched = restarted(machine, watched)
    assert watched.doubt() == ""


def test_a_clock_that_is_set_right_between_two_daemons_is_believed(machine: Machine) -> None:
    machine.set_by = 365 * DAY
    watched = clock(machine, NOW)
    machine.up += DAY / 2
    assert watched.doubt()
    handed_on = watched.doubted()
    assert handed_on is not None
    machine.set_by = 0.0
    watched = WallClock(*handed_on, wall=machine.wall, monotonic=machine.monotonic)
    assert watched.doubt() == ""
    machine.set_by = 365 * DAY  # and a new doubt has its whole day
    assert watched.doubt()
    machine.up += DAY - 1.0
    assert watched.doubt()
