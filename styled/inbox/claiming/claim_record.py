"""The plan of one claim: which files of the inbox become which job. Written before the first file moves."""

from __future__ import annotations

from pathlib import Path

import msgspec

from styled.errors import DataDamaged
from styled.evolution.job_file import JobFile
from styled.files.decoding import read_json
from styled.files.printable import decoded
from styled.files.signature import Signature
from styled.files.untrusted import is_single_name

PLAN = "claim.json"
PREFIX = ".claim-"
EXTRAS = "extra"
"""Folder under ``input/`` for what else lay in the pair's folder."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the pair."""

    source: str
    """Path relative to the inbox."""
    target: str
    """Name in ``input/``."""
    signature: Signature
    """Of the source, when it was found complete."""
    digest: str
    """SHA-256 of its bytes then, hexadecimal."""
    mode: int
    """Permission bits of the source."""
    kept: bool = False
    """The source stays in the inbox: it belongs to a hot folder."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of one claim, and the content of ``claim.json``."""

    job: JobFile
    members: tuple[Member, ...]
    folder: str | None = None
    """The folder of the inbox that is consumed."""
    extras: tuple[str, ...] = ()
    """Names of what else lay in it, percent-encoded: they may be anything."""

    def extra_names(self) -> list[str]:
        """Return the names of the extras as the filesystem has them."""
        return [decoded(name) for name in self.extras]


def read_plan(folder: Path) -> Claim | None:
    """Return the plan in a folder; None if there is none that can be read, or one that leads out of its folders."""
    try:
        claim = read_json(folder / PLAN, Claim)
    except (FileNotFoundError, DataDamaged):
        return None
    names = [claim.job.id, *(member.target for member in claim.members), *claim.extra_names()]
    names += [name for member in claim.members for name in member.source.split("/")]
    names += [] if claim.folder is None else [claim.folder]
    return claim if all(map(is_single_name, names)) else None
