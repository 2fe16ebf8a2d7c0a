"""Whether a quiet pair can become a job: every file complete, readable, within the limits, the settings right.

This is the slow part of taking a pair; afterwards the claim itself is a few renames. Files are opened
relative to their open folder and never by a path that a stranger could redirect; images are decoded in a child.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from styled.config import InboxConfig
from styled.errors import DecoderKilled, ImageTooLarge, SettingsError, SlowImage, UnreadableImage
from styled.files.moves import GONE
from styled.files.printable import escaped
from styled.files.signature import Signature
from styled.files.untrusted import NOT_A_FILE, file_at, folder_at, is_being_written, parent_of
from styled.images import ImageInfo, check_mask
from styled.inbox import job_toml, names
from styled.inbox.claiming.claim_record import Member
from styled.inbox.group import Pair
from styled.inbox.job_toml import JobSettings, parse_job_toml
from styled.job import style_stem

MOST_KILLS = 3
"""Tries of an image whose decoder is killed, a minute apart: the memory may be needed elsewhere just then."""


@dataclass(frozen=True, slots=True)
class Task:
    """A pair whose files have all been quiet for long enough."""

    pair: Pair
    signatures: dict[str, Signature]
    """Of each of its files, as last observed."""
    extras: tuple[str, ...] = ()
    """Names of what else is in the folder that is consumed."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The pair can be claimed."""

    task: Task
    members: tuple[Member, ...]
    own: JobSettings
    content_size: tuple[int, int]
    """Width and height, upright, px."""
    weights_digest: str = ""
    """SHA-256 of the weights that it will be painted with, hexadecimal; empty when they are still to be downloaded."""
    remarks: tuple[str, ...] = ()
    """What was found odd about its files; printable."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Wait, then look again."""

    task: Task
    path: str
    """The file at fault."""
    missing: str
    """What is awaited; printable."""
    in_use: bool = False
    """Somebody has the file open for writing."""
    afterwards: Prepared | Unusable | None = None
    """Given when the file may be an upload that stalled: what becomes of the pair after a grace time. It is claimed if the
    file is a whole image as it is, and else rejected."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """The pair can never become a job."""

    task: Task
    path: str
    """The file at fault."""
    reason: str
    """With advice; printable."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A file is not what it was when it was last observed."""

    task: Task


class _Seen(NamedTuple):
    """A file that was read."""

    signature: Signature
    digest: str
    info: ImageInfo | None
    """Of an image."""


CheckResult = Prepared | NotYet | Unusable | Changed


class ImageCheck(Protocol):
    """Decodes an untrusted image somewhere safe; :class:`styled.images.Checker`."""

    def check_open(self, descriptor: int, name: str, *, mask_styles: int = 0) -> ImageInfo:
        """Decode an open image, or raise an ImageError."""


