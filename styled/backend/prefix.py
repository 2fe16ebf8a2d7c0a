"""What the names of a root's attempts begin with, on every cluster: the same for as long as the root is the same."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from pathlib import Path
from typing import Annotated

import msgspec
import structlog

from styled.backend.staged.spool import PREFIX
from styled.errors import DataDamaged
from styled.files import durable
from styled.files.decoding import read_file, read_json
from styled.files.filesystem import folder_identity
from styled.root import Root

_TOKEN_BYTES = 16

_NAME_BYTES = 6

_FIRST_NAMESPACE = 0xEFFFFFFC
"""The inode of the PID namespace that is there when Linux starts: a container has another. Of the namespace of host names a
service has its own too (``ProtectHostname``), with the machine's name in it."""


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    """Under which name a root's attempts are, and by what it is seen that the root is no copy."""

    prefix: Annotated[str, msgspec.Meta(pattern=f"^{PREFIX}[0-9a-f]{{{2 * _NAME_BYTES}}}-$")]
    place: str


def prefix_of(root: Root) -> str:
    """Return what the names of a root's attempts begin with.

    It stays when a container is made again, under another host name, and when the root's path is written in another
    way or the root is renamed. A copy has another, and so has a root that was moved to another disk or another machine,
    which cannot be told from one: two daemons would end each other's jobs otherwise. That the queue has the handle of an
    attempt proves nothing, for the queue is copied too.

    Raises:
        StorageRefuses: the root's disk does not take it.
    """
    path = root.state / "attempts.json"
    place = _place(root)
    try:
        note = read_json(path, _Note)
    except (FileNotFoundError, DataDamaged):
        prefix = _by_path(root)
    else:
        if note.place == place:
            return note.prefix
        prefix = f"{PREFIX}{secrets.token_hex(_NAME_BYTES)}-"
        structlog.get_logger("runner").warning(
            "this root is a copy or was moved: attempts that the other has on a cluster are left alone",
            own=prefix,
            other=note.prefix,
        )
    with durable.waiting_for(path):
        durable.write_json(path, _Note(prefix=prefix, place=place))
    return prefix


def _place(root: Root) -> str:
    """Return a digest of where a root lies: on which machine, and in which folder, whatever its path is.

    A container's host name is made up when the container is, and says nothing of the machine.
    """
    try:
        is_machine = Path("/proc/self/ns/pid").stat().st_ino == _FIRST_NAMESPACE
    except OSError:
        is_machine = True
    machine = socket.gethostname() if is_machine else ""
    folder = folder_identity(root.state) or os.path.realpath(root.state)
    return _digest(f"{machine}\0{folder}")


def _by_path(root: Root) -> str:
    """Return the name for a root that has no note yet: the one that styled used before, for attempts may run under it."""
    path = root.state / "token"
    try:
        token = read_file(path, most=2 * _TOKEN_BYTES)
    except (FileNotFoundError, DataDamaged):
        token = secrets.token_hex(_TOKEN_BYTES).encode()
        with durable.waiting_for(path):
            durable.write_bytes(path, token)
    place = f"{socket.gethostname()}\0{root.path}"
    return f"{PREFIX}{_digest(place, token)[: 2 * _NAME_BYTES]}-"


def _digest(text: str, key: bytes = b"") -> str:
    return hashlib.sha256(key + text.encode(errors="surrogateescape")).hexdigest()
