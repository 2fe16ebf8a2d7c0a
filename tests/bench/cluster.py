"""How soon a cluster paints, again and again, and how many pictures in an hour: on throw-away clusters of this machine.

    python -m tests.bench.cluster slurm
    python -m tests.bench.cluster ray --pictures 8

Without ``--pictures`` the worker is the synthetic one, 50 ms a step, and what is measured is everything else. With it
the worker is the real one, and so many pictures are painted by one node and then by two. Needs root and iproute2: the
nodes are hosts of their own.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import psutil

from styled.inbox.add import add_pair
from styled.job import Job, JobState
from styled.root import Root
from tests.cluster.cluster_daemon import ClusterDaemon
from tests.cluster.clusters import Cluster, ray_cluster, slurm_cluster
from tests.cluster.looking import folder_of
from tests.cluster.network import Network
from tests.deadlines import wait_until
from tests.faults.daemon_process import lines

SAMPLES = Path(__file__).parents[2] / "styled" / "data" / "samples"
STEPS = 4000
"""More than any measurement takes."""


class Watch:
    """Seconds since something was done, as each thing comes of it."""

    def __init__(self, daemon: ClusterDaemon, name: str) -> None:
        self._daemon, self._name = daemon, name
        self._began = time.monotonic()
        self._seen: list[str] = []

    def until(self, what: str, condition: Callable[[Job], bool]) -> Job:
        """Wait for a state of the job; note when it came."""
        found = wait_until(lambda: (job := self._daemon.job(self._name)) and condition(job) and job, what, 120)
        assert isinstance(found, Job)
        self.note(what)
        return found

    def until_more_steps(self) -> None:
        """Wait for a line of losses."""
        job = self._daemon.job(self._name)
        assert job is not None
        losses = folder_of(self._daemon, job).losses
        before = lines(losses)
        wait_until(lambda: lines(losses) > before, "no step", 120)
        self.note("next step here")

    def note(self, what: str) -> None:
        """Note that something has come."""
        self._seen.append(f"{what} {time.monotonic() - self._began:.1f} s")

    def __str__(self) -> str:
        return ", ".join(self._seen)


def painting(daemon: ClusterDaemon, name: str) -> Job:
    """Drop a pair and wait until it is painted and has a checkpoint."""
    daemon.drop(name, settings={"steps": STEPS})
    job = daemon.until_step(name, 20)
    wait_until(lambda: list(folder_of(daemon, job).checkpoint.glob("*.npz")), "no checkpoint")
    return job


def first_step(daemon: ClusterDaemon) -> str:
    """Measure from the daemon's having a job to its first step here."""
    daemon.drop("slow-first", settings={"steps": STEPS})
    wait_until(lambda: daemon.job("slow-first"), "not taken")
    watch = Watch(daemon, "slow-first")
    watch.until("placed", lambda job: bool(job.node))
    watch.until_more_steps()
    return str(watch)


def after_loss(daemon: ClusterDaemon, name: str, lose: Callable[[str], None], *back: Callable[[str], None]) -> str:
    """Measure from the loss of a node to the first step elsewhere; then have the node back."""
    lost = painting(daemon, name)
    watch = Watch(daemon, name)
    lose(lost.node)
    try:
        watch.until("given up", lambda job: job.attempt != lost.attempt or job.state is JobState.WAITING)
        watch.until("placed", lambda job: job.attempt != lost.attempt and bool(job.node))
        watch.until_more_steps()
    finally:
        for again in back:
            again(lost.node)
    return str(watch)


def restarted(daemon: ClusterDaemon, name: str) -> str:
    """Measure from the daemon's start after a kill to the first step that comes over."""
    before = painting(daemon, name)
    daemon.kill()
    watch = Watch(daemon, name)
    daemon.start()
    watch.note("answers")
    watch.until_more_steps()
    job = daemon.job(name)
    assert job is not None
    watch.note("same attempt" if job.attempt == before.attempt else "another attempt")
    return str(watch)


def memory(daemon: ClusterDaemon) -> str:
    """Return the memory of the daemon and of its bridge, as shares of pages go (PSS)."""
    process = psutil.Process(daemon.process.pid)
    bridges = [each for each in process.children() if "styled.backend.staged.bridge" in each.cmdline()]
    found = [("daemon", process), *(("bridge", each) for each in bridges)]
    return ", ".join(f"{name} {each.memory_full_info().pss / 2**20:.0f} MiB" for name, each in found)


@contextlib.contextmanager
def new_root() -> Iterator[Root]:
    """Make a root in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        root = Root.at(Path(place) / "root")
        root.evolution.mkdir(parents=True)
        yield root


def delays(cluster: Cluster) -> None:
    """Print the table of delays."""
    with new_root() as root, ClusterDaemon(root, cluster) as daemon:
        click.echo(f"| job taken | {first_step(daemon)} |")
        click.echo(f"| memory, one job painted | {memory(daemon)} |")
        daemon.cancel_all()
        click.echo(f"| daemon killed, started again | {restarted(daemon, 'slow-daemon')} |")
        daemon.cancel_all()
        for title, name, lose, back in (
            ("node killed", "slow-node", cluster.kill, (cluster.start,)),
            ("network cut", "slow-cut", cluster.cut, (cluster.mend, cluster.rejoin)),
        ):
            click.echo(f"| {title} | {after_loss(daemon, name, lose, *back)} |")
            daemon.cancel_all()
            cluster.until_ready()


def pictures_per_hour(cluster: Cluster, count: int, size: int, steps: int) -> None:
    """Print how many pictures one node paints in an hour, and two."""
    rates = []
    for slots in (1, 2):
        with new_root() as root, ClusterDaemon(root, cluster, STYLED_BACKEND__SLOTS=str(slots)) as daemon:
            names = [f"real-{number}" for number in range(count)]
            began = time.monotonic()
            for name in names:
                settings = {"size": size, "steps": steps, "frame_every": 0, "checkpoint_s": 60}
                add_pair(root, SAMPLES / "rocket.jpg", [SAMPLES / "starry_night.jpg"], name=name, settings=settings)
            while not all((job := daemon.job(name)) and job.state is JobState.DONE for name in names):
                if failed := [job for job in daemon.jobs() if job.state is JobState.FAILED]:
                    raise SystemExit(f"{failed[0].name}: {failed[0].reason}")
                time.sleep(0.2)
            rates.append(3600 * count / (time.monotonic() - began))
            click.echo(f"| {slots} node{'s' * (slots - 1)} | {rates[-1]:.0f} pictures of {size} px per hour |")
    click.echo(f"| two nodes against one | {rates[1] / rates[0]:.2f} |")


@click.command()
@click.argument("engine", type=click.Choice(["slurm", "ray"]))
@click.option("--timeout", type=int, default=10, help="Seconds after which the scheduler gives a silent node up.")
@click.option("--pictures", type=int, default=0, help="Paint so many instead, by one node and by two.")
@click.option("--size", type=int, default=256)
@click.option("--steps", type=int, default=60)
def main(engine: str, timeout: int, pictures: int, size: int, steps: int) -> None:
    """Measure."""
    with Network() as network:
        clusters = {"slurm": slurm_cluster, "ray": ray_cluster}
        with clusters[engine](network, timeout_s=timeout) as cluster:
            if pictures:
                pictures_per_hour(cluster, pictures, size, steps)
            else:
                delays(cluster)


if __name__ == "__main__":
    main()
