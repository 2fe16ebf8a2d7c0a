"""What a killed ``styled add`` leaves is removed an hour later, and told; nothing else that has such a name is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog

from styled.inbox.add import add_pair
from styled.inbox.claiming.abandoned import being_filled, is_hidden_copy, sweep
from styled.root import Root
from tests.inbox.conftest import drive, one_checking_child
from tests.inbox.driver import Driver
from tests.store.conftest import png

__all__ = ["drive", "one_checking_child"]

NAME = ".add-0123abcd"


def leave(inbox: Path, name: str = NAME) -> Path:
    folder = inbox / name
    folder.mkdir(parents=True)
    (folder / "content.png").write_bytes(b"half of it")
    return folder


def test_an_abandoned_folder_is_removed_and_told(tmp_path: Path):
    folder = leave(tmp_path)
    assert sweep(tmp_path, NAME) == (
        f"removed inbox/{NAME}, the copies of a styled add that was killed: 1 files, 0.0 MB"
    )
    assert not folder.exists()


def test_one_that_somebody_fills_is_left(tmp_path: Path):
    folder = leave(tmp_path)
    with being_filled(folder):
        assert sweep(tmp_path, NAME) == ""
    assert (folder / "content.png").exists()


@pytest.mark.parametrize("what", ["folder", "link", "pipe"])
def test_one_with_anything_else_in_it_is_not_of_styled_add(tmp_path: Path, what: str):
    folder = leave(tmp_path)
    if what == "folder":
        (folder / "more").mkdir()
    elif what == "link":
        (folder / "more").symlink_to(tmp_path)
    else:
        os.mkfifo(folder / "more")
    assert "left alone" in sweep(tmp_path, NAME)
    assert (folder / "content.png").exists()


def test_a_link_of_that_name_is_not_followed(tmp_path: Path):
    folder = leave(tmp_path / "elsewhere", "precious")
    (tmp_path / NAME).symlink_to(folder)
    with pytest.raises(OSError, match=r"directory|symbolic"):
        sweep(tmp_path, NAME)
    assert (folder / "content.png").exists()


@pytest.mark.parametrize("name", [".add-", ".add-0123abcde", ".add-0123ABCD", "x.add-0123abcd", ".add-0123abc/"])
def test_other_names_are_somebody_elses(name: str):
    assert not is_hidden_copy(name)


def test_add_holds_the_lock_while_it_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = Root.at(tmp_path / "root")
    source = tmp_path / "a.png"
    source.write_bytes(png(1))
    told = []

    def copy(_: Path, target: Path) -> None:
        target.write_bytes(b"")
        told.append(sweep(root.inbox, target.parent.name))

    monkeypatch.setattr("styled.inbox.add._copy", copy)
    add_pair(root, source, [source])
    assert told == ["", ""]


@pytest.mark.processes
def test_the_daemon_sweeps_after_an_hour_without_a_change(drive: Driver):
    folder = leave(drive.root.inbox)
    drive.run(10)
    drive.clock.pass_by(3500)
    drive.run(10)
    assert folder.exists()
    drive.clock.pass_by(100)
    with structlog.testing.capture_logs() as logs:
        drive.run(40)
    assert not folder.exists()
    assert [entry["event"] for entry in logs if "removed" in entry.get("note", "")] == ["swept"]


@pytest.mark.processes
def test_one_that_cannot_be_swept_is_tried_once_an_hour(drive: Driver):
    """It was tried again with each look that the try itself had asked for."""
    folder = leave(drive.root.inbox)
    (folder / "of somebody else").mkdir()
    drive.run(10)
    drive.clock.pass_by(3600)
    with structlog.testing.capture_logs() as logs:
        drive.run(120)
    assert folder.exists()
    assert [entry["note"] for entry in logs if entry["event"] == "swept"] == [
        f"inbox/{folder.name} is not of styled add; it is left alone"
    ]
