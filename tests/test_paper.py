"""Results for paper: the settings that say how the file is, from the job to the file and to all who look for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile
from PIL import Image

from styled import evolution, images
from styled.errors import ImageTooLarge, SettingsError, UnreadableImage
from styled.evolution import JobFolder
from styled.gallery import write_gallery
from styled.painting import one_picture
from styled.painting.paint_job import paint_job
from styled.settings import settings_from
from tests.engine.pictures import SAMPLES
from tests.painting.test_paint_job import iterates, make_job, never

pytestmark = pytest.mark.tensorflow


def test_a_tiff_of_16_bits_with_its_resolution(job: JobFolder) -> None:
    folder = make_job(job, format="tiff", bits=16, dpi=300.0, compression="lzw")
    [*_, result] = paint_job(folder, never, paint=iterates(2))
    assert result.path == "result.tif"
    assert folder.result.name == "result.tif"
    with tifffile.TiffFile(folder.result) as file:
        page = file.pages[0]
        assert (page.dtype.name, page.shape, page.is_tiled, page.compression.name) == (
            "uint16",
            (43, 64, 3),
            True,
            "LZW",
        )
        assert page.get_resolution(unit="INCH") == (300.0, 300.0)
    assert set(images.load(folder.result).pixels.ravel()) == {99}
    metadata = images.read_metadata(folder.result)
    assert metadata is not None
    assert metadata["settings"]["format"] == "tiff"


def test_a_result_in_another_format_replaces_the_earlier_one(job: JobFolder) -> None:
    """Painted again as JPEG, the PNG is gone: nobody shall take the old one for the result."""
    folder = make_job(job)
    list(paint_job(folder, never, paint=iterates(2)))
    assert folder.result.name == "result.png"
    recorded = evolution.read_job_file(folder)
    small = make_job(folder, format="jpeg", quality=20)
    assert evolution.read_job_file(small).settings != recorded.settings
    list(paint_job(folder, never, paint=iterates(2)))
    assert [path.name for path in folder.path.glob("result.*")] == ["result.jpg"]
    assert images.probe(folder.result).format == "JPEG"


def test_the_gallery_shows_a_tiff_by_a_picture_that_browsers_know(job: JobFolder) -> None:
    folder = make_job(job, format="tiff")
    list(paint_job(folder, never, paint=iterates(2)))
    write_gallery(folder.path.parent)
    page = (folder.path.parent / "index.html").read_text()
    assert "views/result.webp" in page
    assert "64×43" in page


def test_the_suffix_of_the_output_says_the_format(tmp_path: Path) -> None:
    content, style = SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg"
    for name, word in (("a.tiff", "tiff"), ("b.JPG", "jpeg"), ("c.png", "png"), ("d.webp", "png")):
        run = one_picture.prepare(content, [style], {"format": "png"}, output=tmp_path / name)
        assert evolution.read_job_file(run.folder).settings.format == word


def test_what_keeps_an_image_from_being_checked_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(images.Checker, "check_open", fail)
    with pytest.raises(UnreadableImage, match=r"rocket\.jpg could not be checked: Input/output error"):
        one_picture.prepare(SAMPLES / "rocket.jpg", [SAMPLES / "starry_night.jpg"], {}, output=tmp_path / "a.png")


def test_a_jpeg_of_16_bits_is_refused_before_anything_is_painted(tmp_path: Path) -> None:
    content, style = SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg"
    with pytest.raises(SettingsError, match="jpeg"):
        one_picture.prepare(content, [style], {"bits": 16}, output=tmp_path / "a.jpg")
    with pytest.raises(SettingsError, match="8 or 16"):
        settings_from({"bits": 12})


def test_a_16_bit_tiff_is_delivered_as_it_is(tmp_path: Path) -> None:
    content, style = SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg"
    run = one_picture.prepare(content, [style], {"bits": 16, "size": 64}, output=tmp_path / "a.tiff")
    list(paint_job(run.folder, never, paint=iterates(2)))
    one_picture.deliver(run)
    assert tifffile.imread(tmp_path / "a.tiff").dtype.name == "uint16"


def test_a_picture_above_the_pixel_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """A bomb: 256 Mpx in a file of a few hundred KB."""
    bomb = tmp_path / "bomb.png"
    Image.new("1", (16_000, 16_000)).save(bomb)
    with pytest.raises(ImageTooLarge, match="250 million"):
        one_picture.prepare(bomb, [SAMPLES / "starry_night.jpg"], {}, output=tmp_path / "a.png")
    with pytest.raises(ImageTooLarge, match=r"0\.1 million"):
        one_picture.prepare(
            SAMPLES / "rocket.jpg", [SAMPLES / "starry_night.jpg"], {"max_pixels": 100_000}, output=tmp_path / "a.png"
        )
