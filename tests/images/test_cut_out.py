"""Pictures that are transparent in parts: what stands there as style, as start and as photo."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from styled import images
from styled.images import Loaded
from styled.images.cut_out import _largest_rectangle

Pixels = npt.NDArray[np.uint8]

SIDE = 300
GROUND = (90, 140, 60)
"""What is hidden: no colour of the texture."""


def texture(side: int = SIDE) -> Pixels:
    """Return stripes of 12 px in two colours, diagonal."""
    rows, columns = np.indices((side, side))
    is_dark = ((rows + columns) // 12 % 2)[..., None]
    return np.where(is_dark, (200, 40, 40), (30, 30, 160)).astype(np.uint8)


def read(pixels: Pixels, alpha: Image.Image) -> Loaded:
    """Return a picture as it is decoded from a PNG."""
    image = Image.fromarray(np.where(np.asarray(alpha)[..., None] > 0, pixels, GROUND).astype(np.uint8))
    image.putalpha(alpha)
    file = io.BytesIO()
    image.save(file, "png")
    file.seek(0)
    return images.load(file, name="a.png")


def medallion() -> Image.Image:
    """Return an alpha that is opaque in a circle of half the area."""
    alpha = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(alpha).ellipse((30, 30, 269, 269), fill=255)
    return alpha


def frame() -> Image.Image:
    """Return an alpha that is opaque in a border of 40 px."""
    alpha = Image.new("L", (SIDE, SIDE), 255)
    ImageDraw.Draw(alpha).rectangle((40, 40, 259, 259), fill=0)
    return alpha


def lines() -> Image.Image:
    """Return an alpha that is opaque in lines of 4 px."""
    alpha = Image.new("L", (SIDE, SIDE))
    for at in range(0, SIDE, 20):
        ImageDraw.Draw(alpha).line((0, at, SIDE, at), fill=255, width=4)
    return alpha


def changes(pixels: Pixels) -> float:
    """Return how often the colour changes from one pixel to the next along a row."""
    return float((np.abs(np.diff(pixels.astype(np.int32), axis=1)).max(axis=-1) > 20).mean())


@pytest.mark.parametrize("alpha", [medallion(), frame()], ids=["medallion", "frame"])
def test_a_painting_cut_out_is_filled_with_its_own_texture(alpha: Image.Image) -> None:
    """Before: half of the style was one flat colour, and the painting was pale and flat."""
    loaded = read(texture(), alpha)
    whole = images.opaque(loaded)
    assert whole.alpha is None
    assert whole.is_cut_out
    is_there = np.asarray(alpha) > 0
    assert np.array_equal(whole.pixels[is_there], texture()[is_there]), "what is painted stays"
    assert len(np.unique(whole.pixels.reshape(-1, 3), axis=0)) == 2, "no colour that it does not have"
    assert np.abs(whole.pixels.mean(axis=(0, 1)) - texture().mean(axis=(0, 1))).max() < 6
    assert changes(loaded.pixels) < 0.75 * changes(texture()), "else this measures nothing"
    assert changes(whole.pixels) == pytest.approx(changes(texture()), rel=0.06)


def test_it_is_the_same_however_large_it_is_decoded() -> None:
    large = medallion().resize((1300, 1300))
    pixels = np.asarray(Image.fromarray(texture()).resize((1300, 1300), Image.Resampling.NEAREST))
    whole = images.opaque(read(pixels, large))
    assert changes(whole.pixels) == pytest.approx(changes(pixels), rel=0.15)


@pytest.mark.parametrize(("level", "ground"), [(20, 255), (120, 255), (230, 0)])
def test_lines_on_nothing_lie_on_paper(level: int, ground: int) -> None:
    """Black on its own mean colour was all black."""
    whole = images.opaque(read(np.full((SIDE, SIDE, 3), level, np.uint8), lines()))
    is_there = np.asarray(lines()) > 0
    assert (whole.pixels[is_there] == level).all()
    assert (whole.pixels[~is_there] == ground).all()


@pytest.mark.parametrize("side", [300, 900, 1800])
def test_strokes_lie_on_paper_however_large_they_are(side: int) -> None:
    """A stroke of one colour, and one that is thin beside the picture, are no texture to repeat."""
    for pixels, width in ((np.full((side, side, 3), 20, np.uint8), side // 12), (texture(side), side // 40)):
        alpha = Image.new("L", (side, side))
        for at in range(0, side, side // 5):
            ImageDraw.Draw(alpha).line((0, at, side, at), fill=255, width=width)
        whole = images.opaque(read(pixels, alpha))
        assert (whole.pixels[np.asarray(alpha) == 0] == 255).all()
        assert [remark for remark in whole.remarks if "it is laid on white" in remark]


@pytest.mark.parametrize(("every", "told"), [(7, ""), (3, "11 % of it is transparent: that counts as its mean colour")])
def test_a_painting_with_small_holes_all_over_has_its_mean_colour_in_them(every: int, told: str) -> None:
    """Specks of white would be seen everywhere."""
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[::every, ::every] = 0
    loaded = read(texture(), Image.fromarray(alpha))
    whole = images.opaque(loaded)
    assert np.array_equal(whole.pixels, loaded.pixels)
    assert not whole.is_cut_out
    assert whole.remarks == ((f"{told}: crop it to what is painted",) if told else ())


def test_a_soft_edge_is_laid_on_what_is_behind_it() -> None:
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[:, 200:] = 51
    pixels = texture()
    whole = images.opaque(read(pixels, Image.fromarray(alpha)))
    # The stripes on the mirrored ones: a fifth of the former.
    behind = pixels[:, 199:99:-1].astype(float)
    np.testing.assert_allclose(whole.pixels[:, 200:], 0.2 * pixels[:, 200:] + 0.8 * behind, atol=1.0)
    assert whole.remarks == ("27 % of it is transparent: that is filled with more of what is painted, mirrored",)
    worn = read(pixels, Image.fromarray(np.where(np.indices(alpha.shape).sum(axis=0) % 9, 150, 0).astype(np.uint8)))
    assert images.opaque(worn).remarks == (
        "11 % of it is transparent: that counts as its mean colour: crop it to what is painted",
    )
    faint = images.opaque(read(np.full((SIDE, SIDE, 3), 100, np.uint8), Image.new("L", (SIDE, SIDE), 51)))
    assert (faint.pixels == 224).all(), "a fifth of 100 on white"
    assert faint.remarks[-1] == "80 % of it is transparent: it is laid on white"


@pytest.mark.parametrize(
    ("share", "alpha", "of_style", "of_photo"),
    [
        (0.7, 0, "70 %", ""),
        (0.05, 0, "5 %", ""),
        (0.04, 0, "", ""),
        (0.95, 0, "95 %", "95 %"),
        (0.997, 0, "over 99 %", "over 99 %"),
        (0.7, 1, "70 %", ""),  # of a photo what shows through has a colour of its own
    ],
)
def test_what_is_filled_is_told(share: float, alpha: int, of_style: str, of_photo: str) -> None:
    cover = np.full((SIDE, SIDE), 255, np.uint8)
    cover[: round(SIDE * share)] = alpha
    loaded = read(texture(), Image.fromarray(cover))
    style, photo = images.opaque(loaded), images.with_more_of_it(loaded)
    how = "it is laid on white" if of_photo else "that is filled with more of what is painted, mirrored"
    assert style.remarks == ((f"{of_style} of it is transparent: {how}",) if of_style else ())
    said = "of it is transparent and counts as its mean colour: crop it to what is seen"
    assert photo.remarks == ((f"{of_photo} {said}",) if of_photo else ())
    assert (style.is_cut_out, photo.is_cut_out) == (bool(of_style), alpha == 0 and 0.05 <= share < 0.9)


def test_a_photo_cut_out_keeps_its_contrast_and_its_transparency() -> None:
    """Before: half of it in its mean colour, its start had 1.4 times the style's contrast."""
    loaded = read(texture(), medallion())
    filled = images.with_more_of_it(loaded)
    assert loaded.alpha is not None
    assert filled.alpha is loaded.alpha
    is_there = loaded.alpha > 0
    assert np.array_equal(filled.pixels[is_there], loaded.pixels[is_there])
    assert loaded.pixels.std(axis=(0, 1)).max() < 0.8 * texture().std(axis=(0, 1)).max(), "else this measures nothing"
    assert filled.pixels.std(axis=(0, 1)) == pytest.approx(texture().std(axis=(0, 1)), rel=0.02)


