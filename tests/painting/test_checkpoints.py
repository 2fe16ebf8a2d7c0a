"""Checkpoints while painting goes on: when they are written, what is told of them, and that none is lost or torn."""

from __future__ import annotations

import dataclasses
import errno
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from styled import evolution, images
from styled.engine.iterate import Iterate
from styled.errors import DiskFull, Superseded
from styled.evolution import JobFolder
from styled.messages import Checkpointed, Frame, Noted, Progress, Result, Started, Stopped, WorkerMessage
from styled.painting import checkpoints
from styled.painting.paint_job import paint_job
from styled.settings import Settings
from tests.deadlines import patience
from tests.evolution.gate import Gate, threads_left
from tests.painting.test_paint_job import iterates, make_job, never

pytestmark = pytest.mark.tensorflow

EVERY_S = 60.0
WORDS = {
    Progress: "painted",
    Checkpointed: "saved",
    Frame: "frame",
    Noted: "noted",
    Stopped: "stopped",
    Result: "done",
}
HELD = 8
"""Bytes of a snapshot of the engine that does no work."""


class Studio:
    """Paints one job with an engine that does no work and a clock that lets a checkpoint be due at every step.

    Args:
        folder: the job's.
        at: what to do before each step.
        steps: of the job.
        settings: others of the job.
    """

    def __init__(
        self, folder: JobFolder, at: Callable[[int], None] = lambda step: None, *, steps: int = 12, **settings: Any
    ) -> None:
        self.said: list[WorkerMessage] = []
        self._at, self._now = at, 0.0
        make_job(folder, **{"checkpoint_s": EVERY_S, "frame_every": 0, **settings})
        self.paint, self._folder = iterates(steps, every=self._pass_time), folder

    def _pass_time(self, step: int) -> None:
        self._now += EVERY_S
        self._at(step)

    def begin(self, should_stop: Callable[[], bool] = never) -> Iterator[WorkerMessage]:
        return paint_job(self._folder, should_stop, paint=self.paint, clock=lambda: self._now)

    def work(self, should_stop: Callable[[], bool] = never) -> None:
        """Paint to the end, keeping what is said."""
        for message in self.begin(should_stop):
            self.said.append(message)

    @property
    def story(self) -> list[str]:
        """What was said, a word and the step each."""
        return [f"{WORDS[type(each)]} {each.step}" for each in self.said if type(each) in WORDS]


def saved(job: JobFolder) -> int:
    found = evolution.load_checkpoint(job)
    return 0 if found is None else int(found.arrays["place"][0])


