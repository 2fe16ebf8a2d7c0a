"""Black and white stays so."""

from __future__ import annotations

import numpy as np
import pytest

from styled.engine import colour
from styled.engine.engine import paint
from styled.settings import Settings
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow

LAYERS = {"content_layers": {"block2_conv1": 1.0}, "style_layers": {"block1_conv1": 1.0, "block2_conv1": 1.0}}


def test_a_black_and_white_pair_is_painted_without_a_tint(
    vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray
) -> None:
    settings = Settings(size=48, steps=4, optimizer="adam", history=2, precision="float32", init="noise", **LAYERS)
    photo, painting = (
        np.rint(colour.made_grey(image.astype(np.float32))).astype(np.uint8) for image in (rocket, starry_night)
    )
    tints = []
    for style in (painting, starry_night):
        *_, last = paint(photo, [style], settings, weights=vgg)
        tints.append(float(np.ptp(last.picture(), axis=-1).max()))
    assert tints[0] == 0.0
    assert tints[1] > 10.0
