"""Which scheduler a configuration means."""

from __future__ import annotations

import importlib
import os

from styled.backend.staged.engine import Engine
from styled.backend.staged.ray_core.engine import RayEngine
from styled.backend.staged.slurm import Slurm
from styled.config import BackendConfig

TEST_ENGINE = "STYLED_TEST_ENGINE"
"""Environment variable that names another class, ``module:class``; for tests."""


def engine_for(config: BackendConfig, prefix: str) -> Engine:
    """Return the engine of ``[backend] kind``.

    Args:
        config: says which.
        prefix: of the names of this root's attempts.
    """
    if other := os.environ.get(TEST_ENGINE):
        module, _, name = other.partition(":")
        engine: Engine = getattr(importlib.import_module(module), name)(prefix, config.options)
        return engine
    if config.kind == "ray":
        return RayEngine(prefix, config)
    return Slurm(prefix, config.options, python=config.python)
