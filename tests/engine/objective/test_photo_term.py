"""At strength 0 a picture is the photo, and its grounds stay what they are."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.engine import paint
from styled.engine.objective.objective import PHOTO_TERM, layer_terms
from styled.engine.objective.photo_term import held_to
from styled.engine.objective.term_weights import photo_factor
from styled.settings import Settings
from styled.vgg19.weights import Weights
from tests.engine.pictures import random_picture

pytestmark = pytest.mark.tensorflow

LAYERS = {"content_layers": {"block2_conv1": 1.0}, "style_layers": {"block1_conv1": 1.0, "block2_conv1": 1.0}}


def test_it_adds_to_the_terms_and_to_their_gradient() -> None:
    photo, image = (tf.constant(random_picture(4, 5, seed)) for seed in (1, 2))
    terms, slope = held_to(photo, 7.0, lambda x: (tf.constant([3.0, 1.0, 2.0, 0.0, 1.0], x.dtype), tf.zeros_like(x)))(
        image
    )
    away = image.numpy() - photo.numpy()
    added = 7.0 * np.mean(away**2)
    np.testing.assert_allclose(terms, [3.0 + added, 1.0 + added, 2.0, 0.0, 1.0, added])
    np.testing.assert_allclose(slope, 14.0 * away / away.size)


def test_it_grows_towards_strength_0_and_is_nothing_from_half_on() -> None:
    factors = [photo_factor(Settings(strength=strength)) for strength in (0.0, 0.15, 0.3, 0.45, 0.5, 1.0)]
    assert factors == sorted(factors, reverse=True)
    assert factors[3] > 0.0
    assert factors[4:] == [0.0, 0.0]
    assert PHOTO_TERM in layer_terms(Settings(strength=0.4))
    assert PHOTO_TERM not in layer_terms(Settings(strength=0.5))


def test_paper_stays_white_at_strength_0_and_goes_from_it_steadily(vgg: Weights, starry_night: np.ndarray) -> None:
    """Without the term white paper is some 20 levels darker: the content layer hardly sees an even ground."""
    paper = np.full((32, 48, 3), 255, np.uint8)
    paper[14:18, 10:38] = 0
    away = []
    for strength in (0.0, 0.25, 0.45):
        settings = Settings(
            size=48, steps=12, strength=strength, optimizer="adam", learning_rate=2.0, precision="float32", **LAYERS
        )
        *_, last = paint(paper, [starry_night], settings, weights=vgg)
        away.append(float(np.abs(last.picture() - paper).mean()))
    assert away == sorted(away)
    assert away[0] < 1.0
    assert away[2] > 5.0
