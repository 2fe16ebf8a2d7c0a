"""Nodes that cannot run an attempt: they are named, and another one is taken."""

from __future__ import annotations

import pytest

from styled.backend.staged.place import Order, foreign_versions
from styled.backend.verdict import Blame, Verdict, blame, verdict_of
from styled.messages import Noted
from tests.backend.staged.test_staged import Bench, bench

__all__ = ["bench"]

pytestmark = pytest.mark.processes  # results are decoded in a child


def test_a_node_with_another_version_is_named_and_another_is_taken(bench: Bench) -> None:
    task = bench.task()
    node = bench.submit(task)
    for name in ("node1", "node2"):
        node.run(name)
        bench.poll()
        node.be_unfit("styled 9.9 is installed there")
        reports = [report.what for report in bench.poll() if isinstance(report.what, Noted)]
        assert [note.note for note in reports] == [f"{name}: styled 9.9 is installed there: another node is taken"]
        node = bench.engine.nodes[node.name]
    assert node.avoid == {"node1", "node2"}
    node.run("node3")
    node.start()
    node.finish()
    assert verdict_of(bench.end())[0] is Verdict.DONE
    later = bench.submit(bench.task("another", attempt="bb"))
    assert later.avoid == {"node1", "node2"}
    bench.now += 601.0
    assert bench.submit(bench.task("a-third", attempt="cc")).avoid == frozenset(), "it may have been mended"


def test_where_all_nodes_are_unfit_the_installation_is_to_blame(bench: Bench) -> None:
    node = bench.submit(bench.task())
    for name in ("node1", "node2", "node3"):
        node.run(name)
        bench.poll()
        node.be_unfit("styled 9.9 is installed there")
        bench.poll()
        node = bench.engine.nodes[node.name]
    node.run("node4")
    bench.poll()
    node.be_unfit("styled 9.9 is installed there")
    ended = bench.end()
    assert (blame(ended), ended.began) == (Blame.MACHINE, False)
    assert verdict_of(ended)[1].startswith("node4: styled 9.9 is installed there")
    assert bench.left() == []


@pytest.mark.parametrize(
    ("here", "unfit"),
    [
        ({"styled": "0.1.0", "tensorflow": "2.21.1"}, ""),
        ({"styled": "0.2.0", "tensorflow": "2.21.0"}, "styled 0.2.0 is installed there"),
        ({"styled": "0.1.0", "tensorflow": "2.20.0"}, "tensorflow 2.20.0 is installed there"),
        ({"styled": "0.1.0"}, ""),
    ],
)
def test_a_node_with_another_version_is_named(here: dict[str, str], unfit: str) -> None:
    order = Order(job="", worker="", versions={"styled": "0.1.0", "tensorflow": "2.21.0", "numpy": "2.4.0"})
    found = foreign_versions(order, here)
    assert found.startswith(unfit)
    assert bool(found) == bool(unfit)
