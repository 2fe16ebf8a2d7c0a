"""Checkpoints written by a thread: told when they are durable, one at a time, and never lost from sight."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from styled.errors import DiskFull, Superseded
from styled.evolution import CheckpointWriter, Fence, JobFolder, load_checkpoint
from styled.files import durable
from tests.deadlines import patience, wait_until
from tests.evolution.gate import Gate, threads_left


def arrays(step: int) -> dict[str, np.ndarray]:
    return {"picture": np.full((9, 9, 3), step, np.float32)}


def begin(writer: CheckpointWriter, step: int) -> None:
    writer.begin(arrays(step), {"step": step})


def saved(job: JobFolder) -> int:
    """Return the step of the newest whole checkpoint, 0 if there is none; its picture is looked at."""
    found = load_checkpoint(job)
    if found is None:
        return 0
    assert found.note == ""
    np.testing.assert_array_equal(found.arrays["picture"], arrays(found.meta["step"])["picture"])
    return int(found.meta["step"])


def test_one_is_written_while_the_caller_goes_on_and_told_when_it_is_durable(job: JobFolder, gate: Gate) -> None:
    with CheckpointWriter(job, Fence(job)) as writer:
        begin(writer, 10)
        assert gate.reached.wait(patience(10))
        assert (writer.is_busy, writer.ended(), saved(job)) == (True, None, 0)
        gate.open()
        assert (writer.ended(wait=True), saved(job)) == (10, 10)
        assert (writer.is_busy, writer.ended(), writer.ended(wait=True)) == (False, None, None)


def test_it_is_told_after_the_folder_is_synced(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power cut may still take is no checkpoint."""
    synced, may_sync = threading.Event(), threading.Event()
    sync = durable.sync_folder

    def sync_folder(folder: Path) -> None:
        assert may_sync.wait(patience(10))
        sync(folder)
        synced.set()

    fence = Fence(job)
    monkeypatch.setattr(durable, "sync_folder", sync_folder)
    with CheckpointWriter(job, fence) as writer:
        begin(writer, 10)
        assert writer.ended() is None
        may_sync.set()
        assert writer.ended(wait=True) == 10
        assert synced.is_set()


def test_what_is_written_is_let_go_of(job: JobFolder) -> None:
    """While they are held, arrays of the engine cost memory."""
    picture = np.zeros((9, 9, 3), np.float32)
    held = weakref.ref(picture)
    with CheckpointWriter(job, Fence(job)) as writer:
        writer.begin({"picture": picture}, {"step": 10})
        del picture
        assert writer.ended(wait=True) == 10
        wait_until(lambda: held() is None, "it is still held")  # the thread tells first
        assert held() is None


def test_a_second_one_at_once_is_refused(job: JobFolder, gate: Gate) -> None:
    with CheckpointWriter(job, Fence(job)) as writer:
        begin(writer, 10)
        with pytest.raises(RuntimeError, match="being written"):
            begin(writer, 20)
        gate.open()
        assert writer.ended(wait=True) == 10
        begin(writer, 20)
        assert writer.ended(wait=True) == 20
    assert (saved(job), gate.most_at_once) == (20, 1)


def test_what_went_wrong_is_raised_where_it_is_asked_for_and_the_next_one_is_written(
    job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CheckpointWriter(job, Fence(job)) as writer:
        begin(writer, 10)
        writer.ended(wait=True)
        with monkeypatch.context() as patch:
            patch.setattr(durable, "require_space", lambda path, needed: (_ for _ in ()).throw(DiskFull("no room")))
            begin(writer, 20)
            with pytest.raises(DiskFull, match="no room"):
                writer.ended(wait=True)
        assert (saved(job), writer.is_busy) == (10, False)
        begin(writer, 30)
        assert (writer.ended(wait=True), saved(job)) == (30, 30)


def test_a_successor_that_came_meanwhile_keeps_its_folder(job: JobFolder, gate: Gate) -> None:
    with CheckpointWriter(job, Fence(job)) as writer:
        begin(writer, 10)
        assert gate.reached.wait(patience(10))
        Fence(job)
        gate.open()
        with pytest.raises(Superseded):
            writer.ended(wait=True)
    assert list(job.checkpoint.iterdir()) == []


def test_leaving_waits_and_leaves_no_thread(job: JobFolder, gate: Gate) -> None:
    def leave() -> None:
        with CheckpointWriter(job, Fence(job)) as writer:
            begin(writer, 10)

    leaving = threading.Thread(target=leave)
    leaving.start()
    assert gate.reached.wait(patience(10))
    leaving.join(0.05)
    assert leaving.is_alive()
    gate.open()
    leaving.join(patience(10))
    assert (saved(job), threads_left()) == (10, [])


def test_leaving_raises_what_nobody_has_heard_of(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "require_space", lambda path, needed: (_ for _ in ()).throw(DiskFull("no room")))
    with pytest.raises(DiskFull, match="no room"), CheckpointWriter(job, Fence(job)) as writer:
        begin(writer, 10)
    assert threads_left() == []


_KILLED = r"""
import os, sys, threading
import numpy as np
from pathlib import Path
from styled.evolution import CheckpointWriter, Fence, JobFolder
job = JobFolder(Path(sys.argv[1]))
pictures = {name: np.full((300, 300, 3), step, np.float32) for name, step in (("picture", 10), ("other", 10))}
with CheckpointWriter(job, Fence(job)) as writer:
    writer.begin(pictures, {"step": 10})
    writer.ended(wait=True)
    write, written = np.lib.format.write_array, []
    def write_half(file, array, **options):
        if written:
            file.write(array.tobytes()[:array.nbytes // 2])
            os.write(1, b"half\n")  # whole, whatever the other thread prints
            threading.Event().wait()
        written.append(write(file, array, **options))
    np.lib.format.write_array = write_half
    writer.begin({name: 2 * array for name, array in pictures.items()}, {"step": 20})
    os.write(1, b"painting goes on\n")
"""


@pytest.mark.processes
def test_a_process_killed_in_the_middle_of_a_write_leaves_the_checkpoint_before(job: JobFolder) -> None:
    with subprocess.Popen([sys.executable, "-c", _KILLED, job.path], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert sorted(process.stdout.readline().strip() for _ in range(2)) == ["half", "painting goes on"]
        finally:
            process.kill()
    assert process.returncode == -9
    [torn] = [path for path in job.checkpoint.iterdir() if path.suffix == ".tmp"]
    assert torn.stat().st_size > 0
    found = load_checkpoint(job)
    assert found is not None
    assert (found.meta["step"], found.note) == (10, "")
    np.testing.assert_array_equal(found.arrays["picture"], np.full((300, 300, 3), 10, np.float32))
    job.sweep()
    with CheckpointWriter(job, Fence(job)) as writer:
        begin(writer, 30)
    assert (saved(job), torn.exists()) == (30, False)
