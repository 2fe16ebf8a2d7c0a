from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.files.printable import is_hostile
from styled.inbox.group import Kind, Pair
from styled.inbox.pairs import Pairing, pair_up


def listing(*paths: str, **kinds: Kind) -> dict[str, Kind]:
    """Files, and folders for what ends in a slash or has something inside."""
    found: dict[str, Kind] = {}
    for path in paths:
        folder, slash, name = path.rpartition("/")
        if slash:
            found[folder] = Kind.FOLDER
        if name:
            found[path] = Kind.FILE
    return found


def names_of(pairing: Pairing) -> list[str]:
    return [pair.name for pair in pairing.pairs]


def test_rule_1_a_folder_with_content_and_style_is_one_pair_and_is_consumed():
    pairing = pair_up(listing("harbour/content.jpg", "harbour/style.png"))
    assert pairing == Pairing(pairs=[Pair("harbour", "harbour/content.jpg", ("harbour/style.png",), folder="harbour")])


def test_rule_1_takes_more_styles_a_mask_and_settings():
    (pair,) = pair_up(
        listing(
            "h/content.jpg",
            "h/style.png",
            "h/style-2.png",
            "h/style-10.png",
            "h/mask.png",
            "h/job.toml",
            "h/notes.txt",
            *(f"h/style-{n}.png" for n in range(3, 10)),
        )
    ).pairs
    assert pair.styles == ("h/style.png", *(f"h/style-{n}.png" for n in range(2, 11)))
    assert (pair.mask, pair.settings) == ("h/mask.png", "h/job.toml")


@pytest.mark.parametrize("mark", [".", "-", "_"])
def test_rule_2_two_files_that_carry_the_name(mark: str):
    pairing = pair_up(listing(f"harbour{mark}content.jpg", f"harbour{mark}style.png", "harbour.toml"))
    assert pairing == Pairing(
        pairs=[Pair("harbour", f"harbour{mark}content.jpg", (f"harbour{mark}style.png",), settings="harbour.toml")]
    )


def test_rule_2_works_in_a_folder_of_pairs_too_and_leaves_the_folder():
    pairing = pair_up(listing("batch/a.content.jpg", "batch/a.style.jpg", "batch/b.content.jpg"))
    assert pairing.pairs == [Pair("a", "batch/a.content.jpg", ("batch/a.style.jpg",))]
    assert [half.missing for half in pairing.halves] == ["a style"]


def test_rule_3_the_same_name_in_two_folders():
    pairing = pair_up(listing("content/harbour.jpg", "style/harbour.png", "content/cat.jpg", "content/harbour.toml"))
    assert pairing.pairs == [
        Pair("harbour", "content/harbour.jpg", ("style/harbour.png",), settings="content/harbour.toml")
    ]
    assert [(half.name, half.missing) for half in pairing.halves] == [("cat", "a style")]


@pytest.mark.parametrize(
    ("paths", "ready"),
    [
        (["a/content.jpg", "a/style.jpg", "a.ready"], "a.ready"),
        (["a.content.jpg", "a.style.jpg", "a.ready"], "a.ready"),
        (["batch/a.content.jpg", "batch/a.style.jpg", "batch/a.ready"], "batch/a.ready"),
        (["content/a.jpg", "style/a.jpg", "content/a.ready"], "content/a.ready"),
    ],
)
def test_a_file_that_says_that_a_pair_is_complete_belongs_to_it(paths: list[str], ready: str):
    pairing = pair_up(listing(*paths))
    assert [(pair.name, pair.ready) for pair in pairing.pairs] == [("a", ready)]
    assert set(pairing.pairs[0].paths) == set(paths)
    assert pairing == Pairing(pairs=pairing.pairs)


def test_a_folder_of_that_name_is_a_pair_of_its_own():
    pairing = pair_up(listing("a/content.jpg", "a/style.jpg", "a.ready/content.jpg", "a.ready/style.jpg"))
    assert sorted((pair.name, pair.ready) for pair in pairing.pairs) == [("a", None), ("a.ready", None)]


def test_a_pair_that_is_called_complete_and_is_not_waits_for_the_rest():
    pairing = pair_up(listing("a.content.jpg", "a.ready"))
    assert [(half.name, half.missing) for half in pairing.halves] == [("a", "a style")]


