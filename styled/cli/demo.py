"""``styled demo``: the whole way of a pair through a real root, in about a minute."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from styled import signals
from styled.cli.init import make_root
from styled.cli.machine import completing
from styled.cli.pictures.thumbnail import thumbnail
from styled.cli.progress import TextLines
from styled.daemon.control.protocol import Client
from styled.daemon.process.lock import holder_of
from styled.daemon.process.service import start_detached
from styled.daemon.supervisor import Part
from styled.errors import DaemonNotRunning, StyledError
from styled.evolution import JobFolder, all_losses, read_losses
from styled.files.printable import escaped
from styled.inbox.add import add_pair
from styled.job import ENDED, Job, JobState
from styled.presets import layered
from styled.root import Root
from styled.settings import parse_assignment
from styled.store.reader import StoreReader

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
CONTENT, STYLE = SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg"

SETTINGS = {"size": 448, "steps": 100}
"""Under two minutes of painting on two cores without a GPU."""

_POLL_S = 0.2


@click.command()
@click.option(
    "--root", "root_path", type=click.Path(), metavar="DIR", help="The root  [default: a new temporary folder]"
)
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    shell_complete=completing.settings,
    help="Another setting; repeat for more.",
)
@click.option(
    "--backend",
    type=click.Choice(["local", "slurm", "ray"]),
    default="local",
    show_default=True,
    help="slurm, ray: on a throw-away cluster of two nodes, made on this machine for as long as the demo takes.",
)
def demo(root_path: str | None, assignments: tuple[str, ...], backend: str) -> None:
    """Drop a packaged pair into a fresh root and show the result.

    A rocket launch becomes a Starry Night: a daemon is started, takes the pair from the inbox, paints it and
    is stopped again. The root is a new temporary folder and stays.
    """
    # As Ctrl-C: the daemon must not be left behind.
    signals.handle((signal.SIGTERM, signal.SIGHUP), signal.default_int_handler)
    settings = layered(SETTINGS, dict(parse_assignment(text) for text in assignments))
    root = Root.at(root_path or tempfile.mkdtemp(prefix="styled-demo-"))
    make_root(root)
    display = TextLines(sys.stderr)
    with _cluster(root, backend, display) if backend != "local" else nullcontext(), _daemon(root, display):
        known = _jobs(root)
        name = add_pair(root, CONTENT, [STYLE], name="rocket", settings=settings)
        display.note(f"dropped {CONTENT.name} and {STYLE.name} into {root.inbox / name}")
        try:
            job = _followed(root, name, frozenset(known), display)
        finally:
            display.close()
    if job.state is not JobState.DONE:
        raise StyledError(f"the job is {job.state}: {job.reason}", f"See {root.evolution / job.id / 'log.txt'}.")
    _show(JobFolder(root.evolution / job.id))


@contextmanager
def _cluster(root: Root, backend: str, display: TextLines) -> Iterator[None]:
    """Have a cluster of two nodes, which the daemon that is started next paints on."""
    from styled.backend.staged.ray_core.small import SmallRay  # nothing else of this command needs them
    from styled.backend.staged.small_slurm import SmallSlurm

    if holder_of(root) is not None:
        raise StyledError(f"a daemon runs for {root.path} already", "Give a fresh --root, or none.")
    place = Path(tempfile.mkdtemp(prefix=f"styled-{backend}-"))
    try:
        small = SmallRay(place / "c") if backend == "ray" else SmallSlurm(place / "c")
        with small as cluster:
            (place / "spool").mkdir(mode=0o700)
            os.environ |= {
                **cluster.environment,
                "STYLED_BACKEND__KIND": backend,
                "STYLED_BACKEND__SPOOL": str(place / "spool"),
            }
            display.note(f"started a {backend.capitalize()} of two nodes in {place}")
            yield
        display.note("stopped it")
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _daemon(root: Root, display: TextLines) -> Iterator[None]:
    """Have a daemon for ``root``; one that was not there before is stopped at the end."""
    client = Client(root)
    try:
        client.request("ping")
        started = False
    except DaemonNotRunning:
        start_detached(root)
        started = True
        display.note(f"started a daemon for {root.path}")
    try:
        yield
    finally:
        if started:
            _stop(root, display)


def _stop(root: Root, display: TextLines) -> None:
    try:
        pid = Client(root).request("stop")["pid"]
    except DaemonNotRunning:
        display.note(f"the daemon has ended on its own; its log is {root.log}")
        return
    while (holder := holder_of(root)) is not None and holder.pid == pid:
        time.sleep(_POLL_S)
    display.note("stopped the daemon")


def _jobs(root: Root) -> dict[str, Job]:
    with StoreReader.open(root) as reader:
        return {job.id: job for job in reader.jobs()}


def _followed(root: Root, name: str, known: frozenset[str], display: TextLines) -> Job:
    """Show how the pair ``name`` becomes a job and the job a picture; return it when it has ended."""
    client, state, offset, node = Client(root), None, 0, ""
    display.note("waiting until the files have settled")
    while True:
        if (root.rejected / name).exists():
            raise StyledError(f"the pair was rejected, see {root.rejected / name}")
        job = next((job for job in _jobs(root).values() if job.name == name and job.id not in known), None)
        if job is not None:
            if job.state is not state:
                state = job.state
                display.note(f"job {job.number:04d} is {state}")
            if job.node != node and job.node:
                display.note(f"job {job.number:04d} is painted by {job.node}")
            node = job.node
            offset = _show_progress(JobFolder(root.evolution / job.id), offset, display)
            if state in ENDED:
                return job
        status = client.request("status")["status"]  # raises when the daemon has died: nobody would ever end the job
        for part in status["parts"]:
            if part["part"] == Part.DISPATCH:  # the daemon tries again for ever; nobody waits that long for a demo
                raise StyledError(part["trouble"], "Look into it with: styled doctor.")
        time.sleep(_POLL_S)


def _show_progress(folder: JobFolder, offset: int, display: TextLines) -> int:
    part = read_losses(folder, offset)
    if part.losses:
        display.show(part.losses[-1])
    return part.offset


def _show(folder: JobFolder) -> None:
    losses = all_losses(folder)
    first, last = losses[0], losses[-1]
    click.echo(thumbnail(folder.result, sys.stdout))
    click.echo(f"loss      {first.loss:.4g} -> {last.loss:.4g} in {last.step} steps and {last.seconds:.0f} s")
    click.echo(f"result    {escaped(str(folder.result))}")
    click.echo(f"timelapse {escaped(str(folder.timelapse))}")
