"""One job with the pictures that the page shows of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

from styled.gallery.exhibit import Exhibit


class View(NamedTuple):
    """A picture that a browser shows."""

    path: str
    """Relative to the job's folder."""
    width: int
    """px."""
    height: int


@dataclass(frozen=True, slots=True)
class Showing:
    """One job with the pictures the page shows of it."""

    exhibit: Exhibit
    result: View
    thumbnail: View
    inputs: list[tuple[str, View]]
    """``content``, ``style``, ``style 2`` … as far as they can be shown."""


def day(seconds: float) -> str:
    """Return a local date and time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
