"""What an optimiser's step costs beside the network: at 32x32 px, with an objective of a dozen operations.

    python -m tests.bench.host

Prints milliseconds a step, alone and with 3, 10 and 30 in a call: of the wall clock, the least of many short stretches, and of the
processor (all threads), which a busy machine lengthens less. Then the processor seconds of compiling a single step and several, with the default network at 64 px.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np
import tensorflow as tf

from styled.engine.network import device
from styled.engine.network.graph_cache import GraphCache
from styled.engine.network.stepping import GraphGradient, Optimizer
from styled.engine.objective.gradient import extractor_for
from styled.engine.objective.objective import Objective
from styled.engine.optimise.averaging import Average
from styled.engine.optimise.loop import Loop
from styled.engine.optimise.optimizers import optimizer_for
from styled.settings import Settings

SIDE = 32
STEPS = 900
WARM = 30


def noise(side: int, seed: int) -> Any:
    """A picture, float32, shape (1, side, side, 3), 0..255."""
    return tf.constant(np.random.default_rng(seed).uniform(0.0, 255.0, (1, side, side, 3)), tf.float32)


def bowl(image: Any, bottom: Any) -> tuple[Any, Any]:
    """A quartic bowl that is as steep as the weights of a network are uneven; terms and gradient."""
    away, bends = image - bottom, tf.reshape(tf.linspace(0.001, 1.0, image.shape[1]), [1, -1, 1, 1])
    loss = tf.reduce_sum(bends * away**2 + (away / 100.0) ** 4)
    return tf.stack([loss] * 14), 2.0 * bends * away + 0.04 * (away / 100.0) ** 3


def looped(optimizer: Optimizer) -> Loop:
    """Several steps of it in a call."""
    return Loop(optimizer, Average(optimizer.image, 0.0))


def milliseconds(call: Callable[[], Any], steps: int) -> tuple[float, float]:
    """Wall clock and processor, a step, where a call does so many."""
    for _ in range(WARM):
        call()
    walls, cpu = [], time.process_time()
    for _ in range(STEPS // 30):
        began = time.monotonic()
        for _ in range(30 // steps):
            call()
        walls.append(time.monotonic() - began)
    return 1e3 * min(walls) / 30, 1e3 * (time.process_time() - cpu) / STEPS


def compiling(call: Callable[[], Any]) -> float:
    """Processor seconds of a first call, less those of a later one."""
    seconds = []
    for _ in range(4):
        before = time.process_time()
        call()
        seconds.append(time.process_time() - before)
    return seconds[0] - min(seconds[1:])


@click.command(help=__doc__)
def main() -> None:
    device.prepare()
    gradient = GraphGradient(tf.function(bowl, autograph=False), noise(SIDE, 1), "bowl", GraphCache(8))
    for name in ("lbfgs", "adam"):
        optimizer = optimizer_for(Settings(optimizer=name), noise(SIDE, 2), gradient, history=10)
        together = looped(optimizer)
        wall, cpu = milliseconds(lambda: optimizer.step().numpy(), 1)  # noqa: B023  # called before the next turn
        click.echo(f"{name}, alone: {wall:.2f} ms, processor {cpu:.2f} ms")
        for steps in (3, 10, 30):
            wall, cpu = milliseconds(lambda: together.run(steps).numpy(), steps)  # noqa: B023
            click.echo(f"{name}, {steps} in a call: {wall:.2f} ms, processor {cpu:.2f} ms")
    settings = Settings()
    network = extractor_for(settings)
    for side in (56, 64, 72):  # the first one also loads what TensorFlow loads late
        content = noise(side, 1)
        objective = Objective(network, content, [noise(side, 2)], settings).compiled(content)
        optimizer = optimizer_for(settings, content, objective, history=10)
        alone = compiling(lambda: optimizer.step().numpy())  # noqa: B023
        several = compiling(lambda: looped(optimizer).run(1).numpy())  # noqa: B023
        click.echo(f"compiling at {side} px: a step {alone:.2f} s, several {several:.2f} s more")


if __name__ == "__main__":
    main()
