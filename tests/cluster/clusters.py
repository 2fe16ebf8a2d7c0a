"""A real Slurm and a real Ray of two nodes, alike to the tests that both must pass."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from styled.backend.staged import small_slurm
from styled.backend.staged.ray_core import small as small_ray
from styled.backend.staged.ray_core.small import SmallRay
from styled.backend.staged.small_slurm import SmallSlurm
from styled.root import Root
from tests.backend.contract.test_contract import SCRIPT
from tests.cluster.network import Network
from tests.cluster.waiting import wait_until
from tests.faults.daemon_process import FAULTS

HURRY = "STYLED_TEST_HURRY"
"""What the synthetic worker reads :attr:`Cluster.hurry_file` from."""


class Cluster(Protocol):
    """Two nodes, ``node1`` and ``node2``, of one processor each."""

    title: str
    """As the user reads it."""

    hurry_file: Path
    """While this file is there, the synthetic worker takes no time for its steps."""

    def on(self, node: str) -> str:
        """Return a condition, in the language of the shell, that is true in an attempt on a node."""

    def settings(self, root: Root) -> dict[str, str]:
        """Return what a daemon needs in its environment to paint on this cluster."""

    def attempts(self) -> list[str]:
        """Return what the scheduler has not ended."""

    def left(self, root: Root) -> list[str]:
        """Return what lies in the spool, and on the nodes."""

    def disks(self, root: Root) -> list[Path]:
        """Return the folders in which attempts are laid out: those of the nodes, or what they share."""

    def until_ready(self) -> None:
        """Wait until all nodes can be given a job."""

    def kill(self, node: str) -> None:
        """Kill a node, as a power loss would, with all that it runs."""

    def start(self, node: str) -> None:
        """Start a node that was killed, as a machine that starts again."""

    def cut(self, node: str) -> None:
        """Cut a node's network; skip the test where there are no networks to cut."""

    def mend(self, node: str) -> None:
        """Undo :meth:`cut`."""

    def rejoin(self, node: str) -> None:
        """Have a node be one of the cluster again that was given up, and lives."""


class _OnHosts:
    """A cluster whose nodes may be hosts of a network."""

    def __init__(self, network: Network | None) -> None:
        self._network = network

    def cut(self, node: str) -> None:
        self._cuttable().cut(node)

    def mend(self, node: str) -> None:
        self._cuttable().mend(node)

    def _cuttable(self) -> Network:
        if self._network is None:
            pytest.skip("no networks here that can be cut: they need root and iproute2")
        return self._network


class SlurmCluster(_OnHosts):
    """Slurm, whose nodes share a folder beside the root."""

    title = "Slurm"

    def __init__(self, small: SmallSlurm, network: Network | None) -> None:
        super().__init__(network)
        self.small = small
        self.hurry_file = small.folder / "hurry"

    def on(self, node: str) -> str:
        return f'[ "$(hostname)" = {node} ]'

    def settings(self, root: Root) -> dict[str, str]:
        spool = root.path.parent / "spool"
        spool.mkdir(exist_ok=True)
        # The option is only for the synthetic worker, which lies with the tests.
        return {
            HURRY: str(self.hurry_file),
            "STYLED_BACKEND__KIND": "slurm",
            "STYLED_BACKEND__SPOOL": str(spool),
            "STYLED_BACKEND__OPTIONS": '["--export=ALL"]',
            **self.small.environment,
        }

    def attempts(self) -> list[str]:
        return self.small.run("squeue", "--noheader", "--format=%j").split()

    def left(self, root: Root) -> list[str]:
        return sorted(path.name for path in (root.path.parent / "spool").glob("styled-*"))

    def disks(self, root: Root) -> list[Path]:
        return [root.path.parent / "spool"]

    def until_ready(self) -> None:
        wait_until(self._all_nodes_are_idle, "a node does not come back", seconds=60)

    def _all_nodes_are_idle(self) -> bool:
        """Put back what Slurm has taken out of use, and return whether each node can be given a job.

        Slurm takes a node out of use where a job on it cannot be ended, or was started twice.
        """
        for name in self.small.run("sinfo", "-h", "-N", "-t", "drain", "-o", "%N").split():
            self.small.run("scontrol", "update", f"NodeName={name}", "State=RESUME")
        return set(self.small.run("sinfo", "-h", "-N", "-o", "%T").split()) == {"idle"}

    def kill(self, node: str) -> None:
        self.small.kill(node)

    def start(self, node: str) -> None:
        self.small.start_node(node)

    def rejoin(self, node: str) -> None:
        """Nothing: Slurm takes a node back that it hears of again."""


