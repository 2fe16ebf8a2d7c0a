"""What has been learned of a cluster's machines, by what was painted on them since the daemon began. Nothing is asked of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from styled.backend.runner import Ended, Placed, Report
from styled.files.printable import one_line
from styled.job import Job
from styled.messages import Started
from styled.store.status import LISTED, NodeSeen

_MOST_TEXT = 60
"""Characters of a machine's or a GPU's name that are shown."""


@dataclass(slots=True)
class _Node:
    device: str = ""
    jobs: dict[str, None] = field(default_factory=dict)
    """Ids of the jobs that it paints, in the order of their start."""
    ended: int = 0
    lost: int = 0
    """Workers that were lost with it."""


class Nodes:
    """The machines that jobs were placed on."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._places: dict[str, str] = {}
        """Job to the name of its node."""

    def adopt(self, job: Job) -> None:
        """Note where a job runs that an earlier daemon has started."""
        if job.node:
            self._place(job.id, job.node)

    def hear(self, report: Report) -> None:
        """Note what a report tells of a machine."""
        match report.what:
            case Placed(node=node):
                self._leave(report.id)
                self._place(report.id, node)
            case Started(device=device) if (name := self._places.get(report.id)) is not None:
                self._nodes[name].device = one_line(device, _MOST_TEXT)
            case Ended(lost=lost) if (name := self._places.get(report.id)) is not None:
                self._nodes[name].ended += not lost
                self._nodes[name].lost += bool(lost)
                self._leave(report.id)

    def seen(self) -> list[NodeSeen]:
        """Return each machine, those that paint first, then by name; at most as many as a report lists."""
        names = sorted(self._nodes, key=lambda name: (not self._nodes[name].jobs, name))
        return [
            NodeSeen(name=name, device=node.device, jobs=list(node.jobs), ended=node.ended, lost=node.lost)
            for name in names[:LISTED]
            if (node := self._nodes[name])
        ]

    @property
    def count(self) -> int:
        """How many machines are known."""
        return len(self._nodes)

    def _place(self, job_id: str, node: str) -> None:
        name = one_line(node, _MOST_TEXT)
        self._places[job_id] = name
        self._nodes.setdefault(name, _Node()).jobs[job_id] = None

    def _leave(self, job_id: str) -> None:
        name = self._places.pop(job_id, None)
        if name is not None:
            self._nodes[name].jobs.pop(job_id, None)
