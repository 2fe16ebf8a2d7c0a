from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from styled.queue import rejection
from styled.queue.rejection import finish_rejections, reject, rejected
from styled.queue.status import LISTED
from styled.root import Root


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_move_to_a_folder_of_their_name_with_the_reason(root: Root):
    (root.inbox / "cat.content.png").write_bytes(b"c")
    (root.inbox / "cat.style.png").write_bytes(b"s")
    place = reject(root, "cat", "the content is truncated", ["inbox/cat.content.png", "inbox/cat.style.png"])
    assert place == "inbox/rejected/cat"
    assert names_in(root.inbox) == ["rejected"]
    assert names_in(root.rejected) == ["cat"]
    assert names_in(root.rejected / "cat") == ["REASON.txt", "cat.content.png", "cat.style.png"]
    text = (root.rejected / "cat" / "REASON.txt").read_text()
    assert text.startswith("the content is truncated\n")
    assert "inbox/cat.style.png" in text
    assert "move the files back" in text


def test_a_folder_is_moved_with_all_that_is_in_it_unopened(root: Root):
    folder = root.inbox / "cat"
    folder.mkdir()
    (folder / "content.png").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    (folder / "deeper").mkdir()
    (folder / os.fsdecode(b"\xff\x1b")).write_bytes(b"odd")
    (folder / "REASON.txt").write_bytes(b"the user's own")
    reject(root, "cat", "a link", ["inbox/cat"])
    assert not folder.exists()
    place = root.rejected / "cat"
    assert names_in(place) == sorted(
        ["REASON.txt", "_REASON.txt", "content.png", "deeper", "pipe", os.fsdecode(b"\xff\x1b")]
    )
    assert (place / "content.png").is_symlink()
    assert (place / "_REASON.txt").read_bytes() == b"the user's own"
    assert b"\x1b" not in (place / "REASON.txt").read_bytes()


def test_equal_names_never_overwrite_each_other(root: Root):
    for data in (b"1", b"2", b"3"):
        (root.inbox / "cat.png").write_bytes(data)
        reject(root, "cat", "no", ["inbox/cat.png"])
    assert names_in(root.rejected) == ["cat", "cat-2", "cat-3"]
    assert (root.rejected / "cat-3" / "cat.png").read_bytes() == b"3"


def test_files_of_one_name_from_two_folders_both_arrive(root: Root):
    for folder in ("content", "style"):
        (root.inbox / folder).mkdir()
        (root.inbox / folder / "cat.png").write_bytes(folder.encode())
    reject(root, "cat", "no", ["inbox/content/cat.png", "inbox/style/cat.png"])
    assert names_in(root.rejected / "cat") == ["REASON.txt", "content-cat.png", "style-cat.png"]
    assert (root.inbox / "content").is_dir()


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "..", ".hidden", "a/b", "\x1b[31m"])
def test_any_name_becomes_a_folder_under_rejected(root: Root, name: str):
    (root.inbox / "a.png").write_bytes(b"a")
    place = root.path / reject(root, name, "no", ["inbox/a.png"])
    assert place.resolve().parent == root.rejected.resolve()
    assert names_in(place) == ["REASON.txt", "a.png"]


def test_a_link_is_moved_and_not_followed(root: Root, tmp_path: Path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_bytes(b"k")
    (root.inbox / "link").symlink_to(tmp_path / "secret")
    reject(root, "link", "a link", ["inbox/link"])
    assert (root.rejected / "link" / "link").is_symlink()
    assert (tmp_path / "secret" / "key").exists()


def test_when_nothing_can_be_moved_nothing_is_left_behind(root: Root, monkeypatch: pytest.MonkeyPatch):
    (root.inbox / "a.png").write_bytes(b"a")
    real = rejection.rename_new

    def refuse(source: str, target: str, **folders: int) -> None:
        if source == "a.png":
            raise OSError(errno.EPERM, "Operation not permitted")
        real(source, target, **folders)

    monkeypatch.setattr(rejection, "rename_new", refuse)
    with pytest.raises(PermissionError):
        reject(root, "a", "no", ["inbox/a.png"])
    assert names_in(root.inbox) == ["a.png", "rejected"]
    assert names_in(root.rejected) == []


def test_files_that_went_away_meanwhile_are_no_error(root: Root):
    (root.inbox / "a.png").write_bytes(b"a")
    reject(root, "a", "no", ["inbox/a.png", "inbox/gone.png"])
    assert names_in(root.rejected / "a") == ["REASON.txt", "a.png"]


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_a_rejection_that_was_cut_off_is_finished(root: Root, after: int):
    """Killed after so many renames: plan written, first file, second file, final name."""
    for name in ("a.png", "b.png"):
        (root.inbox / name).write_bytes(name.encode())
    script = (
        "import os, sys; from pathlib import Path; from styled.root import Root; from styled.queue import rejection\n"
        "real, left = rejection.rename_new, [int(sys.argv[2])]\n"
        "def rename(*args, **kw):\n"
        "    if left[0] == 0: os._exit(137)\n"
        "    left[0] -= 1\n"
        "    real(*args, **kw)\n"
        "rejection.rename_new = rename\n"
        "rejection.reject(Root(Path(sys.argv[1])), 'ab', 'because', ['inbox/a.png', 'inbox/b.png'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(root.path), str(after)], check=False)
    assert done.returncode == (137 if after < 3 else 0)
    finish_rejections(root)
    finish_rejections(root)
    assert names_in(root.inbox) == ["rejected"]
    assert names_in(root.rejected) == ["ab"]
    assert (root.rejected / "ab" / "a.png").read_bytes() == b"a.png"
    assert names_in(root.rejected / "ab") == ["REASON.txt", "a.png", "b.png"]


def test_a_folder_without_a_plan_is_swept(root: Root):
    (root.rejected / ".reject-0123").mkdir(parents=True)
    finish_rejections(root)
    assert names_in(root.rejected) == []


def test_rejections_are_listed_newest_first_with_their_first_line(root: Root):
    for number in range(LISTED + 5):
        (root.inbox / "a.png").write_bytes(b"a")
        place = root.path / reject(root, f"pair{number:03d}", f"reason {number}", ["inbox/a.png"])
        os.utime(place, (number, number))
    (root.rejected / "by hand").mkdir()
    os.utime(root.rejected / "by hand", (0, 0))
    listed, count = rejected(root)
    assert count == LISTED + 6
    assert len(listed) == LISTED
    assert (listed[0].name, listed[0].reason, listed[0].at) == (
        f"pair{LISTED + 4:03d}",
        f"reason {LISTED + 4}",
        LISTED + 4,
    )


def test_what_is_listed_is_harmless_whatever_users_put_there(root: Root):
    (root.rejected / "a\x1b[2J").mkdir(parents=True)
    (root.rejected / "a\x1b[2J" / "REASON.txt").write_bytes(b"\x1b[31mred\xff")
    (root.rejected / "b").mkdir()
    (root.rejected / "b" / "REASON.txt").symlink_to("/etc/passwd")
    (root.rejected / "c").mkdir()
    os.mkfifo(root.rejected / "c" / "REASON.txt")
    listed, count = rejected(root)
    assert count == 3
    assert {entry.name: entry.reason for entry in listed} == {
        "a\\x1b[2J": "\\x1b[31mred\ufffd",
        "b": "no reason is noted",
        "c": "no reason is noted",
    }


def test_without_rejections_there_are_none(root: Root):
    assert rejected(root) == ([], 0)
