"""How much each of several styles counts. Without TensorFlow, for what only looks at a job."""

from __future__ import annotations

from styled.settings import Settings


def style_weights(settings: Settings, count: int) -> list[float]:
    """Return the weight of each of ``count`` styles, adding up to 1."""
    given = list(settings.style_weights) or [1.0] * count
    total = sum(given)
    return [weight / total for weight in given]
