from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from styled.inbox.claiming import rejection
from styled.inbox.claiming.rejection import finish_rejections, origins_of, reason_of, reject, rejected
from styled.root import Root
from styled.store.status import LISTED


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


@pytest.mark.processes
@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_a_rejection_that_was_cut_off_is_finished(root: Root, after: int):
    """Killed after so many renames: plan written, first file, second file, final name."""
    for name in ("a.png", "b.png"):
        (root.inbox / name).write_bytes(name.encode())
    script = (
        "import os, sys; from pathlib import Path; from styled.root import Root; from styled.inbox.claiming import rejection\n"
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


def not_mounted(root: Root, how: str) -> Callable[[], None]:
    """Take the inbox away as a start before its mount finds it; return what mounts it."""
    real = root.path / "disk"
    root.inbox.rename(real)
    if how == "empty mount point":
        root.inbox.mkdir()
    elif how == "link to nothing":
        root.inbox.symlink_to(root.path / "later")

    def mount() -> None:
        if how == "link to nothing":
            real.rename(root.path / "later")
            return
        if how == "empty mount point":
            root.inbox.rmdir()
        real.rename(root.inbox)

    return mount


ABSENT = ["empty mount point", "link to nothing", "nothing"]


@pytest.mark.parametrize("how", ABSENT)
def test_a_start_before_the_inbox_is_mounted_forgets_no_origin(root: Root, how: str):
    (root.inbox / "cat").mkdir()
    (root.inbox / "cat" / "content.png").write_bytes(b"c")
    reject(root, "cat", "no", ["inbox/cat"])
    mount = not_mounted(root, how)
    assert finish_rejections(root) == ([], [])
    mount()
    assert finish_rejections(root) == ([], [])
    assert origins_of(root, "cat") == {"content.png": "cat/content.png"}
    (root.rejected / "cat").rename(root.path / "taken away")
    finish_rejections(root)
    assert origins_of(root, "cat") == {}


@pytest.mark.parametrize("how", ABSENT)
def test_a_rejection_that_was_cut_off_waits_for_the_inbox_to_be_mounted(root: Root, how: str):
    for name in ("a.png", "b.png"):
        (root.inbox / name).write_bytes(name.encode())
    (root.rejected / ".reject-0123").mkdir(parents=True)
    (root.inbox / "a.png").rename(root.rejected / ".reject-0123" / "a.png")
    plan_in_state(root, [("inbox/a.png", "a.png"), ("inbox/b.png", "b.png")])
    mount = not_mounted(root, how)
    notes, (unfinished,) = finish_rejections(root)
    assert notes == []
    assert "cat" in unfinished
    assert names_in(root.state / "rejections") == ["0123.json"]
    mount()
    notes, unfinished_now = finish_rejections(root)
    assert (notes, unfinished_now) == (["the rejection of cat was finished: see inbox/rejected/cat"], [])
    assert names_in(root.rejected / "cat") == ["REASON.txt", "a.png", "b.png"]


def test_a_plan_whose_folder_is_gone_is_forgotten(root: Root):
    """Killed before the folder was made, or after it got its name."""
    (root.inbox / "a.png").write_bytes(b"a")
    plan_in_state(root, [("inbox/a.png", "a.png")])
    (root.rejected).mkdir()
    assert finish_rejections(root) == ([], [])
    assert names_in(root.state / "rejections") == []
    assert names_in(root.inbox) == ["a.png", "rejected"]


def plan_in_state(root: Root, moves: list[tuple[str, str]], *, name: str = "cat", folder: str = "") -> None:
    """Write a plan where the daemon writes its own."""
    plans = root.state / "rejections"
    plans.mkdir(parents=True, exist_ok=True)
    (plans / "0123.json").write_text(plan_text(moves, name=name, folder=folder))


def plan_text(moves: list[tuple[str, str]], *, name: str = "cat", folder: str = "") -> str:
    made = [{"source": source, "target": target} for source, target in moves]
    return json.dumps({"name": name, "text": "because", "moves": made, "folder": folder})


OUTSIDE = [
    ([("inbox/evil.toml", "../../../styled.toml")], {}),
    ([("inbox/../styled.toml", "stolen")], {}),
    ([("styled.toml", "stolen")], {}),
    ([(".styled/queue.db", "stolen")], {}),
    ([("evolution/job/result.png", "stolen")], {}),
    ([("evolution/.claim-x/input/../../../styled.toml", "stolen")], {}),
    ([("/etc/passwd", "stolen")], {}),
    ([("inbox/evil.toml", "..")], {}),
    ([("inbox/evil.toml", "")], {}),
    ([("inbox/evil.toml", "a%00b")], {}),
    ([("inbox/evil.toml", "a/b")], {}),
    ([("inbox/evil.toml", "evil.toml")], {"name": "../../evolution/x"}),
    ([("inbox/evil.toml", "evil.toml")], {"folder": "inbox/../evolution/job"}),
]


def outside(root: Root) -> dict[str, bytes]:
    """Make what a planted plan is after, and return all files that are not in the inbox."""
    root.config.write_text("[queue]\nparallel = 1\n")
    (root.evolution / "job").mkdir(exist_ok=True)
    (root.evolution / "job" / "result.png").write_bytes(b"painted")
    (root.inbox / "evil.toml").write_text("[hooks]\n")
    return files_outside(root)


def files_outside(root: Root) -> dict[str, bytes]:
    inside = (root.inbox, root.state)
    return {
        str(path): path.read_bytes()
        for path in root.path.rglob("*")
        if path.is_file() and not any(folder in path.parents for folder in inside)
    }


@pytest.mark.parametrize(("moves", "other"), OUTSIDE)
def test_a_plan_planted_in_the_inbox_is_never_believed(root: Root, moves: list[tuple[str, str]], other: dict[str, str]):
    before = outside(root)
    planted = root.rejected / ".reject-00"
    planted.mkdir(parents=True)
    (planted / ".reject.json").write_text(plan_text(moves, **other))
    (planted / "00.json").write_text(plan_text(moves, **other))
    notes = finish_rejections(root).notes
    assert files_outside(root) == before
    assert names_in(root.inbox) == ["evil.toml", "rejected"]
    assert names_in(planted) == [".reject.json", "00.json"]
    assert notes == ["inbox/rejected/.reject-00 is not of this daemon; it is left alone"]


@pytest.mark.parametrize(("moves", "other"), OUTSIDE)
def test_a_plan_that_leads_out_of_the_inbox_is_damaged_wherever_it_lies(
    root: Root, moves: list[tuple[str, str]], other: dict[str, str]
):
    before = outside(root)
    (root.rejected / ".reject-0123").mkdir(parents=True)
    plan_in_state(root, moves, **other)
    note, *_ = finish_rejections(root).notes
    assert "0123.json is damaged" in note
    assert files_outside(root) == before
    assert (root.inbox / "evil.toml").is_file()
    assert names_in(root.state / "rejections") == ["0123.damaged"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"name": "a\xff"}', b"[" * 100_000, b"7", b"{}"])
def test_a_damaged_plan_costs_itself_and_no_other(root: Root, content: bytes):
    (root.inbox / "a.png").write_bytes(b"a")
    (root.rejected / ".reject-0123").mkdir(parents=True)
    plan_in_state(root, [("inbox/a.png", "a.png")])
    (root.state / "rejections" / "0000.json").write_bytes(content)
    notes = finish_rejections(root).notes
    assert "0000.json is damaged" in notes[0]
    assert notes[1] == "the rejection of cat was finished: see inbox/rejected/cat"
    assert names_in(root.rejected / "cat") == ["REASON.txt", "a.png"]
    assert len(finish_rejections(root).notes) == 0


def test_odd_things_in_place_of_a_rejection_that_was_cut_off_are_left_alone(root: Root, tmp_path: Path):
    root.rejected.mkdir()
    (root.rejected / ".reject-link").symlink_to(tmp_path)
    (root.rejected / ".reject-file").write_bytes(b"x")
    os.mkfifo(root.rejected / ".reject-pipe")
    (root.rejected / ".reject-folder").mkdir()
    os.mkfifo(root.rejected / ".reject-folder" / ".reject.json")
    before = names_in(root.rejected)
    assert len(finish_rejections(root).notes) == 4
    assert names_in(root.rejected) == before


@pytest.mark.parametrize("what", ["link", "file"])
def test_nothing_is_moved_when_rejected_is_no_folder(root: Root, tmp_path: Path, what: str):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if what == "link":
        root.rejected.symlink_to(elsewhere)
    else:
        root.rejected.write_bytes(b"")
    (root.inbox / "a.png").write_bytes(b"a")
    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        reject(root, "a", "no", ["inbox/a.png"])
    assert names_in(root.inbox) == ["a.png", "rejected"]
    assert names_in(elsewhere) == []
    assert finish_rejections(root) == ([], [])


def test_a_folder_swapped_for_a_link_while_files_move_leads_nowhere(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("a.png", "b.png"):
        (root.inbox / name).write_bytes(name.encode())
    real = rejection.rename_new

    def swap(source: str, target: str, **folders: int) -> None:
        if not root.rejected.is_symlink():
            root.rejected.rename(root.inbox / "away")
            root.rejected.symlink_to(elsewhere)
        real(source, target, **folders)

    monkeypatch.setattr(rejection, "rename_new", swap)
    reject(root, "ab", "no", ["inbox/a.png", "inbox/b.png"])
    assert names_in(elsewhere) == []
    assert names_in(root.inbox / "away" / "ab") == ["REASON.txt", "a.png", "b.png"]


def test_the_plan_is_readable_by_its_owner_only(root: Root):
    (root.inbox / "a.png").write_bytes(b"a")
    reject(root, "a", "no", ["inbox/a.png"])
    assert (root.state / "rejections").stat().st_mode & 0o777 == 0o700


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
    assert [reason_of(root, name) for name in ("b", "c")] == ["no reason is noted"] * 2
    assert [reason_of(root, name) for name in ("none", "..", "../../x", "", "a\0b")] == [None] * 5
    listed, count = rejected(root)
    assert count == 3
    assert {entry.name: entry.reason for entry in listed} == {
        "a\\x1b[2J": "\\x1b[31mred\ufffd",
        "b": "no reason is noted",
        "c": "no reason is noted",
    }


def test_without_rejections_there_are_none(root: Root):
    assert rejected(root) == ([], 0)
