"""Skips these tests with a word where there is no GPU, and prints the table of what they found."""

from __future__ import annotations

import pytest

from tests.gpu.place import DRY_RUN, Place, Table, find

_table = Table()


@pytest.fixture(scope="session")
def place() -> Place:
    """What is tested; the tests are skipped where there is nothing."""
    found = find()
    if found is None:
        pytest.skip(f"no NVIDIA GPU here; {DRY_RUN}=cpu tries the tests themselves")
    return found


@pytest.fixture(scope="session")
def table() -> Table:
    """What README quotes."""
    return _table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    found = find() if _table.lines else None
    if found is not None:
        terminalreporter.section("for README")
        for line in _table.markdown(found):
            terminalreporter.write_line(line)
