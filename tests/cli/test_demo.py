"""``styled demo`` with a real daemon and a real worker, smaller than a user sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from styled import images
from styled.daemon.process.lock import holder_of
from styled.root import Root
from tests.deadlines import patience
from tests.faults.daemon_process import synthetic

pytestmark = pytest.mark.painting

TINY = ["--set", "size=64", "--set", "steps=3", "--set", "scales=[]", "--set", "frame_every=1"]


def demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "styled", "demo", *TINY, *arguments]
    environment = {**os.environ, "STYLED_INBOX__SETTLE_S": "0.1", **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=patience(120))


def test_it_goes_all_the_way_without_a_terminal_and_twice(tmp_path: Path) -> None:
    """A daemon is started, a pair becomes a picture, the daemon is gone; then all of it again in the same root.

    TensorFlow paints once: the second time is about what the first has left there.
    """
    root = Root.at(tmp_path / "root")
    results = []
    for environment in ({}, synthetic()):
        done = demo("--root", str(root.path), **environment)
        assert done.returncode == 0, done.stderr
        for words in (
            "started a daemon",
            "dropped rocket.jpg",
            "is running",
            "step 3/3",
            "is done",
            "stopped the daemon",
        ):
            assert words in done.stderr
        assert holder_of(root) is None
        lines = done.stdout.splitlines()
        [result] = [line.split()[1] for line in lines if line.startswith("result")]
        assert images.load(Path(result)).info.width == 64
        [loss] = [line for line in lines if line.startswith("loss")]
        start, end = float(loss.split()[1]), float(loss.split()[3])
        assert end < start
        assert len(lines) > 10, "the picture is drawn in characters"
        assert "\x1b" not in done.stdout
        results.append(result)
    assert results[0] != results[1]
    assert Path(results[0]).exists()


def test_a_job_that_fails_says_why_and_leaves_no_daemon(tmp_path: Path) -> None:
    """Also when the root's own settings make it fail."""
    root = Root.at(tmp_path / "root")
    root.path.mkdir()
    root.config.write_text('[job]\nweights = "/no/such/file.h5"\n[queue]\nmax_attempts = 1\n')
    done = demo("--root", str(root.path))
    assert done.returncode == 1
    assert "file.h5" in done.stderr
    assert holder_of(root) is None
