"""Neon is found, and mixtures of what is there are not."""

from __future__ import annotations

import numpy as np

from styled.score.gamut import foreign_colours


def test_a_hue_stronger_than_any_mixture_is_foreign() -> None:
    generator = np.random.default_rng(0)
    blue, orange = (generator.normal(mean, 5, (40, 40, 3)).clip(0, 255) for mean in ((20, 40, 140), (220, 140, 40)))
    mixed = (blue + orange) / 2
    assert foreign_colours(mixed, [blue, orange]) == 0.0
    mixed[:10] = (0.0, 255.0, 120.0)
    assert foreign_colours(mixed, [blue, orange]) == 0.25
