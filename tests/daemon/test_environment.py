"""A broken installation holds the queue and fails no job; a broken job does not hold the queue."""

from __future__ import annotations

import sys

import pytest

from styled.backend.runner import Ended
from styled.backend.verdict import Blame
from styled.daemon.environment import LEAST_S, Environment
from styled.job import JobState
from styled.messages import Failure
from tests.daemon.workshop import Workshop

LACKS = "ModuleNotFoundError: No module named 'tensorflow'"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def environment(clock: Clock) -> Environment:
    return Environment(lambda: (10.0, 60.0), clock=clock)


def test_what_only_the_machine_brings_about_holds_the_queue_at_once(environment: Environment, clock: Clock) -> None:
    assert environment.ended_early("a", LACKS, Blame.MACHINE) == []
    assert environment.trouble == f"no worker can begin: {LACKS}"
    assert not environment.may_start()
    clock.now += 10.0
    assert environment.may_start()


def test_one_job_alone_may_be_at_fault_and_two_alike_are_not(environment: Environment) -> None:
    assert environment.ended_early("a", "the worker was killed by SIGILL", Blame.UNKNOWN) is None
    assert environment.ended_early("a", "the worker was killed by SIGILL", Blame.UNKNOWN) is None
    assert environment.ended_early("b", "its job.json is odd", Blame.UNKNOWN) is None
    assert environment.trouble == ""
    assert environment.ended_early("c", "the worker was killed by SIGILL", Blame.UNKNOWN) == ["a"]
    assert "SIGILL" in environment.trouble


def test_probes_come_ever_more_seldom_one_at_a_time_and_the_next_job_first(
    environment: Environment, clock: Clock
) -> None:
    environment.ended_early("a", LACKS, Blame.MACHINE)
    assert environment.probe_in() == 10.0
    assert environment.put_off_s()["a"] > environment.probe_in()
    clock.now += 10.0
    environment.started("b")
    assert not environment.may_start()
    environment.ended_early("b", LACKS, Blame.MACHINE)
    assert environment.probe_in() == 60.0
    put_off = environment.put_off_s()
    assert 60.0 < put_off["a"] < put_off["b"] < 65.0
    clock.now += 60.0
    environment.started("c")
    environment.ended("c")  # paused, say: that tells nothing, and another may follow
    assert environment.may_start()
    environment.started("d")
    environment.began("d")
    assert (environment.trouble, environment.may_start(), environment.probe_in()) == ("", True, 0.0)
    environment.ended_early("a", LACKS, Blame.UNKNOWN)
    environment.ended_early("b", LACKS, Blame.UNKNOWN)
    assert environment.probe_in() == 10.0


def test_a_job_whose_worker_ends_early_while_others_begin_is_at_fault_itself(
    environment: Environment, clock: Clock
) -> None:
    assert environment.ended_early("a", "the weights cannot be downloaded", Blame.MACHINE) == []
    clock.now += 10.0
    environment.started("b")
    environment.began("b")
    assert environment.ended_early("a", "the weights cannot be downloaded", Blame.MACHINE) is None
    assert environment.trouble == ""
    environment.began("a")
    assert environment.ended_early("a", "the weights cannot be downloaded", Blame.MACHINE) == []


def test_each_job_of_a_held_queue_is_a_probe_in_turn(environment: Environment, clock: Clock) -> None:
    """Two that are broken themselves, in front of the queue, would keep a mended one held otherwise."""
    due = dict.fromkeys(["bad-1", "bad-2", "good"], 0.0)
    tried = []
    while len(tried) < 9:
        clock.now += 0.1
        job = next((job for job, at in due.items() if at <= clock.now), None)  # the first in the queue that is due
        if job is not None and environment.may_start():
            tried.append(job)
            environment.started(job)
            environment.ended_early(job, LACKS, Blame.MACHINE)
            due |= {each: clock.now + seconds for each, seconds in environment.put_off_s().items()}
    assert tried == ["bad-1", "bad-2", "good"] * 3


@pytest.mark.processes
def test_workers_that_die_before_a_word_hold_the_queue_until_it_is_mended(workshop: Workshop) -> None:
    good, workshop.runner._module = workshop.runner._module, "no_such_module"
    jobs = [workshop.add(name) for name in ("a", "b")]
    workshop.turn_until(lambda: bool(workshop.dispatcher.trouble))
    for ends in (3, 4, 5):  # more than the two attempts that each job has
        workshop.shift += 2 * LEAST_S
        workshop.turn_until(lambda ends=ends: workshop.dispatcher.ends["crashed"] == ends)
    assert [workshop.state(job) for job in jobs] == [JobState.WAITING, JobState.WAITING]
    workshop.runner._module = good
    workshop.shift += 2 * LEAST_S
    workshop.turn_until(lambda: workshop.store.counts()[JobState.DONE] == 2)
    assert workshop.dispatcher.trouble == ""


@pytest.mark.processes
def test_a_probe_that_is_cancelled_keeps_the_queue_held_no_longer(workshop: Workshop) -> None:
    """Its worker may end for want of a module in the same moment: then it was both, and the next job is the probe."""
    good, workshop.runner._module = workshop.runner._module, "no_such_module"
    first, second = (workshop.add(name) for name in ("a", "b"))
    workshop.turn_until(lambda: bool(workshop.dispatcher.trouble))
    workshop.runner._module = good
    workshop.may_start = False
    workshop.store.move(first.id, JobState.CANCELLED)
    workshop.dispatcher._environment.started(first.id)
    broken = Failure(kind="installation-broken", message=LACKS)
    workshop.dispatcher._end(first.id, Ended(1, failure=broken, asked_to_stop=True, began=False))
    workshop.may_start = True
    workshop.shift += 2 * LEAST_S
    workshop.until(second, JobState.DONE)


@pytest.mark.processes
def test_a_worker_that_ends_when_its_job_is_gone_keeps_no_slot(workshop: Workshop) -> None:
    workshop.dispatcher._end("gone", Ended(0))
    assert "gone" not in workshop.dispatcher.busy()


@pytest.mark.processes
def test_a_program_that_cannot_be_started_holds_the_queue(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    job = workshop.add("a")
    workshop.turn_until(lambda: bool(workshop.dispatcher.trouble))
    assert "/nowhere/python" in workshop.dispatcher.trouble
    waiting = workshop.store.get(job.id)
    assert (waiting.state, waiting.attempts) == (JobState.WAITING, 0)
    assert "could not be started" in waiting.reason
    monkeypatch.undo()
    workshop.shift += 2 * LEAST_S
    assert workshop.dispatcher.wake_after() is not None
