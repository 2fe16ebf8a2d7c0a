"""One preparation of the images for all ways in."""

from __future__ import annotations

import errno
import hashlib
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import imagecodecs
import msgspec
import numpy as np
import pytest
from PIL import Image

from styled import images
from styled.engine.objective.regions import at_size
from styled.errors import DoesNotFit, InputOutOfReach, OutOfResources, SettingsError, StyledError, UnreadableImage
from styled.evolution import JobFile, JobFolder, digest
from styled.painting.inputs import Files, check_memory, load_content, load_mask, load_start, load_style, load_styles
from styled.painting.paint_job import load_inputs
from styled.settings import Settings
from styled.sizing.memory_limit import BEFORE_TENSORFLOW_BYTES
from styled.sizing.scales import has_outgrown, plan_scales, style_size
from tests.machine.nvml import Card, FakeNvml


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A photo and a painting, noise in all frequencies, larger than the picture."""
    random = np.random.default_rng(5)
    paths = tmp_path / "content.png", tmp_path / "style.png"
    for path, (width, height) in zip(paths, ((301, 200), (417, 533)), strict=True):
        Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(path)
    return paths


def test_a_jpeg_xl_beyond_the_memory_is_refused_before_its_jpeg_is_made(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Image.open(files[0]) as photo:
        photo.resize((2400, 1800)).save(tmp_path / "a.jpg", quality=30)
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode_jpeg((tmp_path / "a.jpg").read_bytes()))
    limit = BEFORE_TENSORFLOW_BYTES // 2**20 + 40

    def check() -> None:
        with (tmp_path / "a.jxl").open("rb") as content, files[1].open("rb") as style:
            check_memory(
                Files((content, "a.jxl"), ((style, "style.png"),), None, None),
                Settings(size=64, memory_limit=limit / 1024),
            )

    def made(*_args: object, **_options: object) -> bytes:
        raise RuntimeError("its JPEG is made")

    monkeypatch.setattr(imagecodecs, "jpegxl_decode_jpeg", made)
    with pytest.raises(DoesNotFit, match=r"^decoding a\.jxl needs"):
        check()
    limit += 40
    with pytest.raises(UnreadableImage, match="its JPEG is made"):
        check()


def test_a_limit_is_on_the_gpus_memory_where_there_is_a_gpu(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow's libraries alone are more than it, and lie on the host."""

    def check() -> None:
        with files[0].open("rb") as content, files[1].open("rb") as style:
            given = Files((content, "content.png"), ((style, "style.png"),), None, None)
            check_memory(given, Settings(size=64, memory_limit=0.5))

    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(driver=False))
    with pytest.raises(DoesNotFit, match="64x43 needs"):
        check()
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(Card("GPU-1")))
    check()


def test_a_style_that_is_enlarged_beyond_the_memory_is_refused(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Painting in tiles does not make it smaller: 24 Mpx are made of 0.2."""
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(driver=False))

    def check(style_scale: float) -> None:
        with files[0].open("rb") as content, files[1].open("rb") as style:
            given = Files((content, "content.png"), ((style, "style.png"),), None, None)
            check_memory(given, Settings(size=301, memory_limit=1.3, style_scale=style_scale))

    check(1.0)
    with pytest.raises(DoesNotFit, match=r"301x200 needs \d+ MiB, and memory_limit is 1331 MiB"):
        check(20.0)


@pytest.mark.parametrize("large", ["content", "style", "mask", "init"])
def test_an_image_counts_beside_others_of_the_same_name(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: str
) -> None:
    """As of ``inbox/content/a.png`` and ``inbox/style/a.png``. What was: the last one's need was that of all."""
    Image.new("1", (9000, 6000)).save(tmp_path / "large.png", compress_level=1)
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(Card("GPU-1")))  # only decoding counts
    with ExitStack() as stack:
        given = {
            part: (stack.enter_context((tmp_path / "large.png" if part == large else files[0]).open("rb")), "a.png")
            for part in ("content", "style", "mask", "init")
        }
        opened = Files(given["content"], (given["style"], given["style"]), given["mask"], given["init"])
        with pytest.raises(DoesNotFit, match=r"^decoding a\.png needs"):
            check_memory(opened, Settings(size=64, memory_limit=(BEFORE_TENSORFLOW_BYTES + 50 * 2**20) / 2**30))


