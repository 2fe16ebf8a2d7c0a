"""The daemon's side of the bridge, with a shell in the bridge's place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from styled.backend import launch
from styled.backend.runner import Attempt, Ended, Report, Task
from styled.backend.staged.remote import RemoteRunner
from styled.config import BackendConfig, QueueConfig
from tests.deadlines import patience, wait_until

pytestmark = pytest.mark.processes


class Bridges:
    """Bridges that end as the test says, and a clock that moves when it does."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.script = 1000.0, "exec cat"
        monkeypatch.setattr(launch, "command", lambda *_arguments: ["/bin/sh", "-c", self.script])
        config = BackendConfig(kind="slurm", spool=str(tmp_path))
        self.noted: set[str] = set()
        """Attempts whose end is in the store."""
        self.runner = RemoteRunner(
            None, config, QueueConfig(), "styled-test-", noted=self._noted, clock=lambda: self.now
        )

    def _noted(self, tasks: Sequence[Task]) -> list[Task]:
        return [task for task in tasks if task.attempt in self.noted]

    def die(self, script: str, *, after_s: float = 0.0) -> float:
        """Let the next bridge live for so long, and end; return the seconds until another one is started."""
        self.script = script
        self.now += self.runner.wake_after() or 0.0
        self.runner.poll()
        assert self.runner.trouble == ""
        self.now += after_s
        wait_until(lambda: self.runner.poll() == [] and bool(self.runner.trouble))
        return self.runner.wake_after() or 0.0


@pytest.fixture
def bridges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bridges]:
    """A runner and its bridges."""
    bridges = Bridges(tmp_path, monkeypatch)
    yield bridges
    bridges.runner.close()


def _crash(text: str) -> str:
    return f"""echo '{{"crash":"{text}"}}'; exit 1"""


def test_a_bridge_that_dies_again_and_again_is_started_less_often(bridges: Bridges) -> None:
    assert [bridges.die(_crash("once")) for _ in range(4)] == [1.0, 5.0, 30.0, 30.0]
    assert bridges.die("read line; echo {}; exit 1") == 30.0, "that it spoke is no proof that it works"
    assert bridges.die("read line; exit 1", after_s=61.0) == 1.0


def test_the_latest_death_is_told(bridges: Bridges) -> None:
    bridges.die(_crash("ValueError: first"))
    assert bridges.runner.trouble == "the bridge to slurm ended: ValueError: first"
    bridges.die(_crash("KeyError: second"))
    assert bridges.runner.trouble == "the bridge to slurm ended: KeyError: second"
    bridges.die("exit 7")
    assert bridges.runner.trouble == "the bridge to slurm ended: exit code 7"


def test_a_bridge_that_takes_no_orders_is_ended_at_the_close(
    bridges: Bridges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be sent to it is not sent after its input was closed."""
    monkeypatch.setattr("styled.backend.staged.remote._END_S", 0.0)
    bridges.script = f"echo $$ > {tmp_path}/pid; exec sleep 100"
    bridges.runner.poll()
    pid = wait_until(_number_in(tmp_path / "pid"))
    for number in range(600):  # more than a pipe takes
        bridges.runner.submit(Task(f"job-{number}", tmp_path, number, attempt="a" * 200))
    assert bridges.runner.wake_after() == 0.1, "some of it was not sent"
    bridges.runner.detach(0.0)
    bridges.runner.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_bridge_that_sigkill_does_not_end_keeps_nobody_waiting(
    bridges: Bridges, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a spool whose file server is dead, say."""
    bridges.script = "exec sleep 100"
    bridges.runner.poll()
    bridge = bridges.runner._bridge
    assert bridge is not None
    with monkeypatch.context() as hung, structlog.testing.capture_logs() as logs:
        hung.setattr("styled.backend.staged.remote.kill_group", lambda _pid: None)
        hung.setattr("styled.backend.staged.remote._END_S", 0.05)
        hung.setattr("styled.backend.staged.remote._KILLED_S", 0.05)
        bridges.runner.close()
    assert [entry["pid"] for entry in logs] == [bridge.pid]
    assert bridge.poll() is None
    bridge.kill()
    bridge.wait(patience(10))


def test_a_bridge_may_forget_an_attempt_when_its_end_is_noted_and_not_before(bridges: Bridges, tmp_path: Path) -> None:
    orders = tmp_path / "orders"
    ended = msgspec.json.encode({"job": "harbour", "ended": {"returncode": 0}}).decode()
    bridges.script = f"read open; read submit; echo '{ended}'; exec cat > {orders}"
    bridges.runner.poll()
    bridges.runner.submit(Task("harbour", tmp_path, 1, attempt="aa"))
    [report] = wait_until(bridges.runner.poll)
    assert report == Report("harbour", Ended(0))
    assert bridges.runner.running() == frozenset()
    for _ in range(3):
        bridges.now += bridges.runner.wake_after() or 0.0
        assert bridges.runner.poll() == []
    wait_until(orders.exists)
    assert orders.read_text() == ""
    bridges.script = f"cat > {orders}"
    bridge = bridges.runner._bridge
    assert bridge is not None
    bridge.kill()
    wait_until(lambda: bridges.runner.poll() == [] and bool(bridges.runner.trouble))
    bridges.now += bridges.runner.wake_after() or 0.0
    bridges.runner.poll()
    [opened] = wait_until(lambda: _orders_in(orders))
    assert (opened["attempts"], [each["attempt"] for each in opened["ended"]]) == ([], ["aa"])
    bridges.noted.add("aa")
    bridges.now += bridges.runner.wake_after() or 0.0
    bridges.runner.poll()
    [_, acknowledged] = wait_until(lambda: found if len(found := _orders_in(orders)) > 1 else None)
    assert (acknowledged["order"], acknowledged["attempt"]["attempt"]) == ("acknowledge", "aa")
    bridges.now += 100.0
    bridges.runner.poll()
    assert bridges.runner.wake_after() is None, "once"


def test_the_last_ends_that_are_noted_are_told_at_the_close(bridges: Bridges, tmp_path: Path) -> None:
    """A daemon that was to stop its jobs leaves nothing of them in the spool."""
    orders = tmp_path / "orders"
    ended = msgspec.json.encode({"job": "harbour", "ended": {"returncode": 75}}).decode()
    bridges.script = f"read open; read submit; echo '{ended}'; exec cat > {orders}"
    bridges.runner.poll()
    bridges.runner.submit(Task("harbour", tmp_path, 1, attempt="aa"))
    wait_until(bridges.runner.poll)
    bridges.runner.poll()
    bridges.noted.add("aa")
    bridges.runner.close()
    [acknowledged] = _orders_in(orders)
    assert (acknowledged["order"], acknowledged["attempt"]["attempt"]) == ("acknowledge", "aa")


def test_attempts_under_another_name_are_let_go_with_a_word(bridges: Bridges, tmp_path: Path) -> None:
    """They may be those of the root that this one was copied from."""
    tasks = [Task(name, tmp_path, 1, attempt="aa") for name in ("own", "others", "elsewhere")]
    handles = ["slurm:styled-test-0001-aa", "slurm:styled-0123-0001-aa", "ray:styled-test-0001-aa"]
    attempts = [Attempt(task, handle, wanted=True) for task, handle in zip(tasks, handles, strict=True)]
    with structlog.testing.capture_logs() as logs:
        assert bridges.runner.attach(attempts) == {"own"}
    assert [entry["handle"] for entry in logs] == handles[1:]


def _orders_in(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def _number_in(path: Path) -> Callable[[], int]:
    return lambda: int(path.read_text() or 0) if path.exists() else 0
