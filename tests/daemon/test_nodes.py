"""What the daemon learns of a cluster's machines by the reports on its jobs."""

from __future__ import annotations

from styled.backend.runner import Ended, Placed, Report
from styled.daemon.nodes import Nodes
from styled.job import Job, JobState
from styled.messages import Started, WorkerMessage
from styled.store.status import NodeSeen


def started(device: str) -> WorkerMessage:
    return Started(step=0, steps=60, width=64, height=40, device=device)


def hear(nodes: Nodes, job: str, *told: Placed | WorkerMessage | Ended) -> None:
    for what in told:
        nodes.hear(Report(job, what))


def test_a_machine_is_known_by_what_was_placed_there_and_what_became_of_it() -> None:
    nodes = Nodes()
    hear(nodes, "a", Placed("gpu7\n"), started("H100"))
    hear(nodes, "b", Placed("gpu8"), started("cpu"), Ended(0))
    assert nodes.seen() == [
        NodeSeen(name="gpu7", device="H100", jobs=["a"]),
        NodeSeen(name="gpu8", device="cpu", ended=1),
    ]
    hear(nodes, "a", Ended(1, lost="gpu7"), Ended(1, lost="gpu7"))  # a report may be heard again after an error
    hear(nodes, "c", Placed("gpu7"), Placed("gpu8"))  # its scheduler has moved it
    assert nodes.seen() == [
        NodeSeen(name="gpu8", device="cpu", jobs=["c"], ended=1),
        NodeSeen(name="gpu7", device="H100", lost=1),
    ]
    assert nodes.count == 2


def test_on_this_machine_there_are_none() -> None:
    nodes = Nodes()
    hear(nodes, "a", started("cpu"), Ended(0))
    assert nodes.seen() == []


def test_what_an_earlier_daemon_has_placed_is_known_again() -> None:
    nodes = Nodes()
    values = {"number": 1, "name": "a", "state": JobState.RUNNING, "content": "c", "styles": ("s",)}
    nodes.adopt(Job(id="a", node="gpu7", **values))
    nodes.adopt(Job(id="b", **values))
    assert nodes.seen() == [NodeSeen(name="gpu7", device="", jobs=["a"])]
