"""The first thing a worker's process does: tie its life to the daemon's, then become the worker.

``python -m styled.backend.launch PARENT NICE MODULE FOLDER``. This runs in the child, before the worker's
imports, because Python code between fork and exec is unsafe in a daemon that has threads.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import runpy
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_OOM_SCORE_ADJ = "500"
"""When memory runs out the kernel shall take the worker, whose job resumes, and not the daemon."""


def main() -> None:
    """Prepare this process and run the worker's module as ``__main__``."""
    parent, nice, module, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the daemon ended before its worker began")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # half a gigabyte in the job's folder for each crash
    if nice:
        os.nice(nice)
    try:
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_ADJ)
    except OSError as error:
        print(f"oom_score_adj stays as it is: {error}", file=sys.stderr)  # noqa: T201  # stderr is the job's log
    sys.argv = [module, folder]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        gc.freeze()  # the process ends: Python would look at all its objects once more, half a second with TensorFlow's


if __name__ == "__main__":
    main()
