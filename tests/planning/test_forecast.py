"""Forecasts of a queue: sums done by hand, and a day of jobs with a scripted clock."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from styled import figures
from styled.evolution import JobFolder, LossLog, losses
from styled.job import Job, JobState
from styled.planning import lessons, speeds
from styled.planning.forecast import Forecaster, Running, Work, queue_eta
from styled.planning.lessons import Lesson, Speed, job_seconds, kind_of, lesson_of
from styled.root import Root
from styled.settings import differing, settings_from
from styled.store.reader import StoreReader
from styled.store.store import Store
from tests.planning.conftest import known, speed
from tests.tui.conftest import NOW, progress

KIND = kind_of({})
SPEEDS = (Speed(10_000, 0.1), Speed(30_000, 0.3))
LESSON = Lesson(KIND, SPEEDS, 7.0)
"""A step takes 10 µs a pixel; two scales, and seven seconds of start."""
TWO = ((10_000, 20), (30_000, 10))
"""Five seconds of steps."""


def job(name: str, **fields: object) -> Job:
    values = {"id": name, "number": 1, "name": name, "state": JobState.WAITING, "content": "c", "styles": ("s",)}
    return Job(**{**values, **fields})  # type: ignore[arg-type]


def work(scales: tuple[tuple[int, int], ...] = TWO, planned: float | None = None) -> Work:
    return Work(KIND, scales, None, (300, 200), planned)


def test_a_job_teaches_its_start_and_its_steps() -> None:
    """Ten steps at 0.5 s after a first one that took 3 s, of 20 s in all: 15 s are start and end."""
    steps = [progress(step, 60, scale=1, width=20, height=10, seconds=3.0 + 0.5 * step) for step in range(1, 11)]
    assert lesson_of(steps, {}, 20.0) == Lesson(KIND, (Speed(200, 0.5),), 15.0)
    assert lesson_of(steps[1:], {}, 20.0) is None, "gone on from a checkpoint"
    assert lesson_of(steps, {}, 1.0) == Lesson(KIND, (Speed(200, 0.5),), 0.0), "the clock was set meanwhile"
    assert lesson_of([], {}, 1.0) is None


def test_a_job_takes_its_start_and_its_steps() -> None:
    assert job_seconds([LESSON], KIND, TWO) == pytest.approx(7.0 + 2.0 + 3.0)
    assert job_seconds([LESSON], KIND, TWO, done=25) == pytest.approx(7.0 + 1.5)
    assert job_seconds([LESSON], KIND, [(20_000, 10)]) == pytest.approx(7.0 - lessons.SCALE_SECONDS + 2.0)
    assert job_seconds([LESSON], KIND, []) == pytest.approx(7.0 - 2 * lessons.SCALE_SECONDS)
    assert job_seconds([], KIND, TWO) is None
    slow = Lesson(kind_of({"optimizer": "adam"}), (Speed(10_000, 9.0),), 7.0)
    assert job_seconds([slow, LESSON], KIND, TWO) == pytest.approx(12.0), "one of another kind does not count"
    assert job_seconds([slow], KIND, [(10_000, 1)]) == pytest.approx(16.0), "but where there is no other"


@pytest.mark.parametrize(
    ("pixels", "seconds"),
    [(100, 1.0), (150, 1.5), (200, 2.0), (50, 0.5), (400, 4.0)],
    ids=["first", "between", "last", "below", "above"],
)
def test_times_of_steps_lie_on_a_line(pixels: int, seconds: float) -> None:
    assert lessons.step_seconds([(100, 1.0), (200, 2.0)], pixels) == pytest.approx(seconds)
    assert lessons.step_seconds([(100, 1.0)], pixels) == pytest.approx(seconds)


def test_each_job_follows_the_one_that_ends_first() -> None:
    waiting = [(job(name), work()) for name in "abc"]
    assert queue_eta([], waiting, [LESSON], NOW) == pytest.approx({"a": 12, "b": 24, "c": 36})
    assert queue_eta([], waiting, [LESSON], NOW, slots=2) == pytest.approx({"a": 12, "b": 12, "c": 24})
    running = [
        Running(job("x"), work(), progress(25, 30, scale=2, scales=2), 20.0),
        Running(job("y"), work(), None, 4.0),
    ]
    assert queue_eta(running, waiting, [LESSON], NOW, slots=2) == pytest.approx({"a": 1.5 + 12, "b": 8 + 12, "c": 25.5})
    late = [(job("d", not_before=NOW + 100.0), work())]
    assert queue_eta([], late, [LESSON], NOW) == pytest.approx({"d": 112})
    lowered = queue_eta(running, waiting[:1], [LESSON], NOW, slots=1)
    assert lowered == pytest.approx({"a": 8 + 12}), "two run, and only one may"


def test_of_what_nothing_is_known_nothing_is_said() -> None:
    waiting = [(job("a"), work(planned=5.0)), (job("b"), work()), (job("c"), work(planned=5.0))]
    assert queue_eta([], waiting, [], NOW) == {"a": 5.0}, "after b nothing can be said"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (float("inf"), "-"),
        (0.0, "~10s"),
        (44.0, "~40s"),
        (61.0, "~1m"),
        (5400.0, "~90m"),
        (7300.0, "~2h"),
        (200_000.0, "~2d"),
        (1e12, "~9999d"),
    ],
)
def test_a_guess_is_coarse_and_looks_like_one(seconds: float | None, text: str) -> None:
    assert figures.about(seconds) == text


class Day:
    """A queue with a scripted clock, and what a daemon and its workers leave as jobs are painted."""

    def __init__(self, path: Path) -> None:
        self.root = Root(path)
        for folder in (self.root.inbox, self.root.evolution, self.root.state):
            folder.mkdir()
        self.now = NOW
        self.store = Store.open(self.root, clock=lambda: self.now)
        self.reader = StoreReader.open(self.root)
        self.forecaster = Forecaster(self.root, self.reader, clock=lambda: self.now)
        self._noise = random.Random(3)

    def close(self) -> None:
        self.reader.close()
        self.store.close()

    def add(self, name: str, shape: tuple[int, int], **settings: object) -> Job:
        folder = JobFolder(self.root.evolution / name)
        folder.create()
        Image.new("RGB", shape).save(folder.input / "content.png")
        return self.store.add(
            id=name, name=name, content="input/content.png", styles=("input/style.png",), settings=settings
        )

    def paint(self, job: Job) -> Iterator[None]:
        """Paint a job: four seconds of start, a second and a half for each scale, 3 ms and 4 µs a pixel for each step."""
        self.store.move(job.id, JobState.RUNNING)
        began = self.now
        folder = JobFolder(self.root.evolution / job.id)
        work = self.forecaster._look(job)
        self.now += 3.0 * self._noise.uniform(0.9, 1.1)
        zero, step = self.now, 0
        steps = sum(each for _, each in work.scales)
        with LossLog(folder) as log:
            for scale, (pixels, count) in enumerate(work.scales, 1):
                self.now += 1.5 * self._noise.uniform(0.8, 1.2)
                for _ in range(count):
                    step += 1
                    self.now += (0.003 + 4e-6 * pixels) * self._noise.uniform(0.8, 1.25)
                    log.append(progress(step, steps, scale=scale, width=pixels, height=1, seconds=self.now - zero))
                os.utime(folder.losses, (self.now, self.now))
                yield
        self.now += self._noise.uniform(0.8, 1.2)
        assert self.now > began
        self.store.move(job.id, JobState.DONE)


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    found = Day(tmp_path)
    yield found
    found.close()


def test_twenty_jobs_are_done_when_it_was_said(day: Day) -> None:
    """Within a fifth, for the queue and for each job: at the start, at a quarter, at half, and in the middle of a job."""
    chosen = random.Random(1)

    def some(name: str) -> Job:
        shape = chosen.choice([(300, 300), (400, 300), (300, 400)])
        return day.add(name, shape, size=chosen.choice([64, 128, 192, 256]), steps=chosen.choice([20, 40, 60]))

    for each in [some(f"before{number}") for number in range(3)]:
        for _ in day.paint(each):
            pass
    jobs = [some(f"job{number:02d}") for number in range(20)]
    said = []
    for number, each in enumerate(jobs):
        if number in (0, 5, 10):
            said.append((day.now, day.forecaster.forecast()))
        for scale, _ in zip(itertools.count(1), day.paint(each), strict=False):
            if number == 7 and scale == 1:
                day.forecaster._due = 0.0
                said.append((day.now, day.forecaster.forecast()))
    ended = {each.id: each.finished_at or 0.0 for each in day.store.jobs([JobState.DONE])}
    assert len(said) == 4
    for at, forecast in said:
        assert forecast.all_done == pytest.approx(day.now - at, rel=0.2)
        assert forecast.left == pytest.approx({name: ended[name] - at for name in forecast.left}, rel=0.2)


def test_what_a_running_job_teaches_is_learned_anew_when_it_is_done(day: Day) -> None:
    """While it begins it teaches nothing, and then of its first steps only."""
    first, second = (day.add(name, (300, 200), size=64, steps=10) for name in ("first", "second"))
    painting = day.paint(first)
    next(painting)
    day.forecaster.forecast()
    for _ in painting:
        pass
    assert day.forecaster.forecast().left[second.id] == pytest.approx(first_seconds(day, first), rel=0.01)


def first_seconds(day: Day, job: Job) -> float:
    """Return what a job took from its start to its end."""
    return (day.store.get(job.id).finished_at or 0.0) - day.reader.begun_at(job.id)[0]


def test_before_a_job_has_run_the_measured_speeds_of_the_machine_count(day: Day) -> None:
    day.add("harbour", (300, 200), size=128, steps=10)
    assert day.forecaster.forecast() == ({}, None)
    speeds.keep(known(speed(128, 1.0)))
    with StoreReader.open(day.root) as reader:
        found = Forecaster(day.root, reader, clock=lambda: NOW).forecast()
    assert found.all_done is not None
    assert found.all_done > 2.0, "the start of a process at least"


def test_it_follows_a_new_order_at_once_and_a_broken_content_is_no_obstacle(day: Day) -> None:
    for _ in day.paint(day.add("before", (300, 200), size=64, steps=10)):
        pass
    first, second = (day.add(name, (300, 200), size=64, steps=10) for name in ("first", "second"))
    (day.root.evolution / "second/input/content.png").write_bytes(b"no picture")
    assert day.forecaster.forecast().left[first.id] < day.forecaster.forecast().left[second.id]
    day.store.set_priority(second.id, 5)
    assert day.forecaster.forecast().left[first.id] > day.forecaster.forecast().left[second.id]


def test_a_job_of_many_steps_teaches_all_of_its_scales(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its losses are read in parts."""
    painted = day.add("long", (300, 200), size=128, steps=30, scales=[64, 128])
    for _ in day.paint(painted):
        pass
    folder = JobFolder(day.root.evolution / painted.id)
    whole = lessons.read_lesson(folder, {}, NOW, day.now, day.now)
    monkeypatch.setattr(losses, "_READ_BYTES", 1000)
    assert whole is not None
    assert len(whole.speeds) > 1
    assert lessons.read_lesson(folder, {}, NOW, day.now, day.now) == whole


