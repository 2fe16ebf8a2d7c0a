"""Room on a disk that is kept for one small file: it can be written when the disk has become full."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from styled.files import durable

_SIZE = 4096
"""One block of most disks."""


class Reserve:
    """Room for the file ``path``, taken now.

    Args:
        path: of a file that is not there yet.

    Raises:
        DiskFull: there is no room even now.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = durable.temporary_beside(path)
        with durable.disk_full_at(path), open(self._temporary, "xb") as file:  # noqa: PTH123  # as durable.replacing
            try:
                os.posix_fallocate(file.fileno(), 0, _SIZE)
                os.fsync(file.fileno())
            except BaseException:
                self._temporary.unlink()
                raise

    def write_json(self, value: Any) -> None:
        """Write the file, as indented JSON of less than 4096 bytes, durably. Only once."""
        with durable.disk_full_at(self._path), open(self._temporary, "r+b") as file:  # noqa: PTH123  # as above
            file.write(durable.as_json(value))
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        self._temporary.replace(self._path)
        durable.sync_folder(self._path.parent)
