"""The fence around a job's folder: of two workers started for one job, only the last may write.

A worker that hung (a suspended machine, a stalled disk) and was given up may wake up while its
successor paints. Each worker writes its own token into ``ATTEMPT`` when it starts, and looks before
each write whether the token is still its own (Kleppmann, "How to do distributed locking", 2016).
"""

from __future__ import annotations

import secrets

from styled.errors import DataDamaged, Superseded
from styled.files import durable
from styled.files.decoding import read_file
from styled.job_folder import JobFolder


class Fence:
    """The right to write into a job's folder, taken from its holder before."""

    def __init__(self, folder: JobFolder) -> None:
        self._file = folder.attempt
        self._token = secrets.token_hex(8)
        durable.write_bytes(self._file, self._token.encode())

    def check(self) -> None:
        """Check that no later worker has taken the folder.

        Raises:
            Superseded: one has; this worker must stop without writing anything more.
        """
        try:
            token = read_file(self._file, most=len(self._token))
        except (FileNotFoundError, DataDamaged):
            token = b""
        if token != self._token.encode():
            raise Superseded(f"another worker has taken over {self._file.parent}")