@pytest.fixture
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much memory as anybody could want."""
    monkeypatch.setattr(checkpoints, "spare", lambda settings, peak_bytes: 2.0**50)


@pytest.mark.usefixtures("plenty")
class TestInTheBackground:
    def test_painting_goes_on_while_one_is_written_and_no_other_is_begun(self, job: JobFolder, gate: Gate) -> None:
        """It is told when it is durable; those due meanwhile are left out."""
        seen: list[int] = []

        def at(step: int) -> None:
            if step == 2:
                assert gate.reached.wait(patience(10))
            if step == 6:
                seen.append(saved(job))
                gate.open()

        studio = Studio(job, at)
        studio.work()
        assert seen == [0]
        assert studio.story[:5] == [f"painted {step}" for step in range(1, 6)]
        steps = [message.step for message in studio.said if isinstance(message, Checkpointed)]
        assert steps[0] == 1
        assert all(step >= 6 for step in steps[1:]), "one was begun while another was under way"
        assert gate.most_at_once == 1
        assert studio.story[-1] == "done 12"
        assert threads_left() == []

    def test_a_stop_waits_for_it_and_then_writes_its_own(self, job: JobFolder, gate: Gate) -> None:
        def stop_at_step_4() -> bool:
            if studio.story[-1:] != ["painted 4"]:
                return False
            gate.open()
            return True

        studio = Studio(job)
        studio.work(stop_at_step_4)
        assert studio.story[-4:] == ["painted 4", "saved 1", "saved 4", "stopped 4"]
        assert (saved(job), gate.most_at_once, threads_left()) == (4, 1, [])

    def test_at_the_end_it_is_waited_for_and_told(self, job: JobFolder, gate: Gate) -> None:
        studio = Studio(job, lambda step: gate.open() if step == 3 else None, steps=3)
        studio.work()
        assert studio.story == ["painted 1", "painted 2", "saved 1", "painted 3", "done 3"]
        assert saved(job) == 1

    def test_a_full_disk_is_raised_at_the_next_step_and_the_one_before_stays(self, job: JobFolder, gate: Gate) -> None:
        def at(step: int) -> None:
            if step == 1:
                gate.open()
            if saved(job):
                gate.failure = OSError(errno.ENOSPC, "No space left on device")

        studio = Studio(job, at, steps=5000)
        with pytest.raises(DiskFull, match="No space left"):
            studio.work()
        last = studio.said[-1]
        assert isinstance(last, Progress)
        assert last.step < 5000
        assert (saved(job) > 0, threads_left()) == (True, [])

    def test_a_finished_picture_is_not_given_up_for_a_checkpoint(self, job: JobFolder, gate: Gate) -> None:
        def at(step: int) -> None:
            if step == 3:
                gate.failure = OSError(errno.ENOSPC, "No space left on device")
                gate.open()

        studio = Studio(job, at, steps=3)
        studio.work()
        assert studio.story == ["painted 1", "painted 2", "noted 3", "painted 3", "done 3"]
        [note] = [message.note for message in studio.said if isinstance(message, Noted)]
        assert "No space left" in note

    def test_what_fails_in_painting_is_raised_after_it_is_told(self, job: JobFolder, gate: Gate) -> None:
        """The job goes on from there: whoever counts attempts must know that it got on."""
        studio = Studio(job, gate.opens_and_memory_runs_out_at(4))
        with pytest.raises(MemoryError, match="step 4"):
            studio.work()
        assert studio.story == ["painted 1", "painted 2", "painted 3", "saved 1"]
        assert (saved(job), threads_left()) == (1, [])

    def test_when_both_fail_the_earlier_failure_is_raised_and_names_the_other(self, job: JobFolder, gate: Gate) -> None:
        def at(step: int) -> None:
            if step == 4:
                gate.failure = OSError(errno.ENOSPC, "No space left on device")
                gate.open()
                raise MemoryError("no memory for step 4")

        with pytest.raises(DiskFull) as caught:
            Studio(job, at).work()
        contexts = []
        error: BaseException | None = caught.value
        while error is not None:
            contexts.append(type(error))
            error = error.__context__
        assert MemoryError in contexts

    def test_a_worker_that_was_given_up_replaces_nothing(self, job: JobFolder, gate: Gate) -> None:
        def at(step: int) -> None:
            if step == 3:
                evolution.Fence(job)
                gate.open()

        studio = Studio(job, at)
        with pytest.raises(Superseded):
            studio.work()
        assert list(job.checkpoint.iterdir()) == []
        assert threads_left() == []

    def test_whoever_turns_away_leaves_no_thread_writing(self, job: JobFolder, gate: Gate) -> None:
        studio = Studio(job)
        painting = studio.begin()
        next(message for message in painting if isinstance(message, Progress) and message.step == 3)
        assert gate.reached.wait(patience(10))
        threading.Timer(0.05, gate.open).start()
        painting.close()  # type: ignore[attr-defined]
        assert (saved(job), threads_left()) == (1, [])


class TestMemory:
    @pytest.mark.parametrize(
        ("spare", "waits"), [(checkpoints.ROOM * HELD, False), (checkpoints.ROOM * HELD - 1, True)]
    )
    def test_painting_waits_where_there_is_no_memory_to_go_on_with(
        self, job: JobFolder, gate: Gate, monkeypatch: pytest.MonkeyPatch, spare: float, waits: bool
    ) -> None:
        asked: list[tuple[float, int]] = []

        def spare_memory(settings: Settings, peak_bytes: int) -> float:
            asked.append((settings.checkpoint_s, peak_bytes))
            if waits:
                gate.open()  # nobody else will
            return spare

        monkeypatch.setattr(checkpoints, "spare", spare_memory)
        studio = Studio(job, lambda step: gate.open() if step == 3 else None, steps=3)
        without_memory = studio.paint

        def engine(*inputs: Any, **rest: Any) -> Iterator[Iterate]:
            for iterate in without_memory(*inputs, **rest):
                yield dataclasses.replace(iterate, peak_bytes=7_000_000)

        studio.paint = engine
        studio.work()
        expected = {
            True: ["painted 1", "saved 1", "painted 2", "saved 2", "painted 3", "done 3"],
            False: ["painted 1", "painted 2", "saved 1", "painted 3", "done 3"],
        }
        assert studio.story == expected[waits]
        assert set(asked) == {(EVERY_S, 7_000_000)}

    @pytest.mark.usefixtures("plenty")
    def test_after_memory_ran_out_painting_waits_for_every_checkpoint(self, job: JobFolder) -> None:
        studio = Studio(job, steps=3)
        evolution.step_down(job)
        studio.work()
        assert studio.story == ["painted 1", "saved 1", "painted 2", "saved 2", "painted 3", "done 3"]


@pytest.mark.usefixtures("plenty")
@pytest.mark.parametrize(
    "settings",
    [{"optimizer": "lbfgs", "history": 2, "scales": [40]}, {"optimizer": "adam", "average": 0.5, "stop": "plateau"}],
    ids=["lbfgs", "adam, average, plateau"],
)
def test_one_that_was_written_while_tensorflow_painted_on_is_that_of_its_step(
    job: JobFolder, gate: Gate, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    """Not a number is written before four more steps are done; resumed from it, the picture is the undisturbed one."""
    from styled.engine.engine import paint

    settings = settings | {"steps": 9, "frame_every": 0, "checkpoint_s": EVERY_S, "init": "noise", "seed": 3}
    whole = make_job(JobFolder(job.path.parent / "whole"), **settings)
    gate.open()
    list(paint_job(whole, never))

    gate = Gate(gate._write)
    monkeypatch.setattr(np.lib.format, "write_array", gate.write)
    now, at_step_2 = [0.0], {}

    def crashes_after_step_6(*inputs: Any, **rest: Any) -> Iterator[Iterate]:
        for iterate in paint(*inputs, **rest):
            if iterate.step == 2:
                now[0] = EVERY_S
                at_step_2.update({name: array.copy() for name, array in iterate.snapshot().items()})
            yield iterate
            if iterate.step == 6:
                gate.open()
                raise RuntimeError("struck")

    with pytest.raises(RuntimeError, match="struck"):
        list(paint_job(make_job(job, **settings), never, paint=crashes_after_step_6, clock=lambda: now[0]))
    found = evolution.load_checkpoint(job)
    assert found is not None
    assert found.meta["step"] == 2
    assert found.arrays.keys() == at_step_2.keys()
    for name, array in at_step_2.items():
        np.testing.assert_array_equal(found.arrays[name], array, strict=True, err_msg=name)
    assert [each.step for each in evolution.read_losses(job).losses] == [1, 2, 3, 4, 5, 6]

    [started, *_, _result] = paint_job(job, never)
    assert isinstance(started, Started)
    assert started.step == 2
    assert [each.step for each in evolution.read_losses(job).losses] == list(range(1, 10))
    np.testing.assert_array_equal(images.load(job.result).pixels, images.load(whole.result).pixels)


def test_what_a_job_goes_on_from_is_kept_by_the_engine_alone(job: JobFolder) -> None:
    """It knows when it has no more need of it."""
    Studio(job).work(lambda: saved(job) > 0)
    kept: list[bool] = []

    def engine(*inputs: Any, resume: dict[str, Any], **rest: Any) -> Iterator[Iterate]:
        held = weakref.ref(resume["place"])
        del resume
        for iterate in iterates(2)(*inputs, **rest):
            kept.append(held() is not None)
            yield iterate

    list(paint_job(job, never, paint=engine))
    assert kept == [False, False]


def test_snapshots_are_taken_by_the_thread_that_paints(job: JobFolder) -> None:
    takers: list[str] = []
    studio = Studio(job, steps=3)
    engine = studio.paint

    def watched(*inputs: Any, **rest: Any) -> Iterator[Iterate]:
        for iterate in engine(*inputs, **rest):

            def snapshot(taken: Callable[[], Any] = iterate.snapshot) -> Any:
                takers.append(threading.current_thread().name)
                return taken()

            yield dataclasses.replace(iterate, snapshot=snapshot)

    studio.paint = watched
    studio.work()
    assert takers
    assert set(takers) == {threading.current_thread().name}
