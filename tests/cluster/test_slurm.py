"""What only Slurm has: time limits, refusals, a controller, answers that are lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from styled.backend.staged.checkup import examine
from styled.backend.staged.small_slurm import SEARCH
from styled.config import BackendConfig
from styled.job import JobState
from styled.root import Root
from tests.cluster.cluster_daemon import ClusterDaemon
from tests.cluster.clusters import SlurmCluster
from tests.cluster.looking import moves_back
from tests.cluster.programs import program
from tests.cluster.waiting import wait_until
from tests.faults.daemon_process import check_invariant

pytestmark = [pytest.mark.slurm, pytest.mark.processes]


@pytest.fixture(autouse=True)
def _ready(slurm: SlurmCluster) -> None:
    slurm.until_ready()


def test_a_controller_that_dies_and_comes_back(root: Root, slurm: SlurmCluster) -> None:
    with ClusterDaemon(root, slurm) as daemon:
        daemon.drop("slow", settings={"steps": 300})
        daemon.until_step("slow", 5)
        # It saves the start of a job within 5 s. One killed before that starts the job again, and drains the node.
        wait_until(lambda: _seconds_run(slurm) > 7, "Slurm does not run it")
        slurm.kill("slurmctld")
        try:
            wait_until(lambda: "Slurm does not answer" in str(daemon.client.request("status")), "not told", seconds=60)
            job = daemon.until_step("slow", 200)
            assert job.state is JobState.RUNNING, "it is painted and followed meanwhile"
        finally:
            slurm.small.start_controller()
        daemon.hurry()
        done = daemon.until("slow", JobState.DONE, seconds=90)
        assert done.attempt == job.attempt
        daemon.check_whole(done, 300)
        wait_until(lambda: "does not answer" not in str(daemon.client.request("status")), "still told")


def _seconds_run(slurm: SlurmCluster) -> int:
    """Return how long the only job on the cluster has run, by Slurm."""
    minutes, _, seconds = slurm.small.run("squeue", "-h", "-t", "running", "-o", "%M").strip().rpartition(":")
    return int(minutes or 0) * 60 + int(seconds or 0)


def test_a_job_whose_number_is_lost_on_the_way_is_ended_and_given_to_slurm_again(
    root: Root, slurm: SlurmCluster, tmp_path: Path
) -> None:
    once = f'''mkdir "{tmp_path}/lost" 2> /dev/null || exec "$real" "$@"
"$real" "$@" > "{tmp_path}/answer"
echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
exit 1'''
    with ClusterDaemon(root, slurm, PATH=_with_sbatch(tmp_path, once)) as daemon:
        daemon.drop("slow", settings={"steps": 100})
        done = daemon.until("slow", JobState.DONE, seconds=90)
        assert (tmp_path / "answer").read_text().strip().isdigit(), "Slurm had not taken it"
        assert done.attempts == 0
        daemon.check_whole(done, 100)
        daemon.end()
    check_invariant(root, ["slow"])


def test_a_job_that_slurm_has_twice_is_painted_once(root: Root, slurm: SlurmCluster, tmp_path: Path) -> None:
    """What ``sbatch`` does that asks again after an answer that was late; the numbers are of both."""
    twice = f'"$real" "$@" >> "{tmp_path}/numbers"; "$real" "$@" | tee -a "{tmp_path}/numbers"'
    with ClusterDaemon(root, slurm, PATH=_with_sbatch(tmp_path, twice)) as daemon:
        daemon.drop("slow", settings={"steps": 100})
        done = daemon.until("slow", JobState.DONE, seconds=90)
        assert len((tmp_path / "numbers").read_text().split()) == 2
        assert done.attempts == 0
        assert moves_back(daemon) == []
        daemon.check_whole(done, 100)
        daemon.end()
    check_invariant(root, ["slow"])


def _with_sbatch(folder: Path, lines: str) -> str:
    """Put another ``sbatch`` before Slurm's, ``$real`` to it, and return the search path."""
    real = shutil.which("sbatch", path=SEARCH)
    programs = folder / "programs"
    programs.mkdir()
    program(programs / "sbatch", f"real={real}", lines)
    return f"{programs}:{SEARCH}"


def test_the_time_limit_costs_no_attempt(root: Root, slurm: SlurmCluster) -> None:
    # An attempt is sent SIGTERM two minutes before its limit: as soon as Slurm looks, twice a minute.
    with ClusterDaemon(root, slurm, STYLED_BACKEND__OPTIONS='["--export=ALL", "--time=2"]') as daemon:
        daemon.drop("slow", settings={"steps": 1000})
        by = "Slurm (its time limit, or another job) stopped it"
        stopped = f"{by}; it goes on from its checkpoint"
        wait_until(lambda: stopped in moves_back(daemon), "Slurm never looked", seconds=120)
        daemon.hurry()
        done = daemon.until("slow", JobState.DONE, seconds=90)
        daemon.check_whole(done, 1000)
        # It may look when the attempt has hardly begun.
        assert set(moves_back(daemon)) <= {stopped, f"{by} before its first checkpoint"}


def test_what_slurm_refuses_holds_the_queue_and_fails_no_job(root: Root, slurm: SlurmCluster) -> None:
    with ClusterDaemon(root, slurm, STYLED_BACKEND__OPTIONS='["--partition=nowhere"]') as daemon:
        daemon.drop("harbour")
        wait_until(lambda: "invalid partition" in str(daemon.client.request("status")), "not told")
        job = daemon.job("harbour")
        assert job is not None
        assert (job.state, job.attempts) == (JobState.WAITING, 0)
    with ClusterDaemon(root, slurm) as mended:
        mended.check_whole(mended.until("harbour", JobState.DONE))


def test_the_doctor_runs_a_small_job(root: Root, slurm: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in slurm.small.environment.items():
        monkeypatch.setenv(name, value)
    place = root.path.parent / "spool"
    place.mkdir()
    place.chmod(0o700)
    good = BackendConfig(kind="slurm", spool=str(place))
    found = {each.name: each for each in examine(good)}
    assert {each.level for each in found.values()} == {"ok"}
    assert found["node"].text.startswith("node")
    nowhere = {each.name: each for each in examine(msgspec.structs.replace(good, python="/nowhere/python"))}
    assert (nowhere["node"].level, "/nowhere/python" in nowhere["node"].text) == ("problem", True)
    refused = {each.name: each for each in examine(msgspec.structs.replace(good, options=("--partition=none",)))}
    assert "invalid partition" in refused["node"].text
    assert list(place.iterdir()) == []
    place.chmod(0o777)
    assert next(each for each in examine(good) if each.name == "spool").level == "problem"
