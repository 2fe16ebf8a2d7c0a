from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from styled.files import filesystem
from styled.files.filesystem import filesystem_type, folder_identity, is_network, mounts_in


def mounts(**kinds: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(mountpoint=point.replace("_", "/"), fstype=kind) for point, kind in kinds.items()]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/styled/inbox/deep", "nfs4"),
        ("/srv/styledX", "ext4"),
        ("/srv", "ext4"),
        ("/home", "btrfs"),
        ("/tmp/x", "tmpfs"),
    ],
)
def test_the_innermost_and_last_mount_counts(monkeypatch: pytest.MonkeyPatch, path: str, kind: str):
    table = [*mounts(_="ext4", _srv_styled_inbox="nfs4", _home="xfs", _tmp="tmpfs"), *mounts(_home="btrfs")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: table)
    assert filesystem_type(Path(path)) == kind


def test_this_very_machine_has_an_answer(tmp_path: Path):
    assert filesystem_type(tmp_path) != ""
    assert not is_network(filesystem_type(tmp_path))


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "beegfs", "gpfs", "fuse.ceph-fuse", "lustre"]
)
def test_network_filesystems_are_known(kind: str):
    assert is_network(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuseblk", ""])
def test_local_and_unknown_ones_are_not_network(kind: str):
    assert not is_network(kind)


def test_mounts_inside_a_folder_are_listed_without_asking_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    inbox = tmp_path / "in box"
    inbox.mkdir()
    shown = str(inbox).replace(" ", "\\040")
    lines = [
        f"36 35 0:40 / {shown} rw - fuse.sshfs x rw",
        f"37 36 0:41 / {shown}/phone rw - fuse.sshfs y rw",
        f"38 36 0:42 / {shown}/a\\011b/c rw - tmpfs z rw",
        f"39 35 0:43 / {shown}es/other rw - tmpfs z rw",
        "40 35 0:44 / / rw - ext4 /dev/root rw",
    ]
    (tmp_path / "mountinfo").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(filesystem, "_MOUNTS", tmp_path / "mountinfo")
    assert mounts_in(inbox) == {"phone", "a\tb/c"}
    monkeypatch.setattr(filesystem, "_MOUNTS", tmp_path / "missing")
    assert mounts_in(inbox) == frozenset()


def test_a_folder_is_known_again_and_its_copy_is_told_from_it(tmp_path: Path) -> None:
    first, link = tmp_path / "first", tmp_path / "link"
    first.mkdir()
    known = folder_identity(first)
    if not known:
        pytest.skip("this file system does not tell when a file was made")
    link.symlink_to(first)
    first.chmod(0o700)
    (first / "file").touch()
    assert folder_identity(link) == known
    first = first.rename(tmp_path / "renamed")
    assert folder_identity(first) == known
    other = tmp_path / "other"
    other.mkdir()
    assert folder_identity(other) not in ("", known)
    (first / "file").unlink()
    first.rmdir()
    first.mkdir()  # perhaps with the same inode's number
    assert folder_identity(first) not in ("", known)


@pytest.mark.parametrize("kind", ["btrfs", "zfs"])
def test_a_snapshot_is_told_from_what_it_is_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    known = folder_identity(tmp_path)
    if not known:
        pytest.skip("this file system does not tell when a file was made")
    monkeypatch.setattr(filesystem, "filesystem_type", lambda _path: kind)
    assert folder_identity(tmp_path).removeprefix(known)


def test_a_folder_that_does_not_tell_is_known_by_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder_identity(tmp_path / "none") == ""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_name, **_how: object())
    assert folder_identity(tmp_path) == "", "an old library"
