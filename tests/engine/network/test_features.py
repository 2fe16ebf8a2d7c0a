"""VGG19's features against Keras' own model, and their gradients against two references in float64."""

from __future__ import annotations

import gc
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from styled import vgg19
from styled.engine.network import device, winograd
from styled.engine.network.features import FeatureExtractor
from styled.sizing import winograd as winograd_sizes
from styled.vgg19.weights import Weights
from tests.engine.pictures import random_picture

pytestmark = pytest.mark.tensorflow

EVERY_BLOCK = ("block1_conv1", "block2_conv2", "block3_conv4", "block4_conv2", "block5_conv1")

SIZES = ((32, 48), (37, 51))
"""Height and width of the pictures that Keras sees too: with whole cells of block 5, and not."""

POOLS = {
    "max": lambda x: tf.nn.pool(x, [2, 2], "MAX", strides=[2, 2]),
    "average": lambda x: 1.4 * tf.nn.pool(x, [2, 2], "AVG", strides=[2, 2]),
    "l2": lambda x: 0.64 * tf.maximum(4 * tf.nn.pool(x**2, [2, 2], "AVG", strides=[2, 2]), 1e-12) ** 0.5,
}


def reference(
    weights: Weights, image: tf.Tensor, *, pooling: str = "max", padding: str = "SYMMETRIC"
) -> dict[str, tf.Tensor]:
    """VGG19 in the words of its definition: pad by one, convolve, add, clip below, pool between the blocks."""
    x = image[..., ::-1] - tf.constant(vgg19.MEAN_BGR, image.dtype)
    result, block = {}, 1
    for layer in vgg19.CONVOLUTIONS:
        if layer.block != block:
            x, block = POOLS[pooling](x), layer.block
        mode = padding if layer is vgg19.CONVOLUTIONS[0] else "CONSTANT"
        x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode=mode)
        kernel = tf.constant(weights.kernels[layer.name], image.dtype)
        x = tf.maximum(tf.nn.conv2d(x, kernel, 1, "VALID") + tf.constant(weights.biases[layer.name], image.dtype), 0)
        result[layer.name] = x
    return result


@pytest.fixture(scope="module")
def keras_features(vgg: Weights) -> dict[tuple[int, int], list[np.ndarray]]:
    """What every block of ``EVERY_BLOCK`` gives in Keras' VGG19 with the packaged weights, by the picture's size.

    The model is gone before ours is built: each takes 100 MB and more.
    """
    model = keras.applications.VGG19(include_top=False, weights=None)
    for name in vgg.kernels:
        model.get_layer(name).set_weights([vgg.kernels[name], vgg.biases[name]])
    model = keras.Model(model.input, [model.get_layer(name).output for name in EVERY_BLOCK])
    found = {}
    for size in SIZES:
        image = keras.applications.vgg19.preprocess_input(random_picture(*size, dtype=np.float32))
        found[size] = [each.numpy() for each in model(image)]
    del model
    keras.backend.clear_session()
    gc.collect()
    device.give_back_freed_memory()
    return found


class TestAgainstKeras:
    @pytest.mark.parametrize("fast", [False, True])
    def test_features_equal_keras_vgg19s(
        self, vgg: Weights, keras_features: dict[tuple[int, int], list[np.ndarray]], fast: bool
    ) -> None:
        extractor = FeatureExtractor(vgg, EVERY_BLOCK, padding="zero", fast=fast)
        for size in SIZES:
            ours = extractor(tf.constant(random_picture(*size, dtype=np.float32)))
            for name, expected in zip(EVERY_BLOCK, keras_features[size], strict=True):
                assert ours[name].shape == expected.shape, name
                np.testing.assert_allclose(ours[name], expected, atol=2e-5 * np.max(expected), err_msg=name)

    def test_replicate_padding_differs_only_at_the_border_of_the_first_layer(self, vgg: Weights) -> None:
        image = tf.constant(random_picture(16, 20, dtype=np.float32))
        zero = FeatureExtractor(vgg, ["block1_conv1"], padding="zero")(image)["block1_conv1"].numpy()
        replicate = FeatureExtractor(vgg, ["block1_conv1"])(image)["block1_conv1"].numpy()
        np.testing.assert_allclose(replicate[:, 1:-1, 1:-1], zero[:, 1:-1, 1:-1], atol=1e-3)
        assert np.abs(replicate - zero)[:, 0].max() > 1


