"""Hooks run as argument lists, in time, and never hold up anybody."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
import structlog

from styled.config import HooksConfig
from styled.daemon.hooks import AT_ONCE, Hooks, filled
from styled.job import Job, JobState
from styled.root import Root
from tests.deadlines import patience, wait_until
from tests.tools.processes import has_ended

pytestmark = pytest.mark.processes


def job(root: Root, state: JobState = JobState.DONE, **values: str) -> Job:
    found = Job(id="20261122-201500-harbour", number=42, name="harbour", state=state, content="c", styles=("s",))
    (root.evolution / found.id).mkdir(exist_ok=True)
    return type(found)(**{**{f: getattr(found, f) for f in found.__struct_fields__}, **values})


@pytest.fixture
def hooks(root: Root) -> Iterator[Hooks]:
    hooks = Hooks(root, HooksConfig())
    yield hooks
    hooks.close(0.0)


def run(hooks: Hooks, ended: Job) -> None:
    hooks.ended(ended)
    hooks.turn()
    wait_until(lambda: hooks.turn() or hooks.wake_after() is None)


def test_the_hook_of_a_done_job_gets_its_facts_and_its_words_go_to_the_jobs_log(root: Root, hooks: Hooks) -> None:
    hooks.reconfigure(HooksConfig(on_done=("echo", "{number} {name}", "{result}", "{unknown}", "{")))
    ended = job(root)
    run(hooks, ended)
    folder = root.evolution / ended.id
    assert (folder / "log.txt").read_text() == f"0042 harbour {folder / 'result.png'} {{unknown}} {{\n"


def test_a_failed_job_has_its_own_hook(root: Root, hooks: Hooks) -> None:
    hooks.reconfigure(HooksConfig(on_failed=("echo", "{reason}")))
    run(hooks, job(root))
    assert not (root.evolution / "20261122-201500-harbour" / "log.txt").exists()
    run(hooks, job(root, JobState.FAILED, reason="it crashed"))
    assert (root.evolution / "20261122-201500-harbour" / "log.txt").read_text() == "it crashed\n"


def test_no_fact_can_become_a_command_or_another_fact(root: Root) -> None:
    evil = job(root, reason="{name}; rm -rf / $(id) `id`")
    assert filled(("notify", "{reason}"), root, evil) == ("notify", "{name}; rm -rf / $(id) `id`")


def test_a_hook_that_takes_too_long_is_killed_with_its_children(root: Root, hooks: Hooks) -> None:
    hooks.reconfigure(HooksConfig(on_done=("sh", "-c", "sleep 100 & echo $!; wait"), timeout_s=0.3))
    run(hooks, job(root))  # returns long before the 100 s are over, or not at all
    child = int((root.evolution / "20261122-201500-harbour" / "log.txt").read_text())
    wait_until(lambda: has_ended(child))


def test_a_hook_that_sigkill_does_not_end_keeps_nobody_waiting(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """It copies to a file server that is dead, say."""
    hooks = Hooks(root, HooksConfig(on_done=("sleep", "100"), timeout_s=0.0))
    hooks.ended(job(root))
    with monkeypatch.context() as hung, structlog.testing.capture_logs() as logs:
        hung.setattr("styled.daemon.hooks.kill_group", lambda _pid: None)
        hung.setattr("styled.daemon.hooks._KILLED_S", 0.05)
        hooks.turn()
        for _ in range(3):
            hooks.turn()
            assert hooks.wake_after() is None
        assert len(logs) == 1
        [process] = [hook.process for hook in hooks._running]
        hooks.close(0.0)
        assert len(logs) == 2
    assert process.poll() is None
    process.kill()
    process.wait(patience(10))


def test_what_a_hook_leaves_in_the_background_ends_with_it(root: Root, hooks: Hooks) -> None:
    hooks.reconfigure(HooksConfig(on_done=("sh", "-c", "sleep 100 & echo $!")))
    run(hooks, job(root))
    child = int((root.evolution / "20261122-201500-harbour" / "log.txt").read_text())
    wait_until(lambda: has_ended(child))


def test_few_hooks_run_at_once_and_all_get_their_turn(root: Root, hooks: Hooks) -> None:
    hooks.reconfigure(HooksConfig(on_done=("sh", "-c", "echo x; sleep 0.1")))
    for _ in range(3 * AT_ONCE):
        hooks.ended(job(root))
    hooks.turn()
    assert len(hooks._running) == AT_ONCE
    wait_until(lambda: hooks.turn() or hooks.wake_after() is None)
    assert (root.evolution / "20261122-201500-harbour" / "log.txt").read_text() == "x\n" * 3 * AT_ONCE


def test_a_program_that_is_not_there_is_no_harm(root: Root, hooks: Hooks) -> None:
    hooks.reconfigure(HooksConfig(on_done=("/no/such/program",)))
    with structlog.testing.capture_logs() as logs:
        run(hooks, job(root))
    assert hooks._running == []
    assert [entry["command"] for entry in logs] == ["/no/such/program"]
    log = (root.evolution / "20261122-201500-harbour" / "log.txt").read_text()
    assert log == "/no/such/program cannot be started: No such file or directory\n"


def test_an_argument_with_a_nul_is_no_harm(root: Root, hooks: Hooks) -> None:
    hooks.reconfigure(HooksConfig(on_done=("echo", "a\0b")))
    with structlog.testing.capture_logs() as logs:
        run(hooks, job(root))
    assert [entry["event"] for entry in logs] == ["a hook could not be started"]


def test_closing_ends_what_still_runs(root: Root) -> None:
    hooks = Hooks(root, HooksConfig(on_done=("sleep", "100")))
    hooks.ended(job(root))
    hooks.turn()
    pid = hooks._running[0].process.pid
    hooks.close(0.1)
    assert not psutil.pid_exists(pid)
