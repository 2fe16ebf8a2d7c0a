"""What the doctor leaves behind on a scheduler: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from styled.backend.staged import checkup, engines
from styled.backend.staged.engine import Seen
from styled.config import BackendConfig
from styled.errors import BackendAway
from tests.backend.staged.memory_engine import MemoryEngine


class SilentEngine(MemoryEngine):
    """Does not answer, once it has taken a job, when asked for its jobs."""

    def look(self) -> dict[str, Seen]:
        if self.nodes:
            raise BackendAway("connection refused")
        return {}


def test_a_scheduler_that_falls_silent_keeps_no_job_of_the_doctors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = SilentEngine()
    monkeypatch.setattr(engines, "engine_for", lambda _config, _prefix: engine)
    monkeypatch.setattr(checkup.time, "sleep", lambda _seconds: None)
    tmp_path.chmod(0o700)
    found = list(checkup.examine(BackendConfig(kind="slurm", spool=str(tmp_path))))
    assert (found[-1].level, found[-1].text) == ("problem", "connection refused")
    [node] = engine.nodes.values()
    assert node.killed
    assert list(tmp_path.iterdir()) == []
