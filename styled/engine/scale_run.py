"""One scale being painted: its optimiser, the average of its iterates, and whether it has come to rest."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from styled.engine.network.graph_cache import is_kept
from styled.engine.network.stepping import GraphGradient, Optimizer, State, Stateful, Tensor, in_place
from styled.engine.optimise.averaging import Average
from styled.engine.optimise.loop import Loop
from styled.engine.optimise.plateau import Plateau
from styled.engine.pace import Pace
from styled.settings import Settings
from styled.sizing.scales import Scale


class Ran(NamedTuple):
    """Steps of one call."""

    terms: list[list[float]]
    """For each, the loss terms at the picture that it started from."""
    step_seconds: float
    """What each of them took."""


class ScaleRun:
    """A scale from its first step to its last.

    Args:
        index: of the scale, from 0.
        scale: its size and steps.
        optimizer: started at the scale's first picture.
        settings: ``average`` and ``stop`` are used.
    """

    def __init__(self, index: int, scale: Scale, optimizer: Optimizer, settings: Settings) -> None:
        self.index, self.scale, self.optimizer = index, scale, optimizer
        self.done = 0
        """Steps done at this scale."""
        self._average = Average(optimizer.image, settings.average)
        self._plateau = Plateau(optimizer.image, is_asked=settings.stop == "plateau")
        self._parts: dict[str, Stateful] = {
            "optimizer": optimizer,
            "average": self._average,
            "plateau": self._plateau,
        }
        self._good: Tensor | None = None
        is_graph = isinstance(optimizer.gradient, GraphGradient) and is_kept(3 * scale.pixels)
        self._loop = Loop(optimizer, self._average) if is_graph else None
        self._pace = Pace()
        self._has_stepped = False

    @property
    def is_flat(self) -> bool:
        """Nothing visible changes any more."""
        return self._plateau.reached

    @property
    def steps_left(self) -> int:
        """Steps that are still to be done here."""
        return 0 if self.is_flat else self.scale.steps - self.done

    @property
    def step_seconds(self) -> float | None:
        """What a step takes lately; None while unknown, as the first one also compiles."""
        return self._pace.step_seconds

    def run(self, at_most: int) -> Ran:
        """Do a step, or several in one call where that saves time.

        Args:
            at_most: steps, at least 1. The first whose loss is no number is the last.
        """
        began = time.monotonic()
        steps, loop = min(at_most, self.steps_left, self._plateau.steps_left, self._pace.steps_in_a_call), self._loop
        if steps > 1 and loop is not None and loop.saves_time(self.steps_left):
            compiles = not loop.is_compiled
            terms = self._several(loop, 1 if compiles else steps)
        else:
            compiles = not self._has_stepped
            terms = [self._step()]
        self._has_stepped = True
        seconds = time.monotonic() - began
        if not compiles:
            self._pace.took(seconds, len(terms))
        return Ran(terms, seconds / len(terms))

    def _step(self) -> list[float]:
        start = self._average.picture()
        terms = [float(term) for term in self.optimizer.step().numpy()]
        self.done += 1
        diverged = not np.isfinite(terms[0])
        if not diverged:
            self._average.add(self.optimizer.image)
            self._plateau.look(self._average.picture())
        if self._good is None or not diverged:
            self._good = start  # its loss is the last one that was a number
        return terms

    def _several(self, loop: Loop, steps: int) -> list[list[float]]:
        """Do what so many calls of :meth:`_step` do; not at the scale's first step."""
        terms: list[list[float]] = loop.run(steps).numpy().tolist()
        self.done += len(terms)
        finite = sum(math.isfinite(row[0]) for row in terms)
        if finite > 0:
            self._good = self._average.followed(finite)
        if finite == len(terms):
            self._plateau.look(self._average.picture(), finite)
        return terms

    def picture(self, *, diverged: bool = False) -> npt.NDArray[np.float32]:
        """Return the average, or when the last step has diverged the last good one; shape (H, W, 3)."""
        image = self._good if diverged and self._good is not None else self._average.picture()
        array: npt.NDArray[np.float32] = in_place(image)[0]
        return array

    def state(self) -> State:
        """Return all that a checkpoint needs, the optimiser's picture as ``picture``; later steps change none of it."""
        # A scale that is at rest is left when it is restored, as it is when it is not.
        done = self.scale.steps if self.is_flat else self.done
        states = {part: held.state().items() for part, held in self._parts.items()}
        named = {f"{part}.{name}": _kept(value) for part, state in states.items() for name, value in state}
        return {"picture": in_place(self.optimizer.image)[0], "done": np.array([done]), **named}

    def restore(self, state: State) -> None:
        """Take back what :meth:`state` gave, out of it, but for the picture, which the optimiser was started at."""
        self.done = int(state["done"][0])
        for part, held in self._parts.items():
            names = [name for name in state if name.startswith(f"{part}.")]
            held.restore({name.removeprefix(f"{part}."): state.pop(name) for name in names})

    def close(self) -> None:
        """Release all arrays, also where references to this remain; it cannot be used any more."""
        del self.optimizer, self._average, self._plateau, self._parts, self._good, self._loop


def _kept(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return what stays as it is: what may be written is copied, what is TensorFlow's stays so while it is held."""
    return array.copy() if array.flags.writeable else array
