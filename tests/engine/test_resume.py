"""Going on inside of a scale, where more than the optimiser decides about the picture."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from styled.engine import colour
from styled.engine.engine import Iterate, paint
from styled.settings import Settings
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow

SETTINGS: dict[str, Any] = {
    "size": 48,
    "steps": 7,
    "scales": (32,),
    "history": 2,
    "precision": "float32",
    "content_layers": {"block2_conv1": 1.0},
    "style_layers": {"block1_conv1": 1.0, "block2_conv1": 1.0},
}
"""Four steps at 32 px, three at 48."""


def kept(iterate: Iterate) -> Iterate:
    """Return the iterate with its picture and snapshot taken now: they are gone when the generator moves on."""
    picture, snapshot = iterate.picture(), {name: array.copy() for name, array in iterate.snapshot().items()}
    return dataclasses.replace(iterate, picture=lambda: picture, snapshot=lambda: snapshot)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("kind", ["part stays the photo", "black and white"])
def test_resumed_is_uninterrupted_bit_for_bit(
    vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, kind: str, optimizer: str
) -> None:
    settings = Settings(optimizer=optimizer, **SETTINGS)
    mask = None
    if kind == "black and white":
        rocket, starry_night = (
            np.rint(colour.made_grey(image.astype(np.float32))).astype(np.uint8) for image in (rocket, starry_night)
        )
    else:
        mask = np.zeros(rocket.shape, np.uint8)
        mask[:, rocket.shape[1] // 2 :] = 255
    arguments: dict[str, Any] = {"weights": vgg, "mask": mask}
    whole = [kept(iterate) for iterate in paint(rocket, [starry_night], settings, **arguments)]
    for stop in (2, 6):
        resume = whole[stop - 1].snapshot()
        rest = [kept(iterate) for iterate in paint(rocket, [starry_night], settings, resume=resume, **arguments)]
        assert [iterate.losses for iterate in rest] == [iterate.losses for iterate in whole[stop:]]
        np.testing.assert_array_equal(rest[-1].picture(), whole[-1].picture())