@dataclass(slots=True)
class PairChecker:
    """Checks one pair after another."""

    inbox: Path
    config: InboxConfig
    checker: ImageCheck
    weights: str
    """The setting, for pairs that have none of their own."""
    _stays: dict[str, _Seen] = field(default_factory=dict)
    """Files that stay: a hot folder's style is decoded once, not once a picture."""
    _kills: Counter[Signature] = field(default_factory=Counter)
    """How often the decoder was killed, by image."""

    def check(self, task: Task, *, is_patient: bool = True) -> CheckResult:
        """Judge a pair. Takes as long as decoding and reading its files.

        Args:
            task: the pair.
            is_patient: whether an image that takes too long is unusable; else SlowImage is raised.

        Raises:
            SlowImage: ``checker`` gave up on an image that may be well.
        """
        path = task.pair.content
        own = JobSettings()
        members = []
        infos: dict[str, ImageInfo] = {}
        try:
            with folder_at(self.inbox) as inbox:
                for path, target in _targets(task.pair):
                    with parent_of(path, base=inbox) as (folder, name), file_at(name, folder=folder) as file:
                        refusal = self._look_at(task, path, file)
                        if refusal is not None:
                            return refusal
                        if path == task.pair.settings:
                            own = parse_job_toml(os.read(file, job_toml.MAX_BYTES + 1), name)
                        members.append(self._member(task, path, target, file=file, infos=infos))
            if task.pair.mask and not task.pair.is_idle:  # whose content is its style, of any shape
                # A hot folder's mask fits other pictures: the one that it does not fit is at fault.
                path = task.pair.content if task.pair.mask in task.pair.kept else task.pair.mask
                _check_shape(infos, task.pair)
        except UnreadableImage as error:
            if isinstance(error, SlowImage) and not is_patient:
                raise
            missing = f"{escaped(path)} to become readable: {escaped(error.message)}"
            return NotYet(task, path, missing, afterwards=Unusable(task, path, escaped(str(error))))
        except DecoderKilled as error:
            self._kills[task.signatures[path]] += 1
            if self._kills[task.signatures[path]] < MOST_KILLS:
                return NotYet(task, path, f"another try: {escaped(error.message)}")
            return Unusable(task, path, escaped(str(error)))
        except (ImageTooLarge, SettingsError) as error:
            return Unusable(task, path, task.pair.reason_for(path, escaped(str(error))))
        except OSError as error:
            return _unopened(task, path, error)
        if any(member is None for member in members):
            return Changed(task)
        return self._found_usable(task, [member for member in members if member], own, infos)

    def _found_usable(
        self, task: Task, members: list[Member], own: JobSettings, infos: Mapping[str, ImageInfo]
    ) -> Prepared | NotYet:
        """Return what becomes of a pair all of whose files can be used as they are."""
        from styled.vgg19.weights import digest_of  # not before a pair comes

        weights_digest = digest_of(own.settings.get("weights", self.weights))
        doubts = {path: info.doubt for path, info in infos.items() if info.doubt}
        remarks = [
            *(remark for info in infos.values() for remark in info.remarks),
            *(f"{escaped(_name(path))} is taken as it is: {doubt}" for path, doubt in doubts.items()),
        ]
        content = infos[task.pair.content]
        size = content.width, content.height
        prepared = Prepared(task, tuple(members), own, size, weights_digest, tuple(remarks))
        for path, doubt in doubts.items():
            return NotYet(task, path, f"the rest of {escaped(_name(path))}: {doubt}", afterwards=prepared)
        return prepared

    def _look_at(self, task: Task, path: str, file: int) -> CheckResult | None:
        """Look at an open file without reading it; None if nothing is wrong."""
        status = os.fstat(file)
        shown = escaped(path.rpartition("/")[2])
        if Signature.of(status) != task.signatures[path]:
            return Changed(task)
        if status.st_nlink > 1:
            # Its other name would let the sender change it after it was checked.
            return Unusable(task, path, f"{shown} is a hard link to another file. Copy the file instead.")
        if status.st_size > self.config.max_bytes:
            size, limit = status.st_size / 1e6, self.config.max_bytes / 1e6
            reason = (
                f"{shown} has {size:.0f} MB, the limit is {limit:.0f} MB. Make it smaller, or raise inbox.max_bytes."
            )
            return Unusable(task, path, reason)
        if is_being_written(file):
            return NotYet(task, path, f"the rest of {shown}, which is open for writing", in_use=True)
        return None

    def _member(self, task: Task, path: str, target: str, *, file: int, infos: dict[str, ImageInfo]) -> Member | None:
        """Decode and read a file, and add what it is to ``infos``, if it is an image; None if it changed meanwhile."""
        before = task.signatures[path]
        seen = self._stays.get(path)
        if seen is None or seen.signature != before:
            seen = self._read(task.pair, path, file, before)
        status = os.fstat(file)
        if Signature.of(status) != before:
            return None
        if path in task.pair.kept:
            self._stays[path] = seen
        if seen.info is not None:
            infos[path] = seen.info
            target = f"{target}.{names.suffix_of_format(path, seen.info.format)}"
        return Member(
            source=path,
            target=target,
            signature=before,
            digest=seen.digest,
            mode=stat.S_IMODE(status.st_mode),
            kept=path in task.pair.kept,
        )

    def _read(self, pair: Pair, path: str, file: int, signature: Signature) -> _Seen:
        """Decode an open file, if it is an image, and read it."""
        info = None
        if path not in (pair.settings, pair.ready):
            styles = len(pair.styles) if path == pair.mask else 0
            # The open file and not its name, which may mean another by now.
            info = self.checker.check_open(file, path.rpartition("/")[2], mask_styles=styles)
        os.lseek(file, 0, os.SEEK_SET)
        with os.fdopen(os.dup(file), "rb") as reading:
            digest = hashlib.file_digest(reading, "sha256").hexdigest()
        # The claim moves the file within moments: its bytes must not be only in memory then.
        os.fsync(file)
        return _Seen(signature, digest, info)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _check_shape(infos: Mapping[str, ImageInfo], pair: Pair) -> None:
    """Refuse a mask of another shape than the content's; nothing is said of a pair that changed meanwhile.

    Raises:
        SettingsError: it has one.
    """
    mask, content = infos.get(pair.mask or ""), infos.get(pair.content)
    if mask is not None and content is not None:
        check_mask(mask, content)


def _targets(pair: Pair) -> list[tuple[str, str]]:
    """Return each file of a pair with its name in ``input/``; an image's ending follows when its format is known."""
    targets = [(pair.content, "content")]
    for position, path in enumerate(pair.styles, start=1):
        targets.append((path, style_stem(position)))
    if pair.mask:
        targets.append((pair.mask, "mask"))
    if pair.settings:
        targets.append((pair.settings, names.SETTINGS_NAME))
    if pair.ready:
        targets.append((pair.ready, names.READY_NAME))
    return targets


def _unopened(task: Task, path: str, error: OSError) -> CheckResult:
    if error.errno in GONE | NOT_A_FILE:
        return Changed(task)
    shown = escaped(path.rpartition("/")[2])
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotYet(task, path, f"permission to read {shown}")
    return NotYet(task, path, f"{shown} to be readable: {error.strerror or error}")
