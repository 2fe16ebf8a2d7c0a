"""What an attempt has painted that ended stays in the spool until its end is noted."""

from __future__ import annotations

import pytest

from styled.backend.runner import Attempt, Ended
from styled.backend.verdict import Verdict, verdict_of
from tests.backend.staged.test_staged import Bench, bench

__all__ = ["bench"]

pytestmark = pytest.mark.processes  # results are decoded in a child


def test_what_ended_is_there_until_the_daemon_has_noted_it(bench: Bench) -> None:
    """A daemon may be killed that was told of it, and the bridge at any time: the next one begins at the first message."""
    task = bench.task()
    node = bench.submit(task)
    node.run()
    node.start()
    node.finish()
    for _ in range(2):
        assert any(isinstance(report.what, Ended) for report in bench.poll())
        bench.poll(100.0)
        assert bench.left() == [node.name], "it is not swept either"
        bench.runner.close()
        bench.engine.nodes.clear()  # the scheduler has forgotten it
        later = bench.runner = bench.another()
        later.attach([Attempt(task, "", wanted=True)])
    assert verdict_of(bench.end())[0] is Verdict.DONE
    assert bench.left() == []


def test_a_bridge_that_follows_one_that_was_killed_keeps_what_is_not_noted(bench: Bench) -> None:
    task = bench.task()
    node = bench.submit(task)
    node.run()
    node.finish()
    bench.poll()
    bench.runner.close()
    later = bench.runner = bench.another()
    later.attach([])
    later.keep(task)
    bench.poll(100.0)
    assert bench.left() == [node.name]
    later.acknowledge(task)
    assert bench.left() == []


def test_what_was_noted_and_not_cleared_is_swept_by_the_next_bridge(bench: Bench) -> None:
    node = bench.submit(bench.task())
    node.run()
    node.finish()
    bench.poll()
    bench.runner.close()
    bench.runner = bench.another()
    bench.runner.attach([])
    bench.poll(100.0)
    assert bench.left() == []
