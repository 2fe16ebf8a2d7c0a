"""The folders of a root, and links that stand in their places."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styled.root import Root


@pytest.mark.parametrize("name", ["inbox", "evolution"])
def test_a_link_that_the_owner_made_in_a_folder_s_place_is_followed(tmp_path: Path, name: str) -> None:
    root = Root.at(tmp_path / "root")
    root.path.mkdir()
    folder = getattr(root, name)
    assert folder == root.path / name
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "other").symlink_to("disk")
    folder.symlink_to("../other/deep")
    assert getattr(root, name) == tmp_path / "disk" / "deep"
    assert root.link_to_nothing(name) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
def test_a_link_of_another_user_is_not_followed(tmp_path: Path) -> None:
    root = Root.at(tmp_path)
    root.inbox.symlink_to("/etc")
    os.chown(tmp_path / "inbox", 4321, 4321, follow_symlinks=False)
    assert root.inbox == tmp_path / "inbox"


@pytest.mark.parametrize("target", ["gone", "inbox"], ids=["nothing", "itself"])
def test_a_link_to_nothing_is_told_from_a_missing_folder(tmp_path: Path, target: str) -> None:
    root = Root.at(tmp_path)
    assert root.link_to_nothing("inbox") == ""
    (tmp_path / "inbox").symlink_to(target)
    assert root.link_to_nothing("inbox") == str(tmp_path / target)
    assert root.inbox == tmp_path / target


def test_what_is_mounted_in_a_folder_s_place_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file server may hang, and the daemon's loop asks for these paths."""
    root = Root.at(tmp_path)
    (tmp_path / "inbox").mkdir()

    def hangs(self: Path, **_: object) -> os.stat_result:
        raise AssertionError(f"{self} was asked")

    monkeypatch.setattr(Path, "lstat", hangs)
    monkeypatch.setattr(Path, "stat", hangs)
    assert root.inbox == tmp_path / "inbox"
    assert root.link_to_nothing("inbox") == ""
    assert not root.strangers_link("inbox")


def test_a_current_folder_that_was_removed_is_no_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command ended in a traceback."""
    monkeypatch.delenv("STYLED_ROOT", raising=False)
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PWD", str(folder))
    assert Root.at().path == folder
    assert Root.at("below").path == folder / "below"
    folder.rmdir()
    assert Root.at().path == folder
    assert not Root.at().is_made
    assert Root.at("/srv/root").path == Path("/srv/root")
    monkeypatch.chdir(tmp_path)
