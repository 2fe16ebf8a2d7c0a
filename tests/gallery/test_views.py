from __future__ import annotations

import os
import shutil

import pytest
from PIL import Image

from styled import images
from styled.errors import UnreadableImage
from styled.gallery.views import view_of
from tests.gallery.conftest import MakeJob, is_red, picture, touch_later


def test_a_view_is_small_and_keeps_the_shape(make_job: MakeJob) -> None:
    folder = make_job()
    assert view_of(folder, folder.input / "content.jpg", "content", 40) == ("views/content.webp", 40, 30)
    with Image.open(folder.views / "content.webp") as view:
        assert (view.format, view.size) == ("WEBP", (40, 30))
    assert view_of(folder, folder.input / "content.jpg", "large", 4000)[1:] == (128, 96), "never enlarged"


def test_a_view_is_made_again_only_for_a_changed_source(make_job: MakeJob) -> None:
    folder = make_job()
    view_of(folder, folder.result, "thumbnail", 40)
    made = (folder.views / "thumbnail.webp").stat()
    view_of(folder, folder.result, "thumbnail", 40)
    assert (folder.views / "thumbnail.webp").stat().st_ino == made.st_ino
    images.save(picture(0), folder.result)
    touch_later(folder.result)
    view_of(folder, folder.result, "thumbnail", 40)
    assert is_red(folder.views / "thumbnail.webp") < 20


def test_an_older_source_put_in_place_is_a_change_too(make_job: MakeJob) -> None:
    """A picture restored from a backup has an older time than the view."""
    folder = make_job()
    old = make_job("old")
    images.save(picture(0), old.result)
    view_of(folder, folder.result, "thumbnail", 40)
    shutil.copyfile(old.result, folder.result)
    os.utime(folder.result, (1, 1))
    view_of(folder, folder.result, "thumbnail", 40)
    assert is_red(folder.views / "thumbnail.webp") < 20


def test_a_tiff_on_its_side_with_16_bits_becomes_what_a_browser_shows(make_job: MakeJob) -> None:
    folder = make_job()
    source = folder.input / "deep.tif"
    images.save(picture(200, 80, 40), source, bits=16)
    with Image.open(source) as image:
        assert image.format == "TIFF"
    assert view_of(folder, source, "content", 400)[1:] == (80, 40)
    sideways = folder.input / "sideways.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(200, 80, 40)).save(sideways, exif=exif)
    assert view_of(folder, sideways, "sideways", 400)[1:] == (40, 80)


def test_a_view_cut_by_a_power_loss_is_made_again(make_job: MakeJob) -> None:
    folder = make_job()
    view_of(folder, folder.result, "thumbnail", 40)
    view = folder.views / "thumbnail.webp"
    view.write_bytes(b"")
    os.utime(view, ns=(folder.result.stat().st_mtime_ns,) * 2)
    assert view_of(folder, folder.result, "thumbnail", 40)[1:] == (40, 30)
    assert is_red(view) > 200
    assert [path.name for path in folder.views.iterdir()] == ["thumbnail.webp"]


def test_what_is_no_image_has_no_view(make_job: MakeJob) -> None:
    folder = make_job()
    folder.result.write_bytes(b"no picture")
    with pytest.raises(UnreadableImage):
        view_of(folder, folder.result, "thumbnail", 40)
    assert not (folder.views / "thumbnail.webp").exists()
