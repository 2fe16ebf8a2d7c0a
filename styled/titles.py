"""What jobs and images are called on screen: the names that their sender gave them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_ROLE = re.compile(r"(?:content|style|mask)(?:[-_]?(\d{1,2}))?", re.IGNORECASE)
_NAMED_ROLE = re.compile(r"(.+)[-._](?:content|style|mask)(?:[-_]?(\d{1,2}))?", re.IGNORECASE)


def input_title(name: str) -> str:
    """Return what an image is called on screen, from the path or name under which it was dropped.

    ``starry_night.jpg`` is ``starry_night``. A file that is only called after its part has its folder's name:
    ``starry_night/style.jpg`` is ``starry_night``, ``starry_night/style-2.jpg`` is ``starry_night 2``. In
    ``cat.content.jpg`` the part is left out.
    """
    folder, _, file = name.rpartition("/")
    stem = file.rpartition(".")[0] or file
    if role := _ROLE.fullmatch(stem):
        return f"{folder} {role[1]}" if folder and role[1] else folder or file
    if named := _NAMED_ROLE.fullmatch(stem):
        return f"{named[1]} {named[2]}" if named[2] else named[1]
    return stem


def is_called_by_part(file: str) -> bool:
    """Return whether a file is called after its part in a pair, ``content.jpg`` or ``cat.content.jpg``."""
    stem = file.rpartition(".")[0] or file
    return bool(_ROLE.fullmatch(stem) or _NAMED_ROLE.fullmatch(stem))


def job_title(name: str, styles: Sequence[str], names: Mapping[str, str]) -> str:
    """Return a job's name, and its styles where they have a name of their own: ``cat × starry_night``.

    Args:
        name: of the job.
        styles: paths of its styles.
        names: path of each input to what it was called.
    """
    titles = [input_title(names[style]) for style in styles if style in names]
    own = [title for title in titles if title != name]
    return f"{name} × {', '.join(own)}" if own else name
