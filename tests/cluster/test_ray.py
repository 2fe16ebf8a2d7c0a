"""What only Ray has: a head that forgets, nodes that are asked one by one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from styled.backend.choose import backend_of
from styled.backend.staged.checkup import examine
from styled.backend.staged.engines import engine_for
from styled.backend.staged.staged import ATTEMPT
from styled.config import load_config
from styled.errors import BackendRefuses
from styled.job import JobState
from styled.root import Root
from tests.cluster.cluster_daemon import ClusterDaemon
from tests.cluster.clusters import RayCluster
from tests.cluster.looking import workers_of
from tests.cluster.programs import another_version
from tests.cluster.waiting import wait_until
from tests.faults.daemon_process import check_invariant

pytestmark = [pytest.mark.ray, pytest.mark.processes]


def test_a_head_that_dies_and_comes_back_has_forgotten_all_and_each_job_is_done_once(
    root: Root, ray: RayCluster
) -> None:
    """Its nodes live on, find a head that does not know them, and end; what they paint until then changes nothing."""
    with ClusterDaemon(root, ray) as daemon:
        daemon.drop("slow", settings={"steps": 400})
        job = daemon.until_step("slow", 30)
        old = workers_of(job)
        ray.kill("head")
        wait_until(lambda: "Ray" in str(daemon.client.request("status")), "not told", seconds=60)
        ray.small.start_head()
        wait_until(lambda: not any(each.is_running() for each in old), "it paints on without a head", seconds=60)
        daemon.hurry()
        for name in ray.small.names:
            ray.rejoin(name)
        done = daemon.until("slow", JobState.DONE, seconds=120)
        assert (done.attempts, done.attempt != job.attempt) == (0, True)
        daemon.check_whole(done, 400)
        daemon.end()
    check_invariant(root, ["slow"])


def test_an_attempt_is_one_actor_however_often_it_is_submitted(
    root: Root, ray: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ray.small.environment.items():
        monkeypatch.setenv(name, value)
    engine = engine_for(backend_of(root, load_config(root.config)), "styled-twice-")
    try:
        handle = engine.submit("styled-twice-0001-aa", ATTEMPT, root.path)
        with pytest.raises(BackendRefuses, match="styled-twice-0001-aa"):
            engine.submit("styled-twice-0001-aa", ATTEMPT, root.path)
        assert list(engine.look()) == ["styled-twice-0001-aa"]
        engine.kill(handle)
    finally:
        engine.close()
    wait_until(lambda: ray.attempts() == [], "left on the nodes")


def test_the_doctor_runs_a_small_job_on_each_node(
    root: Root, ray: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ray.small.environment.items():
        monkeypatch.setenv(name, value)
    good = backend_of(root, load_config(root.config))
    found = list(examine(good))
    assert {each.level for each in found} == {"ok"}
    assert [each.text.partition(":")[0] for each in found if each.name == "node"] == ["node1", "node2"]
    assert found[0].text == "Ray answers; it takes nobody without its token"
    nowhere = [each for each in examine(msgspec.structs.replace(good, python="/nowhere/python")) if each.name == "node"]
    assert all((each.level, "/nowhere/python" in each.text) == ("problem", True) for each in nowhere)
    [refused] = [each for each in examine(msgspec.structs.replace(good, gpus=1.0)) if each.name == "node"]
    assert (refused.level, refused.text) == ("problem", "no node of Ray has 1 CPU and 1 GPU")
    mixed = msgspec.structs.replace(good, python=str(another_version(tmp_path, ray.on("node1"))))
    nodes = [each for each in examine(mixed) if each.name == "node"]
    assert [(each.level, each.text.partition(":")[0]) for each in nodes] == [("warning", "node1"), ("ok", "node2")]
    assert list(Path(good.spool).iterdir()) == []