def test_rule_4_a_hot_folder_makes_a_pair_of_every_other_image_and_keeps_the_style():
    pairing = pair_up(
        listing("starry/style.jpg", "starry/job.toml", "starry/a.jpg", "starry/b.png", "starry/notes.txt")
    )
    kept = frozenset({"starry/style.jpg", "starry/job.toml"})
    assert pairing.pairs == [
        Pair("a", "starry/a.jpg", ("starry/style.jpg",), settings="starry/job.toml", kept=kept),
        Pair("b", "starry/b.png", ("starry/style.jpg",), settings="starry/job.toml", kept=kept),
    ]
    assert [entry.path for entry in pairing.ignored] == ["starry/notes.txt"]


def test_a_hot_folder_without_an_image_waits_for_nothing():
    pairing = pair_up(listing("starry/style.jpg"))
    assert [pair.name for pair in pairing.idle] == ["starry"]
    assert pairing.pairs == pairing.halves == pairing.misfits == pairing.ignored == []


@pytest.mark.parametrize(
    ("paths", "name", "missing"),
    [
        (["a.content.jpg"], "a", "a style"),
        (["a.style.jpg"], "a", "a content"),
        (["a.mask.jpg"], "a", "a content and a style"),
        (["a.toml"], "a", "a content and a style"),
        (["a.content.jpg", "a.style-2.jpg"], "a", "a style"),
        (["a.content.jpg", "a.style.jpg", "a.style-3.jpg"], "a", "style-2"),
        (["a/content.jpg"], "a", "a style"),
        (["a/photo.jpg"], "a", "a style: put style.jpg into its folder"),
        (["style/a.jpg"], "a", "a content"),
        (["photo.jpg"], "photo.jpg", "a part in its name: photo.content.jpg or photo.style.jpg"),
        (
            ["a/content.jpg", "a/style.jpg", "a/style-2.jpg.part"],
            "a",
            "the rest of style-2.jpg.part, which is still being written",
        ),
        (
            ["a/style.jpg", "a/x.jpg", "a/.style-2.jpg.Ab12Cd"],
            "a",
            "the rest of .style-2.jpg.Ab12Cd, which is still being written",
        ),
    ],
)
def test_half_a_pair_says_what_it_waits_for(paths: list[str], name: str, missing: str):
    pairing = pair_up(listing(*paths))
    assert pairing.pairs == pairing.misfits == []
    assert [(half.name, half.missing) for half in pairing.halves] == [(name, missing)]


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["a/content.jpg", "a/content.png", "a/style.jpg"], "content.jpg and content.png both claim to be the content"),
        (["a.content.jpg", "a-content.jpg", "a.style.jpg"], "both claim to be the content"),
        (["a.style.jpg", "a_style.png"], "both claim to be the style"),
        (["style/a.jpg", "style/a.png"], "both claim to be the style"),
    ],
)
def test_two_files_for_one_part_are_a_misfit(paths: list[str], words: str):
    pairing = pair_up(listing(*paths))
    assert pairing.pairs == pairing.halves == []
    assert words in pairing.misfits[0].reason


@pytest.mark.parametrize("kind", [Kind.LINK, Kind.OTHER])
def test_links_and_pipes_are_misfits_wherever_they_matter(kind: Kind):
    found = listing("a.style.jpg", "b/content.jpg", "hot/style.jpg", "hot/y.jpg", "content/c.jpg", "style/c.jpg")
    found |= {"a.content.jpg": kind, "b/style.jpg": kind, "hot/x.jpg": kind, "style/d.jpg": kind, "loose": kind}
    pairing = pair_up(found)
    assert sorted(names_of(pairing)) == ["c", "y"]
    assert sorted(misfit.paths for misfit in pairing.misfits) == [
        ("a.content.jpg", "a.style.jpg"), ("b",), ("hot/x.jpg",), ("loose",), ("style/d.jpg",)
    ]  # fmt: skip
    assert all(str(kind) in misfit.reason for misfit in pairing.misfits)


def test_a_hot_folder_whose_style_is_a_link_rejects_the_link_and_no_picture():
    pairing = pair_up(listing("hot/x.jpg") | {"hot/style.jpg": Kind.LINK})
    assert pairing.pairs == []
    assert [misfit.paths for misfit in pairing.misfits] == [("hot/style.jpg",)]


