"""A picture that stays black and white: the objective seen along grey only."""

from __future__ import annotations

import tensorflow as tf

from styled.engine.network.stepping import Gradient, Tensor


def kept_grey(gradient: Gradient) -> Gradient:
    """Return a gradient that moves the three channels alike: its projection onto grey pictures, in the same shape."""

    def along_grey(image: Tensor) -> tuple[Tensor, Tensor]:
        terms, slope = gradient(image)
        return terms, tf.broadcast_to(tf.reduce_mean(slope, axis=-1, keepdims=True), slope.shape)

    return along_grey
