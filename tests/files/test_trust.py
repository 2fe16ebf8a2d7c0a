"""Nothing is obeyed that others may write."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from styled.files import trust
from styled.files.trust import EVERYBODY, distrust

STRANGER = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "styled.toml"
    path.touch(mode=0o644)
    return path


def test_what_is_ours_or_not_there_is_trusted_and_what_everybody_may_write_is_not(place: Path) -> None:
    assert distrust(place, base=place.parent) == ""
    assert distrust(place.parent / "none", base=place.parent) == ""
    place.chmod(0o664)  # a group: the owner let it in
    assert distrust(place, base=place.parent) == ""
    place.chmod(0o646)
    assert distrust(place, base=place.parent) == EVERYBODY


def test_what_a_link_leads_to_is_judged(place: Path) -> None:
    link = place.parent / "link"
    link.symlink_to(place)
    assert distrust(link, base=place.parent) == ""
    place.chmod(0o666)
    assert distrust(link, base=place.parent) == EVERYBODY


@pytest.mark.parametrize("kind", ["vfat", "fuse", "fuseblk", "fuse.bindfs", "drvfs"])
def test_permissions_that_are_the_mounts_say_nothing(place: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "filesystem_type", lambda _: kind)
    place.chmod(0o777)
    assert distrust(place, base=place.parent) == ""


@as_root
def test_of_other_users_only_the_folders_owner_is_trusted(place: Path) -> None:
    os.chown(place, STRANGER, -1)
    assert distrust(place, base=place.parent) == f"belongs to another user ({STRANGER})"
    link = place.parent / "link"
    link.symlink_to("/etc/hostname")
    os.chown(link, STRANGER, -1, follow_symlinks=False)
    assert distrust(link, base=place.parent) == f"belongs to another user ({STRANGER})"
    # A container's daemon is root, and the folder the user's outside.
    os.chown(place.parent, STRANGER, -1)
    assert distrust(place, base=place.parent) == distrust(link, base=place.parent) == ""
    os.chown(place.parent, 0, -1)


@as_root
def test_members_of_a_group_that_may_write_the_folder_are_trusted(place: Path) -> None:
    user = next(user for user in pwd.getpwall() if user.pw_uid not in (0, STRANGER))
    os.chown(place, user.pw_uid, -1)
    os.chown(place.parent, -1, user.pw_gid)
    place.parent.chmod(0o755)
    assert "belongs to another user" in distrust(place, base=place.parent)
    place.parent.chmod(0o775)
    assert distrust(place, base=place.parent) == ""
    os.chown(place, 4_000_000, -1)  # of nobody that is known
    assert "belongs to another user" in distrust(place, base=place.parent)