class TestPadding:
    def test_a_plain_image_has_the_same_features_at_its_border(self, vgg: Weights) -> None:
        plain = tf.constant(np.full((1, 12, 10, 3), (250, 20, 90), np.float32))
        seen = FeatureExtractor(vgg, ["block1_conv1"])(plain)["block1_conv1"].numpy()
        np.testing.assert_allclose(seen, np.broadcast_to(seen[:, 5:6, 5:6], seen.shape), atol=1e-3)

    def test_zero_padding_shows_as_a_frame(self, vgg: Weights) -> None:
        plain = tf.constant(np.full((1, 12, 10, 3), (250, 20, 90), np.float32))
        seen = FeatureExtractor(vgg, ["block1_conv1"], padding="zero")(plain)["block1_conv1"].numpy()
        assert np.abs(seen[:, 0] - seen[:, 5]).max() > 10

    def test_zero_padding_follows_the_definition(self, narrow: Weights) -> None:
        image = tf.constant(random_picture(18, 21))
        ours = FeatureExtractor(narrow, ["block1_conv2"], padding="zero", precision=tf.float64)(image)
        expected = reference(narrow, image, padding="CONSTANT")["block1_conv2"]
        np.testing.assert_allclose(ours["block1_conv2"], expected, rtol=1e-9, atol=1e-9)


