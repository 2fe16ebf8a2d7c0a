"""Which kind of filesystem a folder lies on: network ones bring no events and no safe locks."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_NETWORK = frozenset({
    "9p", "afs", "ceph", "cifs", "davfs", "fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
    "lustre", "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs",
})  # fmt: skip


def filesystem_type(path: Path) -> str:
    """Return the type of the filesystem on which ``path`` lies, such as ``ext4``; empty if unknown."""
    real = Path(os.path.realpath(path))
    best, kind = -1, ""
    for partition in psutil.disk_partitions(all=True):
        # The last of equal mount points hides the others.
        if real.is_relative_to(partition.mountpoint) and len(partition.mountpoint) >= best:
            best, kind = len(partition.mountpoint), partition.fstype
    return kind


def is_network(kind: str) -> bool:
    """Return whether a type of filesystem is a network one."""
    return kind in _NETWORK
