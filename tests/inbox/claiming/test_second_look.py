from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from styled.errors import NoSuchPair, NotMoved
from styled.files.printable import escaped
from styled.inbox.claiming import second_look
from styled.inbox.claiming.rejection import finish_rejections, reject
from styled.inbox.claiming.second_look import dismiss_files, dismiss_rejected, put_back
from styled.root import Root


def drop(root: Root, *paths: str) -> list[str]:
    """Write files into the inbox, each with its own path in it; return their paths relative to the root."""
    for path in paths:
        (root.inbox / path).parent.mkdir(exist_ok=True)
        (root.inbox / path).write_text(path)
    return [f"inbox/{path}" for path in paths]


def below(folder: Path) -> dict[str, str]:
    """Return what is in each file below a folder, reasons apart; links by what they lead to."""
    files = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in files
        if path.name != "REASON.txt"
    }


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        (["cat.content.png", "cat.style.png", "cat.toml"], "cat"),
        (["content/cat.png", "style/cat.png"], "cat"),
        (["photos/cat.png"], "cat"),
    ],
)
def test_files_are_put_back_where_they_were_dropped(root: Root, paths: list[str], name: str):
    dropped = drop(root, *paths)
    before = below(root.inbox)
    reject(root, name, "no", dropped)
    assert put_back(root, name) == sorted(paths)
    assert below(root.inbox) == before
    assert not (root.rejected / name).exists()


def test_a_folder_that_went_with_its_pair_is_made_again(root: Root):
    drop(root, "cat/content.png", "cat/style.png", "cat/REASON.md")
    before = below(root.inbox)
    reject(root, "cat", "no", ["inbox/cat"])
    assert not (root.inbox / "cat").exists()
    put_back(root, "cat")
    assert below(root.inbox) == before


def test_what_was_put_beside_it_meanwhile_goes_with_it(root: Root):
    reject(root, "cat", "no", drop(root, "photos/cat.png"))
    (root.rejected / "cat" / "cat.png").write_text("corrected")
    (root.rejected / "cat" / "dog.png").write_text("new")
    put_back(root, "cat")
    assert below(root.inbox) == {"photos/cat.png": "corrected", "photos/dog.png": "new"}


@pytest.mark.parametrize(("file", "place"), [("content.png", "cat/content.png"), ("cat.style.png", "cat.style.png")])
def test_without_the_daemons_record_the_names_decide(root: Root, file: str, place: str):
    (root.rejected / "cat").mkdir(parents=True)
    (root.rejected / "cat" / file).write_text("x")
    assert put_back(root, "cat") == [place]


def test_a_reason_that_names_other_places_is_not_believed(root: Root):
    (root.rejected / "cat").mkdir(parents=True)
    (root.rejected / "cat" / "a.png").write_text("x")
    (root.rejected / "cat" / "REASON.txt").write_text("no\n\nMoved here:\n  inbox/../styled.toml\n  .styled/queue.db\n")
    assert put_back(root, "cat") == ["a.png"]
    assert sorted(path.name for path in root.path.iterdir()) == [".styled", "inbox"] or not root.state.exists()


def test_nothing_is_moved_when_a_place_is_taken(root: Root):
    reject(root, "cat", "no", drop(root, "cat.content.png", "cat.style.png"))
    (root.inbox / "cat.style.png").write_text("another")
    before = below(root.inbox)
    with pytest.raises(NotMoved, match=r"cat\.style\.png is there already"):
        put_back(root, "cat")
    assert below(root.inbox) == before


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../..", "cat/../..", "../../evolution", "/", "none", "a\0b", ".hidden"]
)
@pytest.mark.parametrize("do", [put_back, dismiss_rejected])
def test_a_name_leads_nowhere_but_to_a_rejected_folder(root: Root, name: str, do: object):
    (root.rejected / ".hidden").mkdir(parents=True)
    (root.path / "cat").mkdir(exist_ok=True)
    before = sorted(root.path.rglob("*"))
    with pytest.raises(NoSuchPair):
        do(root, name)  # type: ignore[operator]
    assert sorted(root.path.rglob("*")) == before


