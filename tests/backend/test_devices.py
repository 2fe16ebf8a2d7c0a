"""Which GPU a worker gets, how many paint at once, what is in a worker's environment."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog.testing

from styled import gpus
from styled.backend.devices import Devices
from styled.gpus import Device, Gpu

GIB = 2**30


def device(name: str, free: int) -> Device:
    return Device(name, Gpu(index=0, uuid=name, used=0, total=free * GIB))


FULL, SMALL, LARGE = device("full", 1), device("small", 10), device("large", 40)


def test_auto_is_one_job_on_each_gpu_that_has_room() -> None:
    devices = Devices(lambda: [FULL, SMALL, LARGE])
    assert devices.capacity("auto", []) == 2
    assert devices.capacity("auto", ["full"]) == 3  # it is full of what is ours
    assert devices.capacity(5, []) == 5


@pytest.mark.parametrize("found", [[], [FULL], [FULL, FULL]])
def test_auto_is_one_job_where_no_gpu_has_room(found: list[Device]) -> None:
    assert Devices(lambda: found).capacity("auto", []) == 1


def test_the_next_worker_gets_the_gpu_with_the_fewest_and_of_those_the_freest() -> None:
    devices = Devices(lambda: [FULL, SMALL, LARGE])
    assert devices.for_next([]) == "large"
    assert devices.for_next(["large"]) == "small"
    assert devices.for_next(["large", "small", "large"]) == "small"
    assert devices.for_next(["large", "small", "full"]) == "large"
    assert Devices().for_next([]) == ""


def test_gpus_are_looked_for_again_and_a_change_is_logged() -> None:
    found, now = [LARGE], [0.0]
    devices = Devices(lambda: list(found), clock=lambda: now[0])
    with structlog.testing.capture_logs() as entries:
        assert devices.capacity("auto", []) == 1
        found.append(SMALL)  # its driver has come
        assert devices.capacity("auto", []) == 1
        now[0] = 60.0
        assert devices.capacity("auto", []) == 2
        found.clear()
        assert devices.for_next(["large"]) == ""  # asked at once, before a worker starts
    assert [(entry["log_level"], entry["devices"]) for entry in entries] == [
        ("info", "large,small"),
        ("warning", "none: the processor paints"),
    ]


def test_the_environment_names_the_gpu_and_a_place_for_what_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_CACHE_PATH", raising=False)
    devices = Devices(lambda: [LARGE], tmp_path)
    found = devices.variables("large", 1)
    assert (found[gpus.VISIBLE], found["CUDA_CACHE_PATH"]) == ("large", str(tmp_path))
    assert int(found["CUDA_CACHE_MAXSIZE"]) < 2**32  # the driver's type
    monkeypatch.setenv("CUDA_CACHE_PATH", "/the/users")
    assert "CUDA_CACHE_PATH" not in devices.variables("large", 1)


@pytest.mark.parametrize(
    ("allowed", "cores", "parallel", "threads"),
    [(8, 8, 1, None), (8, 8, 2, "4"), (2, 2, 4, "1"), (64, 2, 1, "2"), (64, 3, 2, "1")],
)
def test_without_a_gpu_the_processors_are_shared(
    monkeypatch: pytest.MonkeyPatch, allowed: int, cores: int, parallel: int, threads: str | None
) -> None:
    """TensorFlow starts a thread on each core that it may run on, whatever time a control group gives it."""
    monkeypatch.setattr("styled.backend.devices.allowed", lambda: allowed)
    monkeypatch.setattr("styled.backend.devices.cores", lambda: cores)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    found = Devices().variables("", parallel)
    assert (found.get("OMP_NUM_THREADS"), found.get("TF_NUM_INTRAOP_THREADS")) == (threads, threads)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    assert Devices().variables("", parallel) == ({} if parallel == 1 else found), "the user's own counts"
