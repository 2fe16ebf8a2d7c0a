"""The memory of a worker that paints job after job, in pictures of many sizes: flat after the tenth?

    python -m tests.bench.staying --jobs 200 --sizes 64-128 --steps 4

Prints what is resident after each job, and the most after the tenth against the tenth. Ends with 1 above 1.1.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from PIL import Image

from styled import evolution, messages
from styled.evolution import JobFile, JobFolder
from styled.messages import Failure, Idle
from styled.settings import settings_from

SAMPLES = Path(__file__).parents[2] / "styled" / "data" / "samples"
SHAPES = ((3, 2), (2, 3), (1, 1), (16, 9), (5, 4))
SETTLED = 10
"""Jobs after which it shall stay as it is."""


def make(root: Path, number: int, generator: random.Random, sizes: tuple[int, int], steps: int) -> JobFolder:
    """Make a job of a size and shape by chance."""
    folder = JobFolder(root / f"20261130-0000{number:04d}-job")
    folder.create()
    width, height = generator.choice(SHAPES)
    size = generator.randint(*sizes)
    with Image.open(SAMPLES / "rocket.jpg") as content:
        content.resize((90 * width, 90 * height)).save(folder.input / "content.jpg")
    with Image.open(SAMPLES / "starry_night.jpg") as style:
        style.save(folder.input / "style.jpg")
    settings: dict[str, Any] = {"size": size, "steps": steps, "optimizer": generator.choice(["lbfgs", "lbfgs", "adam"])}
    file = JobFile(
        id=folder.id, number=number, name="job", content="input/content.jpg", styles=("input/style.jpg",),
        settings=settings_from(settings), created_at=0.0,
    )  # fmt: skip
    evolution.write_job_file(folder, file)
    return folder


def resident_after_each(jobs: int, sizes: tuple[int, int], steps: int, seed: int) -> Iterator[tuple[JobFolder, int]]:
    """Yield each job's folder and the bytes its worker has when the job is done."""
    generator = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        worker = subprocess.Popen(
            [sys.executable, "-m", "styled.painting.worker", "--stay"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert worker.stdin is not None
        assert worker.stdout is not None
        for number in range(1, jobs + 1):
            folder = make(Path(place), number, generator, sizes, steps)
            worker.stdin.write(os.fsencode(folder.path) + b"\0")
            worker.stdin.flush()
            for line in worker.stdout:
                said = messages.decode(line)
                if isinstance(said, Failure):
                    raise SystemExit(f"job {number}: {said.message}")
                if isinstance(said, Idle):
                    yield folder, said.memory_bytes
                    break
            else:
                raise SystemExit(f"the worker ended with job {number}")
        worker.stdin.close()
        worker.wait()


@click.command()
@click.option("--jobs", type=click.IntRange(min=SETTLED + 1), default=200)
@click.option("--sizes", default="64-128", metavar="LEAST-MOST", help="Long sides, px.")
@click.option("--steps", type=click.IntRange(min=2), default=4)
@click.option("--seed", type=int, default=0)
def main(jobs: int, sizes: str, steps: int, seed: int) -> None:
    """Measure."""
    least, _, most = sizes.partition("-")
    found, began = [], time.monotonic()
    for number, (_, resident) in enumerate(resident_after_each(jobs, (int(least), int(most)), steps, seed), start=1):
        found.append(resident)
        if number in {1, 2, 5} or number % 10 == 0:
            click.echo(f"{number:4} jobs  {resident / 2**20:7.1f} MiB  {time.monotonic() - began:6.0f} s")
    growth = max(found[SETTLED:]) / found[SETTLED - 1]
    click.echo(
        f"most after job {SETTLED}: {growth:.3f} of job {SETTLED}; at the end {found[-1] / found[SETTLED - 1]:.3f}"
    )
    sys.exit(growth > 1.1)


if __name__ == "__main__":
    main()
