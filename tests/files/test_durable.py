from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from styled.errors import DiskFull
from styled.files import durable


def test_replacing_shows_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.png"
    path.write_bytes(b"old")
    with durable.replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.png"]


def test_an_error_inside_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "result.png"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with durable.replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.png"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_as_such_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "result.png"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match=r"result\.png"):
        durable.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.png"]


def test_other_input_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        durable.write_bytes(tmp_path / "absent" / "file", b"")


def test_file_and_folder_are_synced_in_that_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr(os, "fsync", fsync)
    durable.write_bytes(tmp_path / "file", b"")
    assert len(synced) == 2
    assert synced[0].startswith(".styled-")
    assert synced[1] == tmp_path.name


def test_a_filesystem_that_cannot_sync_folders_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    durable.sync_folder(tmp_path)


def test_sweep_removes_only_what_our_writers_left(tmp_path: Path) -> None:
    (tmp_path / ".styled-0123abcd.tmp").touch()
    (tmp_path / "notes.tmp").touch()
    (tmp_path / ".styled-notes.tmp").touch()
    durable.sweep(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".styled-notes.tmp", "notes.tmp"]


def test_require_space_looks_at_the_disk_of_a_path_to_come(tmp_path: Path) -> None:
    durable.require_space(tmp_path / "not" / "yet", 1)
    with pytest.raises(DiskFull, match="are needed"):
        durable.require_space(tmp_path / "not" / "yet", 10**18)


def test_write_json_is_indented_and_ends_its_last_line(tmp_path: Path) -> None:
    durable.write_json(tmp_path / "a.json", {"a": [1]})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": [\n    1\n  ]\n}\n'
