"""Whose settings are that lie beside several, and who waits for a file that is still being written."""

from __future__ import annotations

import pytest

from styled.inbox.pairs import pair_up
from tests.inbox.test_pairs import listing, names_of

TWO_FILES = ["harbour.content.jpg", "harbour.style.jpg"]
TWO_FOLDERS = ["content/harbour.jpg", "style/harbour.jpg"]
OWN_FOLDER = ["harbour/content.jpg", "harbour/style.jpg"]
HOT_FOLDER = ["hot/style.jpg", "hot/x.jpg"]


def test_a_hot_folder_has_the_settings_beside_it_in_other_letters():
    (pair,) = pair_up(listing("Starry/style.jpg", "Starry/x.jpg", "starry.toml")).pairs
    assert (pair.settings, pair.kept) == ("starry.toml", {"starry.toml", "Starry/style.jpg"})


def test_settings_beside_folders_go_to_the_one_of_their_very_name_or_to_the_files_that_carry_it():
    found = ["Harbour/content.jpg", "Harbour/style.jpg", "harbour.toml"]
    pairing = pair_up(listing(*found, "harbour/content.jpg", "harbour/style.jpg"))
    assert {pair.folder: pair.settings for pair in pairing.pairs} == {"Harbour": None, "harbour": "harbour.toml"}
    pairing = pair_up(listing(*found, *TWO_FILES))
    assert {pair.folder: pair.settings for pair in pairing.pairs} == {"Harbour": None, None: "harbour.toml"}


def test_settings_that_may_be_either_folder_s_hold_both():
    folders = [f"{name}/{part}.jpg" for name in ("Harbour", "HARBOUR") for part in ("content", "style")]
    pairing = pair_up(listing(*folders, "harbour.toml"))
    assert pairing.pairs == []
    said = {half.name: half.missing for half in pairing.halves}
    assert (
        said["Harbour"]
        == said["HARBOUR"]
        == "harbour.toml to be called HARBOUR.toml or Harbour.toml: which folder is meant?"
    )


@pytest.mark.parametrize("folder", ["batch", "rule 3"])
@pytest.mark.parametrize("settings", ["job.toml", "Job.TOML", "job.toml.txt", "job.toml.part"])
def test_settings_that_lie_with_several_pairs_hold_those_without_any(folder: str, settings: str):
    if folder == "batch":
        found = [f"batch/{name}.{part}.jpg" for name in "abc" for part in ("content", "style")]
        found += ["batch/c.toml", f"batch/{settings}"]
    else:
        found = [f"{part}/{name}.jpg" for name in "abc" for part in ("content", "style")]
        found += ["style/c.toml", f"content/{settings}"]
    pairing = pair_up(listing(*found))
    assert names_of(pairing) == ["c"]
    assert [half.name for half in pairing.halves] == ["a", "b"]
    assert pairing.ignored == pairing.misfits == []
    if settings.endswith(".part"):
        assert "still being written" in pairing.halves[0].missing
    else:
        assert pairing.halves[0].missing == (
            f"{settings} to be called a.toml and to lie beside its files, a copy for each pair, or to be taken away: "
            "as it is it is not used"
        )


def test_settings_beside_a_folder_of_several_pairs_hold_those_without_any():
    found = [f"Holiday/{name}.{part}.jpg" for name in "ab" for part in ("content", "style")]
    pairing = pair_up(listing(*found, "Holiday/b.toml", "holiday.toml"))
    assert names_of(pairing) == ["b"]
    assert [half.name for half in pairing.halves] == ["a"]
    assert pairing.halves[0].missing.startswith("holiday.toml to be called a.toml and to lie beside its files")


def test_a_pair_may_be_called_job_and_settings_in_the_inbox_itself_hold_none():
    pairing = pair_up(listing("batch/job.content.jpg", "batch/job.style.jpg", "batch/job.toml", "batch/a.content.jpg",
                              "batch/a.style.jpg", *TWO_FILES, "job.toml"))  # fmt: skip
    assert {pair.name: pair.settings for pair in pairing.pairs} == {"job": "batch/job.toml", "a": None, "harbour": None}
    assert [(half.name, half.missing) for half in pairing.halves] == [("job", "a content and a style")]


def test_what_is_nearly_the_settings_of_a_pair_across_two_folders_holds_it():
    (half,) = pair_up(listing(*TWO_FOLDERS, "style/harbour.toml.txt")).halves
    assert half.missing.startswith("harbour.toml.txt to be called harbour.toml")


