"""The whole objective in float64: its terms by their formulas, its gradient by finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.network.features import FeatureExtractor
from styled.engine.objective.objective import TERMS, Objective, layer_terms
from styled.engine.objective.style_weights import style_weights
from styled.settings import Settings
from styled.vgg19.weights import Weights
from tests.engine.pictures import random_picture

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("one_by_one")]

LAYERS = {
    "content_layers": {"block2_conv2": 0.5, "block4_conv2": 2.0},
    "style_layers": {"block1_conv1": 1.0, "block3_conv1": 0.25, "block5_conv1": 3.0},
}
SETTINGS = Settings(content_weight=3.0, style_weight=0.02, tv_weight=0.07, **LAYERS)

CONTENT = tf.constant(random_picture(20, 33, seed=1))
STYLE = tf.constant(random_picture(37, 18, seed=2))
OTHER_STYLE = tf.constant(random_picture(16, 40, seed=3))
IMAGE = tf.constant(random_picture(20, 33, seed=4))


@pytest.fixture(scope="module")
def extractor(narrow: Weights) -> FeatureExtractor:
    return FeatureExtractor(
        narrow, {*LAYERS["content_layers"], *LAYERS["style_layers"]}, pooling="average", precision=tf.float64
    )


def build(extractor: FeatureExtractor, styles: list[tf.Tensor] | None = None, **changes: object) -> Objective:
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__struct_fields__} | changes
    return Objective(extractor, CONTENT, styles or [STYLE], Settings(**values))


def gram(features: tf.Tensor) -> np.ndarray:
    flat = features.numpy().reshape(-1, features.shape[-1])
    return flat.T @ flat / len(flat)


def test_each_term_is_its_formula(extractor: FeatureExtractor) -> None:
    ours, content, style = extractor(IMAGE), extractor(CONTENT), extractor(STYLE)
    expected_content = 3.0 * sum(
        weight * np.mean((ours[name].numpy() - content[name].numpy()) ** 2)
        for name, weight in LAYERS["content_layers"].items()
    )
    expected_style = 0.02 * sum(
        weight * np.mean((gram(ours[name]) - gram(style[name])) ** 2) / ours[name].shape[-1] ** 2
        for name, weight in LAYERS["style_layers"].items()
    )
    down, right = np.diff(IMAGE.numpy(), axis=1), np.diff(IMAGE.numpy(), axis=2)
    expected_tv = 0.07 * (np.mean(down**2) + np.mean(right**2))
    terms = dict(zip(TERMS, build(extractor).terms(IMAGE).numpy()[:4], strict=True))
    assert terms["content"] == pytest.approx(expected_content, rel=1e-10)
    assert terms["style"] == pytest.approx(expected_style, rel=1e-10)
    assert terms["tv"] == pytest.approx(expected_tv, rel=1e-10)
    assert terms["total"] == pytest.approx(expected_content + expected_style + expected_tv, rel=1e-10)
    assert min(terms.values()) > 0.001 * terms["total"], "a term too small to be tested"


def test_the_layers_terms_are_their_parts_of_content_and_style(extractor: FeatureExtractor) -> None:
    """A layer's term is what the loss falls by without the layer; together they are the whole."""
    values = build(extractor).terms(IMAGE).numpy()
    layers = dict(zip(layer_terms(SETTINGS), values[len(TERMS) :], strict=True))
    for term, kind in ((1, "content"), (2, "style")):
        names = [name.removeprefix(f"{kind}.") for name in layers if name.startswith(kind)]
        assert names == list(LAYERS[f"{kind}_layers"])
        assert sum(layers[f"{kind}.{name}"] for name in names) == pytest.approx(values[term], rel=1e-10)
        for left_out in names:
            rest = {name: weight * (name != left_out) for name, weight in LAYERS[f"{kind}_layers"].items()}
            if any(rest.values()):
                without = build(extractor, **{f"{kind}_layers": rest}).terms(IMAGE).numpy()[term]
                assert layers[f"{kind}.{left_out}"] == pytest.approx(values[term] - without, rel=1e-9)


