"""Fixtures that more than one room of the tests uses."""

from __future__ import annotations

import os

# Before NumPy: its threads for matrix products cost each of hundreds of processes more than half of its start.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

# As styled loads TensorFlow, also where a test imports it first.
os.environ["TF_NUM_INTEROP_THREADS"] = "1"

import gc
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

from styled.evolution import JobFolder
from tests.evolution.gate import Gate
from tests.tools import scheduling, watching

SLOW = ("tensorflow", "painting", "processes", "screens", "root", "soak", "load", "faults", "slurm", "ray", "gpu")
"""A test without any of these marks is ``fast``."""

# Daemons of the tests write no gallery after each job, which costs half a second of processor; its own tests ask for it.
os.environ["STYLED_GALLERY__AUTO"] = "false"

# Hundreds of processes are started: each would compile all of styled again, which is a third of a worker's start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False  # nor need the next run rewrite the assertions of each file in four processes

# What a shell starts in the background ignores Ctrl-C, and so would all that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Hypothesis fails an example that takes 0.2 s; on a busy machine any of them may.
settings.register_profile("styled", deadline=None)
settings.load_profile("styled")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> scheduling.ByFile:
    """Deal out whole files, whatever ``--dist`` says."""
    return scheduling.ByFile(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Load TensorFlow where it is used only."""
    return True if collection_path.is_file() and scheduling.is_for_another(collection_path, config) else None


def pytest_collection() -> None:
    """Import without Python's collector: what is loaded stays, and it would look at it again and again."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is fast, before ``-m`` chooses."""
    for item in items:
        if not any(item.get_closest_marker(mark) for mark in SLOW):
            item.add_marker(pytest.mark.fast)
    scheduling.sort(items)


def pytest_collection_finish() -> None:
    """Start from here: what is loaded by now stays, so the collector need not look at it again and again."""
    watching.begin()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _marks_are_true(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that does what its marks do not tell: ``-m fast`` and the memory of the suite rest on them."""
    yield
    seen = watching.take()
    if "tensorflow" in seen:
        assert request.node.get_closest_marker("tensorflow"), "it loads TensorFlow: mark it with pytest.mark.tensorflow"
    if "processes" in seen:
        assert not request.node.get_closest_marker("fast"), "it starts processes: mark it with pytest.mark.processes"


@pytest.fixture(autouse=True)
def _signals_are_as_before() -> Iterator[None]:
    """Fail a test that leaves signals blocked: what later tests start inherits it, and waits for ever to be ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    after = signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert after == before, "it leaves signals blocked"


@pytest.fixture(autouse=True, scope="module")
def _memory_is_given_back() -> Iterator[None]:
    """Give back what a file's tests freed: TensorFlow's process would keep the most that it ever had."""
    yield
    if "tensorflow" in sys.modules:
        from styled.engine.network import device
        from styled.engine.objective import gradient

        gradient._extractors = type(gradient._extractors)(kept=2)
        gc.collect()
        device.give_back_freed_memory()


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    """An empty job's folder."""
    folder = JobFolder(tmp_path / "evolution" / "20261122-201500-harbour")
    folder.create()
    return folder


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Holds checkpoints in the middle of being written, until it is opened."""
    gate = Gate(np.lib.format.write_array)
    monkeypatch.setattr(np.lib.format, "write_array", gate.write)
    yield gate
    gate.open()


@pytest.fixture
def picture() -> npt.NDArray[np.float32]:
    """A smooth picture with a different ramp in each channel: float32, shape (48, 64, 3), 0..255."""
    down, right = np.mgrid[0:48, 0:64].astype(np.float32)
    return np.stack([right * 4, down * 5, 255 - right - down * 3], axis=-1).clip(0, 255)
