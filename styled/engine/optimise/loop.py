"""Several steps of an optimiser as one graph, which ends sooner when a loss is no number.

Starting a graph takes the host a millisecond or two, whatever the picture's size. Where a step is short that is much of
it; on a GPU, which waits meanwhile, more so. The graph has the operations of single steps in their order: the numbers are
the same, to the bit. Compiling it takes as long as some five hundred steps save, so it is for processes that do so many of a
shape. Not for tiles: their step is no one graph, and takes longer than a call may.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf

from styled.engine.network.stepping import GraphGradient, Method, Optimizer, Tensor
from styled.engine.optimise.averaging import Average

SAVED_S = 0.0015
"""Seconds that a step saves in such a graph. Measured on two cores: one of L-BFGS at 32x32 px takes 1.1 ms of processor time
there, 2.8 by itself (`tests/bench/host.py`)."""

COMPILING_S = 0.8
"""Seconds that it takes to compile, where the graphs of single steps are there already. Measured on two cores, at 64 px."""


class Loop:
    """An optimiser's steps, and what the average makes of them.

    Args:
        optimizer: its gradient must be a :class:`~styled.engine.network.stepping.GraphGradient`.
        average: of its pictures.
    """

    def __init__(self, optimizer: Optimizer, average: Average) -> None:
        if not isinstance(optimizer.gradient, GraphGradient):
            raise TypeError("the objective is not one graph")
        self._optimizer, self._average, self._gradient = optimizer, average, optimizer.gradient

    @property
    def _key(self) -> Hashable:
        return self._gradient.key, self._optimizer.method.key, self._average.key

    def saves_time(self, left: int) -> bool:
        """Return whether it is compiled, or is worth it: for ``left`` steps, and those done one by one for other pictures too.

        A process that paints many pictures of a shape so compiles it when it would have saved as much as that takes.
        """
        alone = self._optimizer.method.steps_alone
        return self.is_compiled or (alone + left) * SAVED_S > COMPILING_S

    @property
    def is_compiled(self) -> bool:
        """The graph is there already, from this picture or an earlier one."""
        return self._key in self._gradient.loops

    def run(self, steps: int) -> Tensor:
        """Do so many steps, at least 1, or those up to the first whose loss is no number; return their terms, (steps, n)."""
        gradient, optimizer, average = self._gradient, self._optimizer, self._average
        graph = gradient.loops.get(
            self._key,
            lambda: _graph(gradient.function, optimizer.method, average.follow),
            elements=_elements(optimizer),
        )
        table, optimizer.numbers = graph(
            tf.constant(steps, tf.int32), gradient.targets, optimizer.vectors, optimizer.numbers, average.variables
        )
        return table


def _elements(optimizer: Optimizer) -> int:
    return int(optimizer.image.shape.num_elements())


def _graph(
    function: Callable[[Tensor, Any], tuple[Tensor, Tensor]], method: Method, follow: Callable[..., None]
) -> Callable[..., tuple[Tensor, Any]]:
    """Return the steps of a method down the gradient that ``function`` gives, for pictures of one shape, as a graph."""

    def run(steps: Tensor, targets: Any, vectors: Any, numbers: Any, averaged: Any) -> tuple[Tensor, Any]:
        def is_next(done: Tensor, is_finite: Tensor, *_: Any) -> Tensor:
            return is_finite & (done < steps)

        def step(done: Tensor, _is_finite: Tensor, table: Any, numbers: Any) -> tuple[Any, ...]:
            before = tf.convert_to_tensor(vectors.image)
            terms, gradient = function(before, targets)
            numbers = method.advanced(terms, method.coordinates(gradient, before), vectors, numbers)
            is_finite = tf.math.is_finite(terms[0])

            def followed() -> bool:  # branches must return something; it is not used
                follow(averaged, before, tf.convert_to_tensor(vectors.image))
                return True

            tf.cond(is_finite, followed, lambda: False)
            return done + 1, is_finite, table.write(done, terms), numbers

        table = tf.TensorArray(vectors.image.dtype, size=steps)
        done, _, table, numbers = tf.while_loop(
            is_next, step, [tf.constant(0), tf.constant(True), table, numbers], parallel_iterations=1
        )
        return table.gather(tf.range(done)), numbers

    graph: Callable[..., tuple[Tensor, Any]] = tf.function(run, autograph=False)
    return graph
