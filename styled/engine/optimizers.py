"""Which optimiser the settings name."""

from __future__ import annotations

from styled.engine.adam import Adam
from styled.engine.lbfgs import LBFGS
from styled.engine.metric import FrequencyMetric, Identity
from styled.engine.stepping import Gradient, Optimizer, Tensor
from styled.settings import Settings


def optimizer_for(settings: Settings, image: Tensor, gradient: Gradient, *, history: int) -> Optimizer:
    """Build the optimiser that ``settings`` name, starting at ``image`` (1, H, W, 3).

    ``history`` is what memory allows of the setting of that name.
    """
    if settings.optimizer == "adam":
        return Adam(image, gradient, learning_rate=settings.learning_rate)
    height, width = image.shape[1:3]
    metric = FrequencyMetric(height, width) if settings.preconditioner == "frequency" else Identity()
    return LBFGS(image, gradient, history=history, metric=metric)
