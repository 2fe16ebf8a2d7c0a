"""The README's table names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

HERE = Path(__file__).parent


def test_every_fault_has_tests_that_exist() -> None:
    rows = [line for line in (HERE / "README.md").read_text().splitlines() if re.match(r"\| \d", line)]
    assert [int(row.split()[1]) for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > 20
    for row in rows:
        path = HERE
        for file, name in re.findall(r"`([^`:]*)(?:::(\w+))?`", row.partition(" | ")[2]):
            path = HERE / file if file else path
            assert path.is_file() or (path.is_dir() and not name), row
            assert f"def {name}(" in path.read_text() if name else True, f"{path.name}::{name}"
