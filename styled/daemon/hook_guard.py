"""The process between the daemon and a hook: when the daemon dies, the hook ends with all that it has started.

Run as ``python -I -S hook_guard.py PARENT PROGRAM ARGUMENT ...``, as the leader of a process group that the hook is in
too. The kernel sends it SIGTERM when the daemon ends; the kernel would tell the hook alone, and not its children. Exits
as a shell does: with the hook's exit code, 128 and the signal that ended it, or 127 if it could not be started. A
script of the standard library alone, which starts fast.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from types import FrameType

NOT_STARTED = 127
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the hook to its end; return the exit code."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, _end_all)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        return NOT_STARTED
    try:
        # Python ignores these two, and what is ignored stays so in a child.
        hook = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)  # noqa: T201  # the job's log
        return NOT_STARTED
    _, status = os.waitpid(hook, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _end_all(_number: int, _frame: FrameType | None) -> None:
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
