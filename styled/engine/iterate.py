"""What the engine reports: one ``Iterate`` per optimiser step. Plain values, no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from styled.sizing.memory_use import TilingChoice

Picture = npt.NDArray[np.float32]
"""An image: float32, shape (height, width, 3), RGB, sRGB-encoded, range 0..255."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The weighted terms of the objective at one step; they add up to ``total``."""

    total: float
    content: float
    style: float
    tv: float
    layers: dict[str, float] = field(default_factory=dict)
    """What each layer adds to ``content`` or ``style``, weighted, by names such as ``style.block3_conv1``."""


@dataclass(frozen=True, slots=True)
class Iterate:
    """The state of the painting after one step."""

    scale: int
    """Index of the scale, from 1."""
    scales: int
    width: int
    """Of this scale, px."""
    height: int
    step: int
    """Over all scales, from 1."""
    steps: int
    """Planned, over all scales."""
    losses: Losses
    """At the picture this step started from (the price of the step was one gradient there)."""
    step_seconds: float
    """What it took; of several steps in one call, the mean."""
    left_seconds: float | None
    """Predicted time until the last step, None while unknown."""
    picture: Callable[[], Picture]
    """Copies the picture from the device; valid until the generator moves on."""
    snapshot: Callable[[], dict[str, npt.NDArray[np.generic]]]
    """Everything needed to go on from here, as arrays; to be called before the generator moves on.

    The arrays stay as they are when it does. They are the engine's own memory while they last: held longer, they cost
    as much again.
    """
    is_current: bool = True
    """False: later steps were done in the same call. ``picture`` and ``snapshot`` of this one raise ``RuntimeError``."""
    last: bool = False
    """This is the final step."""
    stopped_by: str = ""
    """On the last step: ``steps`` or ``plateau``."""
    tiling: TilingChoice | None = None
    """How this scale is run, on its first step; None on the others."""
    peak_bytes: int = 0
    """Memory this process is predicted to have at most, all scales counted; 0 where that is not known, as on a GPU."""
