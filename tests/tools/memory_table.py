"""Paints under memory limits and prints the peak of each worker, measured from outside; fails where one is above.

    python -m tests.tools.memory_table            # all, some twenty minutes of two cores
    python -m tests.tools.memory_table mask jpeg  # those with one of these words in their name

The peak is what the kernel says of the whole process at its end (``ru_maxrss``, the same as ``VmHWM``). A row without a
limit of its own is first refused at a limit where nothing fits, then painted at the one that the refusal names.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from styled.painting import one_picture

MIB = 2**20
TOO_LITTLE = 200
"""MiB: nothing fits. Below some 160, opening an image is refused first, and what painting needs is not known."""

NAMED = re.compile(r"memory_limit = '(\d+)MiB'")


@dataclass(frozen=True)
class Picture:
    """An image to be made: noise of 8 px, or one colour, which is a small file whatever its size."""

    width: int
    height: int
    suffix: str = "png"
    flat: bool = False
    colours: int = 0
    """Upright stripes of so many greys: a mask."""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def write(self, path: Path) -> None:
        """Write it; in a process of its own, whose memory must not be in anybody's peak."""
        import numpy as np
        from PIL import Image

        if self.colours:
            row = np.arange(self.width) * self.colours // self.width * (255 // max(1, self.colours - 1))
            grey = np.broadcast_to(row.astype(np.uint8), (self.height, self.width))
            Image.fromarray(np.ascontiguousarray(grey)).convert("RGB").save(path)
            return
        if self.flat:
            image = Image.new("RGB", (self.width, self.height), (200, 120, 40))
        else:
            small = np.random.default_rng(0).integers(0, 256, (self.height // 8, self.width // 8, 3), np.uint8)
            image = Image.fromarray(small).resize((self.width, self.height), Image.Resampling.BICUBIC)
        image.save(path, **self.options)


@dataclass(frozen=True)
class Row:
    """A job and its limit."""

    name: str
    content: Picture
    styles: Sequence[Picture]
    settings: Mapping[str, Any]
    limit: int | None
    """MiB; None: what the refusal of a smaller one names."""
    mask: Picture | None = None
    init: Picture | None = None
    stopped: bool = False
    """It is stopped after some steps, and goes on in a second worker."""


SMALL, MIDDLE, LARGE = Picture(480, 360), Picture(512, 384), Picture(640, 480)
STYLE = Picture(600, 800, "jpg")
ONE_SCALE: dict[str, Any] = {"scales": [], "steps": 2, "frame_every": 1}
FLOAT32, BFLOAT16 = {"precision": "float32"}, {"precision": "bfloat16"}
ADAM = {"optimizer": "adam"}
PLAIN = {"size": 96, **ONE_SCALE, **BFLOAT16}

ROWS = (
    Row("small float32 L-BFGS", SMALL, [STYLE], {"size": 96, **ONE_SCALE, **FLOAT32}, None),
    Row("small bfloat16 Adam", SMALL, [STYLE], {**PLAIN, **ADAM}, None),
    Row("untiled float32", MIDDLE, [STYLE], {"size": 512, **ONE_SCALE, **FLOAT32, "tiling": "off"}, None),
    Row("untiled bfloat16 Adam", LARGE, [STYLE], {"size": 640, **ONE_SCALE, **BFLOAT16, **ADAM, "tiling": "off"}, None),
    Row("least float32 L-BFGS", MIDDLE, [STYLE], {"size": 512, **ONE_SCALE, **FLOAT32}, None),
    Row("least float32 Adam", LARGE, [STYLE], {"size": 640, **ONE_SCALE, **FLOAT32, **ADAM}, None),
    Row("least bfloat16 L-BFGS", MIDDLE, [STYLE], {"size": 512, **ONE_SCALE, **BFLOAT16, "steps": 6}, None),
    Row("front tiles bfloat16", Picture(1280, 720), [STYLE], {"size": 1280, **ONE_SCALE, **BFLOAT16}, 1300),
    Row("front tiles float32", LARGE, [STYLE], {"size": 640, **ONE_SCALE, **FLOAT32, "tiling": "front"}, 1800),
    Row("three scales", LARGE, [STYLE], {"size": 640, "steps": 9, "scales": [160, 320], **FLOAT32}, 1700),
    Row("mask, two styles, untiled", SMALL, [STYLE, SMALL], {"size": 480, **ONE_SCALE, **FLOAT32}, 2500, mask=Picture(480, 360, colours=3)),
    Row("mask, three styles, least", SMALL, [STYLE] * 3, {"size": 480, **ONE_SCALE, **BFLOAT16, **ADAM}, None, mask=Picture(960, 720, colours=4)),
    Row("twelve styles of 100 Mpx, size 65536", SMALL, [Picture(10_000, 10_000, flat=True)] * 12, {**PLAIN, "size": 65536}, 1400),
    Row("content of 150 Mpx, PNG", Picture(15_000, 10_000, flat=True), [STYLE], PLAIN, 1100),
    Row("content of 80 Mpx, progressive JPEG", Picture(10_000, 8_000, "jpg", flat=True, options={"progressive": True, "subsampling": 0}), [STYLE], PLAIN, 1100),
    Row("content of 60 Mpx, TIFF in one strip", Picture(10_000, 6_000, "tif", flat=True, options={"compression": "tiff_deflate", "tiffinfo": {278: 6000}}), [STYLE], PLAIN, 1100),
    Row("style of 100 Mpx, WebP", SMALL, [Picture(10_000, 10_000, "webp", flat=True, options={"lossless": True, "method": 0})], PLAIN, None),
    Row("init, average, plateau, luminance", MIDDLE, [STYLE], {"size": 384, **ONE_SCALE, **BFLOAT16, "average": 0.5, "stop": "plateau", "preserve_color": "luminance"}, None, init=LARGE),
    Row("three styles recoloured, histogram", SMALL, [Picture(3000, 2000, "jpg")] * 3, {"size": 384, **ONE_SCALE, **BFLOAT16, "preserve_color": "histogram"}, None),
    Row("style_scale 2, wasserstein", SMALL, [Picture(3000, 2000, "jpg")], {"size": 320, **ONE_SCALE, **FLOAT32, "style_scale": 2.0, "statistic": "wasserstein"}, None),
    Row("larger than the photo, 16-bit TIFF", Picture(320, 240), [STYLE], {"size": 512, "upscale": True, **ONE_SCALE, **BFLOAT16, **ADAM, "format": "tiff", "bits": 16}, None),
    Row("stopped and resumed, L-BFGS, least", SMALL, [STYLE], {"size": 480, "steps": 8, "scales": [], **BFLOAT16, "checkpoint_s": 1.0}, None, stopped=True),
    Row("stopped and resumed, Adam, JPEG", MIDDLE, [STYLE], {"size": 384, "steps": 6, "scales": [], **FLOAT32, **ADAM, "checkpoint_s": 1.0, "format": "jpeg"}, None, stopped=True),
)  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a worker ended."""

    code: int
    peak: float
    """MiB."""
    cpu_s: float
    message: dict[str, Any]
    """Its last one."""


def work(folder: Path, *, stop_at: int | None = None) -> Ended:
    """Run a worker on a job; ask it to stop once it has told of a step."""
    command = [sys.executable, "-P", "-m", "styled.painting.worker", str(folder)]
    worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    message: dict[str, Any] = {}
    assert worker.stdout is not None
    for line in worker.stdout:
        message = json.loads(line)
        if stop_at is not None and message.get("step", 0) >= stop_at:
            worker.send_signal(signal.SIGTERM)
            stop_at = None
    _, status, usage = os.wait4(worker.pid, 0)
    worker.returncode = os.waitstatus_to_exitcode(status)
    return Ended(worker.returncode, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, message)


def paint(row: Row, limit: int, base: Path, pictures: dict[Picture, Path]) -> list[Ended]:
    """Paint a row under a limit; return how its workers ended."""
    settings = {**row.settings, "memory_limit": f"{limit}MiB"}
    if row.init:
        settings["init"] = str(pictures[row.init])
    job = one_picture.prepare(
        pictures[row.content],
        [pictures[style] for style in row.styles],
        settings,
        output=base / "result.png",
        mask=None if row.mask is None else pictures[row.mask],
        overwrite=True,
    )
    workers = [work(job.folder.path, stop_at=2 if row.stopped else None)]
    if row.stopped and workers[0].code == 75:
        workers.append(work(job.folder.path))
    return workers


def made(rows: Sequence[Row], base: Path) -> dict[Any, Path]:
    """Write all pictures that the rows use; return where they are."""
    wanted: list[Picture] = []
    for row in rows:
        for picture in (row.content, *row.styles, row.mask, row.init):
            if picture is not None and picture not in wanted:
                wanted.append(picture)
    found = {picture: base / f"{number}.{picture.suffix}" for number, picture in enumerate(wanted)}
    # A process each: the memory of the largest would count in the peak of each worker that this one starts.
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for picture, path in found.items():
            pool.submit(picture.write, path).result()
    return found


def main(words: Sequence[str]) -> int:
    """Print the table; return 1 if a worker took more than its limit, or failed."""
    say = sys.stdout.write
    rows = [row for row in ROWS if not words or any(word in row.name for word in words)]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="styled-memory-") as folder:
        pictures = made(rows, Path(folder))
        for row in rows:
            limit, refused = row.limit or TOO_LITTLE, None
            # Twice at most: what only TensorFlow knows of the machine is said once it is loaded.
            for _ in range(0 if row.limit else 2):
                refused, *_rest = paint(row, limit, Path(folder), pictures)
                named = NAMED.search(refused.message.get("advice", ""))
                if refused.message.get("kind") != "does-not-fit" or named is None:
                    break
                limit = int(named[1])
            if limit == TOO_LITTLE:
                say(f"BAD  {row.name}: not refused, but {refused}\n")
                bad += 1
                continue
            for ended in paint(row, limit, Path(folder), pictures):
                is_good = ended.peak <= limit and ended.code in ({0, 75} if row.stopped else {0})
                bad += not is_good
                why = "" if ended.code in {0, 75} else f" {ended.message}"
                say(
                    f"{'good' if is_good else 'BAD '} {row.name:40s} limit {limit:5d} MiB{'' if row.limit else ' (named)':8s} "
                    f"peak {ended.peak:5.0f} MiB {100 * ended.peak / limit:4.0f} %  {ended.cpu_s:4.0f} CPU-s{why}\n"
                )
                sys.stdout.flush()
    say(f"{bad} above its limit or failed\n" if bad else "none above its limit\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
