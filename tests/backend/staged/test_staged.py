"""Staged attempts on a scheduler in memory: nodes that are lost, wait, refuse, forget, and come back too late."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.backend.runner import Attempt, Ended, Placed, Queued, Report, Task
from styled.backend.staged import spool
from styled.backend.staged.engine import Outcome, Phase
from styled.backend.staged.place import Order, is_missing
from styled.backend.staged.staged import StagedRunner
from styled.backend.verdict import Blame, Verdict, blame, verdict_of
from styled.config import BackendConfig
from styled.evolution import JobFolder, load_checkpoint, read_losses
from styled.files.decoding import read_json
from styled.messages import Checkpointed, Failure, Noted
from styled.root import Root
from styled.store.store import Store
from tests.backend.staged.memory_engine import MemoryEngine, Node, picture, write_slot
from tests.daemon.workshop import add_job

pytestmark = pytest.mark.processes  # results are decoded in a child

PREFIX = "styled-test-"


class Bench:
    """A runner by hand: its clock moves when the test says so."""

    def __init__(self, root: Root, spool: Path) -> None:
        self.root, self.spool, self.now = root, spool, 1000.0
        self.engine = MemoryEngine()
        self.runner = self.another()
        self.tasks: dict[str, Task] = {}
        """By attempt."""

    def another(self) -> StagedRunner:
        """Return a runner as a later daemon has it."""
        config = BackendConfig(kind="slurm", spool=str(self.spool), lost_after_s=120.0)
        return StagedRunner(self.engine, config, PREFIX, stall_s=300.0, clock=lambda: self.now)

    def task(self, name: str = "harbour", attempt: str = "aa") -> Task:
        """Make a job, if there is none of that name yet; return an attempt at it."""
        with Store.open(self.root) as store:
            job = next((job for job in store.jobs() if job.name == name), None) or add_job(self.root, store, name)
        return self.tasks.setdefault(attempt, Task(job.id, self.root.evolution / job.id, job.number, attempt=attempt))

    def submit(self, task: Task) -> Node:
        """Submit; return the node that is to paint."""
        self.runner.submit(task)
        return self.engine.nodes[spool.name_of(PREFIX, task)]

    def poll(self, seconds: float = 2.0) -> list[Report]:
        """Let time pass, and poll."""
        self.now += seconds
        return self.runner.poll()

    def end(self, seconds: float = 2.0) -> Ended:
        """Poll; return the end that is reported, which is noted then."""
        [ended] = [report.what for report in self.poll(seconds) if isinstance(report.what, Ended)]
        for task in self.tasks.values():
            self.runner.acknowledge(task)
        return ended

    def left(self) -> list[str]:
        """Return what lies in the spool."""
        return sorted(path.name for path in self.spool.iterdir())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A root and a spool."""
    root = Root.at(tmp_path / "root")
    root.evolution.mkdir(parents=True)
    (tmp_path / "spool").mkdir()
    bench = Bench(root, tmp_path / "spool")
    yield bench
    bench.runner.close()


def test_an_attempt_that_waits_says_why_once_and_where_it_is_placed(bench: Bench) -> None:
    node = bench.submit(bench.task())
    assert [report.what for report in bench.poll()] == [Queued("in Memory: Priority")]
    assert bench.poll() == []
    bench.poll(100_000.0)  # waiting is no silence
    node.reason = "Resources"
    assert [report.what for report in bench.poll()] == [Queued("in Memory: Resources")]
    node.run("gpu7")
    assert [report.what for report in bench.poll()] == [Placed("gpu7")]


def test_a_node_that_is_lost_leaves_its_checkpoint_and_nothing_else(bench: Bench) -> None:
    task = bench.task()
    node = bench.submit(task)
    node.run("node1")
    node.start()
    for step in (1, 2, 3):
        node.step(step)
    node.checkpoint(3)
    node.lose()
    ended = bench.end()
    assert verdict_of(ended) == (Verdict.LOST, "node1 was lost")
    assert ended.progressed
    assert bench.left() == []
    assert (found := load_checkpoint(JobFolder(task.folder))) is not None
    assert found.meta["step"] == 3
    again = bench.submit(bench.task(attempt="bb"))
    slots = sorted(path.name for path in again.place.folder.checkpoint.iterdir())
    assert slots == ["a.npz"], "the next attempt has what it goes on from"