def test_a_photo_keeps_the_colours_of_what_shows_through() -> None:
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[:, 200:] = 1
    loaded = read(texture(), Image.fromarray(alpha))
    assert np.array_equal(images.with_more_of_it(loaded).pixels, texture())


def test_an_opaque_picture_is_returned_as_it_is() -> None:
    loaded = read(texture(), Image.new("L", (SIDE, SIDE), 255))
    assert images.opaque(loaded) is loaded
    assert images.with_more_of_it(loaded) is loaded


@pytest.mark.parametrize("seed", range(20))
def test_no_rectangle_of_cells_is_larger(seed: int) -> None:
    """Against all rectangles, one by one."""
    dice = np.random.default_rng(seed)
    height, width = dice.integers(1, 12, 2)
    is_whole = dice.random((height, width)) < 0.7
    rows, columns = _largest_rectangle(np.where(is_whole, 255, 0).astype(np.uint8))
    assert is_whole[rows, columns].all()
    every = (
        (bottom - top) * (right - left)
        for top in range(height)
        for bottom in range(top + 1, height + 1)
        for left in range(width)
        for right in range(left + 1, width + 1)
        if is_whole[top:bottom, left:right].all()
    )
    assert (rows.stop - rows.start) * (columns.stop - columns.start) == max(every, default=0)
