from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from styled.inbox.group import Kind
from styled.inbox.listing import look_into


def test_files_and_one_level_of_folders_are_listed_and_nothing_is_followed(tmp_path: Path):
    inbox = tmp_path / "inbox"
    for folder in ("pair/deeper", ".hidden", "rejected/old", "@eaDir"):
        (inbox / folder).mkdir(parents=True)
    for path in ("a.png", "pair/content.png", "pair/deeper/x.png", ".hidden/x", "rejected/old/x", "@eaDir/x"):
        (inbox / path).write_bytes(b"x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.png").write_bytes(b"x")
    (inbox / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(inbox / "pipe")
    look = look_into(inbox)
    assert look.kinds == {
        "a.png": Kind.FILE,
        "pair": Kind.FOLDER,
        "pair/content.png": Kind.FILE,
        "pair/deeper": Kind.FOLDER,
        ".hidden": Kind.FOLDER,
        "rejected": Kind.FOLDER,
        "@eaDir": Kind.FOLDER,
        "link": Kind.LINK,
        "pipe": Kind.OTHER,
    }
    assert look.signatures.keys() == look.kinds.keys()
    assert look.signatures["a.png"].size == 1


def test_an_inbox_that_is_a_link_is_refused(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "inbox").symlink_to("real")
    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        look_into(tmp_path / "inbox")


def test_a_folder_that_may_not_be_read_is_told_and_the_others_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a").write_bytes(b"x")
    real = os.open

    def refuse(path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if str(path) == "closed":
            raise PermissionError(13, "Permission denied")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    look = look_into(tmp_path)
    assert look.unreadable == {"closed": "Permission denied"}
    assert "open/a" in look.kinds


def test_no_descriptor_is_left_open(tmp_path: Path):
    for number in range(20):
        (tmp_path / f"f{number}").mkdir()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # the call itself opens one, both times
    for _ in range(5):
        look_into(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_what_is_mounted_inside_is_neither_asked_nor_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its server may be dead: asking fails; or hang: asking never ends."""
    for folder in ("phone", "pair", ".snapshots", "rejected"):
        (tmp_path / folder).mkdir()
    for path in ("phone/x.png", "pair/content.png", "pair/bound.png"):
        (tmp_path / path).write_bytes(b"x")
    look = look_into(tmp_path, mounts={"phone", "pair/bound.png", ".snapshots", "rejected"})
    assert sorted(look.foreign) == ["pair/bound.png", "phone"]
    assert look.kinds.keys() == {"pair", "pair/content.png"}


def test_an_entry_that_cannot_be_looked_at_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "dead").mkdir()
    real = os.scandir

    class Dead:
        name = "dead"

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    class Scan:
        def __init__(self, path: int) -> None:
            self.inner = real(path)

        def __enter__(self) -> object:
            return (Dead() if entry.name == "dead" else entry for entry in self.inner)

        def __exit__(self, *_: object) -> None:
            self.inner.close()

    monkeypatch.setattr(os, "scandir", Scan)
    look = look_into(tmp_path)
    assert look.unreadable == {"dead": "Transport endpoint is not connected"}
    assert look.kinds == {"a.png": Kind.FILE}
