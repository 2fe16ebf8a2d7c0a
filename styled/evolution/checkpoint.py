"""The checkpoint of a job: two slots, so that a damaged or half-written one never loses the job.

A slot is an ``.npz`` (NumPy reads it) with one member per array and ``meta.json``. The ZIP's CRC-32 of each
member is the checksum. A save replaces the older slot, so the newer one is whole at any moment. Nothing is ever
pickled: a checkpoint is data, reading one runs no code.
"""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from styled.errors import CheckpointDamaged, CheckpointMismatch, DataDamaged
from styled.files import durable
from styled.files.decoding import from_json
from styled.files.untrusted import open_regular
from styled.job_folder import JobFolder
from styled.settings import Settings, differing, plain, settings_table

Arrays = dict[str, npt.NDArray[np.generic]]

_SLOTS = ("a.npz", "b.npz")
_META_BYTES = 2**20
"""Of ``meta.json``; it has some hundred."""
_OVERHEAD_BYTES = 1_000_000  # headers and the meta, with room to spare

_DAMAGE = (
    # What zipfile, numpy and msgspec let out on bytes that were changed (OSError: a seek before the start),
    # and the disk's error for a bad sector.
    OSError, zipfile.BadZipFile, zlib.error, DataDamaged,
    EOFError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


class Checkpoint(NamedTuple):
    """What :func:`load_checkpoint` found."""

    arrays: Arrays
    meta: dict[str, Any]
    note: str
    """Empty, or one sentence the user should see: a damaged slot was passed over."""


class _Head(msgspec.Struct):
    serial: int
    """Grows by one with each save; identifies the newer slot, whatever the clock does."""
    arrays: dict[str, str]
    """Name of each array to its dtype."""
    meta: dict[str, Any]


_HOW_ONLY = frozenset({"tiling", "memory_limit"})
"""Settings that decide only how the same picture is computed."""

_LATER: frozenset[str] = frozenset()
"""Settings that version 0.1.0 did not have. At their default they are no part of the fingerprint, so that a checkpoint
from before still fits; such a default must therefore paint as it was painted before."""


def fingerprint(digests: Mapping[str, str], settings: Settings, weights_digest: str) -> str:
    """Return a SHA-256 over all that decides the picture: the inputs, the weights, the settings.

    A version with more settings, or with other defaults, still takes the checkpoint. Settings of the group "files" (how
    often and how large frames and checkpoints are kept) and those that decide only how the same picture is computed may
    change between a save and a load.

    Args:
        digests: path of each input to the SHA-256 of its bytes.
        settings: the job's.
        weights_digest: of the VGG19 weights.
    """
    left_out = _HOW_ONLY | {row.name for row in settings_table() if row.group == "files"}
    left_out |= _LATER - differing(settings).keys()
    kept = {name: value for name, value in plain(settings).items() if name not in left_out}
    decisive = [dict(digests), weights_digest, kept]
    return hashlib.sha256(msgspec.json.encode(decisive, order="deterministic")).hexdigest()


def save_checkpoint(
    folder: JobFolder,
    arrays: Mapping[str, npt.NDArray[np.generic]],
    meta: Mapping[str, Any],
    *,
    before_replacing: Callable[[], None] = lambda: None,
) -> None:
    """Replace the older slot, durably; the newer one stays.

    Args:
        folder: the job's folder.
        arrays: numbers only; bfloat16 too.
        meta: plain JSON values; ``fingerprint`` and ``step`` among them are used by :func:`load_checkpoint`.
        before_replacing: called when all is written; if it raises, both slots stay as they are.

    Raises:
        DiskFull: not enough space; both slots are as before.
        TypeError: an array holds objects.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"array {name!r} holds objects; a checkpoint holds numbers only")
    folder.checkpoint.mkdir(exist_ok=True)
    durable.require_space(folder.checkpoint, sum(array.nbytes for array in arrays.values()) + _OVERHEAD_BYTES)
    serials = [_serial(folder.checkpoint / slot) for slot in _SLOTS]
    head = _Head(max(serials) + 1, {name: array.dtype.name for name, array in arrays.items()}, dict(meta))
    older = folder.checkpoint / _SLOTS[serials.index(min(serials))]
    with durable.replacing(older) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("meta.json", msgspec.json.encode(head))
            for name, array in arrays.items():
                plain = array.view(np.uint16) if array.dtype.name == "bfloat16" else array
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, plain, allow_pickle=False)
        before_replacing()


def load_checkpoint(folder: JobFolder, *, fingerprint: str | None = None) -> Checkpoint | None:
    """Load the newest slot that is whole; None when the job has no checkpoint.

    Args:
        folder: the job's folder.
        fingerprint: what ``meta["fingerprint"]`` must be; None takes any.

    Raises:
        CheckpointDamaged: there are slots, and none is whole.
        CheckpointMismatch: made from other images or settings.
    """
    slots = [folder.checkpoint / slot for slot in _SLOTS]
    # A slot without a readable serial may be the newest: tried first, so that its damage is reported.
    slots.sort(key=lambda slot: _serial(slot) or math.inf, reverse=True)
    damage = []
    for slot in slots:
        if not os.path.lexists(slot):
            continue
        try:
            arrays, meta = _read(slot)
        except _DAMAGE as error:
            damage.append(f"{slot.name} is damaged ({error})")
            continue
        if fingerprint is not None and meta.get("fingerprint") != fingerprint:
            raise CheckpointMismatch(
                f"the checkpoint in {folder.checkpoint} was made from other images or settings",
                f"Start again without it, or start from its picture with init = 'job:{folder.id}'.",
            )
        note = f"checkpoint {'; '.join(damage)}; went on from step {meta.get('step', 0)}" if damage else ""
        return Checkpoint(arrays, meta, note)
    if damage:
        raise CheckpointDamaged(f"no checkpoint of {folder.id} can be used: {'; '.join(damage)}", "Start again.")
    return None


class Slot(NamedTuple):
    """What :func:`check_slot` found."""

    serial: int
    step: int


def check_slot(file: BinaryIO, name: str) -> Slot:
    """Read a slot to its end and check it without loading its arrays: one that another machine has sent.

    Raises:
        DataDamaged: it is no checkpoint, or not whole.
    """
    try:
        with _archive(file) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
            head = _head(archive)
            if {f"{array}.npy" for array in head.arrays} | {"meta.json"} != set(archive.namelist()):
                raise zipfile.BadZipFile("other members than its head names")
            return Slot(head.serial, int(head.meta["step"]))
    except _DAMAGE as error:
        raise DataDamaged(f"{name} is no checkpoint that can be used: {error}") from error


def _serial(slot: Path) -> int:
    """Return the slot's serial number; 0 when it is missing or its head cannot be read."""
    try:
        with _opened(slot) as archive:
            return _head(archive).serial
    except _DAMAGE:
        return 0


@contextmanager
def _opened(slot: Path) -> Iterator[zipfile.ZipFile]:
    with os.fdopen(open_regular(slot, follow_links=True), "rb") as file, _archive(file) as archive:
        yield archive


@contextmanager
def _archive(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Open a slot's archive, whose members are stored as they are: none becomes larger than the file by being read."""
    with zipfile.ZipFile(file) as archive:
        size = os.fstat(file.fileno()).st_size
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > size:
                raise zipfile.BadZipFile(f"{member.filename} is not stored as it is")
        yield archive


def _head(archive: zipfile.ZipFile) -> _Head:
    with archive.open("meta.json") as member:
        data = member.read(_META_BYTES + 1)
    if len(data) > _META_BYTES:
        raise zipfile.BadZipFile("meta.json is too long")
    return from_json(data, _Head)


def _read(slot: Path) -> tuple[Arrays, dict[str, Any]]:
    with _opened(slot) as archive:
        # All checksums first: a damaged array header could ask for any amount of memory.
        damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        head = _head(archive)
        arrays = {name: _array(archive, name, dtype) for name, dtype in head.arrays.items()}
        return arrays, head.meta


def _array(archive: zipfile.ZipFile, name: str, dtype: str) -> npt.NDArray[np.generic]:
    with archive.open(f"{name}.npy") as member:
        array: npt.NDArray[np.generic] = np.lib.format.read_array(member, allow_pickle=False)
    if dtype == "bfloat16":
        # The .npy format has no bfloat16; ml_dtypes comes with TensorFlow and teaches NumPy the type.
        import ml_dtypes

        array = array.view(ml_dtypes.bfloat16)
    return array