@pytest.mark.parametrize(
    ("paths", "unfinished"),
    [
        (TWO_FILES, "harbour.mask.png.filepart"),
        (TWO_FILES, ".harbour.style2.jpg.Ab12Cd"),
        (TWO_FILES, "HARBOUR-Mask.png.part"),
        (TWO_FILES, ".syncthing.harbour.mask.png.tmp"),
        (TWO_FILES, ".in.harbour.mask.png."),
        (TWO_FILES, ".harbour.mask.png.~1a2b"),
        (TWO_FILES, "harbour.content.jpg.upload"),
        (TWO_FILES, "harbour.mask.png.1a2b3c4d.partial"),
        (TWO_FILES, "harbour.toml.part"),
        (TWO_FILES, "harbour.job.toml.part"),
        (TWO_FILES, "harbour.toml.txt.part"),
        ([f"batch/{name}" for name in TWO_FILES], "batch/harbour.mask.png.filepart"),
        ([f"batch/{name}" for name in TWO_FILES], "batch/.harbour.toml.Ab12Cd"),
        (TWO_FOLDERS, "style/harbour.toml.part"),
        (TWO_FOLDERS, "content/.Harbour.jpg.Ab12Cd"),
        (OWN_FOLDER, "harbour.toml.part"),
        (OWN_FOLDER, ".Harbour.toml.Ab12Cd"),
        (HOT_FOLDER, "hot.toml.part"),
        (HOT_FOLDER, "hot/Mask.png.part"),
        (HOT_FOLDER, "hot/.STYLE-2.jpg.Ab12Cd"),
        (HOT_FOLDER, "hot/Job.toml.part"),
        (HOT_FOLDER, "hot/mask.png.1a2b3c4d.partial"),
        (HOT_FOLDER, "hot/.content-of-somebody's-own.upload"),
    ],
)
def test_a_pair_waits_for_a_file_of_its_own_that_is_still_being_written(paths: list[str], unfinished: str):
    pairing = pair_up(listing(*paths, unfinished))
    assert pairing.pairs == pairing.misfits == pairing.idle == []
    (half,) = pairing.halves
    assert half.name in ("harbour", "hot")
    assert half.arrives
    assert half.missing == f"the rest of {unfinished.rpartition('/')[2]}, which is still being written"


@pytest.mark.parametrize("placeholder", ["harbour.mask.png.nextcloud", ".harbour.mask.png.icloud"])
def test_a_pair_waits_for_a_file_of_its_own_that_is_not_downloaded(placeholder: str):
    pairing = pair_up(listing(*TWO_FILES, placeholder))
    assert (pairing.pairs, [half.name for half in pairing.halves]) == ([], ["harbour"])
    assert pairing.halves[0].missing.startswith("harbour.mask.png: it is a placeholder")
    assert not pairing.halves[0].arrives


@pytest.mark.parametrize("placeholder", ["harbour/.mask.png.icloud", "hot/style-2.jpg.nextcloud"])
def test_a_folder_that_waits_for_a_download_does_not_only_arrive(placeholder: str):
    (half,) = pair_up(listing(*(OWN_FOLDER if placeholder.startswith("harbour") else HOT_FOLDER), placeholder)).halves
    assert ("it is a placeholder" in half.missing, half.arrives) == (True, False)


def test_no_other_pair_waits_for_an_unfinished_file():
    others = [
        "harbour2.mask.png.part",
        "cat.toml.part",
        "hot/y.jpg.part",
        "hot/Styled portrait.jpg.part",
        ".goutputstream-X1",
        "content/cat.jpg.part",
    ]
    pairing = pair_up(listing(*TWO_FILES, *TWO_FOLDERS, *HOT_FOLDER, *OWN_FOLDER, *others))
    assert sorted(names_of(pairing)) == ["harbour", "harbour", "harbour", "x"]
    assert sorted(path for half in pairing.halves for path in half.paths) == sorted(set(others) - {".goutputstream-X1"})


def test_half_a_pair_and_the_unfinished_file_that_it_lacks_are_told_each():
    pairing = pair_up(listing("a.style.jpg", "a.content.jpg.part"))
    assert [(half.name, half.missing) for half in pairing.halves] == [
        ("a", "a content"),
        ("a.content.jpg.part", "the rest of a.content.jpg.part, which is still being written"),
    ]
    assert not any(half.arrives for half in pairing.halves)


def test_a_pair_that_waits_for_its_user_too_does_not_only_arrive():
    (half,) = pair_up(listing(*TWO_FILES, "harbour.toml.txt", "harbour.mask.png.part")).halves
    assert (half.missing.startswith("harbour.toml.txt to be called"), half.arrives) == (True, False)
