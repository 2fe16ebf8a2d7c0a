"""Contact sheets: the pictures of a pair side by side, their scores beneath; and all inputs, to look at before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from tests.bench.quality.pairs import Pair

CELL, LINE, GAP = 360, 14, 10
FIGURES = ("texture", "colour", "luminance_ssim", "gradient_ssim")


def pair_sheet(pair: Pair, pictures: Mapping[str, Path], scores: Mapping[str, Mapping[str, Any]]) -> Image.Image:
    """Return the sheet of a pair.

    Args:
        pair: which.
        pictures: by what is written above them, the inputs included.
        scores: what ``styled score --json`` says, by the same names; inputs have none.
    """
    lines = {name: [name, *_lines(scores.get(name, {}))] for name in pictures}
    below = LINE * max(map(len, lines.values()))
    sheet = Image.new("RGB", (len(pictures) * (CELL + GAP) + GAP, CELL + below + 3 * GAP + LINE), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, 2), f"{pair.name}   {pair.why_hard}   {' '.join(pair.settings)}", fill="black")
    for number, (name, path) in enumerate(pictures.items()):
        left, top = GAP + number * (CELL + GAP), GAP + LINE
        _paste(sheet, path, (left, top), (CELL, CELL))
        for row, text in enumerate(lines[name]):
            draw.text((left, top + CELL + 4 + row * LINE), text, fill="black")
    return sheet


def inputs_sheet(
    pairs: Sequence[Pair], images: Mapping[str, Path], *, columns: int = 6, side: int = 150
) -> Image.Image:
    """Return all pairs as they are given, a cell with content and style each."""
    width, height = 2 * side + 2 * GAP, side + 2 * LINE + GAP
    rows = -(-len(pairs) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, pair in enumerate(pairs):
        left, top = number % columns * width, number // columns * height
        for side_by_side, name in enumerate((pair.content, pair.style)):
            _paste(sheet, images[name], (left + side_by_side * (side + 4), top), (side, side))
        draw.text((left, top + side), f"{number + 1} {pair.name}", fill="black")
        draw.text((left, top + side + LINE), pair.why_hard[:50], fill="red")
    return sheet


def triptychs(rows: Sequence[tuple[Path, Path, Path]], *, columns: int = 2, height: int = 190) -> Image.Image:
    """Return what README shows: photo, style and picture of each pair side by side, pairs in columns; all of one height."""
    cells = [[_of_height(path, height, most=height * 4 // 3) for path in row] for row in rows]
    widths = [max(sum(each.width + 4 for each in cell) for cell in cells[column::columns]) for column in range(columns)]
    lines = -(-len(cells) // columns)
    size = (sum(widths) + (columns - 1) * 2 * GAP, lines * (height + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    for number, cell in enumerate(cells):
        line, column = divmod(number, columns)
        left = sum(widths[:column]) + column * 2 * GAP
        for picture in cell:
            sheet.paste(picture, (left, line * (height + GAP)))
            left += picture.width + 4
    return sheet


def _of_height(path: Path, height: int, *, most: int) -> Image.Image:
    """Return an image of a height, its middle where it would be wider than ``most``."""
    with Image.open(path) as picture:
        width = picture.width * height // picture.height
        return ImageOps.fit(picture.convert("RGB"), (min(width, most), height), Image.Resampling.LANCZOS)


def _paste(sheet: Image.Image, path: Path, at: tuple[int, int], size: tuple[int, int]) -> None:
    with Image.open(path) as picture:
        sheet.paste(ImageOps.contain(picture.convert("RGB"), size), at)


def _lines(score: Mapping[str, Any]) -> list[str]:
    if not score:
        return []
    found = [f"{name.replace('_', ' ')} {score[name]:.3g}" for name in FIGURES]
    found += [f"{name.replace('_', ' ')} {value:.3g}" for name, value in score["artefacts"].items()]
    found.append(f"loss {score['objective']['total']:.4g}")
    return [*found, *_wrapped(score["verdict"])]


def _wrapped(text: str, characters: int = 55) -> list[str]:
    import textwrap

    return textwrap.wrap(text, characters)
