"""Names that say one thing and bytes that say another, and what lies in the inbox and is no job."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from styled.evolution import JobFolder, read_job_file
from styled.store.store import Store
from tests.inbox.driver import Driver
from tests.inbox.test_checking import png

pytestmark = pytest.mark.processes


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (48, 32), "teal").save(file, "JPEG")
    return file.getvalue()


def test_an_image_of_another_name_s_format_is_taken_by_its_bytes(drive: Driver):
    drive.root.inbox.joinpath("a.content.heic").write_bytes(jpeg())
    drive.root.inbox.joinpath("a.style").write_bytes(png(1))
    drive.root.inbox.joinpath("a.style2.jpg_large").write_bytes(jpeg())
    (job,) = drive.until(1)
    assert (job.content, job.styles) == ("input/content.jpg", ("input/style.png", "input/style-2.jpg"))


def test_a_file_in_a_part_that_is_no_image_has_its_reason_at_once_and_is_rejected_after_its_time(drive: Driver):
    drive.root.inbox.joinpath("a.content.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>" * 20)
    drive.root.inbox.joinpath("a.style.jpg").write_bytes(jpeg())
    drive.run(20)
    assert "a.content.svg" in drive.waits()["a"]
    drive.run(130)
    assert "a.content.svg" in drive.rejections()["a"]


def test_a_hot_folder_whose_style_cannot_be_used_says_so_before_a_picture_comes(drive: Driver):
    for name, data in (("bad", b"no picture" * 90), ("good", jpeg())):
        (drive.root.inbox / name).mkdir()
        (drive.root.inbox / name / "style.heic").write_bytes(data)
    drive.run(20)
    assert "style.heic" in drive.waits()["bad"]
    assert list(drive.waits()) == ["bad"]
    assert (drive.inbox.found.hot_folders, drive.inbox.found.hot_folders_count) == (["good"], 1)
    ((_, paths),) = drive.inbox.found.waiting
    assert {path.partition("/")[2] for path in paths} == {"", "style.heic"}  # what looking again asks for
    drive.run(130)
    assert "style.heic" in drive.rejections()["bad"]
    assert drive.left() == ["good/style.heic"]
    (drive.root.inbox / "good" / "IMG_1.heic").write_bytes(jpeg())
    (job,) = drive.until(1)
    assert (job.name, drive.left()) == ("IMG_1", ["good/style.heic"])


def test_what_is_left_alone_is_listed_from_the_first_look_and_told_after_an_hour_once(drive: Driver, store: Store):
    (drive.root.inbox / "IMG_1.MOV").write_bytes(b"x")
    (drive.root.inbox / "batch" / "harbour").mkdir(parents=True)
    (drive.root.inbox / ".DS_Store").write_bytes(b"x")
    drive.run(1)
    listed, count = drive.inbox.found.ignored, drive.inbox.found.ignored_count
    assert (count, sorted(entry.name for entry in listed)) == (2, ["IMG_1.MOV", "batch"])

    def told() -> list[str]:
        return [event.note for event in store.events(0) if event.kind == "ignored"]

    assert told() == []
    for _ in range(2):
        drive.clock.pass_by(3700)
        drive.run(1)
    assert sorted(note.partition(":")[0] for note in told()) == ["IMG_1.MOV is left alone", "batch is left alone"]


def test_what_a_pair_s_folder_holds_besides_is_a_remark_on_its_job(drive: Driver):
    folder = drive.root.inbox / "a"
    folder.mkdir()
    for name, data in (("content.jpg", jpeg()), ("style.png", png(1)), ("style2.png", png(2)), ("notes.txt", b"x")):
        (folder / name).write_bytes(data)
    (folder / "Job.toml").write_text("steps = 7")
    (job,) = drive.until(1)
    assert job.remarks == ("not used, from its folder: notes.txt",)
    assert (job.settings, len(job.styles)) == ({"steps": 7}, 2)
    recorded = JobFolder(drive.root.evolution / job.id)
    assert read_job_file(recorded).remarks == job.remarks
    assert json.loads(recorded.job_json.read_text())["remarks"] == list(job.remarks)
    assert (recorded.input / "extra" / "notes.txt").exists()


def mask(*bands: int, size: tuple[int, int] = (96, 64), mode: str = "L") -> bytes:
    image, file = Image.new(mode, size), io.BytesIO()
    for index, level in enumerate(bands):
        image.paste(level, (index * size[0] // len(bands), 0, size[0], size[1]))
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (mask(0, 120, 255), "3 colours for 1 style"),
        (mask(0, 255, size=(64, 64)), "mask has 64x64 px, the content 48x32"),
    ],
    ids=["colours", "shape"],
)
def test_a_mask_that_does_not_fit_is_refused_before_the_claim(drive: Driver, drawn: bytes, words: str):
    for name, data in (("content.jpg", jpeg()), ("style.jpg", jpeg()), ("mask.png", drawn)):
        drive.root.inbox.joinpath(f"a.{name}").write_bytes(data)
    drive.run(20)
    assert words in drive.rejections()["a"]
    assert not drive.store.jobs()


def hot_folder(drive: Driver, **files: bytes) -> Path:
    folder = drive.root.inbox / "starry"
    folder.mkdir()
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def test_a_hot_folder_s_mask_is_not_compared_with_its_style(drive: Driver):
    """Without a picture the style is checked alone: it may have any shape."""
    folder = hot_folder(drive, style__png=png(1, side=40), mask__png=mask(0, 255), job__toml=b"steps = 7")
    drive.run(20)
    assert (drive.rejections(), drive.inbox.found.hot_folders) == ({}, ["starry"])
    (folder / "harbour.jpg").write_bytes(jpeg())
    assert [job.name for job in drive.until(1)] == ["harbour"]
    drive.run(20)
    assert (drive.rejections(), drive.left()) == ({}, ["starry/job.toml", "starry/mask.png", "starry/style.png"])


def picture(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (picture(1, 1), "too thin"),
        (picture(3000, 30), "too thin"),
        (picture(32, 48), "the mask has 96x64 px, the content 32x48: another shape"),
    ],
    ids=["one pixel", "strip", "portrait"],
)
def test_an_odd_picture_leaves_a_hot_folder_its_style_mask_and_settings(drive: Driver, odd: bytes, words: str):
    kept = {"style.png": png(1), "mask.png": mask(0, 255), "job.toml": b"steps = 7"}
    if "thin" in words:
        del kept["mask.png"]
    folder = hot_folder(drive, **{name.replace(".", "__"): data for name, data in kept.items()})
    (folder / "odd.png").write_bytes(odd)
    (folder / "harbour.jpg").write_bytes(jpeg())
    assert [job.name for job in drive.until(1)] == ["harbour"]
    drive.run(20)
    ((name, reason),) = drive.rejections().items()
    assert (name, words in reason) == ("odd", True)
    assert "Only this picture is rejected: the other files of starry/ stay." in reason
    assert drive.left() == sorted(f"starry/{name}" for name in kept)


def test_a_hot_folder_s_settings_that_no_picture_could_have_are_rejected_and_the_picture_stays(drive: Driver):
    """The settings are looked at before the picture is: it may be odd too."""
    folder = hot_folder(drive, style__png=png(1), job__toml=b"size = 20000")
    (folder / "odd.png").write_bytes(picture(1, 1))
    drive.run(20)
    assert "inbox.max_size" in drive.rejections()["starry"]
    assert drive.left() == ["starry/odd.png"]


def test_what_a_mask_s_reading_decided_is_a_remark_on_the_job(drive: Driver):
    for name, data in (("content.jpg", jpeg()), ("style.jpg", jpeg()), ("mask.png", mask(*[0] * 20, 255))):
        drive.root.inbox.joinpath(f"a.{name}").write_bytes(data)
    (job,) = drive.until(1)
    assert job.remarks == ("mask: all but 5.2 % of the picture stays the photo",)


def test_an_upload_of_the_right_size_waits_for_its_rest(drive: Driver):
    """The space of the file was reserved first: its end is zeros until it is written."""
    whole = jpeg()
    drive.root.inbox.joinpath("a.content.jpg").write_bytes(whole[:-60] + bytes(60))
    drive.root.inbox.joinpath("a.style.jpg").write_bytes(whole)
    drive.run(60)
    assert "to become readable" in drive.waits()["a"]
    drive.root.inbox.joinpath("a.content.jpg").write_bytes(whole)
    assert [job.remarks for job in drive.until(1)] == [()]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-2], "it has no end mark"),
        (lambda data: data + bytes(9000), "its last 9,000 bytes are zeros"),
    ],
)
def test_what_may_lack_something_is_taken_after_its_time_with_a_remark(
    drive: Driver, change: Callable[[bytes], bytes], words: str
):
    drive.root.inbox.joinpath("a.content.jpg").write_bytes(change(jpeg()))
    drive.root.inbox.joinpath("a.style.jpg").write_bytes(jpeg())
    assert drive.run(100) == []
    assert drive.waits() == {"a": f"the rest of a.content.jpg: {words}"}
    (job,) = drive.run(60)
    assert job.remarks == (f"a.content.jpg is taken as it is: {words}",)


def test_a_strip_is_refused_before_the_claim_with_the_size_that_would_do(drive: Driver):
    file = io.BytesIO()
    Image.new("RGB", (3000, 30), "teal").save(file, "PNG")
    drive.root.inbox.joinpath("a.content.png").write_bytes(file.getvalue())
    drive.root.inbox.joinpath("a.style.png").write_bytes(png(1))
    drive.run(30)
    reason = (drive.root.rejected / "a" / "REASON.txt").read_text()
    assert "too thin" in reason
    assert "Choose size = 1550 or larger" in reason


def test_an_inbox_that_is_the_owner_s_link_is_used_and_one_to_nothing_waited_for(drive: Driver, tmp_path: Path):
    link, real = drive.root.path / "inbox", tmp_path / "disk"
    link.rmdir()
    link.symlink_to(real)
    drive.inbox.close()
    drive = Driver(drive.root, drive.store, drive.clock)  # a link is read at the start
    drive.run(40)
    assert drive.inbox.trouble == f"inbox/ is a link to {real}, which is not there: is its disk mounted?"
    real.mkdir()
    for name, data in (
        ("a.content.jpg", jpeg()),
        ("a.style.jpg", jpeg()),
        ("b.content.jpg", jpeg()),
        ("b.style.jpg", b"x"),
    ):
        (real / name).write_bytes(data)
    drive.run(200)
    assert [job.name for job in drive.store.jobs()] == ["a"]
    assert drive.inbox.trouble == ""
    assert sorted(path.name for path in (real / "rejected" / "b").iterdir()) == [
        "REASON.txt",
        "b.content.jpg",
        "b.style.jpg",
    ]
    drive.inbox.close()
