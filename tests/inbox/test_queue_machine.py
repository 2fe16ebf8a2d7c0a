"""Any sequence of moves, crashes and lost databases against a plain model of the queue."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from styled.errors import IllegalMove, NoSuchJob
from styled.evolution import JobFile, JobFolder, write_job_file
from styled.inbox.claiming.recovery import recover
from styled.job import ENDED, LEGAL_MOVES, Job, JobState
from styled.root import Root
from styled.settings import Settings
from styled.store.adoption import save_state
from styled.store.reader import StoreReader
from styled.store.store import Store
from tests.store.conftest import FakeClock


class Queue(RuleBasedStateMachine):
    jobs: Bundle[int] = Bundle("jobs")

    @initialize()
    def start(self) -> None:
        self.root = Root(Path(tempfile.mkdtemp(prefix="styled-queue-")))
        self.root.inbox.mkdir()
        self.root.evolution.mkdir()
        self.clock = FakeClock()
        self.store = Store.open(self.root, clock=self.clock)
        self.reader = StoreReader.open(self.root)
        self.model: dict[int, tuple[JobState, int]] = {}
        self.last_number = 0
        self.last_event = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.reader.close()
            self.store.close()
            shutil.rmtree(self.root.path)

    def record(self, job: Job) -> None:
        self.model[job.number] = job.state, job.priority
        save_state(self.root.evolution, job)

    @rule(target=jobs, priority=st.integers(-2, 2), in_store=st.booleans())
    def claim_a_pair(self, priority: int, in_store: bool) -> int:
        """A claim; without ``in_store`` the daemon dies before its last step."""
        number = self.store.next_number()
        assert number > self.last_number
        self.last_number = number
        folder = JobFolder(self.root.evolution / f"20261122-{number:06d}-pair")
        folder.create()
        fields = {"name": "pair", "content": "input/c.png", "styles": ("input/s.png",), "priority": priority}
        write_job_file(
            folder, JobFile(id=folder.id, number=number, settings=Settings(), created_at=self.clock.now, **fields)
        )
        self.model[number] = JobState.WAITING, priority
        if in_store:
            self.store.add(number=number, id=folder.id, **fields)
        else:
            self.restart(kill=True)
        return number

    @rule(number=jobs, to=st.sampled_from(list(JobState)))
    def move(self, number: int, to: JobState) -> None:
        before = self.model.get(number)
        try:
            job = self.store.move(number, to)
        except NoSuchJob:
            assert before is None
        except IllegalMove:
            assert before is not None
            assert to not in LEGAL_MOVES[before[0]]
        else:
            assert before is not None
            assert to in LEGAL_MOVES[before[0]]
            assert (job.finished_at is not None) == (to in ENDED)
            self.record(job)

    @rule()
    def claim_next(self) -> None:
        waiting = [(-priority, number) for number, (state, priority) in self.model.items() if state is JobState.WAITING]
        job = self.store.claim_next()
        assert (job and job.number) == (min(waiting)[1] if waiting else None)
        if job:
            assert job.handle == ""
            self.record(job)

    @rule(number=jobs, step=st.integers(0, 500))
    def progress(self, number: int, step: int) -> None:
        if number in self.model:
            self.store.update_progress(number, step=step, handle="local:4711:1.0")
            job = self.store.get(number)
            assert (job.step == step and job.handle == "local:4711:1.0") or job.state is not JobState.RUNNING

    @rule(number=jobs, priority=st.integers(-2, 2))
    def set_priority(self, number: int, priority: int) -> None:
        if number in self.model:
            self.record(self.store.set_priority(number, priority))

    @rule(target=jobs, number=consumes(jobs))
    def remove(self, number: int) -> object:
        if number not in self.model:
            return multiple()
        job = self.store.get(number)
        if job.state not in ENDED:
            return number
        shutil.rmtree(self.root.evolution / job.id)
        self.store.remove(number)
        del self.model[number]
        return multiple()

    @rule(kill=st.booleans())
    def restart(self, kill: bool) -> None:
        """The daemon ends, or is killed: then nothing is closed, and its running jobs are queued again."""
        if kill:
            self.store._db.close()  # no checkpoint of the log
        else:
            self.store.close()
        self.open()

    @rule(how=st.sampled_from(["deleted", "damaged"]))
    def lose_the_database(self, how: str) -> None:
        self.store.close()
        if how == "deleted":
            self.root.database.unlink()
        else:
            data = self.root.database.read_bytes()
            self.root.database.write_bytes(b"\x00" * 100 + data[100:])
        self.open()

    def open(self) -> None:
        self.store = Store.open(self.root, clock=self.clock)
        recover(self.root, self.store)
        self.store.requeue_running("again")
        for number, (state, priority) in self.model.items():
            if state is JobState.RUNNING:
                self.model[number] = JobState.WAITING, priority

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        found = {job.number: (job.state, job.priority) for job in self.store.jobs()}
        assert found == self.model
        assert self.reader.jobs() == self.store.jobs()
        assert sum(self.reader.counts().values()) == len(self.model)

    @invariant()
    def only_running_jobs_have_a_process(self) -> None:
        assert all(job.handle == "" for job in self.store.jobs() if job.state is not JobState.RUNNING)

    @invariant()
    def events_go_on_without_gaps(self) -> None:
        events = self.store.events(self.last_event, limit=10_000)
        numbers = [event.seq for event in events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
        self.last_event = self.store.last_event()


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=12, stateful_step_count=25)
