"""What the tests of planning share."""

from __future__ import annotations

from pathlib import Path

import pytest

from styled.planning import speeds
from styled.planning.speeds import Speed, Speeds
from styled.sizing.memory_use import Precision


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own; children inherit it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "styled" / "speeds.json"


def speed(side: int, seconds: float, *, blocks: int = 0, precision: Precision = "float32") -> Speed:
    """Return a measurement of a square picture."""
    return Speed(
        width=side,
        height=side,
        blocks=blocks,
        tile=(256, 256) if blocks else (0, 0),
        precision=precision,
        optimizer="lbfgs",
        step_seconds=seconds,
        prepare_seconds=1.0,
        start_seconds=2.0,
        at=0.0,
    )


def known(*measured: Speed) -> Speeds:
    """Return measurements of this machine."""
    return Speeds(machine=speeds.machine(), measured=measured)
