from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.files import moves
from styled.files.moves import copy_new, rename_new, signature_at
from styled.files.signature import Signature
from styled.files.untrusted import folder_at


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[tuple[int, int]]:
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    with folder_at(tmp_path / "from") as source, folder_at(tmp_path / "to") as target:
        yield source, target


@pytest.mark.parametrize("call", ["renameat2", "no such call", "not on this filesystem"])
def test_a_rename_never_replaces_what_is_there(
    tmp_path: Path, folders: tuple[int, int], call: str, monkeypatch: pytest.MonkeyPatch
):
    if call == "no such call":
        monkeypatch.setattr(moves, "_renameat2", lambda: None)
    elif call == "not on this filesystem":
        monkeypatch.setattr(moves, "_renameat2", lambda: lambda *_: moves.ctypes.set_errno(errno.EINVAL) or -1)
    source, target = folders
    (tmp_path / "from" / "a").write_bytes(b"new")
    (tmp_path / "to" / "b").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        rename_new("a", "b", source_folder=source, target_folder=target)
    assert (tmp_path / "to" / "b").read_bytes() == b"old"
    rename_new("a", "c", source_folder=source, target_folder=target)
    assert (tmp_path / "to" / "c").read_bytes() == b"new"
    with pytest.raises(FileNotFoundError):
        rename_new("a", "d", source_folder=source, target_folder=target)


def test_renaming_a_link_moves_the_link(tmp_path: Path, folders: tuple[int, int]):
    (tmp_path / "from" / "a").symlink_to("/etc/passwd")
    rename_new("a", "a", source_folder=folders[0], target_folder=folders[1])
    assert (tmp_path / "to" / "a").readlink() == Path("/etc/passwd")


def test_a_copy_is_whole_and_its_digest_is_returned(tmp_path: Path, folders: tuple[int, int]):
    data = os.urandom(3_000_001)
    (tmp_path / "from" / "a").write_bytes(data)
    signature = signature_at("a", folders[0])
    assert signature is not None
    digest = copy_new("a", "b", signature, source_folder=folders[0], target_folder=folders[1])
    assert (tmp_path / "to" / "b").read_bytes() == data
    assert digest == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "from" / "a").exists()


def test_a_copy_of_another_file_than_expected_leaves_nothing(tmp_path: Path, folders: tuple[int, int]):
    (tmp_path / "from" / "a").write_bytes(b"x")
    with pytest.raises(FileNotFoundError):
        copy_new("a", "b", Signature(0, 0, 0, 0, 0), source_folder=folders[0], target_folder=folders[1])
    assert list((tmp_path / "to").iterdir()) == []


def test_a_link_is_not_copied(tmp_path: Path, folders: tuple[int, int]):
    (tmp_path / "from" / "a").symlink_to("/etc/passwd")
    signature = signature_at("a", folders[0])
    assert signature is not None
    with pytest.raises(OSError, match="symbolic links"):
        copy_new("a", "b", signature, source_folder=folders[0], target_folder=folders[1])
    assert list((tmp_path / "to").iterdir()) == []
