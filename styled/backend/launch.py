"""The first thing a child of the daemon does: tie its life to its parent's, then become the module it is meant to be.

``python -m styled.backend.launch PARENT NICE MODULE ARGUMENT ...``. This runs in the child, before the module's
imports, because Python code between fork and exec is unsafe in a daemon that has threads.
"""

from __future__ import annotations

import gc
import os
import resource
import runpy
import signal
import sys
from pathlib import Path

from styled.children import end_with_parent, python_command

WORKER = "styled.painting.worker"
"""Module that paints a job."""

_OOM_SCORE_ADJ = "500"
"""When memory runs out the kernel shall take the worker, whose job resumes, and not the daemon."""


def command(module: str, *arguments: str, nice: int = 0) -> list[str]:
    """Return the command line of a child that runs a module and is sent SIGTERM when this process ends."""
    return python_command("styled.backend.launch", str(os.getpid()), str(nice), module, *arguments)


def main() -> None:
    """Prepare this process and run the module as ``__main__``."""
    parent, nice, module = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    end_with_parent(parent, signal.SIGTERM)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # half a gigabyte in the job's folder for each crash
    if nice:
        os.nice(nice)
    try:
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_ADJ)
    except OSError as error:
        print(f"oom_score_adj stays as it is: {error}", file=sys.stderr)  # noqa: T201  # stderr is the job's log
    sys.argv = [module, *sys.argv[4:]]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        gc.freeze()  # the process ends: Python would look at all its objects once more, half a second with TensorFlow's


if __name__ == "__main__":
    main()