def test_the_total_gradient_is_that_of_finite_differences(extractor: FeatureExtractor) -> None:
    """Along the gradient, along noise, and for single pixels in a corner, at a border and inside."""
    objective = build(extractor)
    _, gradient = objective.value_and_gradient(IMAGE)
    gradient = gradient.numpy()
    directions = [gradient / np.linalg.norm(gradient), np.random.default_rng(0).normal(size=gradient.shape)]
    for place in [(0, 0, 0, 0), (0, 19, 7, 1), (0, 9, 32, 2), (0, 10, 15, 1)]:
        directions.append(np.zeros(gradient.shape))
        directions[-1][place] = 1.0
    for direction in directions:
        ahead, behind = (float(objective.terms(IMAGE + sign * 1e-4 * direction)[0]) for sign in (1, -1))
        assert (ahead - behind) / 2e-4 == pytest.approx(float(np.sum(gradient * direction)), rel=1e-4)


def test_it_gives_the_terms_at_the_same_picture_as_the_gradient(extractor: FeatureExtractor) -> None:
    objective = build(extractor)
    terms, gradient = objective.value_and_gradient(IMAGE)
    np.testing.assert_array_equal(terms, objective.terms(IMAGE))
    assert gradient.shape == IMAGE.shape
    assert gradient.dtype == tf.float64


class TestTargets:
    def test_at_the_content_the_content_loss_is_zero(self, extractor: FeatureExtractor) -> None:
        assert float(build(extractor).terms(CONTENT)[1]) == 0.0

    def test_at_the_style_the_style_loss_is_zero(self, extractor: FeatureExtractor) -> None:
        objective = Objective(extractor, STYLE, [STYLE], SETTINGS)
        assert float(objective.terms(STYLE)[2]) == pytest.approx(0.0, abs=1e-20)

    @pytest.mark.parametrize(("term", "weight"), [(1, "content_weight"), (2, "style_weight"), (3, "tv_weight")])
    def test_a_weight_of_zero_leaves_its_term_out(self, extractor: FeatureExtractor, term: int, weight: str) -> None:
        full, without = build(extractor).terms(IMAGE).numpy(), build(extractor, **{weight: 0.0}).terms(IMAGE).numpy()
        assert full[term] > 0
        assert without[term] == 0.0
        assert without[0] == pytest.approx(full[0] - full[term], rel=1e-9)

    def test_a_layer_of_weight_zero_changes_nothing(self, extractor: FeatureExtractor) -> None:
        without = {name: weight for name, weight in LAYERS["style_layers"].items() if name != "block3_conv1"}
        zero = LAYERS["style_layers"] | {"block3_conv1": 0.0}
        terms = [build(extractor, style_layers=layers).terms(IMAGE).numpy() for layers in (without, zero)]
        np.testing.assert_allclose(*terms, rtol=1e-12)


class TestSeveralStyles:
    def test_the_gradient_is_that_of_the_weighted_sum_of_the_styles_losses(self, extractor: FeatureExtractor) -> None:
        alone = {"content_weight": 0.0, "tv_weight": 0.0}
        _, blended = build(extractor, [STYLE, OTHER_STYLE], style_weights=(3.0, 1.0), **alone).value_and_gradient(IMAGE)
        _, first = build(extractor, [STYLE], **alone).value_and_gradient(IMAGE)
        _, second = build(extractor, [OTHER_STYLE], **alone).value_and_gradient(IMAGE)
        expected = (0.75 * first + 0.25 * second).numpy()
        assert np.linalg.norm(first - second) > 0.01 * np.linalg.norm(expected)
        np.testing.assert_allclose(blended, expected, rtol=1e-8, atol=1e-12 * np.abs(expected).max())

    def test_the_value_differs_from_the_weighted_sum_by_a_constant(self, extractor: FeatureExtractor) -> None:
        both = build(extractor, [STYLE, OTHER_STYLE], style_weights=(3.0, 1.0))
        single = [build(extractor, [style]) for style in (STYLE, OTHER_STYLE)]
        lost = [
            0.75 * float(single[0].terms(at)[2]) + 0.25 * float(single[1].terms(at)[2]) - float(both.terms(at)[2])
            for at in (IMAGE, CONTENT)
        ]
        assert lost[0] == pytest.approx(lost[1], rel=1e-8)
        assert lost[0] > 0

    def test_a_style_of_weight_zero_does_not_count(self, extractor: FeatureExtractor) -> None:
        one = build(extractor, [STYLE]).terms(IMAGE)
        ignored = build(extractor, [STYLE, OTHER_STYLE], style_weights=(2.0, 0.0)).terms(IMAGE)
        np.testing.assert_allclose(one, ignored, rtol=1e-12)

    def test_the_weights_add_up_to_one(self) -> None:
        assert style_weights(Settings(style_weights=(1.0, 3.0)), 2) == [0.25, 0.75]
        assert style_weights(Settings(), 4) == [0.25] * 4
