"""What tests ask of processes that are not their own children."""

from __future__ import annotations

import psutil


def has_ended(pid: int) -> bool:
    """Return whether a process has ended, collected or not; it may do so while it is looked at."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
