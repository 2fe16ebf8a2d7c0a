"""Which optimiser the settings name."""

from __future__ import annotations

import math

from styled.engine.network.stepping import Gradient, Optimizer, Tensor
from styled.engine.optimise.adam import Adam
from styled.engine.optimise.lbfgs import LBFGS
from styled.engine.optimise.preconditioner import FrequencyPreconditioner, Identity
from styled.settings import Settings


def optimizer_for(
    settings: Settings, image: Tensor, gradient: Gradient, *, history: int, longest_px: float = math.inf
) -> Optimizer:
    """Build the optimiser that ``settings`` name.

    Args:
        settings: of the job.
        image: float32, shape (1, H, W, 3), 0..255: where to start.
        gradient: the objective.
        history: what memory allows of the setting of that name.
        longest_px: waves longer than this stay as they are, with L-BFGS and the preconditioner by frequencies.
    """
    if settings.optimizer == "adam":
        return Adam(image, gradient, learning_rate=settings.learning_rate)
    height, width = image.shape[1:3]
    preconditioner = (
        FrequencyPreconditioner(height, width, longest_px=longest_px)
        if settings.preconditioner == "frequency"
        else Identity()
    )
    return LBFGS(image, gradient, history=history, preconditioner=preconditioner)
