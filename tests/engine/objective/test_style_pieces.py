"""A scroll has the style of the picture that it repeats, whole or in tiles."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.network.features import FeatureExtractor
from styled.engine.objective.held_out import held_out_distances
from styled.engine.objective.objective import Objective
from styled.engine.objective.style_pieces import mean_moments, pieces
from styled.engine.objective.tiled import TiledObjective
from styled.settings import Settings
from styled.vgg19.weights import Weights
from tests.engine.pictures import random_picture

pytestmark = pytest.mark.tensorflow

LAYERS = {"content_layers": {"block2_conv1": 1.0}, "style_layers": {"block1_conv1": 1.0, "block2_conv1": 1.0}}


def test_pieces_have_one_shape_and_leave_no_pixel_out() -> None:
    style = np.arange(3 * 100 * 16, dtype=np.float32).reshape(1, 16, 100, 3)
    for turned in (style, style.swapaxes(1, 2)):
        found = [piece.numpy() for piece in pieces(turned, tf.float32)]
        assert len(found) == 3
        assert len({piece.shape for piece in found}) == 1
        assert set(np.concatenate([piece.ravel() for piece in found])) == set(style.ravel())
    (whole,) = pieces(style[:, :, :48], tf.float32)
    np.testing.assert_array_equal(whole, style[:, :, :48])


def test_a_scrolls_moments_are_the_mean_of_its_pieces() -> None:
    style = random_picture(16, 96)
    found = mean_moments(style, tf.float64, lambda piece: {"sum": tf.reduce_sum(piece)})
    assert float(found["sum"]) == pytest.approx(style.sum() / 2)


def test_of_many_pieces_no_more_than_two_moments_are_there_at_once() -> None:
    there: weakref.WeakSet[Moments] = weakref.WeakSet()
    most = []

    class Moments:
        def __init__(self) -> None:
            there.add(self)
            most.append(len(there))

        def __add__(self, _other: Moments) -> Moments:
            return Moments()

        __truediv__ = __add__

    mean_moments(random_picture(8, 8 * 30), tf.float32, lambda _piece: {"a": Moments()})
    assert max(most) <= 3, "of a sum, what it is added to, and the one that comes of both"


@pytest.mark.usefixtures("one_by_one")
def test_the_picture_that_a_scroll_repeats_has_its_style(narrow: Weights) -> None:
    """Before, a scroll was shrunk to the picture's pixels: a tenth of them high, and mostly border."""
    tile = random_picture(32, 96)
    scroll = np.concatenate([tile] * 4, axis=2)  # 12:1: four pieces
    extractor = FeatureExtractor(narrow, {*LAYERS["content_layers"], *LAYERS["style_layers"]}, precision=tf.float64)
    picture = tf.constant(tile)

    def style_loss(style: np.ndarray) -> float:
        return float(Objective(extractor, picture, [style], Settings(**LAYERS)).terms(picture)[2])

    tiled = TiledObjective(extractor, picture, [scroll], Settings(**LAYERS), blocks=5, tile=(64, 32))
    other = style_loss(random_picture(32, 96, seed=1))
    assert style_loss(scroll) < 1e-12 * other
    assert float(tiled.value_and_gradient(picture)[0][2]) < 1e-12 * other


def test_the_distances_of_a_score_see_it_the_same_way(narrow: Weights) -> None:
    tile = random_picture(32, 96)[0].astype(np.uint8)
    scroll = np.concatenate([tile] * 4, axis=1)
    found = held_out_distances(tile, [scroll, scroll[::-1]], Settings(style_weights=(1.0, 0.0)), narrow)
    assert found == pytest.approx(dict.fromkeys(found, 0.0), abs=1e-5)