def test_a_job_painted_in_two_goes_teaches_nothing(day: Day) -> None:
    """Its pause would count as its start."""
    paused = day.add("paused", (300, 200), size=64, steps=10)
    day.store.move(paused.id, JobState.RUNNING)
    day.store.move(paused.id, JobState.PAUSED)
    day.now += 3600.0
    day.store.move(paused.id, JobState.WAITING)
    for _ in day.paint(paused):
        pass
    day.add("next", (300, 200), size=64, steps=10)
    assert day.forecaster.forecast().left == {}


def test_a_job_whose_settings_were_changed_is_foreseen_by_the_new_ones(day: Day) -> None:
    for _ in day.paint(day.add("before", (300, 200), size=64, steps=10)):
        pass
    waiting = day.add("harbour", (300, 200), size=64, steps=10)
    before = day.forecaster.forecast().left[waiting.id]
    day.store.change(waiting.id, settings={"size": 64, "steps": 1000})
    day.forecaster._due = 0.0
    assert day.forecaster.forecast().left[waiting.id] > 2 * before


def test_a_setting_put_back_to_its_default_beside_a_preset_counts(day: Day) -> None:
    settings = settings_from({"preset": "fine", "size": 1024, "statistic": "gram", "normalize": "none"})
    waiting = day.add("harbour", (3000, 2000), **differing(settings))
    work = day.forecaster._look(waiting)
    assert work.settings == settings
    assert max(pixels for pixels, _ in work.scales) == pytest.approx(1024 * 683, rel=0.01)
    assert work.kind == KIND


