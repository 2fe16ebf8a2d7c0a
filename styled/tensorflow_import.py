"""Loading TensorFlow without the lines it prints on a healthy machine.

A start prints nine, of drivers it does not find and instructions that it could use, and ends in ``failed call to cuInit
… UNKNOWN ERROR (303)`` where there is no NVIDIA driver. They would stand in notebooks, in the output of ``styled
score`` and in each job's log. Real errors, those of a crash included, reach standard error as before.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from styled import gpus
from styled.children import ends_within

ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",  # errors only, once its log is set up
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # other programs use the GPU too
    gpus.ORDER: gpus.BY_BUS,  # else the numbers in CUDA_VISIBLE_DEVICES are no one's but CUDA's
    "KERAS_BACKEND": "tensorflow",  # whatever is in the user's keras.json
    # A step has hardly two operations that could run side by side, and each has all cores to itself. Threads that look
    # for such operations cost a fifth of the processor time of pictures of 16 to 96 px, and what they start early costs
    # 7 % of the memory at 512x384.
    "TF_NUM_INTEROP_THREADS": "1",
}
"""Set where it is not set, before TensorFlow is imported; the backend of Keras in any case."""

_DRIVER = Path("/proc/driver/nvidia/version")
"""There where the kernel has NVIDIA's driver: then a failed ``cuInit`` is an error."""

_FILTER = Path(__file__).with_name("chatter_filter.py")

_FILTER_ENDS_S = 2.0
"""That its last lines are waited for, so that they come before what is said later."""

_one_at_a_time = threading.Lock()
"""Standard error is the whole process': two that replace it at once put back what the other one has put there."""


def load_tensorflow(*, owns_process: bool = False) -> None:
    """Import TensorFlow and look for GPUs; does nothing when it is imported already.

    Another thread that calls it meanwhile waits until all is there: ``sys.modules`` has a module from the beginning of
    its import.

    Who sets ``TF_CPP_MIN_LOG_LEVEL`` below 2 sees all that it prints.

    Args:
        owns_process: nobody else's objects live in this process, so all that are there by then may stay for good.
    """
    with _one_at_a_time:
        if "tensorflow" in sys.modules:
            return
        if "keras" not in sys.modules:  # another one in the user's profile is for other programs
            os.environ["KERAS_BACKEND"] = ENVIRONMENT["KERAS_BACKEND"]
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        if os.environ["TF_CPP_MIN_LOG_LEVEL"] in {"0", "1"}:
            _load(owns_process=owns_process)
            return
        with _filtered_errors():
            _load(owns_process=owns_process)


def _load(*, owns_process: bool) -> None:
    # Three thousand modules make the collector look at all that is there again and again: a sixth of the time.
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        import tensorflow as tf

        if owns_process:
            gc.freeze()  # else it looks at its million objects when it is turned on, and again at the process' end
    finally:
        if was_collecting:
            gc.enable()
    tf.config.list_physical_devices("GPU")


@contextmanager
def _filtered_errors() -> Iterator[None]:
    """Send standard error through a process that drops TensorFlow's chatter, for the length of a block.

    On the level of file descriptors, because TensorFlow's C++ prints past ``sys.stderr``. By a process, because a
    thread would no longer pass on what is said just before a crash. It ends when nobody can write to it any more: a
    program that another thread has started meanwhile can, for as long as it runs.
    """
    command = [sys.executable, "-I", "-S", str(_FILTER), *(["--driver"] if _DRIVER.exists() else [])]
    try:
        # A session of its own: Ctrl-C must not end it before us.
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=2, start_new_session=True)
    except OSError:
        yield  # no process to be had: better chatter than no picture
        return
    pipe = cast(IO[bytes], child.stdin)
    saved = os.dup(2)
    os.dup2(pipe.fileno(), 2)
    try:
        yield
    finally:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        pipe.close()
        if not ends_within(child, _FILTER_ENDS_S):
            threading.Thread(target=child.wait, name="chatter filter", daemon=True).start()
