"""A picture that stays black and white: the objective seen along grey only."""

from __future__ import annotations

import tensorflow as tf

from styled.engine.network.stepping import Gradient, Tensor, then


def kept_grey(gradient: Gradient) -> Gradient:
    """Return a gradient that moves the three channels alike: its projection onto grey pictures, in the same shape."""

    def along_grey(_image: Tensor, terms: Tensor, slope: Tensor, _given: None) -> tuple[Tensor, Tensor]:
        return terms, tf.broadcast_to(tf.reduce_mean(slope, axis=-1, keepdims=True), slope.shape)

    return then(gradient, along_grey, None, "grey")
