"""Starting modules of this package as child processes, and ending what a child has started.

Children run where files of others may lie: in a job's folder, in a root, wherever the user stands. No module is taken
from there. A child whose parent ends has nobody to work for: it ends too, unless the parent means it to stay.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping

_PR_SET_PDEATHSIG = 1


def python_command(module: str, *arguments: str, python: str = "") -> list[str]:
    """Return the command line that runs a module; :func:`clean_search_path` belongs to it.

    Args:
        module: its name.
        arguments: what it is given.
        python: the interpreter, another machine's, say; this one by default.

    ``-P`` and not ``-I``, which would not find a package that was installed with ``pip install --user``.
    """
    return [python or sys.executable, "-P", "-m", module, *arguments]


def clean_search_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which ``PYTHONPATH`` means the same folders wherever a child runs.

    An empty entry, as in ``PYTHONPATH=$PYTHONPATH:/opt/x`` when there was none, is the current folder to Python: it is
    dropped. Relative ones become absolute.
    """
    cleaned = dict(environment)
    entries = [entry for entry in cleaned.pop("PYTHONPATH", "").split(os.pathsep) if entry]
    if entries:
        cleaned["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, entries))
    return cleaned


def end_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the process ``parent``, which started it, ends.

    More exactly when the thread ends that started it. Exits if the parent has ended already.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that started this one has ended")


def has_ended(pid: int) -> bool:
    """Return whether a child has ended, without collecting it: its pid and its group's number stay its own."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # another part of this program collected it, and with it its exit code
        return True


def ends_within(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Return whether a child has ended after so long at most, and collect it.

    Also one that was killed is not waited for without a bound: SIGKILL waits while a dead file server or a driver hangs.
    """
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def kill_group(pid: int) -> None:
    """Kill the process group of a child that leads one; call it before the child is collected."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