def test_a_node_without_a_heartbeat_is_given_up_and_may_write_no_more(bench: Bench) -> None:
    task = bench.task()
    node = bench.submit(task)
    node.run("node1")
    node.start()
    for _ in range(5):
        node.beat()
        assert not any(isinstance(report.what, Ended) for report in bench.poll(100.0))
    folder = node.place.folder
    ended = bench.end(130.0)
    assert verdict_of(ended) == (Verdict.LOST, "node1 was lost")
    assert node.killed
    second = bench.submit(bench.task(attempt="bb"))
    # The old worker did not notice, and writes where it always did.
    folder.create()
    picture(folder.frames / "000009.jpg")
    write_slot(folder.checkpoint / "a.npz", 9, 99)
    second.run("node2")
    second.start()
    second.step(1)
    bench.poll()
    assert not list(JobFolder(task.folder).frames.iterdir())
    assert load_checkpoint(JobFolder(task.folder)) is None
    assert [line.step for line in read_losses(JobFolder(task.folder)).losses] == [1]
    bench.poll(100.0)
    assert bench.left() == [second.name], "what it wrote is swept"


def test_a_scheduler_that_does_not_answer_ends_nothing(bench: Bench) -> None:
    node = bench.submit(bench.task())
    node.run()
    node.start()
    bench.poll()
    bench.engine.away = "connection refused"
    assert bench.poll(10_000.0) == []
    assert bench.runner.trouble == "Memory does not answer: connection refused"
    node.step(1)
    node.checkpoint(1)
    assert [type(report.what) for report in bench.poll(10_000.0)] == [Checkpointed], "it is followed meanwhile"
    bench.engine.away = ""
    node.beat()
    assert bench.poll() == []
    assert bench.runner.trouble == ""


def test_a_stop_is_kept_until_the_scheduler_has_it(bench: Bench) -> None:
    task = bench.task()
    node = bench.submit(task)
    node.run()
    bench.poll()
    bench.engine.away = "connection refused"
    bench.runner.stop(task.id, 60.0)
    assert not node.asked
    bench.engine.away = ""
    bench.poll()
    assert node.asked
    node.obey(3)
    assert verdict_of(bench.end())[0] is Verdict.STOPPED


def test_one_that_is_stopped_while_it_waits_ends_at_once(bench: Bench) -> None:
    task = bench.task()
    bench.submit(task)
    bench.poll()
    bench.runner.stop(task.id, 60.0)
    ended = bench.end()
    assert verdict_of(ended)[0] is Verdict.STOPPED
    assert blame(ended) is Blame.NOBODY
    assert bench.left() == []


def test_what_the_scheduler_refuses_is_no_fault_of_the_job(bench: Bench) -> None:
    bench.engine.refuses = "sbatch: invalid partition specified: nowhere"
    bench.runner.submit(bench.task())
    ended = bench.end()
    assert blame(ended) is Blame.MACHINE
    assert "invalid partition" in verdict_of(ended)[1]
    assert bench.left() == []


def test_a_command_that_cannot_be_run_on_a_node_says_what_it_printed(bench: Bench) -> None:
    node = bench.submit(bench.task())
    node.run("node1")
    node.place.log.write_text("slurmstepd: x\n/shared/venv/bin/python: No such file or directory\n")
    node.phase, node.outcome = Phase.ENDED, Outcome.FAILED
    bench.engine.all_nodes = frozenset({"node1"})
    bench.poll()
    bench.poll(11.0)
    ended = bench.end()
    assert blame(ended) is Blame.MACHINE
    assert verdict_of(ended)[1].startswith(
        "no other node is there. Not fit: node1: could not run it: /shared/venv/bin/python: No such file or directory"
    )
    assert bench.left() == []


def test_a_time_limit_costs_no_attempt_unless_nothing_was_painted(bench: Bench) -> None:
    node = bench.submit(bench.task())
    node.run()
    node.start()
    node.checkpoint(3)
    node.end(75, signalled=True)
    ended = bench.end()
    assert verdict_of(ended)[0] is Verdict.STOPPED
    assert ended.stopped_by
    early = bench.submit(bench.task(attempt="bb"))
    early.run()
    early.start(step=3)
    early.end(75, signalled=True)
    assert verdict_of(bench.end())[0] is Verdict.CRASHED
    starting = bench.submit(bench.task(attempt="dd"))  # it has no handler yet
    starting.run()
    starting.end(-signal.SIGTERM, signalled=True)
    assert verdict_of(bench.end())[1].endswith(
        "(its time limit, or another job) stopped it before its first checkpoint"
    )
    killed = bench.submit(bench.task(attempt="cc"))
    killed.run()
    killed.start(step=3)
    killed.checkpoint(9, serial=5)
    killed.phase, killed.outcome = Phase.ENDED, Outcome.TIMED_OUT
    bench.poll()
    assert verdict_of(bench.end(11.0))[0] is Verdict.STOPPED


