"""The real daemon process from its start to its end: jobs, signals, crashes, holds, and what it costs when idle."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from styled.backend.orphans import Process
from styled.daemon import daemon as daemon_module
from styled.daemon.process.lock import holder_of
from styled.daemon.process.service import start_detached
from styled.errors import SettingsError
from styled.evolution import JobFolder, read_losses
from styled.job import JobState
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.store import Store
from tests.daemon.test_dispatch import stranger
from tests.daemon.test_start import Waits, opened
from tests.daemon.workshop import add_job
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, workers_of

pytestmark = pytest.mark.processes


@pytest.fixture
def daemon(root: Root) -> Iterator[DaemonProcess]:
    """A running daemon with the synthetic worker."""
    with DaemonProcess(root) as daemon:
        yield daemon


def test_a_dropped_pair_becomes_a_result_and_the_daemon_ends_well(daemon: DaemonProcess) -> None:
    daemon.drop("harbour")
    job = daemon.until("harbour", JobState.DONE)
    assert read_losses(JobFolder(daemon.root.evolution / job.id)).losses[-1].step == 20
    assert stat.S_IMODE(daemon.root.socket.stat().st_mode) == 0o600
    assert daemon.end() == 0
    assert not daemon.root.socket.exists()
    assert holder_of(daemon.root) is None
    check_invariant(daemon.root, {"harbour"})


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(daemon: DaemonProcess) -> None:
    second = DaemonProcess(daemon.root)
    assert second.launch().wait(patience(20)) == 3
    assert f"process {daemon.process.pid} already runs a daemon" in second.output.read_text()
    assert daemon.answers()


def test_sigterm_writes_a_checkpoint_and_the_next_daemon_goes_on(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.drop("slow", settings={"steps": 30})
        job = daemon.until_step("slow", 5)
        assert daemon.end() == 0
        assert daemon.job("slow").state is JobState.WAITING  # type: ignore[union-attr]
        assert workers_of(root) == []
    folder = JobFolder(root.evolution / job.id)
    before = len(read_losses(folder).losses)
    with DaemonProcess(root) as daemon:
        assert daemon.until("slow", JobState.DONE).attempts == 0
        daemon.end()
    assert [line.step for line in read_losses(folder).losses] == list(range(1, 31))
    assert f"after_step={before}" in folder.log.read_text()
    check_invariant(root, {"slow"})


def test_a_second_sigterm_does_not_wait_for_a_worker_that_will_not_stop(daemon: DaemonProcess) -> None:
    daemon.drop("stubborn-slow", settings={"steps": 1000})
    daemon.until_step("stubborn-slow", 2)
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in daemon.root.log.read_text())
    assert daemon.client.request("status")["status"]["state"] == "stopping"
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(patience(5)) == 0
    assert daemon.job("stubborn-slow").state is JobState.WAITING  # type: ignore[union-attr]


def test_a_killed_daemon_leaves_no_worker_and_the_next_one_goes_on_from_the_checkpoint(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.drop("slow", settings={"steps": 40})
        job = daemon.until_step("slow", 10)
        daemon.kill()
        wait_until(lambda: not workers_of(root))
    folder = JobFolder(root.evolution / job.id)
    with DaemonProcess(root) as daemon:
        assert daemon.until("slow", JobState.DONE).id == job.id
        daemon.end()
    starts = [int(word.removeprefix("after_step=")) for word in folder.log.read_text().split() if "after_step=" in word]
    assert starts[-1] >= 9
    assert [line.step for line in read_losses(folder).losses] == list(range(1, 41))
    check_invariant(root, {"slow"})


def test_a_killed_worker_loses_only_the_steps_since_its_checkpoint(daemon: DaemonProcess) -> None:
    daemon.drop("slow", settings={"steps": 40})
    job = daemon.until_step("slow", 10)
    workers_of(daemon.root)[0].kill()
    daemon.until("slow", JobState.DONE)
    log = JobFolder(daemon.root.evolution / job.id).log.read_text()
    starts = [int(word.removeprefix("after_step=")) for word in log.split() if "after_step=" in word]
    assert starts[-1] >= 6
    daemon.end()
    check_invariant(daemon.root, {"slow"})


def test_sighup_takes_a_right_configuration_and_keeps_the_old_one_on_a_wrong_one(daemon: DaemonProcess) -> None:
    daemon.root.config.write_text("[queue]\nparalel = 2\n")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "the old one stays" in daemon.root.log.read_text())
    assert "Did you mean queue.parallel" in daemon.root.log.read_text()
    with pytest.raises(SettingsError, match="unknown key"):
        daemon.client.request("reload")
    daemon.root.config.write_text("[queue]\nparallel = 2\n")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "was read again" in daemon.root.log.read_text())
    for name in ("a-slow", "b-slow"):
        daemon.drop(name, levels=(10, len(name) + ord(name[0])))
    wait_until(lambda: len(workers_of(daemon.root)) == 2)


def test_a_held_queue_stays_held_over_a_restart_but_takes_pairs(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.drop("slow")
        daemon.until_step("slow", 2)
        daemon.client.request("pause")
        assert daemon.until("slow", JobState.WAITING).attempts == 0
        wait_until(lambda: not workers_of(root))
        daemon.end()
    with DaemonProcess(root) as daemon:
        status = daemon.client.request("status")["status"]
        assert status["state"] == "paused"
        assert "paused by" in status["note"]
        daemon.drop("other", levels=(1, 2))
        daemon.until("other", JobState.WAITING)
        daemon.client.request("resume")
        daemon.until("slow", JobState.DONE)
        daemon.until("other", JobState.DONE)


def test_a_crash_loop_pauses_the_queue(root: Root) -> None:
    environment = {"STYLED_QUEUE__PAUSE_AFTER_CRASHES": "2"}
    for _ in range(2):
        with DaemonProcess(root, **environment) as daemon:
            assert daemon.client.request("status")["status"]["state"] == "running"
            daemon.kill()
    with DaemonProcess(root, **environment) as daemon:
        status = daemon.client.request("status")["status"]
        assert (status["state"], "crashed 2 times" in status["note"]) == ("paused", True)
        daemon.client.request("resume")
        assert daemon.client.request("status")["status"]["state"] == "running"
        assert daemon.end() == 0
    with DaemonProcess(root, **environment) as daemon:
        assert daemon.client.request("status")["status"]["state"] == "running"


def test_without_room_nothing_starts_and_with_room_it_goes_on(root: Root) -> None:
    with DaemonProcess(root, "--set", "disk.min_free_gb=900000") as daemon:
        wait_until(lambda: daemon.client.request("status")["status"]["state"] == "degraded")
        assert "the disk is full" in daemon.client.request("status")["status"]["note"]
        daemon.drop("harbour")
        time.sleep(0.5)  # nothing tells of what does not happen: several times what a claim takes
        assert daemon.jobs() == []
        daemon.end()
    with DaemonProcess(root) as daemon:
        daemon.until("harbour", JobState.DONE)


def test_draining_lets_the_running_job_end_and_starts_no_other(daemon: DaemonProcess) -> None:
    daemon.drop("slow")
    daemon.until_step("slow", 2)
    daemon.drop("next", levels=(1, 2))
    daemon.until("next", JobState.WAITING)
    daemon.client.request("stop", drain=True)
    assert daemon.process.wait(patience(30)) == 0
    assert [job.state for job in daemon.jobs()] == [JobState.DONE, JobState.WAITING]


def test_draining_does_not_wait_for_the_worker_of_an_earlier_daemon_that_cannot_be_ended(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "start_logging", lambda *_, **__: SimpleNamespace(trouble=""))
    for name, value in (("kill_group", lambda _pid: None), ("_PATIENCE_S", 0.0), ("_KILLED_S", 0.0)):
        monkeypatch.setattr(f"styled.backend.orphans.{name}", value)
    orphan = stranger()
    with Store.open(root) as store:
        held = add_job(root, store, "held")
        store.claim_next()
        store.update_progress(held.id, handle=Process(orphan.pid, orphan.create_time()).handle)
    monkeypatch.setattr(psutil.Process, "terminate", lambda _process: None)
    with opened(root, Waits()) as daemon:
        assert daemon is not None
        assert daemon._dispatcher.busy() == {held.id}
        assert not daemon._may_end()
        daemon.stop(drain=True)
        assert daemon._may_end()
    orphan.kill()
    with Store.open(root) as store:  # the next daemon finds it again
        assert (store.get(held.id).state, store.get(held.id).handle != "") == (JobState.RUNNING, True)


def test_an_idle_daemon_takes_less_than_half_a_percent_of_a_core(root: Root) -> None:
    with DaemonProcess(root, STYLED_INBOX__RESCAN_S="30") as daemon:  # as by default
        clock = ~daemon.process.pid << 3 | 2  # that of all its threads, in nanoseconds: clock_getcpuclockid(3)
        shares: list[float] = []

        def is_idle() -> bool:
            # A real clock, since what is promised is a share of the time. What is left of the start, or a neighbour
            # that takes the caches, may spoil any look but not all of them.
            before, started = time.clock_gettime(clock), time.monotonic()
            time.sleep(2.5)
            shares.append((time.clock_gettime(clock) - before) / (time.monotonic() - started))
            return shares[-1] < 0.005

        wait_until(is_idle, f"it took {shares}")


def test_the_service_manager_hears_everything(root: Root, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(patience(20))
        with DaemonProcess(root, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="2000000") as daemon:
            heard: list[str] = []
            while not {"READY=1", "WATCHDOG=1"} <= set(heard):
                heard.append(manager.recv(4096).decode())
            assert any(line.startswith("STATUS=running: 0 running, 0 waiting") for line in heard)
            daemon.end()
        while not heard[-1].startswith("STOPPING=1"):
            heard.append(manager.recv(4096).decode())


def test_a_wrong_configuration_ends_with_the_code_that_systemd_does_not_restart_on(root: Root) -> None:
    root.config.write_text("[inbox]\nsettle = 3\n")
    daemon = DaemonProcess(root)
    assert daemon.launch().wait(patience(20)) == 78
    assert "Did you mean inbox.settle_s?" in daemon.output.read_text()


def test_the_log_is_json_lines_without_control_characters(daemon: DaemonProcess) -> None:
    (daemon.root.inbox / "evil\x1b[31m.content.png").write_bytes(b"x")
    wait_until(lambda: "evil" in daemon.root.log.read_text() or daemon.client.request("status")["status"]["incomplete"])
    daemon.end()
    for line in daemon.root.log.read_text().splitlines():
        assert {"event", "level", "logger", "timestamp"} <= json.loads(line).keys()
    assert b"\x1b" not in daemon.root.log.read_bytes()
    assert b"\x1b" not in daemon.output.read_bytes()


def test_status_is_published_for_those_who_only_read(daemon: DaemonProcess) -> None:
    with StoreReader.open(daemon.root) as reader:
        first = wait_until(reader.status)
        later = wait_until(lambda: (found := reader.status()) and found.beat_at > first.beat_at and found)
    assert (later.pid, later.state, later.memory.host_total > 0) == (daemon.process.pid, "running", True)


def test_a_subscriber_hears_of_a_job_from_its_claim_to_its_end(daemon: DaemonProcess) -> None:
    events = daemon.client.subscribe(since=0)
    daemon.drop("harbour")
    heard = []
    for event in events:
        heard.append((event["kind"], event["after"]))
        if event["after"] == "done":
            break
    events.close()  # type: ignore[attr-defined]  # it is a generator
    assert heard == [("added", "waiting"), ("moved", "running"), ("moved", "done")]


def test_a_daemon_started_in_the_background_answers_and_outlives_its_starter(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLED_DISK__MIN_FREE_GB", "0")
    pid = start_detached(root)
    try:
        assert start_detached(root) == pid
        process = psutil.Process(pid)
        assert process.cmdline()[-4:-2] == ["daemon", "--quiet"]
        assert os.getsid(pid) == pid
        assert (root.state / "daemon.out").read_text() == ""
    finally:
        os.kill(pid, signal.SIGTERM)
        assert os.waitpid(pid, 0)[1] == 0


def test_a_background_start_that_fails_says_why(root: Root) -> None:
    root.config.write_text("[inbox]\nsettle = 3\n")
    with pytest.raises(SettingsError, match=r"Did you mean inbox\.settle_s"):
        start_detached(root)
