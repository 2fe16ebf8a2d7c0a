"""``styled demo --backend slurm|ray``: a cluster that is made, painted on, and gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from styled.backend.staged import small_slurm
from styled.backend.staged.ray_core import small as small_ray
from tests.deadlines import patience
from tests.faults.daemon_process import synthetic

pytestmark = pytest.mark.processes


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for sockets in folders of folders in it."""
    folder = Path(tempfile.mkdtemp(prefix="d-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("backend", "title"),
    [
        pytest.param("slurm", "Slurm", marks=pytest.mark.slurm),
        pytest.param("ray", "Ray", marks=pytest.mark.ray),
    ],
)
def test_it_makes_a_cluster_paints_on_it_and_leaves_nothing(short: Path, backend: str, title: str) -> None:
    missing = {"slurm": small_slurm.missing, "ray": small_ray.missing}[backend]
    if why := missing():
        pytest.skip(f"no {title} here: {why}")
    command = [sys.executable, "-m", "styled", "demo", "--backend", backend, "--root", str(short / "root")]
    environment = {
        **os.environ,
        **synthetic(),
        "STYLED_TEST_STEP_S": "0.05",  # long enough that where it is painted is seen
        "TMPDIR": str(short),
        "STYLED_INBOX__SETTLE_S": "0.1",
    }
    if backend == "slurm":
        environment["STYLED_BACKEND__OPTIONS"] = '["--export=ALL"]'  # the synthetic worker lies with the tests
    command += ["--set", "size=64", "--set", "steps=100"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=patience(120))
    assert done.returncode == 0, done.stderr
    for words in (
        f"started a {title} of two nodes",
        "is painted by node",
        "is done",
        "stopped the daemon",
        "stopped it",
    ):
        assert words in done.stderr
    assert [path.name for path in short.iterdir()] == ["root"]
    ours = [process for process in psutil.process_iter(["environ"]) if str(short) in str(process.info["environ"])]
    assert [process.name() for process in ours if process.pid != os.getpid()] == []
