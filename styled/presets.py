"""Settings to start from: ``draft``, ``balanced``, ``fine``, ``print``. Data, and the rule of who wins.

A preset stands for its settings at the place where it is written: what is written beside it wins over it, what is
written nearer to the job wins over both, what is written farther away loses. So ``--preset draft`` gives a draft
even where ``styled.toml`` asks for 500 steps, and ``--preset draft --steps 500`` gives 500 steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Preset(NamedTuple):
    """A named set of settings."""

    name: str
    description: str
    """One line."""
    settings: Mapping[str, Any]
    """Plain values, as TOML gives them. All presets have the same names, so that a nearer one leaves nothing of
    a farther one."""


DEFAULT = "balanced"
"""The preset whose values are the defaults of ``Settings``."""

_PLAIN = {"statistic": "gram", "normalize": "none"}
_FULL = {"statistic": "wasserstein", "normalize": "energy"}
"""Every layer counts, and the mean with the covariance: larger strokes, the painting's own colours, less of the photo. A
step takes some 0.12 s more on two cores, whatever the size."""

_ALL = (
    Preset(
        "draft",
        "a quick look: 512 px, few steps",
        {"size": 512, "upscale": False, "steps": 80, "history": 10, **_PLAIN},
    ),
    Preset(
        "balanced",
        "the defaults: 1024 px, most steps where they are cheap",
        {"size": 1024, "upscale": False, "steps": 300, "history": 10, **_PLAIN},
    ),
    Preset(
        "fine",
        "for the wall: 1600 px, twice the steps, the style matched more fully",
        {"size": 1600, "upscale": False, "steps": 600, "history": 20, **_FULL},
    ),
    Preset(
        "print",
        "for posters: 4096 px from any photo, five scales, few steps at full size",
        {"size": 4096, "upscale": True, "steps": 400, "history": 5, **_FULL},
    ),
)


def presets() -> tuple[Preset, ...]:
    """Return all presets, from the quickest to the slowest: for lists to choose from."""
    return _ALL


def expanded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` with the settings of the preset they name, if any, under them.

    A name that no preset has is left for :func:`styled.settings.settings_from` to refuse.
    """
    below = next((preset.settings for preset in _ALL if preset.name == values.get("preset")), {})
    return {**below, **values}


def layered(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over each other, the farthest from the job first; each layer's preset counts in its place."""
    values: dict[str, Any] = {}
    for layer in layers:
        values |= expanded(layer)
    return values
