"""The plan of the package: no circles, no crowded folders, no endless files, and a map that is true."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

import styled

PACKAGE = Path(styled.__file__).parent
TESTS = Path(__file__).parent


def test_no_modules_import_each_other_in_a_circle_types_included() -> None:
    graph = grimp.build_graph("styled", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    # The package offers stylize() by name, resolved when it is asked for: no import of whoever reads its version.
    imports["styled"] = set()
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_a_folder_has_at_most_twenty_modules_and_a_module_less_than_500_lines() -> None:
    files = [*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")]
    folders = {file.parent for file in files}
    crowded = {str(folder): count for folder in folders if (count := len(list(folder.glob("*.py")))) > 20}
    assert not crowded
    long = {str(file): lines for file in files if (lines := file.read_text().count("\n")) >= 500}
    assert not long


def test_the_map_names_every_room_and_nothing_that_is_not_there() -> None:
    text = (PACKAGE / "README.md").read_text()
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert {room for room in rooms if f"`{room}/`" not in text} == set()
    paths = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|md)|\w+\.py)`", text))
    missing = {path for path in paths if not (PACKAGE / path).exists() and not (PACKAGE.parent / path).exists()}
    assert missing == set()