def test_commands_nobody_waits_for_are_ended(bench: Bench) -> None:
    """One that was submitted though the scheduler did not say so; and those of another root are none of ours."""
    node = bench.submit(bench.task())
    node.run()
    bench.runner.detach(1.0)
    later = bench.runner = bench.another()
    later.attach([])
    bench.poll()
    assert node.killed
    bench.poll(100.0)
    assert bench.left() == []


def test_a_later_daemon_begins_at_the_first_message(bench: Bench) -> None:
    task = bench.task()
    node = bench.submit(task)
    node.run("node1")
    node.start()
    for step in (1, 2):
        node.step(step)
    bench.poll()
    bench.runner.detach(1.0)
    node.step(3)
    node.frame(3)
    later = bench.runner = bench.another()
    assert later.attach([Attempt(task, "slurm:x", wanted=True)]) == {task.id}
    bench.poll()
    node.finish()
    assert verdict_of(bench.end())[0] is Verdict.DONE
    folder = JobFolder(task.folder)
    assert [line.step for line in read_losses(folder).losses] == [1, 2, 3]
    assert folder.result.is_file()


def test_an_attempt_that_never_reached_the_scheduler_is_lost(bench: Bench) -> None:
    task = bench.task()
    bench.runner.attach([Attempt(task, "", wanted=True)])
    assert bench.poll() == []
    assert verdict_of(bench.end(11.0))[0] is Verdict.LOST


def test_a_node_that_sends_what_it_may_not_is_ended_and_tried_again(bench: Bench) -> None:
    node = bench.submit(bench.task())
    node.run()
    node.start()
    (node.place.folder.frames / "000001.jpg").write_bytes(b"rubbish")
    node.say(b'{"event":"frame","step":1,"path":"frames/000001.jpg"}\n')
    bench.poll()
    assert node.killed
    verdict, reason = verdict_of(bench.end())
    assert verdict is Verdict.CRASHED
    assert "000001.jpg, which cannot be used" in reason
    assert bench.left() == []


def test_one_that_the_scheduler_does_not_show_yet_is_given_up_without_a_kill(bench: Bench) -> None:
    """It was taken over: nothing is known yet of what could be killed, and Slurm refuses an empty handle."""
    task = bench.task()
    node = bench.submit(task)
    node.run()
    (node.place.folder.frames / "000001.jpg").write_bytes(b"rubbish")
    node.say(b'{"event":"frame","step":1,"path":"frames/000001.jpg"}\n')
    bench.runner.detach(1.0)
    hidden = bench.engine.nodes.pop(node.name)
    later = bench.runner = bench.another()
    later.attach([Attempt(task, "", wanted=True)])
    assert bench.poll() == []
    verdict, reason = verdict_of(bench.end())
    assert verdict is Verdict.CRASHED
    assert "000001.jpg, which cannot be used" in reason
    assert not node.killed
    bench.engine.nodes[node.name] = hidden
    bench.poll(61.0)
    assert node.killed, "once it is shown it is nobody's"


@pytest.mark.parametrize("asked", [False, True])
def test_a_job_whose_folder_was_removed_ends(bench: Bench, *, asked: bool) -> None:
    task = bench.task()
    node = bench.submit(task)
    node.run()
    node.start()
    bench.poll()
    shutil.rmtree(task.folder)
    if asked:
        bench.runner.stop(task.id, 60.0)
    node.checkpoint(3)
    bench.poll()
    assert node.killed
    verdict, reason = verdict_of(bench.end())
    assert (verdict, reason.split(". ")[0]) == (Verdict.HOPELESS, f"{task.folder} is gone")


def test_no_job_ends_while_evolution_is_away(bench: Bench) -> None:
    task = bench.task()
    node = bench.submit(task)
    node.run()
    node.start()
    bench.poll()
    away = bench.root.evolution.rename(bench.root.evolution.with_name("away"))
    node.checkpoint(3)
    for _ in range(3):
        assert bench.poll(100.0) == []
        assert task.id in bench.runner.trouble
    assert not node.killed
    away.rename(bench.root.evolution)
    node.beat()
    assert [type(report.what) for report in bench.poll()] == [Checkpointed]
    assert bench.runner.trouble == ""