def test_a_content_that_is_a_folder_is_a_misfit():
    found = listing("a.style.jpg") | {"a.content.jpg": Kind.FOLDER}
    assert pair_up(found).pairs == []


def test_litter_readme_and_rejected_are_passed_over_in_silence():
    found = listing("README.md", ".DS_Store", "Thumbs.db", ".a.content.jpg.Ab12Cd", "rejected/x/", "@eaDir/a.jpg",
                    "rejected/a.content.jpg", ".hidden/content.jpg", ".hidden/style.jpg")  # fmt: skip
    assert pair_up(found) == Pairing()


def test_hostile_names_are_ignored_with_a_reason():
    pairing = pair_up(listing("a\x1b.content.jpg", "\udcff.style.jpg", "ok.content.jpg", "ok.style.jpg"))
    assert names_of(pairing) == ["ok"]
    assert [entry.path for entry in pairing.ignored] == ["a\x1b.content.jpg", "\udcff.style.jpg"]
    assert "UTF-8" in pairing.ignored[0].reason


def test_names_written_in_two_unicode_forms_are_one_pair():
    pairing = pair_up(listing("e\u0301te\u0301.content.jpg", "été.style.jpg"))
    assert len(pairing.pairs) == 1


def test_a_folder_of_folders_is_told_about_once():
    pairing = pair_up(listing("a/b/") | {"a": Kind.FOLDER, "a/b": Kind.FOLDER})
    assert [(entry.path, "folders in folders" in entry.reason) for entry in pairing.ignored] == [("a", True)]


@pytest.mark.parametrize(
    ("paths", "settings", "styles"),
    [
        (["a/content.jpg", "a/style.jpg", "a/Job.toml"], "a/Job.toml", 1),
        (["a/content.jpg", "a/style.jpg", "a/JOB.TOML"], "a/JOB.TOML", 1),
        (["a/content.jpg", "a/style.jpg", "a.toml"], "a.toml", 1),
        (["a/content.jpg", "a/style.jpg", "a/style2.jpg", "a/style_3.jpg"], None, 3),
        (["a.content.jpg", "a.style.jpg", "A.TOML"], "A.TOML", 1),
        (["A.content.jpg", "a.style.jpg", "a.toml"], "a.toml", 1),
        (["a.content.jpg", "a.style.jpg", "a.job.toml"], "a.job.toml", 1),
        (["a.content.jpg", "a.style.jpg", "a_job.toml"], "a_job.toml", 1),
        (["Content/a.jpg", "Style/a.jpg", "Content/a.toml"], "Content/a.toml", 1),
        (["content/a.jpg", "STYLE/A.jpg", "STYLE/a.toml"], "STYLE/a.toml", 1),
        (["content/a", "style/a.heic"], None, 1),
        (["content/e\u0301.jpg", "style/é.jpg", "style/É.toml"], "style/É.toml", 1),
        (["a.content", "a.style.jpg_large"], None, 1),
        (["Harbour/content.jpg", "Harbour/style.jpg", "harbour.toml"], "harbour.toml", 1),
        (["É/content.jpg", "É/style.jpg", "e\u0301.TOML"], "e\u0301.TOML", 1),
        (["a/content.jpg", "a/style.jpg", "A.job.toml"], "A.job.toml", 1),
        (["A.content.jpg", "A.style.jpg", "a.job.toml"], "a.job.toml", 1),
    ],
)
def test_names_in_other_letters_are_the_same_names(paths: list[str], settings: str | None, styles: int):
    pairing = pair_up(listing(*paths))
    (pair,) = pairing.pairs
    assert pairing == Pairing(pairs=[pair])
    assert set(pair.paths) == set(paths)
    assert (pair.settings, len(pair.styles), pair.remarks) == (settings, styles, ())


def test_a_pair_in_its_folder_and_its_ready_in_the_other_unicode_form():
    (pair,) = pair_up(listing("e\u0301/content.jpg", "e\u0301/style.jpg", "é.READY")).pairs
    assert pair.ready == "é.READY"


