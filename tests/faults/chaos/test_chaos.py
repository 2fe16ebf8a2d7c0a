"""Twenty seconds of chaos; minutes of it: ``python -m tests.faults.chaos --seed N --minutes M``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.chaos.acts import ACTS
from tests.faults.chaos.run import Chaos, read_acts

pytestmark = [pytest.mark.faults, pytest.mark.processes]

LEFT_OUT = {"drop_real"}
"""It loads TensorFlow, twice."""


def test_a_moment_of_chaos_breaks_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chaos = Chaos(20261129, tmp_path, disk=False, clock=True, left_out=LEFT_OUT)
    with chaos.world.daemon_ends():
        chaos.run(15.0)
    log = tmp_path / "acts.txt"
    log.write_text(capsys.readouterr().out)
    acts = read_acts(log)
    assert len(acts) == sum(chaos.counts.values()) > 10
    assert {name for _, name, _ in acts} <= set(ACTS) - LEFT_OUT
