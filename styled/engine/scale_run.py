"""One scale being painted: its optimiser, the average of its iterates, and whether it has come to rest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from styled.engine.network.stepping import Optimizer, State, Stateful, Tensor, in_place
from styled.engine.optimise.averaging import Average
from styled.engine.optimise.plateau import Plateau
from styled.settings import Settings
from styled.sizing.scales import Scale


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

    @property
    def is_flat(self) -> bool:
        """Nothing visible changes any more."""
        return self._plateau.reached

    @property
    def steps_left(self) -> int:
        """Steps that are still to be done here."""
        return 0 if self.is_flat else self.scale.steps - self.done

    def step(self) -> list[float]:
        """Do one step; return the loss terms at the picture it started from."""
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
        del self.optimizer, self._average, self._plateau, self._parts, self._good


def _kept(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return what stays as it is: what may be written is copied, what is TensorFlow's stays so while it is held."""
    return array.copy() if array.flags.writeable else array