def test_pairs_of_names_that_differ_in_case_stay_apart_if_both_are_whole():
    pairing = pair_up(listing("a.content.jpg", "a.style.jpg", "A.content.jpg", "A.style.jpg"))
    assert sorted(pair.content for pair in pairing.pairs) == ["A.content.jpg", "a.content.jpg"]


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["a/content.jpg", "a/style.jpg", "a/job.toml.txt"], "job.toml.txt to be called job.toml"),
        (["a/content.jpg", "a/style.jpg", "a/a.job.toml"], "a.job.toml to be called job.toml"),
        (["a/content.jpg", "a/style.jpg", "a/settings.toml"], "settings.toml to be called job.toml"),
        (["a/content.jpg", "a/style.jpg", "a/style (2).jpg"], "style (2).jpg to be called style-2"),
        (["a/content.jpg", "a/style.jpg", "a/masks.png"], "masks.png to be called mask"),
        (["a.content.jpg", "a.style.jpg", "a.toml.txt"], "a.toml.txt to be called a.toml"),
        (["hot/style.jpg", "hot/x.jpg", "hot/job.toml.txt"], "job.toml.txt to be called job.toml"),
        (["a/content.jpg", "a/style.jpg", "a/.style-2.jpg.icloud"], "style-2.jpg: it is a placeholder, let iCloud"),
    ],
)
def test_a_pair_with_a_file_that_is_nearly_a_part_is_held(paths: list[str], words: str):
    pairing = pair_up(listing(*paths))
    assert pairing.pairs == pairing.misfits == []
    assert words in pairing.halves[0].missing


def test_what_else_is_in_a_pair_s_folder_is_a_remark_on_it():
    (pair,) = pair_up(listing("a/content.heic", "a/content.mov", "a/style.jpg", "a/IMG_1.jpg", "a/.DS_Store")).pairs
    assert pair.remarks == ("not used, from its folder: IMG_1.jpg, content.mov",)


def test_of_two_files_for_a_part_the_one_that_is_called_an_image_is_taken():
    """A live photo's HEIC beside its JPEG, a raw file beside its picture."""
    (pair,) = pair_up(listing("a/content.jpg", "a/content.nef", "a/style.jpg")).pairs
    assert (pair.content, pair.remarks) == ("a/content.jpg", ("not used, from its folder: content.nef",))


def test_two_settings_of_one_pair_are_a_misfit():
    (misfit,) = pair_up(listing("a/content.jpg", "a/style.jpg", "a/job.toml", "a.toml")).misfits
    assert misfit.reason == "a.toml and job.toml both claim to be the settings; leave one"
    assert misfit.paths == ("a", "a.toml")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("IMG_1.MOV", "video"),
        ("page.url", "link"),
        ("photos.zip", "unpack"),
        ("content/x.webloc", "link"),
        ("batch/harbour/", "move harbour up into inbox/"),
        ("hot/IMG_2.MOV", "video"),
    ],
)
def test_what_is_left_alone_has_its_reason(path: str, words: str):
    found = listing("hot/style.jpg", path)
    if path.endswith("/"):
        found |= {"batch": Kind.FOLDER, "batch/harbour": Kind.FOLDER}
    (entry,) = pair_up(found).ignored
    assert words in entry.reason


@pytest.mark.parametrize("name", ["IMG_1.heic", "IMG_1.jpg_large", "IMG_1.nef"])
def test_in_a_hot_folder_whatever_may_be_a_picture_is_tried(name: str):
    (pair,) = pair_up(listing("hot/style.jpg", f"hot/{name}")).pairs
    assert pair.content == f"hot/{name}"


def test_an_unfinished_file_is_told_as_what_it_waits_for():
    pairing = pair_up(listing("a.content.jpg.part", ".IMG_1.HEIC.icloud"))
    assert [half.missing for half in pairing.halves] == [
        "the rest of a.content.jpg.part, which is still being written",
        "IMG_1.HEIC: it is a placeholder, let iCloud download it",
    ]


def crowd(count: int) -> dict[str, Kind]:
    """Folders, files that carry their names, files that nearly are settings, and names in two cases."""
    found = listing(*(f"f{number}/{name}" for number in range(count) for name in ("content.jpg", "style.jpg")))
    for number in range(count):
        found |= dict.fromkeys((f"f{number}.ready", f"p{number}.content.jpg", f"p{number}.toml.txt"), Kind.FILE)
    capitals = (format(number, "b").translate({48: "a", 49: "A"}) for number in range(count))
    return found | {f"{name.rjust(12, 'a')}.content.jpg": Kind.FILE for name in capitals}


