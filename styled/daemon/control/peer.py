"""Who is at the other end of the control socket, and whether he may be: from the kernel, for each connection.

The socket's own permissions say the same, but not every file system keeps them.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

_SO_PEERGROUPS = 59
"""``socket(7)`` of Linux; Python has no name for it."""

_MOST_GROUPS = 256


@dataclass(frozen=True, slots=True)
class Peer:
    """A process that has connected."""

    pid: int
    uid: int
    gid: int
    groups: frozenset[int] = frozenset()
    """Its further groups."""

    def may_talk(self, group: int | None) -> bool:
        """Return whether it is of this process' user, of root, or of a group that was let in."""
        return self.uid in (0, os.geteuid()) or (group is not None and group in {self.gid, *self.groups})


def peer_of(connection: socket.socket) -> Peer:
    """Return who has connected, as of when he did."""
    pid, uid, gid = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
    except OSError:  # more groups than that, or a kernel before 4.13
        found = b""
    return Peer(pid, uid, gid, frozenset(struct.unpack(f"{len(found) // 4}I", found)))
