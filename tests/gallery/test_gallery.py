"""The page as a file; what it does in a browser is in test_browser.py."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import msgspec
import pytest

from styled.errors import DiskFull
from styled.evolution import read_job_file, write_job_file
from styled.files import durable
from styled.gallery import write_gallery
from styled.gallery.page import FRAMES_MAX
from tests.files.test_decoding import mutations
from tests.gallery.conftest import HOSTILE, MakeJob
from tests.gallery.reader import Reader


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text())
    reader.close()
    return reader


def test_results_are_shown_newest_first_and_others_counted(make_job: MakeJob, evolution: Path) -> None:
    make_job("old")
    make_job("new")
    make_job("running", result=False)
    seen: list[tuple[int, int]] = []
    written = write_gallery(evolution, on_job=lambda done, every: seen.append((done, every)))
    assert (written.path, written.shown, written.without_result, written.notes) == (evolution / "index.html", 2, 1, [])
    assert seen == [(1, 3), (2, 3), (3, 3)]
    cards = [
        attributes["data-name"]
        for element, attributes in read(written.path).tags
        if element == "li" and "data-name" in attributes
    ]
    assert cards == ["new", "old"]
    assert "1 job without a result left out" in written.path.read_text()


def test_everything_it_refers_to_lies_beside_it(make_job: MakeJob, evolution: Path) -> None:
    """Relative paths to files that exist: no server, no network, and it may be copied."""
    make_job("harbour", styles=3)
    make_job("日本 50% #1?.png", job_id="20261122-201500-日本 50% #1?.png")
    page = write_gallery(evolution).path
    from urllib.parse import unquote

    referred = [
        value for _, attributes in read(page).tags for name in ("src", "href") if (value := attributes.get(name))
    ]
    referred = [value for value in referred if value != "data:,"]
    assert len(referred) > 15
    for url in referred:
        assert url.startswith("./")
        assert (evolution / unquote(url)).is_file(), url
    assert "//" not in re.sub(r"<script>.*</script>", "", page.read_text(), flags=re.DOTALL).replace("<!DOCTYPE", "")


def test_hostile_names_are_text(make_job: MakeJob, evolution: Path) -> None:
    """In the name, the reason and a setting; the number of elements is that of a harmless job."""
    make_job("harmless", job_id="a", settings={"init": "job:x"})
    harmless = [element for element, _ in read(write_gallery(evolution).path).tags]
    shutil.rmtree(evolution / "a")
    make_job(HOSTILE, job_id="a", settings={"init": f"job:{HOSTILE}"})
    page = read(write_gallery(evolution).path)
    assert [element for element, _ in page.tags] == harmless
    assert HOSTILE in page.text


def test_the_remarks_on_a_job_are_told_as_text(make_job: MakeJob, evolution: Path) -> None:
    folder = make_job("harbour")
    job = msgspec.structs.replace(read_job_file(folder), remarks=("content: its colours are a guess", HOSTILE))
    write_job_file(folder, job)
    text = read(write_gallery(evolution).path).text
    assert "content: its colours are a guess" in text
    assert HOSTILE in text


def test_a_job_that_cannot_be_shown_does_not_hide_the_others(make_job: MakeJob, evolution: Path) -> None:
    make_job("good")
    broken = make_job("broken")
    broken.result.write_bytes(b"not a picture")
    poor = make_job("poor")
    (poor.input / "content.jpg").unlink()
    written = write_gallery(evolution)
    assert written.shown == 2
    assert [note.partition(":")[0] for note in written.notes] == [broken.id, poor.id]
    assert "no such file" in written.notes[1].lower()


def test_an_empty_gallery_says_what_to_do(evolution: Path) -> None:
    """Also where there is no evolution/ yet."""
    written = write_gallery(evolution / "new")
    assert "No results yet" in written.path.read_text()


def test_a_page_is_replaced_whole_or_not_at_all(
    make_job: MakeJob, evolution: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job()
    page = write_gallery(evolution).path
    before = page.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(DiskFull):
        write_gallery(evolution)
    assert page.read_bytes() == before
    assert sorted(path.name for path in evolution.iterdir() if path.is_file()) == ["index.html"]


def test_thousands_of_frames_are_thinned(make_job: MakeJob, evolution: Path) -> None:
    folder = make_job(frame_steps=(1, 2))
    one = (folder.frames / "000001.jpg").read_bytes()
    for step in range(3, 2004):
        (folder.frames / f"{step:06d}.jpg").write_bytes(one)
    page = read(write_gallery(evolution).path)
    [frames] = [attributes["data-frames"] for _, attributes in page.tags if "data-frames" in attributes]
    import json

    steps = [step for step, _ in json.loads(frames or "")]
    assert len(steps) == FRAMES_MAX
    assert (steps[0], steps[-1]) == (1, 2003)


@pytest.mark.parametrize("count", [8, pytest.param(500, marks=[pytest.mark.faults, pytest.mark.timeout(600)])])
def test_whatever_is_in_a_jobs_files_the_page_is_written(make_job: MakeJob, evolution: Path, count: int) -> None:
    folder, other = make_job("hit"), make_job("other")
    files = [folder.job_json, folder.losses]
    good = [file.read_bytes() for file in files]
    for job_json, losses in zip(*(mutations(data, count) for data in good), strict=True):
        folder.job_json.write_bytes(job_json)
        folder.losses.write_bytes(losses)
        written = write_gallery(evolution)
        assert other.id in written.path.read_text()
        assert written.shown == 2


def test_odd_things_in_the_place_of_a_jobs_files_cost_that_job(make_job: MakeJob, evolution: Path) -> None:
    folder, other = make_job("hit"), make_job("other")
    write_gallery(evolution)
    for path in (folder.result, folder.losses, folder.views / "thumbnail.webp", folder.input / "content.jpg"):
        path.unlink()
        os.mkfifo(path)
    folder.result.unlink()
    folder.result.symlink_to(folder.result.name)
    written = write_gallery(evolution)
    assert (written.shown, other.id in written.path.read_text()) == (1, True)