def test_the_images_of_a_job_are_looked_at_once(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    look = day.forecaster._look
    monkeypatch.setattr(day.forecaster, "_look", lambda job: looked.append(job.id) or look(job))
    for name in ("runs", "waits"):
        day.add(name, (300, 200), size=64, steps=10)
    day.store.move("runs", JobState.RUNNING)
    for _ in range(2):
        day.forecaster._due = 0.0
        day.forecaster.forecast()
    assert sorted(looked) == ["runs", "waits"]


def test_a_job_that_runs_takes_time_also_before_any_has_taught_anything(day: Day) -> None:
    """By the measured speeds while it starts; by its own steps where nothing was measured."""
    speeds.keep(known(speed(128, 1.0)))
    for name in ("runs", "waits"):
        day.add(name, (300, 200), size=128, steps=10)
    day.store.move("runs", JobState.RUNNING)
    left = day.forecaster.forecast().left["waits"]
    assert left == pytest.approx(2 * (day.forecaster._work["waits"][1].planned or 0.0))
    painting = Running(job("x"), work(), progress(25, 60), 20.0)
    assert queue_eta([painting], [(job("a"), work(planned=5.0))], [], NOW) == {"a": 17.5 + 5.0}


def test_a_job_that_runs_alone_has_an_end_too(day: Day) -> None:
    """As soon as anything is known of it, and not before."""
    day.add("alone", (300, 200), size=128, steps=10)
    assert day.store.claim_next() is not None
    assert day.forecaster.forecast() == ({}, None)
    folder = JobFolder(day.root.evolution / "alone")
    with LossLog(folder) as log:
        log.append(progress(25, 60))
    os.utime(folder.losses, (day.now, day.now))
    day.forecaster._due = 0.0
    assert day.forecaster.forecast() == ({}, 17.5)