class TestPooling:
    def test_each_kind_follows_the_definition_and_they_differ(self, narrow: Weights) -> None:
        image = tf.constant(random_picture(35, 33))
        pooled = {}
        for kind in POOLS:
            extractor = FeatureExtractor(narrow, EVERY_BLOCK, pooling=kind, precision=tf.float64)
            pooled[kind] = extractor(image)
            expected = reference(narrow, image, pooling=kind)
            for name in EVERY_BLOCK:
                np.testing.assert_allclose(pooled[kind][name], expected[name], rtol=1e-9, atol=1e-9, err_msg=name)
        for one, other in itertools.combinations(pooled.values(), 2):
            assert not np.allclose(one["block2_conv2"], other["block2_conv2"], rtol=0.01)

    def test_activations_stay_about_as_large_whatever_the_kind(self, vgg: Weights, starry_night: np.ndarray) -> None:
        """Else each kind would need weights of its own."""
        image = tf.constant(starry_night[None].astype(np.float32))
        sizes = {}
        for kind in POOLS:
            features = FeatureExtractor(vgg, EVERY_BLOCK, pooling=kind)(image)
            sizes[kind] = np.array([float(tf.reduce_mean(features[name] ** 2)) ** 0.5 for name in EVERY_BLOCK])
        for kind in ("average", "l2"):
            ratios = sizes[kind] / sizes["max"]
            assert ratios.min() > 0.6, ratios
            assert ratios.max() < 1.5, ratios

    def test_empty_cells_have_no_slope_that_is_not_a_number(self, narrow: Weights) -> None:
        """The root of a sum of squares has none at zero, and ReLU makes many zeros."""
        extractor = FeatureExtractor(narrow, ["block2_conv1"], pooling="l2", precision=tf.float64)
        x = tf.zeros((1, 4, 4, 3), tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(x)
            pooled = extractor.pool(x)
        assert np.isfinite(tape.gradient(pooled, x).numpy()).all()


class TestLayers:
    def test_nothing_deeper_than_the_deepest_layer_asked_for_exists(self, vgg: Weights) -> None:
        extractor = FeatureExtractor(vgg, ["block2_conv1", "block1_conv1"])
        built = [layer.name for layer in extractor.convolutions]
        assert built == ["block1_conv1", "block1_conv2", "block2_conv1"]
        assert list(extractor._layers) == built

    def test_deeper_weights_are_not_needed(self, vgg: Weights) -> None:
        few = Weights(
            {"block1_conv1": vgg.kernels["block1_conv1"]}, {"block1_conv1": vgg.biases["block1_conv1"]}, "", ""
        )
        assert list(FeatureExtractor(few, ["block1_conv1"])(tf.zeros((1, 8, 8, 3)))) == ["block1_conv1"]

    def test_only_the_layers_asked_for_are_given(self, narrow: Weights) -> None:
        given = FeatureExtractor(narrow, ["block3_conv1", "block1_conv2"], precision=tf.float64)(
            tf.constant(random_picture(16, 16))
        )
        assert set(given) == {"block1_conv2", "block3_conv1"}

    @pytest.mark.parametrize("precision", [tf.float32, tf.bfloat16, tf.float64])
    def test_features_come_in_the_precision_asked_for(self, vgg: Weights, precision: tf.DType) -> None:
        given = FeatureExtractor(vgg, ["block1_conv1"], precision=precision)(tf.zeros((1, 8, 8, 3)))
        assert given["block1_conv1"].dtype == precision


class TestGradient:
    """The weighted sum of one layer's features, whose gradient is known in two other ways."""

    @pytest.mark.parametrize("name", vgg19.LAYER_NAMES)
    @pytest.mark.parametrize(("pooling", "padding"), [("max", "replicate"), ("average", "zero"), ("l2", "replicate")])
    def test_every_layers_gradient_is_that_of_automatic_differentiation(
        self, narrow: Weights, name: str, pooling: str, padding: str
    ) -> None:
        image = tf.constant(random_picture(19, 34, seed=3))
        ours, expected = _gradients(narrow, image, name, pooling, padding)
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())

    @pytest.mark.parametrize("name", vgg19.LAYER_NAMES)
    def test_every_layers_gradient_is_that_of_finite_differences(self, narrow: Weights, name: str) -> None:
        extractor = FeatureExtractor(narrow, [name], precision=tf.float64)
        image = tf.constant(random_picture(18, 17, seed=4))
        weighting = np.random.default_rng(1).normal(size=extractor(image)[name].shape)

        def value(at: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(extractor(at)[name] * weighting)

        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = value(image)
        gradient = tape.gradient(loss, image).numpy()
        # Along the gradient itself the slope is its length; a step this short crosses no kink of a ReLU.
        for direction in (gradient / np.linalg.norm(gradient), np.random.default_rng(2).normal(size=image.shape)):
            ahead, behind = value(image + 1e-6 * direction), value(image - 1e-6 * direction)
            slope = float(ahead - behind) / 2e-6
            assert slope == pytest.approx(float(np.sum(gradient * direction)), rel=1e-5)

    def test_winograds_convolution_has_the_same_gradient(
        self, narrow: Weights, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = []
        convolve = winograd.convolve
        monkeypatch.setattr(winograd, "convolve", lambda x, kernel: calls.append(1) or convolve(x, kernel))
        monkeypatch.setattr(winograd_sizes, "CHANNELS", 1)
        monkeypatch.setattr(winograd_sizes, "ELEMENTS", 1)
        single = Weights(
            *(
                {name: array.astype(np.float32) for name, array in part.items()}
                for part in (narrow.kernels, narrow.biases)
            ),
            digest="",
            source="",
        )
        image = tf.constant(random_picture(35, 38, dtype=np.float32))
        fast, direct = (_gradient(FeatureExtractor(single, EVERY_BLOCK, fast=fast), image) for fast in (True, False))
        layers = len(vgg19.up_to(EVERY_BLOCK[-1]))
        # All but the first, which repeats the border.
        assert len(calls) == 2 * (layers - 1), "not every layer went through Winograd's convolution, forth and back"
        assert np.linalg.norm(fast - direct) < 1e-4 * np.linalg.norm(direct)

    def test_wide_layers_of_vgg19_have_the_same_gradient_by_winograd(self, vgg: Weights) -> None:
        image = tf.constant(random_picture(33, 30, dtype=np.float32))
        layers = ["block3_conv1", "block4_conv1"]
        fast, direct = (_gradient(FeatureExtractor(vgg, layers, fast=fast), image) for fast in (True, False))
        assert np.linalg.norm(fast - direct) < 1e-4 * np.linalg.norm(direct)

    def test_in_bfloat16_winograds_convolution_is_not_used(self, vgg: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(winograd, "transform_kernel", lambda kernel: pytest.fail("used"))
        FeatureExtractor(vgg, ["block2_conv2"], precision=tf.bfloat16, fast=True)


def _gradient(extractor: FeatureExtractor, image: tf.Tensor) -> np.ndarray:
    with tf.GradientTape() as tape:
        tape.watch(image)
        total = tf.add_n([tf.reduce_mean(tf.square(each)) for each in extractor(image).values()])
    return tape.gradient(total, image).numpy()


def _gradients(weights: Weights, image: tf.Tensor, name: str, pooling: str, padding: str) -> list[np.ndarray]:
    """Return our gradient and automatic differentiation's of one random weighting of one layer."""
    extractor = FeatureExtractor(weights, [name], pooling=pooling, padding=padding, precision=tf.float64)
    border = {"replicate": "SYMMETRIC", "zero": "CONSTANT"}[padding]
    functions = (extractor, lambda at: reference(weights, at, pooling=pooling, padding=border))
    results = []
    for function in functions:
        with tf.GradientTape() as tape:
            tape.watch(image)
            seen = function(image)[name]
            weighting = np.random.default_rng(5).normal(size=seen.shape)
            total = tf.reduce_sum(seen * weighting)
        results.append(tape.gradient(total, image).numpy())
    return results
