"""``styled bench`` measures, prints a table and keeps what it found for plans."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from styled.cli.machine.bench import command
from styled.planning import speeds
from styled.planning.bench import Bench, markdown

pytestmark = pytest.mark.painting


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_it_measures_a_small_size() -> None:
    options = ["--sizes", "96x64", "--precision", "float32", "--steps", "1", "--json"]
    done = CliRunner().invoke(command, options, catch_exceptions=False)
    found = msgspec.json.decode(done.stdout, type=Bench)
    [row] = found.rows
    assert (row.width, row.height, row.precision) == (96, 64, "float32")
    assert row.megapixels_per_second == pytest.approx(96 * 64 / 1e6 / row.step_seconds)
    assert row.peak_bytes is not None
    assert 0.4 * 2**30 < row.peak_bytes < 4 * 2**30
    assert row.matmul_gflops is not None
    assert 0 < row.gflops < 5 * row.matmul_gflops
    assert row.gigabytes_per_second is not None
    assert row.roofline is not None
    assert 0.0 < row.roofline < 5.0
    [kept] = speeds.load().measured
    assert kept.step_seconds == row.step_seconds
    table = markdown(found).splitlines()
    assert table[-1].startswith("| 96x64 | float32 | ")
    assert len({line.count("|") for line in table[2:]}) == 1


@pytest.mark.parametrize("sizes", ["96", "96x64,", "8x8", "axb"])
def test_wrong_sizes_are_refused(sizes: str) -> None:
    done = CliRunner().invoke(command, ["--sizes", sizes])
    assert done.exit_code == 2
    assert "512x384" in done.output