@pytest.mark.parametrize("style_scale", [0.5, 1.0, 1.7])
def test_a_style_is_resampled_once_to_the_pixels_that_the_finest_scale_needs(
    files: tuple[Path, Path], style_scale: float
) -> None:
    """From the decoded file, at no more than twice a box: shrunk first to twice the size of the picture it lost detail."""
    settings = Settings(size=96, style_scale=style_scale)
    content = load_content(files[0], settings)
    finest = plan_scales(96, 64, settings)[-1]
    (style,) = load_styles([files[1]], content, settings)
    width, height = style_size(417, 533, finest, style_scale)
    assert style.pixels.shape == (height, width, 3)
    assert style.size == (417, 533)
    with Image.open(files[1]) as original:
        factor = min(417 // (2 * width), 533 // (2 * height)) or 1
        once = original.reduce(factor).resize((width, height), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(style.pixels, np.asarray(once))
    assert not has_outgrown(*style.size, finest, style_scale)


@pytest.mark.parametrize(
    ("size", "taken", "is_told"),
    [
        ((40, 40), (40, 27), True),
        ((80, 27), (40, 27), True),
        ((150, 100), (96, 64), False),
        ((98, 64), (96, 63), False),  # 2 % longer: resized as it is, as a mask is
        ((40, 26), (40, 26), False),
        ((1, 90), (1, 1), True),
    ],
)
def test_a_picture_to_start_from_is_cut_to_the_contents_shape(
    files: tuple[Path, Path], tmp_path: Path, size: tuple[int, int], taken: tuple[int, int], is_told: bool
) -> None:
    """What was: squeezed to it, without a word."""
    settings = Settings(size=96, init="start.png")
    pixels = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "start.png")
    start = load_start(tmp_path / "start.png", load_content(files[0], settings), settings)
    assert start.pixels.shape[1::-1] == taken
    said = f"it has {size[0]}x{size[1]} px, another shape than the content's: only its middle is started from"
    assert (said in start.remarks) == is_told
    if is_told:
        left, top = (size[0] - taken[0]) // 2, (size[1] - taken[1]) // 2
        np.testing.assert_array_equal(start.pixels, pixels[top : top + taken[1], left : left + taken[0]])


def test_no_image_has_a_hole_when_it_is_painted(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Style and start are opaque; a photo keeps its alpha, but no flat part."""
    settings = Settings(size=96, init="start.png")
    for name, source in zip(("photo", "painting"), files, strict=True):
        with Image.open(source) as image:
            alpha = Image.new("L", image.size, 255)
            alpha.paste(0, (0, 0, image.width, image.height // 3))
            image.putalpha(alpha)
            image.save(tmp_path / f"{name}.png")
    content = load_content(tmp_path / "photo.png", settings)
    (style,) = load_styles([tmp_path / "painting.png"], content, settings)
    start = load_start(tmp_path / "photo.png", content, settings)
    assert content.alpha is not None
    assert (style.alpha, start.alpha) == (None, None)
    for image in (content, style, start):
        assert image.pixels[:10].std(axis=(0, 1)).min() > 5.0
    said = "of it is transparent: that is filled with more of what is painted, mirrored"
    seen = load_start(tmp_path / "photo.png", load_content(files[0], settings), settings)
    told = [[remark.split(" % ")[1] for remark in each.remarks] for each in (content, style, start, seen)]
    assert told == [[], [said], [], [said]], "of the start nobody sees what is outside the photo"


def test_a_style_smaller_than_it_is_needed_keeps_its_pixels(files: tuple[Path, Path]) -> None:
    settings = Settings(size=4000, upscale=True)
    content = load_content(files[0], settings)
    (style,) = load_styles([files[1]], content, settings)
    assert style.pixels.shape == (533, 417, 3)


def test_a_job_and_a_call_and_a_judgement_read_the_same_pixels(files: tuple[Path, Path], job: JobFolder) -> None:
    settings = Settings(size=96)
    names = [f"input/{path.name}" for path in files]
    for path, name in zip(files, names, strict=True):
        path.rename(job.path / name)
    digests = {name: digest(job.path / name) for name in names}
    described = JobFile(
        id=job.id,
        number=1,
        name="a",
        content=names[0],
        styles=(names[1],),
        settings=settings,
        digests=digests,
        created_at=0.0,
    )
    of_job = load_inputs(job, described)
    with Image.open(job.path / names[0]) as photo, Image.open(job.path / names[1]) as painting:
        content = load_content(images.source_of(photo, "content"), settings, name="content")
        styles = load_styles([images.source_of(painting, "style")], content, settings, names=["style"])
    judged = load_style(job.path / names[1], plan_scales(96, 64, settings)[-1], settings)
    np.testing.assert_array_equal(of_job.content.pixels, content.pixels)
    np.testing.assert_array_equal(of_job.styles[0].pixels, styles[0].pixels)
    np.testing.assert_array_equal(of_job.styles[0].pixels, judged.pixels)


def test_a_strip_is_refused_by_its_own_size_before_anything_is_loaded(tmp_path: Path) -> None:
    """At size 256 it would be 256x5: the size that would do is of the photo, not of what was shrunk."""
    Image.new("RGB", (2000, 40)).save(tmp_path / "a.png")
    with pytest.raises(SettingsError, match="256x5 px is too thin") as caught:
        load_content(tmp_path / "a.png", Settings(size=256))
    assert "Choose size = 775 or larger" in caught.value.advice


@pytest.mark.parametrize("where", ["its digest", "its pixels"])
@pytest.mark.parametrize(
    "refused",
    [(errno.EIO, InputOutOfReach), (errno.ESTALE, InputOutOfReach), (errno.EMFILE, OutOfResources)],
)
def test_a_disk_that_does_not_give_one_image_is_that_image_s_trouble(
    files: tuple[Path, Path],
    job: JobFolder,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    refused: tuple[int, type[StyledError]],
) -> None:
    number, error = refused
    for path, name in zip(files, ("content.png", "style.png"), strict=True):
        path.rename(job.input / name)
    described = JobFile(
        id=job.id,
        number=1,
        name="a",
        content="input/content.png",
        styles=("input/style.png",),
        names={"input/style.png": "art/wave.png"},
        digests={"input/style.png": "00" * 32},
        settings=Settings(size=96),
        created_at=0.0,
    )

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "the system's words")

    if where == "its digest":
        monkeypatch.setattr(hashlib, "file_digest", refuse)
    else:
        described = msgspec.structs.replace(described, digests={})
        monkeypatch.setattr("styled.painting.paint_job.load_styles", refuse)
    with pytest.raises(error, match=r"^input/style\.png \(art/wave\.png\) cannot be read: the system's words"):
        load_inputs(job, described)


def test_an_error_names_the_users_file(files: tuple[Path, Path], job: JobFolder) -> None:
    """What lies in the job's folder as content.png was called otherwise."""
    settings = Settings(size=96)
    (job.input / "content.png").write_bytes(files[0].read_bytes()[:2000])
    files[1].rename(job.input / "style.png")
    described = JobFile(
        id=job.id,
        number=1,
        name="a",
        content="input/content.png",
        styles=("input/style.png",),
        names={"input/content.png": "trip/holiday.png"},
        settings=settings,
        created_at=0.0,
    )
    with pytest.raises(UnreadableImage, match=r"^holiday\.png is truncated"):
        load_inputs(job, described)


FAX, SQUARE = (204, 98), (98, 98)
"""Dots per inch across and down: a fax of 200x100 px is shown with 200x208."""


@pytest.mark.parametrize(
    ("mask_px", "mask_dpi"),
    [
        ((200, 100), None),  # drawn on the pixels as they are stored, by a program that knows no resolution
        ((200, 100), FAX),
        ((200, 208), SQUARE),  # drawn on the picture as it is shown
        ((400, 416), None),
    ],
)
def test_a_mask_of_a_picture_whose_pixels_are_not_square(
    tmp_path: Path, mask_px: tuple[int, int], mask_dpi: tuple[int, int] | None
) -> None:
    """Its lower quarter is painted, whichever of the two it was drawn on."""
    Image.effect_noise((200, 100), 60).save(tmp_path / "fax.tif", dpi=FAX)
    mask = Image.new("L", mask_px)
    mask.paste(255, (0, mask_px[1] * 3 // 4, *mask_px))
    mask.save(tmp_path / "mask.tif", **({} if mask_dpi is None else {"dpi": mask_dpi}))
    settings = Settings(size=104)
    content = load_content(tmp_path / "fax.tif", settings)
    assert content.pixels.shape == (104, 100, 3)
    found = load_mask(tmp_path / "mask.tif", 1, content, settings)
    (region,) = [region for region in at_size(found.regions, 100, 104) if region.style is not None]
    painted = np.asarray(region.cover) > 0.5
    np.testing.assert_array_equal(painted.any(axis=1), np.arange(104) >= 78)


def test_a_mask_of_neither_shape_is_refused(tmp_path: Path) -> None:
    Image.effect_noise((200, 100), 60).save(tmp_path / "fax.tif", dpi=FAX)
    Image.new("L", (100, 200), 255).save(tmp_path / "mask.png")
    content = load_content(tmp_path / "fax.tif", Settings(size=104))
    with pytest.raises(SettingsError, match="the mask has 100x200 px, the content 200x208"):
        load_mask(tmp_path / "mask.png", 1, content, Settings(size=104))


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        ({"preserve_color": "linear"}, True),
        ({"preserve_color": "histogram"}, True),
        ({"preserve_color": "luminance"}, False),
        ({"preserve_color": "linear", "style_weight": 0.0}, False),
        ({}, False),
    ],
)
def test_a_region_over_a_part_of_one_colour_is_told_where_it_gets_that(
    tmp_path: Path, values: dict[str, Any], is_told: bool
) -> None:
    """Its strokes would be of that colour, too: nothing is seen of the style."""
    Image.effect_noise((96, 64), 60).save(tmp_path / "photo.png")
    mask = Image.new("L", (96, 64))
    mask.paste(255, (0, 0, 96, 20))
    mask.save(tmp_path / "mask.png")
    with Image.open(tmp_path / "photo.png") as photo:
        photo.paste(230, (0, 0, 96, 20))
        photo.save(tmp_path / "photo.png")
    settings = Settings(size=96, **values)
    found = load_mask(tmp_path / "mask.png", 2, load_content(tmp_path / "photo.png", settings), settings)
    said = "the photo beneath style 2 is nearly one colour, and so is what is painted there: "
    assert found.remarks == ((f"{said}preserve_color = 'luminance' keeps its strokes",) if is_told else ())
