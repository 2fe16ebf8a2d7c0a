"""What weights, strength and normalisation come to."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from styled import images
from styled.engine.engine import paint
from styled.engine.network.features import FeatureExtractor
from styled.engine.objective.objective import Objective
from styled.engine.objective.term_weights import CONTENT_UNIT, content_and_style_weight, content_factors, style_factors
from styled.settings import Settings
from styled.sizing.scales import Scale, style_size
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow


def test_in_the_middle_the_weights_are_those_of_the_settings() -> None:
    assert content_and_style_weight(Settings(content_weight=3.0, style_weight=7.0)) == (3.0, 7.0)


def test_the_ratio_changes_a_thousandfold_to_either_side_evenly() -> None:
    ratios = []
    for strength in np.linspace(0.0, 1.0, 5):
        content, style = content_and_style_weight(Settings(strength=float(strength), content_weight=2.0))
        assert content * style == pytest.approx(2.0 * 1000.0)
        ratios.append(style / content)
    np.testing.assert_allclose([b / a for a, b in itertools.pairwise(ratios)], 1000.0**0.5)


def test_each_layer_has_its_factor() -> None:
    settings = Settings(
        content_weight=2.0, style_weight=3.0, content_layers={"block1_conv1": 5.0, "block2_conv1": 0.0},
        style_layers={"block3_conv1": 7.0, "block1_conv1": 0.0},
    )  # fmt: skip
    target = tf.fill([1, 2, 2, 3], 10.0)
    assert content_factors(settings, {"block1_conv1": target}) == {"block1_conv1": 10.0}
    assert style_factors(settings) == {"block3_conv1": 21.0}
    (of_energy,) = content_factors(Settings(normalize="energy"), {"block4_conv2": target}).values()
    assert of_energy == pytest.approx(40.0 * CONTENT_UNIT / 100.0)


def test_stronger_is_nearer_to_the_style_and_farther_from_the_photo(
    rocket: np.ndarray, starry_night: np.ndarray, vgg: Weights
) -> None:
    """Held results: the losses of three pictures under one and the same objective. Without any it is nearly the photo."""
    scored = Settings(content_weight=1.0, style_weight=1.0)
    extractor = FeatureExtractor(vgg, {*scored.content_layers, *scored.style_layers})
    # Both at the sizes that the engine sees them at.
    rocket = images.resize(rocket, 48, 32)
    starry_night = images.resize(starry_night, *style_size(128, 101, Scale(48, 32, 1), 1.0))
    content, style = (tf.constant(image[None].astype(np.float32)) for image in (rocket, starry_night))
    objective = Objective(extractor, content, [style], scored)
    pictures, contents, styles = [], [], []
    for strength in (0.0, 0.3, 1.0):
        settings = Settings(size=48, steps=8, history=3, strength=strength, content_weight=800.0, precision="float32")
        *_, last = paint(rocket, [starry_night], settings, weights=vgg)
        pictures.append(last.picture())
        _, content_loss, style_loss, *_ = objective.terms(tf.constant(pictures[-1][None])).numpy()
        contents.append(content_loss)
        styles.append(style_loss)
    assert contents == sorted(contents)
    assert styles == sorted(styles, reverse=True)
    assert contents[-1] > 2 * contents[0]
    assert styles[0] > 3 * styles[-1]
    assert 10 * np.log10(255**2 / np.mean((pictures[0] - rocket) ** 2)) > 22
