"""What ``styled doctor`` looks at of a cluster: the scheduler, the spool, and a node, on which a small job is run."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from styled.backend.staged import engines, spool
from styled.backend.staged.engine import Engine, Phase
from styled.backend.staged.node_report import NodeReport
from styled.children import python_command
from styled.config import BackendConfig
from styled.errors import BackendAway, BackendError
from styled.evolution import versions
from styled.files.filesystem import filesystem_type
from styled.files.trust import distrust

_NODE_S = 45.0
"""That a node has for the small job, its wait in the queue included."""


class Found(NamedTuple):
    """The outcome of one check."""

    name: str
    level: Literal["ok", "warning", "problem"]
    text: str
    advice: str = ""


def examine(config: BackendConfig) -> Iterator[Found]:
    """Make all checks of a back end that is not this machine; the next one only where the one before went well.

    Submits one job of a second, under a name that no daemon takes for its own, and removes what it has written.
    """
    prefix = f"{spool.PREFIX}doctor-{secrets.token_hex(6)}-"
    engine = engines.engine_for(config, prefix)
    try:
        queued = len(engine.look())
    except BackendAway as error:
        yield Found(config.kind, "problem", error.message, error.advice)
        return
    yield Found(config.kind, "ok", f"{engine.name} answers" + (f", {queued} jobs" if queued else ""))
    place = Path(config.spool)
    if not (place.is_dir() and os.access(place, os.R_OK | os.W_OK | os.X_OK)):
        advice = "Make it on a file system that all nodes have, and give it to the user that runs the daemon."
        yield Found("spool", "problem", f"{place} is no folder that you can write", advice)
        return
    if why := distrust(place, base=place):
        yield Found(
            "spool", "problem", f"{place} {why}", "Whoever may could have anything run on the nodes: chmod o-w, chown."
        )
        return
    yield Found("spool", "ok", f"{place} ({filesystem_type(place) or 'unknown'})")
    folder = place / f"{prefix}1"
    try:
        folder.mkdir(mode=0o700)
        yield from _node(engine, config, folder)
    except BackendAway as error:
        yield Found(config.kind, "problem", error.message, error.advice)
    except OSError as error:
        yield Found(
            "spool", "problem", f"{folder} cannot be written: {error.strerror}", "Look at its permissions and its disk."
        )
    finally:
        spool.clear(folder)


def _node(engine: Engine, config: BackendConfig, folder: Path) -> Iterator[Found]:
    python = config.python or sys.executable
    command = python_command("styled.backend.staged.node_report", str(folder), python=python)
    log = folder / "engine.log"
    try:
        handle = engine.submit(folder.name, command, log)
    except BackendError as error:
        yield Found("node", "problem", error.message, "Look at [backend] options.")
        return
    report, reason, until = None, "", time.monotonic() + _NODE_S
    try:
        while report is None and time.monotonic() < until:
            time.sleep(0.5)
            seen = engine.look().get(folder.name)
            report = spool.read_small(folder / "report.json", NodeReport)
            reason = seen.reason if seen is not None and seen.phase is Phase.QUEUED else ""
            if seen is None or seen.phase is Phase.ENDED:
                until = min(until, time.monotonic() + 5.0)
    finally:
        if report is None:  # whatever ended the wait: a scheduler that is away, Ctrl-C
            engine.kill(handle)
    if isinstance(report, NodeReport):
        yield from _found_in(report)
        return
    if reason:
        yield Found(
            "node",
            "warning",
            f"none was free within {_NODE_S:.0f} s ({reason})",
            "Nothing is known of the nodes yet; try later.",
        )
        return
    said = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    what = said[-1][:200] if said else f"it wrote nothing into {folder.parent}"
    advice = (
        f"Install styled where every node finds it as {python}, or set [backend] python; is the spool the same there?"
    )
    yield Found("node", "problem", f"a small job failed: {what}", advice)


def _found_in(report: NodeReport) -> Iterator[Found]:
    here = versions()
    order = spool.Order(job="", worker="", versions=here)
    if why := spool.foreign_versions(order, report.versions):
        yield Found(
            "node", "problem", f"{report.host}: {why}", "Install the same version on all nodes: others are refused."
        )
    elif "tensorflow" not in report.versions and "tensorflow" in here:
        yield Found("node", "warning", f"{report.host} has no TensorFlow under that name", "Try: styled demo.")
    else:
        shown = ", ".join(
            f"{name} {report.versions[name]}" for name in ("styled", "tensorflow") if name in report.versions
        )
        yield Found("node", "ok", f"{report.host}: Python {report.python}, {shown}; it writes the spool")
    yield Found("node gpu", "ok", ", ".join(report.gpus) or "none was offered; painting uses the processor")
