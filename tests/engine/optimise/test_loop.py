"""Several steps as one graph against the same steps one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.network.graph_cache import GraphCache
from styled.engine.network.stepping import GraphGradient, Optimizer, then
from styled.engine.optimise import loop
from styled.engine.optimise.averaging import Average
from styled.engine.optimise.loop import Loop
from styled.engine.optimise.optimizers import optimizer_for
from styled.settings import Settings

pytestmark = pytest.mark.tensorflow

SHAPE = (1, 8, 9, 3)
START = np.random.default_rng(1).uniform(60.0, 200.0, SHAPE).astype(np.float32)
BOTTOM = np.random.default_rng(2).uniform(60.0, 200.0, SHAPE).astype(np.float32)


def valley(image: Any, bottom: Any) -> tuple[Any, Any]:
    """A bowl, twenty times as steep down as across, with a ditch of no numbers around its bottom."""
    away = image - bottom
    bends = tf.reshape(tf.linspace(1.0, 20.0, SHAPE[1]), [1, -1, 1, 1])
    loss = tf.reduce_sum(bends * tf.square(away))
    return tf.stack([loss, loss]), 2.0 * bends * away


def ditch(image: Any, terms: Any, slope: Any, bottom: Any) -> tuple[Any, Any]:
    is_there = tf.reduce_mean(tf.abs(image - bottom)) < 5.0
    return tf.where(is_there, np.nan, terms), slope


def objective() -> GraphGradient:
    graph = tf.function(valley, autograph=False)
    return GraphGradient(graph, tf.constant(BOTTOM), "valley", GraphCache(4))


def optimizer(name: str, gradient: Any) -> Optimizer:
    settings = Settings(optimizer=name, learning_rate=3.0)
    return optimizer_for(settings, tf.constant(START), gradient, history=3)


def alone(made: Optimizer, average: Average, steps: int) -> np.ndarray:
    """Do single steps, as a scale does; return their terms."""
    table = []
    for _ in range(steps):
        table.append(made.step().numpy())
        average.add(made.image)
    return np.stack(table)


@pytest.mark.parametrize(("name", "decay"), [("adam", 0.0), ("lbfgs", 0.8)])
def test_they_are_single_steps_bit_for_bit_however_many_are_in_a_call(name: str, decay: float) -> None:
    gradient = objective()
    one, several = optimizer(name, gradient), optimizer(name, gradient)
    averages = [Average(each.image, decay) for each in (one, several)]
    expected = alone(one, averages[0], 11)
    before = averages[0].picture().numpy()
    expected = np.concatenate([expected, alone(one, averages[0], 1)])
    together, tables = Loop(several, averages[1]), []
    for steps in (1, 4, 7):
        tables.append(together.run(steps).numpy())
        followed = averages[1].followed(steps)
    np.testing.assert_array_equal(np.concatenate(tables), expected)
    np.testing.assert_array_equal(followed, before)
    np.testing.assert_array_equal(averages[1].picture(), averages[0].picture())
    np.testing.assert_array_equal(several.image, one.image)
    for key, array in one.state().items():
        np.testing.assert_array_equal(several.state()[key], array, err_msg=key)
    assert gradient.function.experimental_get_tracing_count() == 1, "the network was traced twice"


@pytest.mark.parametrize("name", ["adam", "lbfgs"])
def test_a_loss_that_is_no_number_ends_them_and_the_picture_before_is_kept(name: str) -> None:
    gradient = then(objective(), ditch, tf.constant(BOTTOM), "ditch")
    one, several = optimizer(name, gradient), optimizer(name, gradient)
    single, average = Average(one.image, 0.0), Average(several.image, 0.0)
    losses, starts = [1.0], []
    while np.isfinite(losses[-1]):
        starts.append(one.image.numpy())
        losses.append(float(alone(one, single, 1)[0, 0]))
    table = Loop(several, average).run(1000).numpy()
    assert len(table) > 2
    np.testing.assert_array_equal(table[:, 0], np.float32(losses[1:]))
    np.testing.assert_array_equal(average.followed(len(table) - 1), starts[-2])
    np.testing.assert_array_equal(several.image, one.image)


def test_an_explosion_among_them_returns_to_the_best_picture() -> None:
    """L-BFGS decides by what the step before has left, not by what it began with."""

    def wall(image: Any, terms: Any, slope: Any, bottom: Any) -> tuple[Any, Any]:
        return terms * tf.where(tf.reduce_mean(tf.abs(image - bottom)) < 12.0, 1e6, 1.0), slope

    gradient = then(objective(), wall, tf.constant(BOTTOM), "wall")
    one, several = optimizer("lbfgs", gradient), optimizer("lbfgs", gradient)
    expected = alone(one, Average(one.image, 0.0), 12)
    np.testing.assert_array_equal(Loop(several, Average(several.image, 0.0)).run(12), expected)
    assert one.state()["caution"] < 1.0, "it never met the wall"
    np.testing.assert_array_equal(several.image, one.image)


def test_it_is_compiled_when_that_has_paid_and_then_used_for_every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    gradient = objective()
    monkeypatch.setattr(loop, "COMPILING_S", 10.5 * loop.SAVED_S)
    first, second = optimizer("adam", gradient), optimizer("adam", gradient)
    first.method.steps_alone = 0
    average = Average(first.image, 0.0)
    many = Loop(first, average)
    assert many.saves_time(11)
    assert not many.saves_time(10)
    alone(second, Average(second.image, 0.0), 4)
    assert many.saves_time(7), "steps of another picture count"
    assert not many.saves_time(6)
    many.run(1)
    assert Loop(second, Average(second.image, 0.0)).saves_time(1)


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(TypeError, match="not one graph"):
        Loop(optimizer("adam", lambda image: (image, image)), Average(tf.constant(START), 0.0))
