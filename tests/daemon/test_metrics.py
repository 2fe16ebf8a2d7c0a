"""metrics.prom: well-formed, whole at any moment, and with the figures that were asked for."""

from __future__ import annotations

import re
from pathlib import Path

from styled.daemon.metrics import Facts, render, write
from styled.gpus import Gpu
from styled.job import Job, JobState
from styled.memory import MemorySample
from styled.messages import Progress
from styled.store.status import DaemonStatus

SAMPLE = re.compile(r'styled_[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+-]+')


def facts() -> Facts:
    memory = MemorySample(
        host_used=1, host_total=2, host_available=None, gpus=(Gpu(index=0, used=5, total=None, utilisation=7),)
    )
    status = DaemonStatus(
        pid=1, version="1", started_at=100.0, beat_at=200.0, state="degraded", incomplete_count=3, memory=memory
    )
    job = Job(id="x", number=42, name='ev"il\n', state=JobState.RUNNING, content="c", styles=("s",))
    progress = Progress(
        scale=1,
        scales=1,
        width=9,
        height=9,
        step=5,
        steps=9,
        loss=1.5,
        content_loss=0.5,
        style_loss=1.0,
        tv_loss=0.0,
        seconds=1.0,
        step_seconds=0.25,
        left_seconds=None,
        memory_bytes=77,
    )
    return Facts(
        status=status,
        counts={JobState.WAITING: 4},
        oldest_waiting_at=150.0,
        running=[(job, progress)],
        ends={"crashed": 2},
        missed_events=6,
        observer_restarts=0,
        disk_free=10**12,
        resident_bytes=8,
    )


def test_every_line_is_a_comment_or_a_sample() -> None:
    lines = render(facts()).splitlines()
    assert all(line.startswith(("# HELP styled_", "# TYPE styled_")) or SAMPLE.fullmatch(line) for line in lines)
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_the_figures_that_operators_ask_for_are_there() -> None:
    lines = set(render(facts()).splitlines())
    assert {
        'styled_jobs{state="waiting"} 4',
        "styled_oldest_waiting_seconds 50",
        'styled_job_steps_per_second{job="0042"} 4',
        'styled_job_loss{job="0042"} 1.5',
        'styled_worker_ends_total{verdict="crashed"} 2',
        "styled_inbox_unhinted_total 6",
        'styled_state{state="degraded"} 1',
        'styled_state{state="running"} 0',
        'styled_host_memory_bytes{kind="used"} 1',
        'styled_gpu_memory_bytes{gpu="0",kind="used"} 5',
        "styled_disk_free_bytes 1e+12",
    } <= lines


def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.prom"
    write(path, "old\n")
    with path.open() as reader:
        write(path, "new\n")
        assert reader.read() == "old\n"
    assert path.read_text() == "new\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.prom"]