class RayCluster(_OnHosts):
    """Ray, whose nodes share no folder with anybody."""

    title = "Ray"

    def __init__(self, small: SmallRay, network: Network | None) -> None:
        super().__init__(network)
        self.small = small
        self.hurry_file = Path(small.variables[HURRY])

    def on(self, node: str) -> str:
        return f'[ "${{TMPDIR##*/}}" = tmp-{node} ]'

    def settings(self, root: Root) -> dict[str, str]:
        return self.small.environment

    def attempts(self) -> list[str]:
        """Return the actors that hold an attempt, and what they have run."""
        found = []
        for node in self.small.names:
            for process in self.small.processes(node):
                command = ""
                with contextlib.suppress(psutil.Error):  # it has just ended
                    command = " ".join(process.cmdline())
                if command.startswith("ray::Node") or "styled.backend" in command:
                    found.append(command)
        return found

    def disks(self, root: Root) -> list[Path]:
        return [self.small.folder / f"tmp-{node}" for node in self.small.names]

    def left(self, root: Root) -> list[str]:
        places = [root.state / "spool", *self.disks(root)]
        return sorted(str(path) for place in places if place.is_dir() for path in place.glob("styled-*"))

    def until_ready(self) -> None:
        """Nothing: a node that was started is ready."""

    def kill(self, node: str) -> None:
        self.small.kill(node)
        self.small.forget(node)

    def start(self, node: str) -> None:
        self.small.start_node(node)

    def rejoin(self, node: str) -> None:
        """Start the node's Ray anew: it ends when it is told that it was given up."""
        self.kill(node)
        self.start(node)


@contextlib.contextmanager
def slurm_cluster(network: Network | None, *, timeout_s: int = 5) -> Iterator[SlurmCluster]:
    """Start a Slurm; skip the tests where there is none."""
    if why := small_slurm.missing():
        pytest.skip(f"no Slurm here: {why}")
    hosts = network.hosts if network else ()
    with _short_folder("slurm-") as folder, SmallSlurm(folder / "c", timeout_s=timeout_s, hosts=hosts) as small:
        yield SlurmCluster(small, network)


@contextlib.contextmanager
def ray_cluster(network: Network | None, *, timeout_s: int = 6) -> Iterator[RayCluster]:
    """Start a Ray, whose nodes know the synthetic worker and that of the contract; skip the tests where there is none."""
    if why := small_ray.missing():
        pytest.skip(f"no Ray here: {why}")
    hosts = network.hosts if network else ()
    with _short_folder("ray-") as folder:
        (folder / "modules").mkdir()
        (folder / "modules" / "contract_worker.py").write_text(SCRIPT)
        variables = {
            "PYTHONPATH": os.pathsep.join([str(FAULTS), str(folder / "modules")]),
            HURRY: str(folder / "hurry"),
        }
        with SmallRay(folder / "c", timeout_s=timeout_s, hosts=hosts, variables=variables) as small:
            yield RayCluster(small, network)


@contextlib.contextmanager
def _short_folder(prefix: str) -> Iterator[Path]:
    """Make a folder whose path is short enough for sockets in it, and that any user may enter."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
