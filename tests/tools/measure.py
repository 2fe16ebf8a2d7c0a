"""Runs a command and prints its wall-clock time and the peak of the memory of all its processes together.

    python tests/tools/measure.py .venv/bin/pytest -n 2

Memory is the sum of the proportional set sizes (PSS, `/proc/<pid>/smaps_rollup`) of the command and everything it has
started, also of processes that have left its session: this process takes in orphans as their new parent. It is
sampled each second. Linux only; needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
SAMPLE_S = 1.0
KIB = 1024
GIB = 2**30


def descendants(root: int) -> list[int]:
    """The ids of all processes below `root`, itself not counted."""
    children = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_text()
            except OSError:  # it ended meanwhile
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children[parent].append(int(entry.name))
    found = []
    waiting = [root]
    while waiting:
        below = children[waiting.pop()]
        found += below
        waiting += below
    return found


def pss(pid: int) -> int:
    """The proportional set size of a process, bytes; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * KIB for line in lines if line.startswith("Pss:"))


def name_of(pid: int) -> str:
    """What a process was started with, cut to a line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "?"
    return words.strip()[:100]


def main(command: list[str]) -> int:
    """Runs `command`; prints seconds, the peak and the largest processes at the peak; returns its exit code."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"this system cannot follow orphaned processes: {os.strerror(ctypes.get_errno())}")
    ended: dict[int, int] = {}

    def reap(*_: object) -> None:
        # At once, as init does: a process that has ended must not look as if it were still there.
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                ended[found[0]] = found[1]

    signal.signal(signal.SIGCHLD, reap)
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGINT, signal.SIGCHLD])
    peak, at, largest = 0, 0.0, []
    while pid not in ended:
        sizes = {each: pss(each) for each in descendants(os.getpid())}
        total = sum(sizes.values())
        if total > peak:
            peak, at = total, time.monotonic() - began
            largest = [(size, name_of(each)) for each, size in sorted(sizes.items(), key=lambda item: -item[1])[:6]]
        time.sleep(SAMPLE_S)
    say = sys.stdout.write
    say(f"\nwall-clock {time.monotonic() - began:.0f} s; peak {peak / GIB:.2f} GiB (sum of PSS), after {at:.0f} s:\n")
    for size, words in largest:
        say(f"  {size / GIB:.2f} GiB  {words}\n")
    return os.waitstatus_to_exitcode(ended[pid])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
