"""VGG19 as a frozen feature extractor, built for gradients with respect to the image only.

The same layers, weights and preprocessing as ``keras.applications.VGG19`` (a test holds the two equal),
run as plain TensorFlow operations instead of a Keras model, for three reasons: no layer deeper than the
deepest asked for exists, convolutions can run in another precision than the image, and the gradient of a
convolution with respect to its input runs as a *forward* convolution with the kernel turned round. On
CPUs TensorFlow's Conv2DBackpropInput costs two to three times as much as that.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled import vgg19
from styled.engine.network import precision, winograd
from styled.engine.network.custom_gradient import custom_gradient
from styled.engine.network.fused import relu_gradient
from styled.engine.network.graph_cache import KEPT, GraphCache
from styled.sizing import winograd as winograd_sizes
from styled.vgg19.weights import Weights

Tensor = Any
"""A ``tf.Tensor``; TensorFlow ships no types."""

Convolve = Callable[[Tensor], Tensor]

Pooling = Literal["max", "average", "l2"]
Padding = Literal["replicate", "zero"]

POOLING_SCALE = {"average": 1.4, "l2": 0.64}
"""Factors after each pool that keep activations about as large as with max pooling, which the deeper layers were
trained for. Measured: within a half, to block5_conv1 (Katherine Crowson's 2.0 and 0.78 in style-transfer-pytorch, for
other weights, make these three and two times too large)."""

FLOAT16_UNIT = 16.0
"""In float16 the network runs on features a sixteenth as large: the true ones reach tens of thousands, and it ends at
65504. (Without biases VGG19 would be homogeneous; they are divided too.)"""

FLOAT16_PIXELS = 1e7
"""In float16 the loss is multiplied by the picture's pixels over this before its gradient is taken, and the gradient
divided by it after: a pixel's share of the gradient falls with their number, and must stay between 6e-8 and 65504."""


