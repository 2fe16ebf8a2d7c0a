"""A scale that is painted several steps at a time."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from styled.engine import pace
from styled.engine.engine import paint
from styled.engine.optimise import loop
from styled.settings import Settings
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow

# Sizes, history and layers as in test_engine.py: what the process has compiled is kept.
SETTINGS = Settings(
    size=48,
    scales=(32,),
    steps=20,
    average=0.5,
    precision="float32",
    history=2,
    content_layers={"block2_conv1": 1.0},
    style_layers={"block1_conv1": 1.0, "block2_conv1": 1.0},
)


def test_the_picture_is_that_of_single_steps_bit_for_bit(
    vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the wanted pictures on their steps, and resumed from one of them."""
    monkeypatch.setattr(loop, "SAVED_S", 1e3)
    monkeypatch.setattr(pace, "CALL_S", 1e3)
    painted = functools.partial(paint, rocket, [starry_night], SETTINGS, weights=vgg)
    losses, pictures = [], []
    for iterate in painted():
        losses.append(iterate.losses)
        pictures.append(iterate.picture())
    seen, steps = [], []
    for iterate in painted(picture_every=4):
        seen.append(iterate.losses)
        if iterate.is_current:
            steps.append(iterate.step)
            np.testing.assert_array_equal(iterate.picture(), pictures[iterate.step - 1])
            if iterate.step == 8:
                snapshot = {name: array.copy() for name, array in iterate.snapshot().items()}
        else:
            for wanted in (iterate.picture, iterate.snapshot):
                with pytest.raises(RuntimeError, match="no picture"):
                    wanted()
    assert seen == losses
    assert {4, 8, 12, 16, 20} < set(steps) < set(range(1, 21)), "no call did several steps"
    *_, last = painted(resume=snapshot, picture_every=0)
    np.testing.assert_array_equal(last.picture(), pictures[-1])
