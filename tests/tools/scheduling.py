"""Which test process runs which file: a file's tests stay together, and TensorFlow is loaded in one process only.

pytest-xdist deals out single tests by default: each process builds the fixtures of a module again, and each loads
TensorFlow and keeps what it compiled, gigabytes together. Here a file goes to one process whole. Files that load
TensorFlow are collected and run by the first process alone, which does nothing else where there are some, and ends
with them: what it has compiled is a gigabyte. Those whose child processes load it run one after another, and so do
those that start Chromium.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parents[1]

CLUSTER = TESTS / "cluster"
"""Each of its tests goes by itself: what they share is one cluster for each process, and they wait for most of their time."""

TENSORFLOW = "tensorflow"
CHROMIUM = "chromium"
PAINTING = "painting"

TOGETHER = (TENSORFLOW, CHROMIUM, PAINTING)
"""Units of many files, which begin first, in this order: they take longest, or much memory while TensorFlow has little."""


SEVERAL = 4
"""Processes of which one has TensorFlow's tests only."""

HUNGRY = (
    TESTS / "vgg19",
    TESTS / "score",
    *(TESTS / f"{name}.py" for name in ("painting/test_paint_job", "test_paper", "test_upgrade")),
)
"""Of TensorFlow's: these hold most at once, and begin, before the others have left there what they compiled."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist's class is untyped here
    """Deals out files in the order of :func:`sort`, each to a process that has collected it."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # by number of tests, which says little of their seconds
        self._collected: dict[Any, set[str]] = {}
        """What each process has collected, looked up after each test."""

    def schedule(self) -> None:
        """Deal out what all have collected together; pytest-xdist takes the first collection, and ends processes by number."""
        if self.collection is not None:
            super().schedule()
            return
        fullest_first = sorted(self.registered_collections.values(), key=len, reverse=True)
        self.collection = list(dict.fromkeys(test for tests in fullest_first for test in tests))
        session = self.config.pluginmanager.getplugin("dsession")._session
        session.testscollected = len(self.collection)  # for the percentages that are printed
        for test in self.collection:
            self.workqueue.setdefault(self._split_scope(test), {})[test] = False
        for node in self.nodes:
            self._assign_work_unit(node)
        for node in self.nodes:
            self._reschedule(node)

    def add_node_collection(self, node: Any, collection: Any) -> None:
        """Take the collection of a process that stands in for one that crashed as it is: it collects everything."""
        self.registered_collections[node] = list(collection)
        self._collected[node] = set(collection)

    def _reschedule(self, node: Any) -> None:
        """End a process for which nothing is left."""
        if not node.shutting_down and self._unit_for(node) is None:
            node.shutdown()
        else:
            super()._reschedule(node)

    def _assign_work_unit(self, node: Any) -> None:
        """Assign the first unit that the process has collected."""
        unit = self._unit_for(node)
        if unit is not None:
            self.workqueue.move_to_end(unit, last=False)
            super()._assign_work_unit(node)

    def _unit_for(self, node: Any) -> str | None:
        collected = self._collected[node]
        return next((scope for scope, tests in self.workqueue.items() if collected.issuperset(tests)), None)

    def _split_scope(self, nodeid: str) -> str:
        file = self.config.rootpath / nodeid.partition("::")[0]
        if CLUSTER in file.parents:
            return nodeid
        return unit_of(file) or str(file)


def is_for_another(file: Path, config: pytest.Config) -> bool:
    """Return whether this process leaves a file to another, or ``-m fast`` leaves it out: it would load TensorFlow."""
    is_tensorflows = unit_of(file) == TENSORFLOW
    if config.option.markexpr == "fast":
        return is_tensorflows
    worker = getattr(config, "workerinput", None)
    number, workers = (int(worker["workerid"].removeprefix("gw")), worker["workercount"]) if worker else (0, 1)
    if number >= workers:  # it stands in for one that crashed
        return False
    if number > 0:
        return is_tensorflows
    return workers >= SEVERAL and file.name.startswith("test_") and not is_tensorflows


def sort(items: list[pytest.Item]) -> None:
    """Put the longest units first, in place: what is together, then files that start processes or draw, then the rest."""
    slow = {item.path for item in items if any(map(item.get_closest_marker, ("processes", "screens")))}

    def rank(item: pytest.Item) -> tuple[int, bool]:
        unit = unit_of(item.path)
        if unit:
            return TOGETHER.index(unit), not {item.path, item.path.parent} & {*HUNGRY}
        return len(TOGETHER), item.path not in slow

    items.sort(key=rank)


@functools.cache
def unit_of(file: Path) -> str | None:
    """Return to which of :data:`TOGETHER` a file of tests belongs by its marks, before it is collected."""
    text = file.read_text() if file.name.startswith("test_") else ""
    if "pytest.mark.tensorflow" in text:
        return TENSORFLOW
    if "pytest.mark.chromium" in text:
        return CHROMIUM
    return PAINTING if "pytest.mark.painting" in text else None