class FeatureExtractor:
    """Maps an image to the ReLU outputs of named VGG19 layers.

    Args:
        weights: kernels and biases of at least the layers up to the deepest of ``layers``.
        layers: Keras' layer names; the features are taken after the ReLU, as Gatys et al. do.
        pooling: ``max`` as VGG19 was trained; ``average``, which Gatys et al. (2016), section 2, prefer; or ``l2``, the
            root of the sum of squares. The last two are rescaled, see :data:`POOLING_SCALE`.
        padding: ``replicate`` repeats the border pixels before the first convolution instead of adding
            zeros (mean grey), which shows as a frame in the result; ``zero`` is what VGG19 was trained with.
        precision: dtype of the convolutions, for example ``tf.float32`` or ``tf.bfloat16``.
        fast: use Winograd's convolution for wide and large layers; float32 only, meant for CPUs. Costs four times the
            memory of those kernels (about 400 MB for all layers), once a picture is large enough for it.
    """

    def __init__(
        self,
        weights: Weights,
        layers: Collection[str],
        *,
        pooling: Pooling = "max",
        padding: Padding = "replicate",
        precision: Any = tf.float32,
        fast: bool = False,
    ) -> None:
        self.layers = frozenset(layers)
        self.pooling = pooling
        self.padding = padding
        self.precision = precision
        self.unit = FLOAT16_UNIT if precision == tf.float16 else 1.0
        """What given features have to be multiplied with to be the network's."""
        self.convolutions = vgg19.up_to(vgg19.deepest(self.layers))
        self.graphs: GraphCache[Callable[..., Any]] = GraphCache(3 * KEPT)
        """What was compiled of this network, for a shape's content, style and steps; it goes when the network does."""
        self.loops: GraphCache[Callable[..., Any]] = GraphCache()
        """What was compiled of several steps. Apart: few shapes have one, and it must not make room for itself there."""
        self._layers: dict[str, _Layer] = {}
        for convolution in self.convolutions:
            kernel = np.asarray(weights.kernels[convolution.name])
            if convolution is vgg19.CONVOLUTIONS[0]:
                kernel = kernel[:, :, ::-1, :]  # the weights expect BGR, our images are RGB
            wide = min(convolution.inputs, convolution.outputs) >= winograd_sizes.CHANNELS
            forward = backward = _by_size if fast and wide and precision == tf.float32 else _direct
            if self._repeats_border(convolution):
                forward, backward = _inner, _outer
            self._layers[convolution.name] = _Layer(
                forward=forward(kernel, precision),
                backward=backward(kernel[::-1, ::-1].transpose(0, 1, 3, 2), precision),
                bias=tf.cast(tf.constant(np.asarray(weights.biases[convolution.name]) / self.unit), precision),
            )

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Return the features of the asked layers.

        Args:
            image: float, shape (1, H, W, 3), RGB, 0..255.

        Returns:
            Layer name to features, in the extractor's precision, shape (1, H // stride, W // stride, C).
        """
        return self.run(self.centred(image), self.convolutions)

    def run(
        self, x: Tensor, convolutions: Collection[vgg19.Convolution], *, is_pooled: bool = False
    ) -> dict[str, Tensor]:
        """Run a part of the network.

        Args:
            x: the input of the part: the image minus the mean, or what comes out of the convolution before it.
            convolutions: consecutive; a pool comes before each first convolution of a block but the first block's.
            is_pooled: ``x`` has been through the pool already.

        Returns:
            As a call does; the part's last output is always among them.
        """
        features = {}
        name = ""
        for index, convolution in enumerate(convolutions):
            if convolution.block > 1 and convolution.name.endswith("conv1") and not (index == 0 and is_pooled):
                x = self.pool(x)
            name = convolution.name
            # Two of it where it is read twice: then their gradients come back apart, and are added on the way.
            is_read_twice = name in self.layers and index < len(convolutions) - 1
            outputs = self._convolve(x, convolution, copies=2 if is_read_twice else 1)
            x = outputs[-1]
            if name in self.layers:
                features[name] = outputs[0]
        features[name] = x
        return features

    def channels(self, name: str) -> int:
        """Return how many channels the layer ``name`` gives."""
        return int(self._layers[name].bias.shape[0])

    def centred(self, image: Tensor) -> Tensor:
        """Return ``image`` (1, H, W, 3), RGB 0..255, minus VGG19's mean colour, in the extractor's precision and unit."""
        centred = image - tf.constant(vgg19.MEAN_BGR[::-1], dtype=image.dtype)
        return tf.cast(centred if self.unit == 1.0 else centred * (1.0 / self.unit), self.precision)

    def gradient_scale(self, pixels: int) -> float:
        """Return the power of two that a loss is to be multiplied with for its gradient, see :data:`FLOAT16_PIXELS`."""
        return 2.0 ** round(math.log2(pixels / FLOAT16_PIXELS)) if self.precision == tf.float16 else 1.0

    def pool(self, x: Tensor) -> Tensor:
        """Halve height and width (rounding down) as the setting ``pooling`` requires."""
        if self.pooling == "max":
            return tf.nn.max_pool2d(x, 2, 2, "VALID")
        if self.pooling == "average":
            return POOLING_SCALE["average"] * tf.nn.avg_pool2d(x, 2, 2, "VALID")
        # Squares in float32: float16 ends at 65504. Kept from zero, where a root has no derivative.
        squares = 4.0 * tf.nn.avg_pool2d(tf.square(precision.in_dtype_of_sums(x)), 2, 2, "VALID")
        return tf.cast(POOLING_SCALE["l2"] * tf.sqrt(tf.maximum(squares, 1e-12)), x.dtype)

    def _convolve(self, x: Tensor, convolution: vgg19.Convolution, *, copies: int) -> Sequence[Tensor]:
        layer = self._layers[convolution.name]
        if self._repeats_border(convolution):
            x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="SYMMETRIC")  # by one pixel: repeats the border pixel
        return _relu_of_convolution(x, layer, copies)

    def _repeats_border(self, convolution: vgg19.Convolution) -> bool:
        return self.padding == "replicate" and convolution is vgg19.CONVOLUTIONS[0]


class _Layer(NamedTuple):
    """One convolution, ready to run."""

    forward: Convolve
    backward: Convolve
    """The convolution with the kernel turned round and its channels swapped: the transpose of ``forward``."""
    bias: Tensor


def _direct(kernel: npt.NDArray[np.float32], precision: Any, *, padding: Any = "SAME") -> Convolve:
    held = tf.cast(tf.constant(np.ascontiguousarray(kernel)), precision)
    return lambda x: tf.nn.conv2d(x, held, 1, padding)


def _inner(kernel: npt.NDArray[np.float32], precision: Any) -> Convolve:
    """Convolve only where the kernel lies wholly inside: a pixel less on each side comes out."""
    return _direct(kernel, precision, padding="VALID")


def _outer(kernel: npt.NDArray[np.float32], precision: Any) -> Convolve:
    """Convolve wherever the kernel touches the input, the transpose of :func:`_inner`: a pixel more on each side."""
    return _direct(kernel, precision, padding=[[0, 0], [2, 2], [2, 2], [0, 0]])


def _winograd(kernel: npt.NDArray[np.float32], precision: Any) -> Convolve:
    held = tf.cast(winograd.transform_kernel(kernel), precision)
    return lambda x: winograd.convolve(x, held)


def _by_size(kernel: npt.NDArray[np.float32], precision: Any) -> Convolve:
    """Convolve directly or by Winograd's method, whichever is faster; what each needs is made when first used."""

    @functools.cache
    def made(make: Callable[[npt.NDArray[np.float32], Any], Convolve]) -> Convolve:
        with tf.init_scope():  # outside of the graph that is being traced: the next one uses it too
            return make(kernel, precision)

    def convolve(x: Tensor) -> Tensor:
        is_large = math.prod(x.shape[1:]) >= winograd_sizes.ELEMENTS
        return made(_winograd if is_large else _direct)(x)

    return convolve


def _relu_of_convolution(x: Tensor, layer: _Layer, copies: int) -> Sequence[Tensor]:
    """3x3 convolution, zero padding, bias and ReLU, whose gradient is again a convolution (see the module's text)."""

    @custom_gradient
    def operation(x: Tensor) -> tuple[Sequence[Tensor], Any]:
        y = tf.nn.relu(tf.nn.bias_add(layer.forward(x), layer.bias))

        def gradient(*upstream: Tensor) -> Tensor:
            return layer.backward(relu_gradient(upstream, y))

        return [y, *(tf.identity(y) for _ in range(copies - 1))], gradient  # the tape distinguishes tensors

    outputs: Sequence[Tensor] = operation(x)
    return outputs