def crowd_of_settings(count: int) -> dict[str, Kind]:
    """Pairs in a folder with files that may be the settings of each, and in the inbox settings of folders in two cases."""
    found = listing(*(f"batch/p{number}.{part}.jpg" for number in range(count) for part in ("content", "style")))
    for end in ("", ".part"):
        found |= {f"batch/job.toml.{number}{end}": Kind.FILE for number in range(count)}
    capitals = [format(number, "b").translate({48: "a", 49: "A"}).rjust(12, "a") for number in range(2 * count)]
    for folder, other in zip(capitals[::2], capitals[1::2], strict=True):
        found |= listing(f"{folder}/content.jpg", f"{folder}/style.jpg", f"{other}.toml", f"{other}.toml.part")
    return found


@pytest.mark.parametrize("crowd", [crowd, crowd_of_settings])
def test_the_time_grows_with_the_files_and_not_with_their_square(crowd: Callable[[int], dict[str, Kind]]):
    """Processor time, the least of several: others compute too, and take the caches."""

    def seconds(count: int) -> float:
        found = crowd(count)
        began = time.process_time()
        pair_up(found)
        return time.process_time() - began

    seconds(50)
    few, many = (min(seconds(count) for _ in range(5)) for count in (200, 1600))
    assert many < 24 * max(few, 0.002)  # eight times as many; the square would be 64 times


word = st.sampled_from(
    [
        "a",
        "b",
        "content",
        "style",
        "mask",
        "a.content",
        "a-style",
        "b_content",
        "b.style-2",
        "style-2",
        "style-3",
        "été",
        "job",
        "Job",
        "A.Content",
        "style2",
        "styles",
        "a.job",
        "x\x1b",
        "\udcff",
    ]
)
ending = st.sampled_from(
    [
        ".jpg",
        ".png",
        ".toml",
        ".TOML",
        ".ready",
        ".txt",
        ".toml.txt",
        ".heic",
        ".mov",
        ".jpg.part",
        ".toml.part",
        "",
        "~",
    ]
)
file_name = st.builds(
    lambda start, stem, end: f".{stem}.jpg.Ab12Cd" if start else stem + end, st.sampled_from([0, 0, 0, 1]), word, ending
)
entries = st.dictionaries(
    st.one_of(
        file_name,
        st.builds(
            lambda folder, name: f"{folder}/{name}",
            st.sampled_from(["a", "A", "b", "content", "Style", "style", "rejected"]),
            file_name,
        ),
    ),
    st.sampled_from([Kind.FILE, Kind.FILE, Kind.FILE, Kind.LINK, Kind.OTHER]),
    max_size=14,
)


def with_folders(found: dict[str, Kind]) -> dict[str, Kind]:
    return found | {path.partition("/")[0]: Kind.FOLDER for path in found if "/" in path}


@given(entries)
def test_any_listing_puts_every_file_in_at_most_one_place(found: dict[str, Kind]):
    found = with_folders(found)
    pairing = pair_up(found)
    places: Counter[str] = Counter()
    for pair in pairing.pairs:
        places.update(path for path in pair.paths if path not in pair.kept)
    kept = {path for pair in pairing.pairs for path in pair.kept}
    for misfit in pairing.misfits:
        places.update(
            inner for path in misfit.paths for inner in found if inner == path or inner.startswith(f"{path}/")
        )
    assert all(count == 1 for count in places.values())
    assert not kept & places.keys()


@given(entries)
def test_any_pair_is_made_of_real_files_with_printable_names(found: dict[str, Kind]):
    found = with_folders(found)
    for pair in pair_up(found).pairs:
        assert all(found[path] is Kind.FILE for path in pair.paths)
        assert len(set(pair.paths)) == len(pair.paths)
        assert pair.styles
        assert not is_hostile("".join(pair.paths))
        assert pair.kept <= set(pair.paths) - {pair.content}


@given(entries, st.randoms())
def test_the_order_of_a_listing_does_not_matter(found: dict[str, Kind], random: object):
    found = with_folders(found)
    shuffled = list(found.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = pair_up(found), pair_up(dict(shuffled))
    assert sorted(pair.content for pair in first.pairs) == sorted(pair.content for pair in second.pairs)
    assert sorted(map(repr, first.halves)) == sorted(map(repr, second.halves))