def test_one_that_was_asked_to_stop_ends_though_its_folder_cannot_be_used(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = bench.task()
    node = bench.submit(task)
    node.run()
    node.start()
    bench.poll()

    def refuse(_folder: JobFolder) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(JobFolder, "open_log", refuse)
    node.place.folder.log.write_text("painted\n")
    bench.runner.stop(task.id, 60.0)
    assert bench.poll() == []
    assert not node.killed, "it has its time"
    assert bench.poll(61.0) == []
    assert node.killed
    assert bench.poll() == []
    assert verdict_of(bench.end(11.0))[0] is Verdict.STOPPED


def test_a_full_disk_keeps_what_was_painted_for_one_that_was_asked_to_stop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = bench.task()
    node = bench.submit(task)
    node.run()
    node.start()
    bench.poll()

    def refuse(_folder: JobFolder) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(JobFolder, "open_log", refuse)
        node.place.folder.log.write_text("painted\n")
        bench.runner.stop(task.id, 60.0)
        bench.poll()
        node.obey(5)
        for _ in range(3):
            assert bench.poll(100.0) == []
            assert "No space left" in bench.runner.trouble
    assert verdict_of(bench.end())[0] is Verdict.STOPPED
    assert (found := load_checkpoint(JobFolder(task.folder))) is not None
    assert found.meta["step"] == 5


def test_an_end_that_is_written_is_believed_however_long_the_rest_takes(bench: Bench) -> None:
    """A bridge that was away finds much to bring over, a part in each turn; the scheduler has forgotten the job by then."""
    node = bench.submit(bench.task())
    node.run()
    node.start()
    node.place.folder.log.write_bytes(b"painted\n" * (3 * 2**17 + 1))
    node.finish()
    for _ in range(3):
        assert not any(isinstance(report.what, Ended) for report in bench.poll(11.0))
    assert verdict_of(bench.end(11.0))[0] is Verdict.DONE


def test_rubbish_of_a_worker_is_noted_once(bench: Bench) -> None:
    node = bench.submit(bench.task())
    node.run()
    node.start()
    bench.poll()
    node.say(b"hello\n", b"again\n")
    [report] = bench.poll()
    assert isinstance(report.what, Noted)
    assert report.what.note.startswith("a worker wrote something that is no message")
    node.say(b"and again\n")
    assert bench.poll() == []


def test_a_trouble_of_the_sweep_stays_until_the_next_sweep(bench: Bench) -> None:
    away = bench.spool.rename(bench.spool.with_name("away"))
    bench.poll()
    for _ in range(3):
        bench.poll()
        assert bench.runner.trouble == f"{bench.spool}: No such file or directory"
    away.rename(bench.spool)
    bench.poll(61.0)
    assert bench.runner.trouble == ""


def test_an_input_that_is_gone_is_the_jobs_fault_and_not_the_disks(bench: Bench) -> None:
    task = bench.task()
    (task.folder / "input" / "style.png").unlink()
    bench.runner.submit(task)
    verdict, reason = verdict_of(bench.end())
    assert verdict is Verdict.HOPELESS
    assert "style.png cannot be opened: No such file or directory" in reason


@pytest.mark.parametrize(
    ("number", "missing"), [(errno.ENOENT, True), (errno.EIO, False), (errno.ESTALE, False), (errno.ENOTDIR, False)]
)
def test_only_an_order_that_is_not_there_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, missing: bool
) -> None:
    def fail(_path: Path, **_how: bool) -> os.stat_result:
        raise OSError(number, os.strerror(number))

    assert not is_missing(tmp_path)
    monkeypatch.setattr(Path, "stat", fail)
    assert is_missing(tmp_path / "order.json") is missing


def test_an_error_of_the_worker_is_the_jobs(bench: Bench) -> None:
    node = bench.submit(bench.task())
    node.run()
    node.start()
    node.fail(Failure(kind="disk-full", message="the spool is full"))
    ended = bench.end()
    assert (verdict_of(ended)[0], ended.elsewhere) == (Verdict.DISK_FULL, True)


def test_a_spool_that_is_not_there_is_a_trouble_and_no_job_fails(bench: Bench) -> None:
    shutil.rmtree(bench.spool)
    bench.runner.submit(bench.task())
    verdict, reason = verdict_of(bench.end())
    assert verdict is Verdict.DISK_FULL
    assert "cannot lay out" in reason
    bench.spool.mkdir()


def test_what_is_laid_out_is_the_job_and_what_it_goes_on_from(bench: Bench) -> None:
    task = bench.task()
    picture(task.folder / "frames" / "000005.jpg")
    write_slot(task.folder / "checkpoint" / "b.npz", 5, 1)
    (task.folder / "checkpoint" / ".styled-00000000.tmp").write_bytes(b"half")
    (task.folder / "frames" / "000006.jpg").symlink_to("/etc/passwd")
    node = bench.submit(task)
    laid_out = sorted(str(path.relative_to(node.folder)) for path in node.folder.rglob("*") if path.is_file())
    job = task.id
    names = ["checkpoint/b.npz", "frames/000005.jpg", "input/content.png", "input/style.png", "job.json"]
    assert laid_out == sorted([*(f"{job}/{name}" for name in names), "order.json"])
    assert node.folder.stat().st_mode & 0o077 == 0
    order = read_json(node.place.order, Order)
    assert order.job == job
