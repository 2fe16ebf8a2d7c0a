"""Images that no package has, made of those that packages have: always the same, to the pixel."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from scipy import ndimage

Floats = npt.NDArray[np.float64]
SIDE = 640


def _array(image: Image.Image) -> Floats:
    return np.asarray(image.convert("RGB"), np.float64)


def _image(array: Floats) -> Image.Image:
    return Image.fromarray(np.clip(array, 0, 255).round().astype(np.uint8))


def _grey(image: Image.Image) -> Floats:
    """Return luminances, 0..1, stretched."""
    return np.asarray(ImageOps.autocontrast(image.convert("L"), cutoff=1), np.float64) / 255


def fog(photo: Image.Image) -> Image.Image:
    """A photo in fog: thicker towards the top; saved as JPEG of quality 60 by the caller."""
    pixels = _array(photo)
    depth = np.linspace(0.93, 0.62, pixels.shape[0])[:, None, None]
    return _image(pixels * (1 - depth) + np.array([203.0, 206.0, 210.0]) * depth)


def snow(photo: Image.Image) -> Image.Image:
    """A photo in winter: the ground and what is green is white, the sky grey, flakes in the air."""
    pixels = _array(photo.resize((SIDE, SIDE * photo.height // photo.width)))
    red, green, blue = np.moveaxis(pixels, -1, 0)
    is_plant = ndimage.gaussian_filter((green > blue + 2).astype(float) * (red < 200), 1.5)[..., None]
    grey = pixels.mean(-1, keepdims=True) * np.array([0.97, 1.0, 1.04])
    white = 178 + 0.34 * grey
    snowy = 0.45 * pixels + 0.55 * grey
    snowy = (snowy * 0.75 + 58) * (1 - is_plant) + white * is_plant
    generator = np.random.default_rng(3)
    flakes = np.zeros(pixels.shape[:2])
    for radius, share in ((0.8, 0.004), (1.6, 0.0025)):
        flakes = np.maximum(
            flakes, ndimage.gaussian_filter((generator.random(flakes.shape) < share) * 1.0, radius) * 5 * radius**2
        )
    return _image(snowy * (1 - flakes[..., None].clip(0, 1)) + 250 * flakes[..., None].clip(0, 1))


def line_art(photo: Image.Image) -> Image.Image:
    """Black lines on white paper."""
    grey = ndimage.gaussian_filter(_grey(photo.resize((SIDE, SIDE * photo.height // photo.width))), 1.2)
    difference = grey - 0.98 * ndimage.gaussian_filter(grey, 2.6)
    ink = 1 / (1 + np.exp((difference + 0.008) * 500))
    return _image(np.repeat(255 * (1 - ink)[..., None], 3, -1))


def on_white(drawing: Image.Image) -> Image.Image:
    """A product in the middle of white."""
    page = Image.new("RGB", (SIDE, 480), "white")
    product = drawing.convert("RGBA").resize((360, 360 * drawing.height // drawing.width), Image.Resampling.LANCZOS)
    page.paste(product, ((page.width - product.width) // 2, (page.height - product.height) // 2), product)
    return page


def sea(photo: Image.Image) -> Image.Image:
    """The lake and the sky on the right of the pagoda: flat water to a low horizon."""
    part = photo.crop((photo.width * 6 // 10, photo.height * 2 // 10, photo.width, photo.height * 7 // 10))
    return part.resize((SIDE, SIDE * part.height // part.width), Image.Resampling.LANCZOS)


def black_and_white(photo: Image.Image) -> Image.Image:
    """Without colour."""
    return photo.convert("L").convert("RGB")


# --- styles ---


def ink(photo: Image.Image) -> Image.Image:
    """Ink on paper: three washes of grey with soft edges, and dry brush in the darks; without colour."""
    grey = ndimage.median_filter(_grey(photo.resize((SIDE, SIDE * photo.height // photo.width))), 9)
    generator = np.random.default_rng(1)
    grain = ndimage.gaussian_filter(generator.normal(size=grey.shape), (1.0, 6.0))
    tone = grey + 0.12 * grain / grain.std() * (grey < 0.6)
    washes = np.select([tone < 0.18, tone < 0.36, tone < 0.58], [0.06, 0.42, 0.72], 0.96)
    washes = ndimage.gaussian_filter(washes, 0.9)
    edges = ndimage.gaussian_gradient_magnitude(grey, 1.5)
    return _image(np.repeat(250 * (washes - 1.6 * edges)[..., None].clip(0.02, 1), 3, -1))


def woodcut(photo: Image.Image) -> Image.Image:
    """Cut lines: thick where the photo is dark, thin where it is bright; black on cream."""
    grey = ndimage.gaussian_filter(_grey(photo.resize((SIDE, SIDE * photo.height // photo.width))), 2.0)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    bend = ndimage.gaussian_filter(grey, 8.0)
    lines = 0.5 + 0.5 * np.sin((rows + 0.35 * columns) / 1.25 + 18 * bend)
    cut = (grey * 1.15 > lines * 0.85 + 0.08) | (grey > 0.86)
    cut &= grey > 0.12
    smooth = ndimage.gaussian_filter(cut.astype(float), 0.7)[..., None]
    return _image(smooth * np.array([238.0, 226.0, 200.0]) + (1 - smooth) * np.array([24.0, 20.0, 18.0]))


def mosaic(photo: Image.Image) -> Image.Image:
    """Stones of one colour each, with grout between them."""
    pixels = _array(photo.resize((SIDE, SIDE * photo.height // photo.width)))
    height, width = pixels.shape[:2]
    generator = np.random.default_rng(2)
    step = 15
    at = np.mgrid[step // 2 : height : step, step // 2 : width : step].reshape(2, -1).T
    at = at + generator.uniform(-4, 4, at.shape)
    near = np.full((height, width), np.inf)
    second, owner = near.copy(), np.zeros((height, width), int)
    for number, (row, column) in enumerate(at):
        box = (slice(max(0, int(row) - 30), int(row) + 30), slice(max(0, int(column) - 30), int(column) + 30))
        rows, columns = np.mgrid[box[0].start : min(height, box[0].stop), box[1].start : min(width, box[1].stop)]
        far = np.hypot(rows - row, columns - column)
        view = (slice(rows[0, 0], rows[-1, 0] + 1), slice(columns[0, 0], columns[0, -1] + 1))
        closer = far < near[view]
        second[view] = np.where(closer, near[view], np.minimum(second[view], far))
        owner[view] = np.where(closer, number, owner[view])
        near[view] = np.minimum(near[view], far)
    stones = np.stack([ndimage.mean(pixels[..., channel], owner, np.arange(len(at))) for channel in range(3)], -1)
    stones = np.nan_to_num(stones) * generator.uniform(0.82, 1.15, (len(at), 1))
    grout = (second - near < 2.2)[..., None]
    return _image(np.where(grout, [58.0, 52.0, 46.0], stones[owner]))


def comic(photo: Image.Image) -> Image.Image:
    """Flat colours, dots in the half tones, black outlines."""
    photo = photo.resize((SIDE, SIDE * photo.height // photo.width))
    flat = _array(ImageOps.posterize(photo.convert("RGB").filter(ImageFilter.MedianFilter(7)), 2)) * 1.25
    flat = flat + (flat - flat.mean(-1, keepdims=True)) * 0.9
    grey = ndimage.gaussian_filter(_grey(photo), 1.5)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    dots = np.cos((rows + columns) * math.pi / 6) * np.cos((rows - columns) * math.pi / 6)
    is_dot = (dots > 0.35) & (grey > 0.3) & (grey < 0.62)
    flat = np.where(is_dot[..., None], flat * 0.55, flat)
    outline = ndimage.gaussian_gradient_magnitude(grey, 1.6) > 0.055
    flat[ndimage.binary_dilation(outline)] = 10
    flat[grey < 0.12] = 10
    return _image(flat)


def watercolour(photo: Image.Image) -> Image.Image:
    """Pale washes with darker rims, on grained paper that shows between them."""
    photo = photo.resize((SIDE, SIDE * photo.height // photo.width))
    wet = _array(photo.convert("RGB").filter(ImageFilter.ModeFilter(13)).filter(ImageFilter.MedianFilter(9)))
    generator = np.random.default_rng(4)
    cloud = ndimage.gaussian_filter(generator.normal(size=wet.shape[:2]), 14)
    cloud = (cloud / cloud.std())[..., None]
    rim = ndimage.gaussian_gradient_magnitude(wet.mean(-1), 1.4)[..., None]
    pigment = (255 - wet) * (0.62 + 0.13 * cloud) + 1.1 * rim
    paper = ndimage.gaussian_filter(generator.normal(size=wet.shape[:2]), 0.8)[..., None] * 9
    return _image(250 - pigment.clip(0, None) + paper)


def pencil(photo: Image.Image) -> Image.Image:
    """Hatching in three directions, denser where it is dark, and outlines; grey on paper."""
    grey = ndimage.gaussian_filter(_grey(photo.resize((SIDE, SIDE * photo.height // photo.width))), 1.5)
    generator = np.random.default_rng(5)
    noise = generator.normal(size=grey.shape)
    page = np.ones_like(grey)
    for angle, below in ((40, 0.75), (-35, 0.5), (5, 0.28)):
        strokes = ndimage.rotate(
            ndimage.gaussian_filter(ndimage.rotate(noise, -angle, reshape=True, mode="wrap"), (0.6, 14)),
            angle,
            reshape=False,
        )
        top, left = ((large - small) // 2 for large, small in zip(strokes.shape, grey.shape, strict=True))
        strokes = strokes[top : top + grey.shape[0], left : left + grey.shape[1]]
        page -= 0.5 * ((strokes > 0.35 * strokes.std()) * np.clip((below - grey) * 3, 0, 1))
    page -= 4.0 * ndimage.gaussian_gradient_magnitude(grey, 1.2)
    return _image(np.repeat(246 * ndimage.gaussian_filter(page, 0.5).clip(0.15, 1)[..., None], 3, -1))


def flat_poster(photo: Image.Image) -> Image.Image:
    """A poster of five flat inks with clean borders."""
    grey = ndimage.median_filter(_grey(photo.resize((SIDE, SIDE * photo.height // photo.width))), 11)
    inks = np.array([[27, 38, 59], [184, 50, 48], [232, 126, 60], [244, 190, 98], [248, 238, 214]], np.float64)
    place = np.digitize(ndimage.gaussian_filter(grey, 2.0), [0.2, 0.4, 0.6, 0.8])
    return _image(ndimage.gaussian_filter(inks[place], (0.6, 0.6, 0)))


def scroll(painting: Image.Image) -> Image.Image:
    """One painting side by side with its mirror image, twelve times: 19:1."""
    tile = painting.convert("RGB").resize((640, 400), Image.Resampling.LANCZOS)
    long = Image.new("RGB", (12 * tile.width, tile.height))
    for number in range(12):
        long.paste(ImageOps.mirror(tile) if number % 2 else tile, (number * tile.width, 0))
    return long


def gold_leaf(_photo: Image.Image) -> Image.Image:
    """Leaves of gold with their seams, and ornaments on them: spirals, eyes, bars."""
    generator = np.random.default_rng(6)
    shade = ndimage.gaussian_filter(generator.normal(size=(SIDE, SIDE)), 5)
    fine = ndimage.gaussian_filter(generator.normal(size=(SIDE, SIDE)), 0.8)
    leaf = np.kron(generator.uniform(0.8, 1.1, (8, 8)), np.ones((80, 80)))
    tone = (leaf * (1 + 0.09 * shade / shade.std() + 0.05 * fine / fine.std()))[..., None]
    page = _image(tone * np.array([206.0, 160.0, 52.0]))
    draw = ImageDraw.Draw(page)
    for number in range(1, 8):
        for line in ((number * 80, 0, number * 80, SIDE), (0, number * 80, SIDE, number * 80)):
            draw.line(line, fill=(150, 108, 30), width=1)
    inks = [(60, 38, 20), (240, 214, 130), (150, 40, 36), (34, 62, 96), (245, 240, 225)]
    for _ in range(70):
        x, y, size = *generator.integers(0, SIDE, 2), int(generator.integers(10, 34))
        colour = inks[int(generator.integers(len(inks)))]
        match int(generator.integers(3)):
            case 0:
                turns = np.linspace(0, 6 * math.pi, 90)
                spiral = [(x + size * t / 19 * math.cos(t), y + size * t / 19 * math.sin(t)) for t in turns]
                draw.line(spiral, fill=colour, width=3)
            case 1:
                draw.ellipse((x - size, y - size // 2, x + size, y + size // 2), outline=inks[0], fill=colour, width=3)
                draw.ellipse((x - size // 4, y - size // 4, x + size // 4, y + size // 4), fill=inks[0])
            case _:
                draw.rectangle((x, y, x + size, y + size * 2), outline=inks[1], fill=colour, width=3)
    return page


def childs_drawing(_photo: Image.Image) -> Image.Image:
    """Wax crayon: a house, a sun, a tree, a family, a strip of sky, as a child of five draws them."""
    generator = np.random.default_rng(7)
    page = Image.new("RGB", (SIDE, 480), (252, 250, 244))
    draw = ImageDraw.Draw(page)

    def stroke(points: list[tuple[float, float]], colour: tuple[int, int, int], width: int = 6) -> None:
        shaken = [(x + generator.normal(0, 2.2), y + generator.normal(0, 2.2)) for x, y in points]
        draw.line(shaken, fill=colour, width=width, joint="curve")

    def scribble(box: tuple[int, int, int, int], colour: tuple[int, int, int], step: int = 7) -> None:
        left, top, right, bottom = box
        zigzag = [(left if number % 2 else right, y) for number, y in enumerate(range(top, bottom, step))]
        stroke(zigzag, colour, 5)

    def circle(x: float, y: float, radius: float, colour: tuple[int, int, int], width: int = 6) -> None:
        stroke([(x + radius * math.cos(t), y + radius * math.sin(t)) for t in np.linspace(0, 6.6, 24)], colour, width)

    blue, green, red, yellow, brown, pink = (
        (60, 120, 220),
        (50, 160, 60),
        (215, 45, 40),
        (250, 200, 30),
        (125, 75, 35),
        (240, 140, 160),
    )
    scribble((0, 6, SIDE, 60), blue)
    scribble((0, 420, SIDE, 478), green)
    scribble((150, 220, 330, 420), yellow, 9)
    stroke([(150, 420), (150, 220), (330, 220), (330, 420), (150, 420)], brown)
    scribble((190, 165, 290, 220), red)
    stroke([(135, 222), (240, 120), (345, 222), (135, 222)], red, 8)
    stroke([(215, 420), (215, 330), (265, 330), (265, 420)], brown, 8)
    for x in (175, 285):
        stroke([(x, 250), (x + 32, 250), (x + 32, 285), (x, 285), (x, 250)], blue)
    circle(560, 100, 45, yellow, 9)
    scribble((530, 70, 590, 130), yellow)
    for angle in np.linspace(0, 2 * math.pi, 13)[:-1]:
        stroke(
            [
                (560 + 55 * math.cos(angle), 100 + 55 * math.sin(angle)),
                (560 + 85 * math.cos(angle), 100 + 85 * math.sin(angle)),
            ],
            yellow,
        )
    scribble((60, 300, 85, 425), brown)
    for x, y in ((70, 250), (45, 280), (100, 280)):
        circle(x, y, 34, green, 8)
        scribble((x - 24, y - 24, x + 24, y + 24), green)
    for x, size, dress in ((400, 1.0, blue), (460, 1.1, red), (515, 0.7, pink)):
        head = 420 - 130 * size
        circle(x, head, 22 * size, brown)
        stroke([(x, head + 22 * size), (x, 420 - 45 * size)], dress, 10)
        stroke([(x - 28 * size, head + 50 * size), (x, head + 36 * size), (x + 28 * size, head + 50 * size)], dress)
        stroke([(x - 18 * size, 425), (x, 420 - 45 * size), (x + 18 * size, 425)], brown)
        for eye in (-8, 8):
            circle(x + eye * size, head - 4 * size, 2, blue, 3)
        stroke([(x - 9 * size, head + 8 * size), (x, head + 13 * size), (x + 9 * size, head + 8 * size)], red, 3)
    return page.filter(ImageFilter.GaussianBlur(0.8))


MAKERS: dict[str, Callable[[Image.Image], Image.Image]] = {
    maker.__name__: maker
    for maker in (
        fog, snow, line_art, on_white, sea, black_and_white, ink, woodcut, mosaic, comic, watercolour, pencil,
        flat_poster, scroll, gold_leaf, childs_drawing,
    )
}  # fmt: skip
