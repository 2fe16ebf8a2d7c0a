"""The engine's fixtures: VGG19 and the sample pair."""

from __future__ import annotations

from tests.engine.conftest import rocket, starry_night, vgg

__all__ = ["rocket", "starry_night", "vgg"]
