"""What an iterate promises to whoever keeps it: snapshots that stay, and how its scale is run."""

from __future__ import annotations

import itertools
import weakref
from typing import Any

import numpy as np
import pytest

from styled import vgg19
from styled.engine.engine import paint
from styled.engine.iterate import Iterate
from styled.settings import Settings
from styled.sizing import memory_use
from styled.sizing.input_sizes import InputSizes
from styled.sizing.scales import plan_scales
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow

SHALLOW = {
    "content_layers": {"block2_conv1": 1.0},
    "style_layers": {"block1_conv1": 1.0, "block2_conv1": 1.0},
    "size": 48,
    "precision": "float32",
    "history": 2,
}


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "lbfgs", "steps": 8},
        {"optimizer": "adam", "average": 0.5, "stop": "plateau", "steps": 14},
    ],
    ids=["lbfgs", "adam, average, plateau"],
)
def test_a_snapshot_that_is_held_stays_as_it_is_while_painting_goes_on(
    vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, values: dict[str, Any]
) -> None:
    """Through all later steps: L-BFGS fills its pairs again, and the plateau's window passes."""
    settings = Settings(**SHALLOW, scales=(), **values)
    held, copies = [], []
    for iterate in paint(rocket, [starry_night], settings, weights=vgg):
        held.append(iterate.snapshot())
        copies.append({name: array.copy() for name, array in held[-1].items()})
    assert len(held) == settings.steps
    for snapshot, copy in zip(held, copies, strict=True):
        for name, array in copy.items():
            np.testing.assert_array_equal(snapshot[name], array, err_msg=name)
    for earlier, later in itertools.pairwise(held):
        assert not np.array_equal(earlier["picture"], later["picture"]), "nothing was painted"


def test_pictures_in_a_snapshot_are_not_copied(vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray) -> None:
    """At 100 Mpx a copy of the state would be several GB, each time."""
    settings = Settings(**SHALLOW, scales=(), steps=9, optimizer="lbfgs", average=0.5, stop="plateau")
    iterate = next(itertools.islice(paint(rocket, [starry_night], settings, weights=vgg), 6, None))
    first, second = iterate.snapshot(), iterate.snapshot()
    large = [name for name, array in first.items() if array.size >= first["picture"].size]
    assert len(large) >= 8, "picture, best, last move and gradient, the pairs, the average's sum, the plateau's picture"
    for name in large:
        assert np.shares_memory(first[name], second[name]), name


def painted(vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, **rest: Any) -> list[Iterate]:
    settings = Settings(**SHALLOW, scales=(32,), steps=7, optimizer="adam")
    return list(paint(rocket, [starry_night], settings, weights=vgg, **rest))


def test_how_a_scale_is_run_is_said_on_its_first_step(
    vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray
) -> None:
    """And not when a scale goes on from a checkpoint: it was said then, and its pairs are those it had."""
    iterates = painted(vgg, rocket, starry_night)
    assert [iterate.scale for iterate in iterates] == [1, 1, 1, 1, 2, 2, 2]
    assert [iterate.step for iterate in iterates if iterate.tiling is not None] == [1, 5]
    settings = Settings(**SHALLOW, scales=(32,), steps=7, optimizer="adam")
    layers = vgg19.up_to("block2_conv1")
    inputs = InputSizes(rocket.shape[1::-1], (starry_night.shape[1::-1],))
    scales = plan_scales(*rocket.shape[1::-1], settings)
    tilings = memory_use.choose_all(scales, layers, settings, float("inf"), inputs=inputs)
    assert [iterate.tiling for iterate in iterates if iterate.tiling is not None] == list(tilings.values())
    assert {iterate.peak_bytes for iterate in iterates} == {max(tiling.bytes for tiling in tilings.values())}
    inside = next(itertools.islice(paint(rocket, [starry_night], settings, weights=vgg), 2, None)).snapshot()
    rest = painted(vgg, rocket, starry_night, resume=inside)
    assert [iterate.step for iterate in rest if iterate.tiling is not None] == [5]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_checkpoint_that_was_taken_back_is_let_go_of(
    vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, optimizer: str
) -> None:
    """Its numbers are the optimiser's now: kept beside them, they would cost as much memory again to the end."""
    settings = Settings(**SHALLOW, scales=(), steps=9, optimizer=optimizer)
    before = paint(rocket, [starry_night], settings, weights=vgg)
    resume = {name: array.copy() for name, array in next(itertools.islice(before, 5, None)).snapshot().items()}
    held = {name: weakref.ref(array) for name, array in resume.items()}
    after = paint(rocket, [starry_night], settings, weights=vgg, resume=resume)
    del resume
    assert next(after).step == 7
    assert [name for name, array in held.items() if array() is not None] == []
