from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.files.printable import escaped, is_hostile
from styled.inbox import names
from styled.inbox.names import Part


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("harbour.content.jpg", Part("harbour", "content", 1, "jpg")),
        ("harbour-content.JPEG", Part("harbour", "content", 1, "jpeg")),
        ("harbour_STYLE.Png", Part("harbour", "style", 1, "png")),
        ("harbour.style-2.png", Part("harbour", "style", 2, "png")),
        ("harbour-style-12.png", Part("harbour", "style", 12, "png")),
        ("my.style.content.png", Part("my.style", "content", 1, "png")),
        ("two words.mask.png", Part("two words", "mask", 1, "png")),
        ("content.jpg", None),
        (".content.jpg", None),
        ("harbour.content", Part("harbour", "content", 1, "")),
        ("harbour.content.heic", Part("harbour", "content", 1, "heic")),
        ("harbour.content.jpg_large", Part("harbour", "content", 1, "jpg_large")),
        ("harbour.content.jpg.1", Part("harbour", "content", 1, "jpg")),
        ("harbour.style2.jpg", Part("harbour", "style", 2, "jpg")),
        ("harbour-style_03.jpg", Part("harbour", "style", 3, "jpg")),
        ("harbour.style 2 .jpg", Part("harbour", "style", 2, "jpg")),
        ("harbour.style.4.jpg", Part("harbour", "style", 4, "jpg")),
        ("harbour.content.txt", None),
        ("harbour.content.jpg.part", None),
        ("harbourcontent.jpg", None),
        ("harbour.style-0.png", None),
        ("harbour.style-1.png", Part("harbour", "style", 1, "png")),
        ("harbour.content.mov", None),
        ("harbour.content.aae", None),
        ("harbour.style-100.png", None),
    ],
)
def test_the_part_and_the_pair_are_read_from_a_name(name: str, part: Part | None):
    assert names.named_part(name) == part


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("content.jpg", Part("", "content", 1, "jpg")),
        ("Style-3.TIFF", Part("", "style", 3, "tiff")),
        ("mask.png", Part("", "mask", 1, "png")),
        ("content.xmp", None),
        ("content.mov", None),
        ("content", Part("", "content", 1, "")),
        ("Content.HEIC", Part("", "content", 1, "heic")),
        ("style.nef", Part("", "style", 1, "nef")),
        ("style2.jpg", Part("", "style", 2, "jpg")),
        ("Style_2.JPG", Part("", "style", 2, "jpg")),
        ("style 10.jpg", Part("", "style", 10, "jpg")),
        ("style.2.jpg", Part("", "style", 2, "jpg")),
        ("mask .png", Part("", "mask", 1, "png")),
        ("stylish.jpg", None),
        ("my content.jpg", None),
        ("content-2.jpg", None),
    ],
)
def test_the_part_is_read_from_a_name_inside_a_pairs_folder(name: str, part: Part | None):
    assert names.part_in_folder(name) == part


@pytest.mark.parametrize(
    "name",
    [
        "a.jpg.part", "a.filepart", "a.jpg.crdownload", "a.PARTIAL", "a.tmp", ".a.content.jpg.Xy12Zq", ".syncthing.a.jpg.tmp",
        ".~tmp~", ".in.a.jpg.", ".nfs0000a1", ".pureftpd-upload.5f.15.3a", ".a.jpg.~1a2b",
    ],
)  # fmt: skip
def test_unfinished_uploads_are_known_by_their_names(name: str):
    assert names.is_unfinished(name)


@pytest.mark.parametrize(
    ("name", "finished"),
    [
        ("a.mask.png.filepart", "a.mask.png"), (".a.mask.png.part", "a.mask.png"), (".a.style2.jpg.Ab12Cd", "a.style2.jpg"),
        (".syncthing.a.jpg.tmp", "a.jpg"), ("~syncthing~a.jpg.tmp", "a.jpg"), (".in.a.jpg.", "a.jpg"), (".in.a.jpg", "a.jpg"),
        (".a.jpg.~1a2b", "a.jpg"), ("a.mask.png.1a2b3c4d.partial", "a.mask.png"), ("a.jpg.nextcloud", "a.jpg"), (".a.jpg.icloud", "a.jpg"), ("a.toml.PART", "a.toml"),
        (".goutputstream-X1", None), (".nfs0000a1", None), (".pureftpd-upload.5f.15.3a", None), (".~tmp~", None),
        ("a.jpg", None), (".DS_Store", None),
    ],
)  # fmt: skip
def test_the_name_that_an_unfinished_upload_will_have(name: str, finished: str | None):
    assert names.finished_name(name) == finished


