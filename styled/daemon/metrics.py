"""``metrics.prom``: the daemon's figures in Prometheus' text format, for node_exporter's textfile collector.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from styled.job import Job, JobState
from styled.messages import Progress
from styled.store.status import DaemonStatus

EVERY_S = 15.0
"""Between two writes: as often as Prometheus usually asks."""


class Facts(NamedTuple):
    """What the figures are made from."""

    status: DaemonStatus
    counts: Mapping[JobState, int]
    oldest_waiting_at: float | None
    """When the oldest waiting job was created, Unix seconds."""
    running: Sequence[tuple[Job, Progress]]
    ends: Mapping[str, int]
    """How many workers ended in each way since the daemon started."""
    missed_events: int
    observer_restarts: int
    disk_free: int
    resident_bytes: int


class _Metric(NamedTuple):
    name: str
    kind: str
    help: str
    samples: Iterable[tuple[Mapping[str, str], float]]


def render(facts: Facts) -> str:
    """Return the text."""
    lines = []
    for metric in _metrics(facts):
        lines.append(f"# HELP styled_{metric.name} {metric.help}")
        lines.append(f"# TYPE styled_{metric.name} {metric.kind}")
        lines += [f"styled_{metric.name}{_labels(labels)} {value:.10g}" for labels, value in metric.samples]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Replace the file: a reader sees the old one or the new one. Not synced to the disk: it is soon old anyway."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _metrics(facts: Facts) -> list[_Metric]:
    status = facts.status
    now = status.beat_at
    oldest = now - facts.oldest_waiting_at if facts.oldest_waiting_at is not None else 0.0
    return [
        _one("beat_timestamp_seconds", "When the daemon last wrote this, Unix time", now),
        _one("start_timestamp_seconds", "When the daemon started, Unix time", status.started_at),
        _Metric(
            "state",
            "gauge",
            "1 for the state the daemon is in",
            [({"state": state}, status.state == state) for state in ("running", "paused", "stopping", "degraded")],
        ),
        _Metric("jobs", "gauge", "Jobs by state", [({"state": state}, n) for state, n in facts.counts.items()]),
        _one("oldest_waiting_seconds", "Age of the oldest waiting job, 0 if none waits", oldest),
        _one("inbox_incomplete", "Things in the inbox that wait for the rest of themselves", status.incomplete_count),
        _one("inbox_ignored", "Things in the inbox that are part of no pair and left alone", status.ignored_count),
        _one("inbox_rejected", "Things in inbox/rejected", status.rejected_count),
        _Metric(
            "worker_ends_total",
            "counter",
            "Workers that ended, by how",
            [({"verdict": verdict}, count) for verdict, count in facts.ends.items()],
        ),
        _one("inbox_unhinted_total", "Files found without an event: events were lost", facts.missed_events, "counter"),
        _one("observer_restarts_total", "Dead inbox observers replaced", facts.observer_restarts, "counter"),
        _one("disk_free_bytes", "Free space on the root's disk", facts.disk_free),
        _one("daemon_resident_bytes", "Memory of the daemon itself", facts.resident_bytes),
        *_progress(facts),
        *_memory(status),
    ]


def _one(name: str, text: str, value: float, kind: str = "gauge") -> _Metric:
    return _Metric(name, kind, text, [({}, value)])


def _progress(facts: Facts) -> list[_Metric]:
    known = [({"job": f"{job.number:04d}"}, progress) for job, progress in facts.running]
    speed = [(labels, 1.0 / p.step_seconds) for labels, p in known if p.step_seconds > 0]
    return [
        _Metric("job_step", "gauge", "Last step of a running job", [(labels, p.step) for labels, p in known]),
        _Metric("job_steps", "gauge", "Planned steps of a running job", [(labels, p.steps) for labels, p in known]),
        _Metric("job_loss", "gauge", "Total loss of a running job", [(labels, p.loss) for labels, p in known]),
        _Metric("job_steps_per_second", "gauge", "Speed of a running job", speed),
        _Metric(
            "job_memory_bytes",
            "gauge",
            "Peak memory of a running job",
            [(labels, p.memory_bytes) for labels, p in known],
        ),
    ]


def _memory(status: DaemonStatus) -> list[_Metric]:
    memory = status.memory
    if memory is None:
        return []
    host = [("used", memory.host_used), ("total", memory.host_total), ("available", memory.host_available)]
    gpus = [({"gpu": gpu.label, "kind": kind}, value) for gpu in memory.gpus for kind, value in
            (("used", gpu.used), ("total", gpu.total)) if value is not None]  # fmt: skip
    return [
        _Metric(
            "host_memory_bytes", "gauge", "Memory of the host", [({"kind": k}, v) for k, v in host if v is not None]
        ),
        _Metric("gpu_memory_bytes", "gauge", "Memory of each GPU", gpus),
        _Metric(
            "gpu_utilisation_percent",
            "gauge",
            "Use of each GPU",
            [({"gpu": gpu.label}, gpu.utilisation) for gpu in memory.gpus if gpu.utilisation is not None],
        ),
    ]


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else ""
