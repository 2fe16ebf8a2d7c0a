"""What ``styled doctor`` looks at of a cluster: the scheduler, the spool, and a node, on which a small job is run."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from styled.backend.staged import engines, spool
from styled.backend.staged.engine import Engine, Phase
from styled.backend.staged.node_report import NodeReport
from styled.backend.staged.place import Order, Place, foreign_versions
from styled.config import BackendConfig
from styled.errors import BackendAway, BackendError
from styled.files.filesystem import filesystem_type
from styled.files.printable import one_line
from styled.files.trust import distrust
from styled.version import versions

_REPORT = "styled.backend.staged.node_report"

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

    Submits one job of a second (to each node, where they can be chosen), under a name that no daemon takes for its own, and removes what it has written.
    """
    prefix = f"{spool.PREFIX}doctor-{secrets.token_hex(6)}-"
    engine = engines.engine_for(config, prefix)
    try:
        try:
            queued = len(engine.look())
        except BackendError as error:
            yield Found(config.kind, "problem", error.message, error.advice)
            return
        guarded = "; it takes nobody without its token" if config.kind == "ray" else ""
        yield Found(config.kind, "ok", f"{engine.name} answers" + (f", {queued} jobs" if queued else "") + guarded)
        if (wrong := _wrong_with(Path(config.spool))) is not None:
            yield wrong
            return
        yield Found("spool", "ok", f"{config.spool} ({filesystem_type(Path(config.spool)) or 'unknown'})")
        yield from _nodes(engine, config, prefix)
    finally:
        engine.close()


def _wrong_with(place: Path) -> Found | None:
    if not (place.is_dir() and os.access(place, os.R_OK | os.W_OK | os.X_OK)):
        advice = "Make it on a file system that all nodes have, and give it to the user that runs the daemon."
        return Found("spool", "problem", f"{place} is no folder that you can write", advice)
    if why := distrust(place, base=place):
        advice = "Whoever may could have anything run on the nodes: chmod o-w, chown."
        return Found("spool", "problem", f"{place} {why}", advice)
    return None


@dataclass(slots=True)
class _Probe:
    """A small job on one node."""

    node: str
    """Its name; empty where the scheduler chooses."""
    folder: Path
    handle: str = ""
    reason: str = ""
    """Why it waits."""
    ended: bool = False
    report: NodeReport | None = None

    @property
    def place(self) -> Place:
        """Its folder, in which no picture comes to be."""
        return Place(self.folder, "")


def _nodes(engine: Engine, config: BackendConfig, prefix: str) -> Iterator[Found]:
    """Run a small job on a node, or on each node where they can be chosen."""
    probes: list[_Probe] = []
    try:
        for number, node in enumerate(engine.nodes_to_choose_from() or ("",)):
            probes.append(_Probe(node, Path(config.spool) / f"{prefix}{number}"))
            probes[-1].folder.mkdir(mode=0o700)
            probes[-1].handle = engine.submit(probes[-1].folder.name, _REPORT, probes[-1].folder, only=node)
        _follow(engine, probes)
        fit = any(probe.report is not None and not _unfit(probe.report) for probe in probes)
        for probe in probes:
            yield from _found(probe, config, others_are_fit=fit)
    except BackendError as error:
        yield Found("node", "problem", error.message, error.advice)
    except OSError as error:
        yield Found("spool", "problem", f"{config.spool}: {error.strerror}", "Look at its permissions and its disk.")
    finally:
        for probe in probes:
            if probe.report is None and probe.handle:  # whatever ended the wait: a scheduler that is away, Ctrl-C
                with contextlib.suppress(BackendAway):
                    engine.kill(probe.handle)
            spool.clear(probe.folder)


def _follow(engine: Engine, probes: list[_Probe]) -> None:
    """Wait until all small jobs have ended, or their time is over."""
    until = time.monotonic() + _NODE_S
    while time.monotonic() < until:
        time.sleep(0.5)
        seen = engine.look()
        for probe in probes:
            engine.bring(probe.place)
            found = spool.read_small(probe.folder / "report.json", NodeReport)
            probe.report = found if isinstance(found, NodeReport) else probe.report
            state = seen.get(probe.folder.name)
            probe.reason = state.reason if state is not None and state.phase is Phase.QUEUED else ""
            if (state is None or state.phase is Phase.ENDED) and not probe.ended:
                probe.ended = True
                until = min(until, time.monotonic() + 5.0) if all(each.ended for each in probes) else until
        if all(probe.report is not None for probe in probes):
            return


def _found(probe: _Probe, config: BackendConfig, *, others_are_fit: bool) -> Iterator[Found]:
    python = config.python or ("Ray's own Python" if config.kind == "ray" else sys.executable)
    if probe.report is not None:
        yield from _found_in(probe, probe.report, others_are_fit=others_are_fit)
        return
    if probe.reason:
        yield Found(
            "node",
            "warning",
            f"none was free within {_NODE_S:.0f} s ({probe.reason})",
            "Nothing is known of the nodes yet; try later.",
        )
        return
    log = Place(probe.folder, "").log
    said = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    what = one_line(said[-1], 200) if said else f"it wrote nothing into {probe.folder.parent}"
    where = f"{probe.node}: " if probe.node else ""
    shared = "" if config.kind == "ray" else "; is the spool the same there?"
    advice = f"Install styled where every node finds it as {python}, or set [backend] python{shared}"
    yield Found("node", "warning" if others_are_fit else "problem", f"{where}a small job failed: {what}", advice)


def _unfit(report: NodeReport) -> str:
    return foreign_versions(Order(job="", worker="", versions=versions()), report.versions)


def _found_in(probe: _Probe, report: NodeReport, *, others_are_fit: bool) -> Iterator[Found]:
    host = probe.node or report.host
    if why := _unfit(report):
        advice = "Install the same version on all nodes: others are not used."
        yield Found("node", "warning" if others_are_fit else "problem", f"{host}: {why}", advice)
    elif "tensorflow" not in report.versions and "tensorflow" in versions():
        yield Found("node", "warning", f"{host} has no TensorFlow under that name", "Try: styled demo.")
    else:
        shown = ", ".join(
            f"{name} {report.versions[name]}" for name in ("styled", "tensorflow") if name in report.versions
        )
        yield Found("node", "ok", f"{host}: Python {report.python}, {shown}")
    offered = ", ".join(report.gpus) or "none was offered; painting uses the processor"
    yield Found("node gpu", "ok", f"{host}: {offered}" if probe.node else offered)
