"""When two looks at a file saw the same one."""

from __future__ import annotations

import os
from typing import NamedTuple


class Signature(NamedTuple):
    """What changes when a file does."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Return the signature in the result of ``stat``."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def same_file(self, other: Signature) -> bool:
        """Return whether it is the same file with the same bytes, maybe under another name.

        Renaming a file changes its ctime, and a restart of the machine may change the device's number.
        """
        return self[1:4] == other[1:4]
