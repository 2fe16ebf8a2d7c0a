"""Job numbers: short, and never given twice, not even when the database is lost together with the newest jobs."""

from __future__ import annotations

from pathlib import Path

from styled.errors import DataDamaged
from styled.files import durable
from styled.files.decoding import read_json
from styled.job import LARGEST_NUMBER

_BLOCK = 100
"""Numbers reserved at once, in a file of their own beside the database; so many at most are skipped after a loss."""


class Numbers:
    """Gives numbers.

    Args:
        path: the file that remembers up to where numbers may have been given.
        last: the last number that is known to be given.
        lost: the database was lost, so that there may be numbers that are not known.
    """

    def __init__(self, path: Path, last: int, *, lost: bool) -> None:
        self._path = path
        self._reserved = _read(path)
        self.last = max(last, self._reserved) if lost else last
        """The last number that was, or may have been, given."""

    def next(self) -> int:
        """Return a number that was never given to anybody.

        Raises:
            DiskFull: no room to remember that; nothing was given.
        """
        number = self.last + 1
        if number > self._reserved:
            durable.write_bytes(self._path, b"%d\n" % (number + _BLOCK - 1))
            self._reserved = number + _BLOCK - 1
        self.last = number
        return number

    def note(self, number: int) -> None:
        """Take note of a number that was given elsewhere: found in a job's folder."""
        self.last = max(self.last, number)


def _read(path: Path) -> int:
    try:
        number = read_json(path, int, most=20)
    except (FileNotFoundError, DataDamaged):
        return 0
    return number if 0 <= number <= LARGEST_NUMBER else 0
