"""Pictures per hour of a folder of photos: ``styled run PHOTO... --style S -o FOLDER``, start and end counted.

python -m tests.bench.folder --photos 50 --size 512 --steps 60
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from PIL import Image, ImageOps

SAMPLES = Path(__file__).parents[2] / "styled" / "data" / "samples"


def photos(folder: Path, count: int) -> list[Path]:
    """Make photos of one camera, upright and across: parts of one photo, each another, turned or mirrored."""
    paths = []
    with Image.open(SAMPLES / "rocket.jpg") as photo:
        width, height = photo.size
        for number in range(count):
            left, top = number % 7 * width // 40, number % 5 * height // 40
            part = photo.crop((left, top, left + width * 4 // 5, top + height * 4 // 5)).resize((1200, 800))
            part = ImageOps.mirror(part) if number % 2 else part
            part = part.transpose(Image.Transpose.ROTATE_90) if number % 5 == 0 else part
            paths.append(folder / f"photo-{number:03}.jpg")
            part.save(paths[-1], quality=92)
    return paths


@click.command()
@click.option("--photos", "count", type=click.IntRange(min=1), default=50)
@click.option("--size", type=int, default=512)
@click.option("--steps", type=int, default=None, help="[default: the defaults']")
def main(count: int, size: int, steps: int | None) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        command = [
            sys.executable,
            "-m",
            "styled",
            "run",
            *photos(folder, count),
            "--style",
            SAMPLES / "starry_night.jpg",
        ]
        command += ["-o", folder / "painted", "--size", size, *(() if steps is None else ("--steps", steps))]
        (folder / "painted").mkdir()
        before = time.monotonic()
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        seconds = time.monotonic() - before
        painted = len(list((folder / "painted").glob("*.*")))
        if painted != count:
            raise SystemExit(f"{painted} of {count} pictures")
    click.echo(f"{count} photos at {size} px in {seconds:.1f} s: {3600 * count / seconds:.0f} pictures per hour")


if __name__ == "__main__":
    main()
