"""Which kind of filesystem a folder lies on: network ones bring no events and no safe locks, some keep no permissions."""

from __future__ import annotations

import ctypes
import os
import re
import struct
from pathlib import Path

_NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fhgfs", "fuse.ceph-fuse", "fuse.davfs2", "fuse.glusterfs",
    "fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "panfs",
    "pvfs2", "smb2", "smb3", "smbfs", "wekafs",
})  # fmt: skip


_WITHOUT_PERMISSIONS = frozenset({
    "9p", "cifs", "davfs", "drvfs", "exfat", "hfs", "msdos", "ntfs", "ntfs3", "smb2", "smb3", "smbfs", "vboxsf",
    "vfat", "virtiofs",
})  # fmt: skip
"""Of FUSE's (``fuse``, ``fuse.*``, ``fuseblk``) many keep none."""

_COPY_ON_WRITE = frozenset({"bcachefs", "btrfs"})

_OF_SNAPSHOTS = frozenset({"btrfs", "zfs"})
"""Their snapshots are file systems of their own, whose folders look as old as those that they are of."""

_AT_FDCWD, _STATX_BTIME = -100, 0x800
_STATX = struct.Struct("=I28xQ40xqI164x")
"""Of ``struct statx`` (``linux/stat.h``): what is known, the inode's number, when it was made (s, ns)."""

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(rb"\\([0-7]{3})")


def is_mount_point(path: Path) -> bool:
    """Return whether something is mounted on ``path``, an absolute one without links, without touching it."""
    import psutil  # not for a command that only prints

    return any(partition.mountpoint == str(path) for partition in psutil.disk_partitions(all=True))


def filesystem_type(path: Path, *, ask: bool = True) -> str:
    """Return the type of the filesystem on which ``path`` lies, such as ``ext4``; empty if unknown.

    Args:
        path: a file or folder.
        ask: find out where ``path`` leads if it is a link. A file server that hangs would then hang the caller.
    """
    import psutil  # not for a command that only prints

    real = Path(os.path.realpath(path)) if ask else Path(os.path.realpath(path.parent)) / path.name
    best, kind = -1, ""
    for partition in psutil.disk_partitions(all=True):
        # The last of equal mount points hides the others.
        if real.is_relative_to(partition.mountpoint) and len(partition.mountpoint) >= best:
            best, kind = len(partition.mountpoint), partition.fstype
    return kind


def keeps_permissions(kind: str) -> bool:
    """Return whether a file's permissions mean something on that type of filesystem: not the mount's, for all files."""
    return kind not in _WITHOUT_PERMISSIONS and not kind.startswith("fuse")


def copies_on_write(kind: str) -> bool:
    """Return whether that type of filesystem takes new room for each byte that is written again.

    A program that writes into a mapped file there is killed (SIGBUS) when the disk or a quota is full.
    """
    return kind in _COPY_ON_WRITE


def mounts_in(folder: Path) -> frozenset[str]:
    """Return the paths below a folder, relative to it, at which something is mounted. Nothing below it is asked.

    Empty where it is not known.
    """
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return frozenset()
    inside = os.fsencode(os.path.realpath(folder.parent) + os.sep + folder.name + os.sep)
    points = (_ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), line.split(b" ", 5)[4]) for line in lines)
    return frozenset(os.fsdecode(point[len(inside) :]) for point in points if point.startswith(inside))


def folder_identity(folder: Path) -> str:
    """Return what a folder keeps under any path and any mount, and when its owner changes, and no copy of it has.

    Its inode and the moment at which that was made. Empty where the file system or the kernel does not tell.
    """
    statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None)
    found = ctypes.create_string_buffer(_STATX.size)
    if statx is None or statx(_AT_FDCWD, os.fsencode(folder), 0, _STATX_BTIME, found) != 0:
        return ""
    mask, inode, seconds, nanoseconds = _STATX.unpack(found.raw)
    if not mask & _STATX_BTIME or not seconds:
        return ""
    its = f"{os.statvfs(folder).f_fsid:x}" if filesystem_type(folder) in _OF_SNAPSHOTS else ""
    return f"{inode}:{seconds}.{nanoseconds:09d}:{its}"


def is_network(kind: str) -> bool:
    """Return whether a type of filesystem is a network one."""
    return kind in _NETWORK
