"""The squared distance to the photo's pixels, which holds a picture of little strength to it; whole and tiled share it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from styled.engine.network.stepping import Gradient, then

Tensor = Any


def photo_loss(image: Tensor, photo: Tensor, factor: float) -> Tensor:
    """Return ``factor mean((x - p)^2)``, a scalar; both pictures of shape (1, H, W, 3), 0..255."""
    return factor * tf.reduce_mean(tf.math.squared_difference(image, photo))


def added(terms: Tensor, loss: Tensor) -> Tensor:
    """Return the loss terms with that one: in the total, in the content's, and as the last of the layers'."""
    total, content, *others = tf.unstack(terms)
    return tf.stack([total + loss, content + loss, *others, loss])


def held_to(photo: Tensor, factor: float, gradient: Gradient) -> Gradient:
    """Return an objective's gradient with :func:`photo_loss` added; ``factor`` is positive."""

    def with_photo(image: Tensor, terms: Tensor, slope: Tensor, photo: Tensor) -> tuple[Tensor, Tensor]:
        away = image - photo
        return added(terms, photo_loss(image, photo, factor)), slope + away * (
            2.0 * factor / image.shape.num_elements()
        )

    return then(gradient, with_photo, photo, ("photo", factor))
