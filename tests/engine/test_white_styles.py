"""Styles that are nearly white: much of the picture is at the end of 0..255 from the first step on."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from styled.engine.engine import paint
from styled.settings import Settings
from styled.vgg19.weights import Weights
from tests.bench.quality.made import childs_drawing

pytestmark = pytest.mark.tensorflow


def portrait() -> np.ndarray:
    """A face above a dark suit: uint8, shape (64, 64, 3)."""
    down, right = np.mgrid[:64, :64]
    picture = np.full((64, 64, 3), (60, 90, 160), np.uint8)
    picture[np.hypot(right - 32, down - 22) < 12] = (220, 170, 140)
    picture[down > 38 + np.abs(right - 32) / 4] = (15, 15, 25)
    return picture


@pytest.mark.parametrize("kind", ["drawing", "lines"])
def test_from_the_first_step_on_it_goes_down(kind: str, vgg: Weights, rocket: np.ndarray) -> None:
    """It went up, by a third, and with a larger picture until all of it was white, where no gradient leads back."""
    style = np.asarray(childs_drawing(Image.new("RGB", (8, 8))))
    content = portrait()
    if kind == "lines":
        style = np.where(np.arange(len(style))[:, None, None] % 12, 252, style).astype(np.uint8)
        content = np.clip((rocket - 60.0) * 2.0, 0.0, 255.0).astype(np.uint8)
    settings = Settings(size=64, steps=8, precision="float32")
    iterates = [(each.losses.total, each.picture()) for each in paint(content, [style], settings, weights=vgg)]
    losses = [loss for loss, _ in iterates]
    assert max(losses) == losses[0]
    assert np.mean(iterates[-1][1] == 255.0) < 0.1
