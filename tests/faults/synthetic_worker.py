"""A worker whose engine is arithmetic: no TensorFlow, a step takes 2 ms; all else is the real worker's code.

The daemon runs it when ``STYLED_TEST_WORKER=synthetic_worker`` and this folder is on ``PYTHONPATH``. It reads the
real inputs and writes real frames, losses, checkpoints and results. The job's name tells how it misbehaves:

``crash`` dies by SIGSEGV at step 5 of each attempt; ``poison`` at step 0, so never with progress;
``once`` dies by SIGSEGV on its first attempt only; ``hang`` stops doing anything after step 5;
``oom`` raises MemoryError at step 5; ``killed`` exits with 137 then; ``hungry`` does so until it uses less
memory for the second time; ``greedy`` five steps into each attempt; ``unfit`` is too large for its limit; ``silent`` exits with 0 and no result;
``few`` has memory for three pairs of L-BFGS instead of five; ``broken`` writes a result that does not decode; ``stubborn`` ignores requests to stop; ``full`` meets a full disk while a
file ``FULL`` lies in the root; ``slow`` takes 50 ms a step, until a test hurries it (``STYLED_TEST_HURRY``); ``real`` is the real
worker, TensorFlow and all.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

CLOCK_FACTOR = 20.0
"""This worker's seconds are that much shorter: a checkpoint every ``checkpoint_s = 1`` is one every 50 ms."""

STEP_S = float(os.environ.get("STYLED_TEST_STEP_S", "0.002"))
SLOW_STEP_S = 0.05

HURRY = Path(os.environ.get("STYLED_TEST_HURRY", "/nowhere"))
"""While this file is there, ``slow`` is as quick as the others: the test has seen what it needed the time for."""

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
NAME = FOLDER.name

if __name__ == "__main__" and "real" in NAME:
    # Sums are rounded otherwise with another number of threads, and that follows from ``[queue] parallel``.
    os.environ |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    from styled.painting import worker

    sys.exit(worker.main())

device = types.ModuleType("styled.engine.network.device")
device.prepare = lambda: None  # type: ignore[attr-defined]
device.name = lambda: "cpu"  # type: ignore[attr-defined]
device.peak_memory_bytes = lambda: None  # type: ignore[attr-defined]
sys.modules["styled.engine.network.device"] = device

# structlog loads it where it is installed, a fifth of this process's start, and no log of a worker is drawn with it.
sys.modules["rich"] = None  # type: ignore[assignment]
# It also loads asyncio, for loggers that no worker has.
sys.modules["asyncio"] = types.ModuleType("asyncio")


class NoDriver(Exception):
    """What NVML raises on a machine without a GPU."""


def _no_driver() -> None:
    raise NoDriver


# NVML's module takes a tenth of this process's start to say that there is no GPU.
nvml = types.ModuleType("pynvml")
nvml.nvmlInit, nvml.NVMLError = _no_driver, NoDriver  # type: ignore[attr-defined]
sys.modules["pynvml"] = nvml

from styled.engine.iterate import Iterate, Losses  # noqa: E402
from styled.errors import DoesNotFit  # noqa: E402
from styled.painting import paint_job, worker  # noqa: E402  # the real ones, after their TensorFlow was taken away
from styled.settings import Settings  # noqa: E402
from styled.sizing.memory_use import TilingChoice  # noqa: E402


class FewWeights:
    """Stands where the 18 MB of VGG19 are."""

    digest = "0" * 64
    source = "synthetic"


def paint(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    settings: Settings,
    *,
    weights: Any = None,
    init: Any = None,
    mask: Any = None,
    style_sizes: Sequence[tuple[int, int]] = (),
    resume: Mapping[str, np.ndarray] | None = None,
    step_down: int = 0,
    picture_every: int = 1,
) -> Iterator[Iterate]:
    """Move the picture towards the style's mean colour, by the same amount each step."""
    first = int(resume["step"]) if resume else 0
    picture = np.array(resume["picture"] if resume else content, dtype=np.float32)
    target = np.float32(styles[0].mean(axis=(0, 1)))
    misbehave(first)
    if "unfit" in NAME:
        raise DoesNotFit("32x24 needs about 9.9 GiB, and the limit is 1.0 GiB")
    for step in range(first + 1, settings.steps + 1):
        time.sleep(SLOW_STEP_S if "slow" in NAME and not HURRY.exists() else STEP_S)
        misbehave(step, first)
        if ("hungry" in NAME and step == 5 and step_down < 2) or ("greedy" in NAME and step == first + 5):
            os._exit(137)
        picture += (target - picture) * np.float32(0.05)
        loss = float(np.mean((picture - target) ** 2)) + 1.0
        yield Iterate(
            scale=1,
            scales=1,
            width=picture.shape[1],
            height=picture.shape[0],
            step=step,
            steps=settings.steps,
            losses=Losses(total=loss, content=0.0, style=loss, tv=0.0),
            step_seconds=STEP_S,
            left_seconds=(settings.steps - step) * STEP_S,
            picture=picture.copy,
            snapshot=lambda step=step, picture=picture: {"picture": picture.copy(), "step": np.int64(step)},
            last=step == settings.steps,
            stopped_by="steps" if step == settings.steps else "",
            tiling=TilingChoice(2, (16, 12), 3, wanted=5, bytes=2**30, network_bytes=0, cost=1.0)
            if "few" in NAME and step == 1
            else None,
        )


def misbehave(step: int, first: int = 0) -> None:
    """Do what the job's name says."""
    if "full" in NAME and step == 5 and (FOLDER.parent.parent / "FULL").exists():
        raise OSError(errno.ENOSPC, "No space left on device", str(FOLDER / "frames"))
    if "poison" in NAME and step == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "crash" in NAME and step == first + 5:
        os.kill(os.getpid(), signal.SIGSEGV)
    marker = FOLDER / "CRASHED"
    if "once" in NAME and step == 5 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in NAME and step == 5:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    if "oom" in NAME and step == 5:
        raise MemoryError("Unable to allocate 12.0 GiB")
    if "killed" in NAME and step == 5:
        os._exit(137)
    if "silent" in NAME and step == 5:
        os._exit(0)


def save_broken(path: Path, *_: Any) -> None:
    """Write something that is no picture."""
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"rubbish" * 100)


def main() -> int:
    """Run the real worker on the arithmetic engine."""
    paint_job._weights_for = lambda settings: FewWeights()  # type: ignore[assignment]
    paint_job.load_engine = lambda: paint  # type: ignore[assignment]
    paint_job.paint_job.__kwdefaults__["clock"] = lambda: time.monotonic() * CLOCK_FACTOR
    if "broken" in NAME:
        paint_job.save_result = save_broken  # type: ignore[assignment]
    if "stubborn" in NAME:
        worker.StopRequest.listen = lambda self: signal.signal(signal.SIGTERM, signal.SIG_IGN)  # type: ignore[assignment]
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
