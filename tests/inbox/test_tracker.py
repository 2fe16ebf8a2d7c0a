from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from styled.files.signature import Signature
from styled.inbox.tracker import Tracker
from tests.store.conftest import FakeClock

A = Signature(1, 10, 100, 5, 5)
GROWN = A._replace(size=200)


@pytest.fixture
def tracker(clock: FakeClock) -> Tracker:
    return Tracker(settle_s=5.0, clock=clock)


def test_one_observation_is_never_enough(tracker: Tracker, clock: FakeClock):
    tracker.observe({"a": A})
    clock.pass_by(1000)
    assert tracker.not_quiet(["a"]) == ["a"]


def test_two_equal_observations_a_settle_time_apart_are(tracker: Tracker, clock: FakeClock):
    tracker.observe({"a": A})
    clock.pass_by(4.9)
    tracker.observe({"a": A})
    assert tracker.not_quiet(["a"]) == ["a"]
    clock.pass_by(0.1)
    tracker.observe({"a": A})
    assert tracker.not_quiet(["a"]) == []


@pytest.mark.parametrize("field", Signature._fields)
def test_any_difference_starts_the_quiet_time_again(tracker: Tracker, clock: FakeClock, field: str):
    tracker.observe({"a": A})
    clock.pass_by(5)
    tracker.observe({"a": A._replace(**{field: 99})})
    assert tracker.not_quiet(["a"]) == ["a"]
    clock.pass_by(5)
    tracker.observe({"a": A._replace(**{field: 99})})
    assert tracker.not_quiet(["a"]) == []


def test_a_slow_writer_is_waited_for_until_its_last_change(tracker: Tracker, clock: FakeClock):
    for size in range(100):
        tracker.observe({"a": A._replace(size=size)})
        clock.pass_by(4)
        assert tracker.not_quiet(["a"]) == ["a"]
    tracker.observe({"a": A._replace(size=99)})
    clock.pass_by(1)
    tracker.observe({"a": A._replace(size=99)})
    assert tracker.not_quiet(["a"]) == []


def test_a_file_that_went_and_came_back_starts_again(tracker: Tracker, clock: FakeClock):
    tracker.observe({"a": A})
    clock.pass_by(3)
    tracker.observe({})
    clock.pass_by(3)
    tracker.observe({"a": A})
    assert tracker.not_quiet(["a"]) == ["a"]


def test_an_unknown_file_is_not_quiet(tracker: Tracker):
    assert tracker.not_quiet(["nobody"]) == ["nobody"]
    assert tracker.age("nobody") == 0.0
    assert tracker.signature("nobody") is None


def test_a_postponed_file_waits_and_any_change_ends_that(tracker: Tracker, clock: FakeClock):
    tracker.observe({"a": A})
    tracker.postpone("a", 120)
    clock.pass_by(60)
    tracker.observe({"a": A})
    assert tracker.not_quiet(["a"]) == ["a"]
    clock.pass_by(60)
    tracker.observe({"a": A})
    assert tracker.not_quiet(["a"]) == []
    tracker.postpone("a", 1e9)
    tracker.observe({"a": GROWN})
    clock.pass_by(5)
    tracker.observe({"a": GROWN})
    assert tracker.not_quiet(["a"]) == []


def test_it_says_when_the_next_file_can_be_quiet(tracker: Tracker, clock: FakeClock):
    assert tracker.quiet_in_least([]) is None
    tracker.observe({"a": A})
    clock.pass_by(2)
    tracker.observe({"a": A, "b": A})
    assert tracker.quiet_in_least(["b"]) == 5.0
    assert tracker.quiet_in_least(["a", "b"]) == 3.0
    clock.pass_by(10)
    assert tracker.quiet_in_least(["a", "b"]) == 0.0


def test_renaming_a_file_keeps_it_the_same_file_and_rewriting_does_not(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = Signature.of(path.stat())
    moved = path.rename(tmp_path / "b")
    assert Signature.of(moved.stat()).same_file(before)
    moved.write_bytes(b"longer")
    assert not Signature.of(moved.stat()).same_file(before)


class Uploads(RuleBasedStateMachine):
    """Files that come, grow, go and are looked at, at any times, against the plain rule."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.tracker = Tracker(settle_s=5.0, clock=self.clock)
        self.files: dict[str, Signature] = {}
        self.seen: dict[str, list[tuple[float, Signature | None]]] = {}
        self.changes = 0

    @rule(name=st.sampled_from("abc"))
    def write(self, name: str) -> None:
        self.changes += 1
        self.files[name] = Signature(1, ord(name), self.changes, self.changes, self.changes)

    @rule(name=st.sampled_from("abc"))
    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    @rule(seconds=st.sampled_from([0.5, 2.0, 5.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.clock.pass_by(seconds)

    @rule()
    def look(self) -> None:
        self.tracker.observe(self.files)
        for name in "abc":
            self.seen.setdefault(name, []).append((self.clock.now, self.files.get(name)))

    @invariant()
    def quiet_means_the_same_over_the_settle_time(self) -> None:
        for name in "abc":
            looks = self.seen.get(name, [])
            quiet = False
            if looks and looks[-1][1] is not None:
                last_at, last = looks[-1]
                first_at = last_at
                for at, signature in reversed(looks):
                    if signature != last:
                        break
                    first_at = at
                quiet = last_at - first_at >= 5.0
            assert (self.tracker.not_quiet([name]) == []) == quiet


TestUploads = Uploads.TestCase
TestUploads.settings = settings(max_examples=60, stateful_step_count=40)
