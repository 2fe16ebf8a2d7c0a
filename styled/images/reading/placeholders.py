"""Files that a synchroniser has not downloaded, by what file systems tell of them beside their bytes.

Names such as ``photo.jpg.nextcloud`` are known to :mod:`styled.inbox.names`. Here a file has the picture's own name, and holds
nothing, zeros or a space, or cannot be read: OneDrive's and other Windows folders by way of NTFS, SMB or a Samba server's
disk, Nextcloud's with virtual files, Dropbox' copied from a Mac. One that can be read is a picture whatever is told of it: FUSE
clients (rclone, onedriver, SeaDrive) download when they are asked.
"""

from __future__ import annotations

import os
import re
import struct
from typing import BinaryIO

from styled.images.reading.file_kinds import FileKind

_OFFLINE = 0x1000 | 0x40000 | 0x400000
"""Windows' FILE_ATTRIBUTE_OFFLINE, _RECALL_ON_OPEN and _RECALL_ON_DATA_ACCESS ([MS-FSCC] 2.6)."""

_WINDOWS = ("system.ntfs_attrib", "system.dos_attrib", "user.cifs.dosattrib", "smb3.dosattrib")
"""Extended attributes with those flags as a little-endian number: of ntfs-3g and ntfs3, and of cifs."""

_SAMBA = "user.DOSATTRIB"
"""Of a file on a Samba server's own disk: as text, in newer versions as a record."""

_MARKS = {
    "user.nextcloud.hydrate_exec": "Nextcloud",
    "user.owncloud.hydrate_exec": "ownCloud",
    "user.com.dropbox.placeholder": "Dropbox",
    "com.dropbox.placeholder": "Dropbox",
}
"""Extended attributes that only a placeholder has, and whose it is."""


def placeholder_at(file: BinaryIO | int) -> FileKind | None:
    """Return what to say of a file that is a synchroniser's placeholder; None if nothing tells so.

    Args:
        file: open, or its descriptor; one in memory is none.
    """
    try:
        descriptor = file if isinstance(file, int) else file.fileno()
        names = os.listxattr(descriptor)
    except OSError:  # in memory, or a file system without attributes
        names, descriptor = [], -1
    for name in names:
        if name in _MARKS:
            return _kind(_MARKS[name])
    if descriptor >= 0 and any(_is_offline(descriptor, name) for name in (*_WINDOWS, _SAMBA)):
        return _kind("OneDrive or another synchroniser")
    return None


def _kind(whose: str) -> FileKind:
    return FileKind(
        f"a placeholder of {whose}: the picture itself is not on this disk",
        "Have it downloaded where it is synchronised (Always keep on this device), then copy it again.",
    )


def _is_offline(descriptor: int, name: str) -> bool:
    try:
        value = os.getxattr(descriptor, name)  # not all file systems list them
    except OSError:
        return False
    return bool((_samba(value) if name == _SAMBA else int.from_bytes(value[:4], "little")) & _OFFLINE)


def _samba(value: bytes) -> int:
    """Return the attributes in a Samba server's record (xattr.idl: a text, then version, valid flags and attributes)."""
    if text := re.match(rb"0x([0-9a-fA-F]{1,8})", value):
        return int(text[1], 16)
    return int(struct.unpack("<I", value[12:16])[0]) if value[:2] == b"\0\0" and len(value) >= 16 else 0