@pytest.mark.parametrize(
    "name", ["a.jpg", "part", "tmp.jpg", ".config", ".DS_Store", ".hidden.jpg", "a.partly.jpg", ".part"]
)
def test_other_names_are_not_taken_for_unfinished_ones(name: str):
    assert not names.is_unfinished(name)


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store", "._a.jpg", "Thumbs.db", "desktop.ini", "@eaDir", "__MACOSX", "a.jpg~", ".a.jpg.swp", "a.swp", ".st",
        "#recycle", "@Recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", "_gsdata_", "#snapshot",
        "RECYCLED", "~snapshot", "@__thumb", "Network Trash Folder", "found.000",
    ],
)  # fmt: skip
def test_litter_of_other_programs_is_known(name: str):
    assert names.is_junk(name)


@pytest.mark.parametrize("name", ["a.jpg", "thumbs.jpg", "swp.png", "é.png"])
def test_pictures_are_no_litter(name: str):
    assert not names.is_junk(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[31m.jpg", "a\\x1b[31m.jpg"),
        ("a\nb", "a\\x0ab"),
        ("\udcff\udcfe.jpg", "\\xff\\xfe.jpg"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("a\u2028b", "a\\u2028b"),
        ("\x7f", "\\x7f"),
    ],
)
def test_harmful_names_are_hostile_and_shown_escaped(name: str, shown: str):
    assert is_hostile(name)
    assert escaped(name) == shown


@pytest.mark.parametrize("name", ["harbour", "été", "二月.jpg", "👩\u200d🎨.png", "a b", "a\\x1b"])
def test_ordinary_names_of_any_script_are_not_hostile_and_shown_as_they_are(name: str):
    assert not is_hostile(name)
    assert escaped(name) == name


any_name = st.binary(min_size=1, max_size=40).map(lambda data: data.decode("utf-8", "surrogateescape"))


@given(any_name | st.text(max_size=40))
def test_whatever_the_name_what_is_shown_cannot_harm(name: str):
    shown = escaped(name)
    assert not is_hostile(shown)
    shown.encode("utf-8")


@given(any_name)
def test_no_name_breaks_the_reading_of_parts(name: str):
    for part in (names.named_part(name), names.part_in_folder(name)):
        assert part is None or (part.role in ("content", "style", "mask") and 1 <= part.position <= 99)
    names.is_unfinished(name)
    names.is_junk(name)


def test_one_letter_written_in_two_ways_is_one_key():
    assert names.key("e\u0301te\u0301") == names.key("été")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("contents.jpg", "content"), ("content-2.jpg", "content"), ("conent.png", "content"), ("masks.png", "mask"),
        ("style (2).jpg", "style"), ("styles.jpg", "style"), ("stlye.jpg", "style"), ("style copy.jpg", "style"),
        ("style.jpg", None), ("style-2.jpg", None), ("stylish.jpg", None), ("IMG_1.jpg", None), ("styles.txt", None), ("task.png", None),
    ],
)  # fmt: skip
def test_a_picture_whose_name_is_nearly_a_part_s_is_known(name: str, role: str | None):
    assert names.nearly_a_role(name) == role


@pytest.mark.parametrize(
    ("name", "nearly"),
    [
        ("job.toml.txt", True), ("Job.toml.TXT", True), ("harbour.job.toml", True), ("settings.toml", True), ("job.txt", True),
        ("job.tml", True), ("job.yaml", True), ("job", True), ("Job.toml", False), ("job.toml ", False), ("notes.txt", False),
        ("job.jpg", False), ("toml.jpg", False),
    ],
)  # fmt: skip
def test_a_file_that_its_writer_may_take_for_settings_is_known(name: str, nearly: bool):
    assert names.nearly_settings(name) is nearly


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.jpg", "a"), ("a.HEIC", "a"), ("a.nef", "a"), ("a.jpg_large", "a"), ("a.jpg!d", "a"), ("a.jpeg?w=800", "a"), ("a.png (1)", "a"),
        ("a.jpg.1", "a"), ("a", None), ("a.txt", None), ("a.mov", None), ("a.url", None), ("a.jpgs", None), ("a.1", None),
    ],
)  # fmt: skip
def test_the_name_of_what_may_be_a_picture(name: str, stem: str | None):
    assert names.image_stem(name) == stem


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.url", "a link"), ("a.webloc", "a link"), ("IMG_1.MOV", "live photo"), ("a.zip", "unpack"), ("notes.txt", "not a picture"),
        ("IMG_1", "no ending"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_left_alone_with_its_reason(name: str, words: str):
    assert words in names.why_not_a_picture(name)


def test_placeholders_of_synchronisers_are_known():
    assert names.placeholder_of(".IMG_1.HEIC.icloud") == ("IMG_1.HEIC", "iCloud")
    assert names.placeholder_of("IMG_1.jpg.nextcloud") == ("IMG_1.jpg", "Nextcloud")
    assert names.placeholder_of("IMG_1.jpg") is None
