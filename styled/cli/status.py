"""``styled status``: the daemon and the queue, as text or as JSON of a fixed shape."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from styled import figures
from styled.cli.options import root_option
from styled.cli.watch import watch
from styled.cli.wrapping import wrapped
from styled.daemon.control.seen import see_daemon
from styled.files.printable import escaped
from styled.job import ENDED, LARGEST_NUMBER, Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.status import OVERDUE_S

VERSION = 1
"""Of the JSON's shape: fields are only ever added under one version."""

WATCH_S = 1.0
"""Between two looks of ``--watch``."""


@click.command()
@root_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--all", "everything", is_flag=True, help="List all ended jobs too.")
@click.option(
    "--limit", type=click.IntRange(0, LARGEST_NUMBER), default=20, show_default=True, help="List this many ended jobs."
)
@click.option("--watch", "watched", is_flag=True, help="Go on, until Ctrl-C; with --json a line at each change.")
def status(root_path: str | None, *, as_json: bool, everything: bool, limit: int, watched: bool) -> None:
    """Show the daemon and the queue; works also while no daemon runs.

    Lists all jobs that are running, waiting or paused, then the latest ended ones.
    """
    root = Root.at(root_path)

    def looked(columns: int | None) -> tuple[list[str], object]:
        report = look(root, limit=None if everything else limit)
        content = without_beats(report)
        if not as_json:
            return _text(report, root, columns), content
        line = msgspec.json.encode(report)
        return [line.decode() if watched else msgspec.json.format(line, indent=2).decode()], content

    if watched:
        watch(looked, WATCH_S, in_place=not as_json)
    else:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo("\n".join(looked(columns)[0]))


def look(root: Root, *, limit: int | None = 20) -> dict[str, Any]:
    """Return what ``--json`` prints.

    Args:
        root: which root.
        limit: at most so many ended jobs; None for all.
    """
    with StoreReader.open(root) as reader:
        report = reader.status()
        jobs = reader.jobs([JobState.RUNNING, JobState.WAITING, JobState.PAUSED], order="queue")
        jobs += reader.jobs(ENDED, order="queue", limit=limit)
        counts = {str(state): count for state, count in reader.counts().items()}
    seen, report = see_daemon(root, report)
    return {
        "version": VERSION,
        "root": escaped(str(root.path)),
        "daemon": msgspec.to_builtins(seen),
        "counts": counts,
        "jobs": [msgspec.to_builtins(job) for job in jobs],
        "incomplete": msgspec.to_builtins(report.incomplete) if report else [],
        "incomplete_count": report.incomplete_count if report else 0,
        "hot_folders": report.hot_folders if report else [],
        "hot_folders_count": report.hot_folders_count if report else 0,
        "ignored": msgspec.to_builtins(report.ignored) if report else [],
        "ignored_count": report.ignored_count if report else 0,
        "rejected": msgspec.to_builtins(report.rejected) if report else [],
        "rejected_count": report.rejected_count if report else 0,
        "nodes": msgspec.to_builtins(report.nodes) if report else [],
        "nodes_count": report.nodes_count if report else 0,
        "memory": msgspec.to_builtins(report.memory) if report else None,
    }


def without_beats(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without what differs at each look while nothing happens: the beat, the memory, times of retries."""
    daemon = {key: value for key, value in report["daemon"].items() if key != "beat_at"}
    daemon["parts"] = [part | {"retry_at": None} for part in daemon["parts"]]
    return {**report, "daemon": daemon, "memory": None}


def _text(report: dict[str, Any], root: Root, width: int | None) -> list[str]:
    daemon, counts = report["daemon"], report["counts"]
    lines = [_daemon_line(daemon, root)]
    lines += [_part_line(part) for part in daemon["parts"]]
    lines += [", ".join(f"{count} {state}" for state, count in counts.items())]
    jobs = [msgspec.convert(job, Job) for job in report["jobs"]]
    if jobs:
        lines += ["", f"{'job':>4}  {'state':<9}  {'step':>11}  {'loss':>10}  name"]
        for job in jobs:
            lines.append(_job_line(job))
            lines += [f"{'':6}note: {remark}" for remark in job.remarks]
        hidden = sum(counts.values()) - len(jobs)
        lines += [f"       … {hidden} more ended jobs: styled status --all"] if hidden else []
    if report["nodes"]:
        lines += ["", f"nodes ({report['nodes_count']}):", *(_node_line(node, jobs) for node in report["nodes"])]
    if report["incomplete"]:
        lines += ["", f"waiting in the inbox ({report['incomplete_count']}):"]
        lines += [_incomplete_line(entry) for entry in report["incomplete"]]
    if report["hot_folders"]:
        lines += [
            "",
            f"hot folders without an image ({report['hot_folders_count']}); each one dropped there is painted:",
        ]
        lines += [f"  {name}" for name in report["hot_folders"]]
    if report["ignored"]:
        lines += ["", f"left alone in the inbox ({report['ignored_count']}):"]
        lines += [_reason_line(entry) for entry in report["ignored"]]
    if report["rejected"]:
        lines += ["", f"rejected ({report['rejected_count']}):"]
        lines += [_reason_line(entry) for entry in report["rejected"]]
    return [row for line in lines for row in wrapped(line, width)]


def _node_line(node: dict[str, Any], jobs: Sequence[Job]) -> str:
    numbers = {job.id: f"{job.number:04d}" for job in jobs}
    does = (
        "paints " + ", ".join(numbers.get(job, job) for job in node["jobs"]) if node["jobs"] else "paints nothing now"
    )
    lost = f", {node['lost']} lost with it" if node["lost"] else ""
    device = f", {node['device']}" if node["device"] else ""
    return f"  {node['name']}{device}: {does}; {node['ended']} ended there{lost}"


def _reason_line(entry: dict[str, Any]) -> str:
    return f"  {entry['name']}: {entry['reason']}"


def _incomplete_line(entry: dict[str, Any]) -> str:
    age = time.time() - entry["since"]
    return f"  {entry['name']}: {entry['missing']}" + (f" ({figures.age(age)})" if age >= OVERDUE_S else "")


def _daemon_line(daemon: dict[str, Any], root: Root) -> str:
    place = escaped(str(root.path))
    if not root.is_made:
        return f"{place} is no root; make it one with: {escaped(root.command_to_make_it)}"
    if daemon["state"] == "off":
        return f"No daemon runs for {place}; start it with: styled daemon"
    line = f"The daemon of {place} is {daemon['state']} (pid {daemon['pid']})"
    return f"{line}: {daemon['note']}" if daemon["note"] else line


def _part_line(part: dict[str, Any]) -> str:
    now = time.time()
    retry = part["retry_at"]
    again = "" if retry is None else f", tried again in {max(0.0, retry - now):.0f} s"
    return f"  {part['part']}: {part['trouble']} (for {figures.age(now - part['since'])}{again})"


def _job_line(job: Job) -> str:
    step = f"{job.step}/{job.steps}" if job.steps else ""
    loss = "" if job.loss is None else f"{job.loss:.4g}"
    line = f"{job.number:04d}  {job.state:<9}  {step:>11}  {loss:>10}  {job.title}"
    line += f"  on {job.node}" if job.node else ""
    return f"{line}: {job.reason}" if job.reason else line
