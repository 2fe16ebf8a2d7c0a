"""Jobs on GPUs, by the real daemon: two on one card, two on two cards, a limit that is held, memory that runs out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from styled import gpus, images
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, lines, workers_of
from tests.gpu.place import SAMPLES, Place, Table, python, styled

pytestmark = [pytest.mark.gpu, pytest.mark.painting]

REAL_WORKER = {"STYLED_TEST_WORKER": "styled.painting.worker", "STYLED_QUEUE__WARM": "false"}

HOG = """
import sys
import tensorflow as tf
free = int(sys.argv[1])
kept = [tf.zeros((2**28,), tf.float32) for _ in range(free // 2**30)]  # a gibibyte each
print("full", flush=True)
sys.stdin.read()
"""
"""Takes so many bytes of a GPU's memory."""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root.at(tmp_path / "root")
    root.path.mkdir()
    return root


def drop(root: Root, name: str) -> None:
    for role, sample in (("content", "rocket"), ("style", "starry_night")):
        shutil.copy(SAMPLES / f"{sample}.jpg", root.inbox / f"{name}.{role}.jpg")


def settings(place: Place, **changes: Any) -> dict[str, str]:
    """Return the environment of a daemon whose jobs are of this size."""
    found = {"size": 1024 if place.is_gpu else 64, "steps": 100 if place.is_gpu else 8, "frame_every": 0, **changes}
    return {f"STYLED_JOB__{key.upper()}": json.dumps(value) for key, value in found.items()}


def ended(root: Root) -> list[Job]:
    with StoreReader.open(root) as reader:
        return [job for job in reader.jobs() if job.state in {JobState.DONE, JobState.FAILED}]


def devices_of(root: Root) -> Iterator[str]:
    """Yield what each running worker was given."""
    for worker in workers_of(root):
        try:
            yield worker.environ().get(gpus.VISIBLE, "")
        except psutil.Error:
            continue  # it has ended meanwhile


def paint(place: Place, root: Root, parallel: str) -> tuple[list[Job], set[tuple[str, ...]], float]:
    """Paint two jobs; return them, the devices of those that ran at once, and the seconds it took."""
    seen: set[tuple[str, ...]] = set()
    with DaemonProcess(root, "--parallel", parallel, **REAL_WORKER, **settings(place)):
        began = time.monotonic()
        for name in ("one", "two"):
            drop(root, name)

        def are_done() -> bool:
            seen.add(tuple(sorted(devices_of(root))))
            return len(ended(root)) == 2

        wait_until(are_done, seconds=120)
        return ended(root), seen, time.monotonic() - began


def test_two_jobs_on_one_card(place: Place, root: Root, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    if place.cards:
        monkeypatch.setenv(gpus.VISIBLE, place.cards[0])
    jobs, seen, seconds = paint(place, root, "2")
    assert [job.state for job in jobs] == [JobState.DONE] * 2, [job.reason for job in jobs]
    assert any(len(devices) == 2 for devices in seen), "they did not run at once"
    for job in jobs:
        (line,) = [
            line for line in JobFolder(root.evolution / job.id).log.read_text().splitlines() if "event=started" in line
        ]
        assert ("device=cpu" in line) != place.is_gpu, line
    table.add("two jobs at once on one card", f"{seconds:.1f} s")


def test_two_jobs_on_two_cards(place: Place, root: Root, table: Table) -> None:
    if len(place.cards) < 2:
        pytest.skip("one card only")
    jobs, seen, seconds = paint(place, root, "auto")
    assert [job.state for job in jobs] == [JobState.DONE] * 2, [job.reason for job in jobs]
    both = [devices for devices in seen if len(devices) == 2]
    assert both
    assert all(len(set(devices)) == 2 for devices in both), both
    table.add("two jobs at once on two cards", f"{seconds:.1f} s")


def test_a_limit_is_held(place: Place, tmp_path: Path, table: Table) -> None:
    """The picture is cut into tiles for it, and what the process has of the GPU stays below."""
    limit = 2
    done = styled(
        "run", SAMPLES / "rocket.jpg", "--style", SAMPLES / "starry_night.jpg", "-o", tmp_path / "a.png",
        "--size", "2048" if place.is_gpu else "64", "--steps", "12", "--memory-limit", f"{limit}GiB",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert images.load(tmp_path / "a.png").pixels.std() > 1
    table.add("memory_limit = 2GiB", "held")


def test_where_memory_runs_out_a_job_goes_on_in_smaller_tiles(
    place: Place, tmp_path: Path, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program takes the memory after the plan was made: none of it is a crash."""
    if place.cards:
        monkeypatch.setenv(gpus.VISIBLE, place.cards[0])
    size, steps = ("3000", "60") if place.is_gpu else ("64", "12")
    arguments = ["--style", str(SAMPLES / "starry_night.jpg"), "-o", str(tmp_path / "a.png"), "--size", size]
    arguments += ["--steps", steps]
    painting = python(
        "import sys; from styled.cli.main import main; sys.argv[0] = 'styled'; sys.exit(main())",
        "run", str(SAMPLES / "rocket.jpg"), *arguments, with_errors=True,
    )  # fmt: skip
    hog = None
    if place.is_gpu:
        # It has planned, and not yet reached the finest scale.
        wait_until(lambda: any(map(lines, tmp_path.glob("*.styled/losses.jsonl"))), seconds=120)
        own = gpus.own()
        hog = python(HOG, str(max(0, ((own and own.free) or 0) - 2 * 2**30)))
        assert hog.stdout is not None
        assert hog.stdout.readline() == "full\n"
    said, _ = painting.communicate(timeout=300)
    if hog is not None:
        hog.communicate()
    assert painting.returncode == 0, said
    table.add("another program takes the memory", "went on in smaller tiles" if "memory ran out" in said else "done")