@pytest.mark.parametrize("do", [put_back, dismiss_rejected])
def test_a_link_among_the_rejected_is_no_pair(root: Root, tmp_path: Path, do: object):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_text("s")
    root.rejected.mkdir()
    (root.rejected / "cat").symlink_to(elsewhere)
    with pytest.raises(NoSuchPair):
        do(root, "cat")  # type: ignore[operator]
    assert (elsewhere / "secret").exists()


def test_links_inside_are_moved_and_not_followed(root: Root, tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("s")
    (root.rejected / "cat").mkdir(parents=True)
    (root.rejected / "cat" / "content.png").symlink_to(secret)
    put_back(root, "cat")
    assert (root.inbox / "cat" / "content.png").readlink() == secret
    assert secret.read_text() == "s"


@pytest.mark.parametrize("taken", ["photos", "dismissed"])
def test_a_link_in_the_place_of_a_folder_stops_it(root: Root, tmp_path: Path, taken: str):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    reject(root, "cat", "no", drop(root, "photos/cat.png"))
    shutil.rmtree(root.inbox / taken, ignore_errors=True)
    (root.inbox / taken).symlink_to(elsewhere)
    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        (put_back if taken == "photos" else dismiss_rejected)(root, "cat")
    assert list(elsewhere.iterdir()) == []
    assert (root.rejected / "cat" / "cat.png").exists()


def test_names_that_are_printed_alike_are_left_alone(root: Root):
    for name in ("cat\x1b", escaped("cat\x1b")):
        (root.rejected / name).mkdir(parents=True)
    with pytest.raises(NoSuchPair, match="more than one"):
        dismiss_rejected(root, escaped("cat\x1b"))


def test_dismissing_moves_and_never_overwrites(root: Root):
    for number in range(2):
        reject(root, "cat", f"no {number}", drop(root, "cat.png"))
        assert dismiss_rejected(root, "cat") == ("inbox/dismissed/cat", "inbox/dismissed/cat-2")[number]
    assert below(root.inbox / "dismissed") == {"cat/cat.png": "cat.png", "cat-2/cat.png": "cat.png"}
    assert (root.inbox / "dismissed" / "cat-2" / "REASON.txt").read_text().startswith("no 1\n")


def test_half_a_pair_is_dismissed_with_all_its_files(root: Root):
    drop(root, "cat/content.png", "cat/note.txt")
    assert dismiss_files(root, "cat", "dismissed by anna", ["cat"]) == "inbox/dismissed/cat"
    assert below(root.inbox) == {
        "dismissed/cat/content.png": "cat/content.png",
        "dismissed/cat/note.txt": "cat/note.txt",
    }
    assert (root.inbox / "dismissed" / "cat" / "REASON.txt").read_text().startswith("dismissed by anna\n")


def test_killed_between_two_files_nothing_is_lost_and_the_rest_follows(root: Root, monkeypatch: pytest.MonkeyPatch):
    reject(root, "cat", "no", drop(root, "cat.content.png", "cat.style.png"))
    real = second_look.rename_new

    class Killed(BaseException):
        pass

    def die_at_the_second(source: str, target: str, **folders: int) -> None:
        if (root.inbox / "cat.content.png").exists():
            raise Killed
        real(source, target, **folders)

    monkeypatch.setattr(second_look, "rename_new", die_at_the_second)
    with pytest.raises(Killed):
        put_back(root, "cat")
    assert sorted(below(root.inbox).values()) == ["cat.content.png", "cat.style.png"]
    monkeypatch.setattr(second_look, "rename_new", real)
    assert put_back(root, "cat") == ["cat.style.png"]


def test_records_of_rejections_that_somebody_has_cleared_away_are_dropped_at_the_start(root: Root):
    for name in ("cat", "dog"):
        reject(root, name, "no", drop(root, f"{name}.png"))
    records = root.state / "rejections" / "done"
    shutil.rmtree(root.rejected / "cat")
    finish_rejections(root)
    assert [record.name for record in records.iterdir()] == ["dog.json"]
    put_back(root, "dog")
    assert list(records.iterdir()) == []
