"""A throw-away Slurm and a throw-away Ray, a root, and a daemon that paints on one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from styled.root import Root
from tests.backend.contract.test_contract import root
from tests.cluster import network as networks
from tests.cluster.cluster_daemon import ClusterDaemon
from tests.cluster.clusters import Cluster, RayCluster, SlurmCluster, ray_cluster, slurm_cluster
from tests.cluster.network import Network

__all__ = ["root"]


@pytest.fixture(scope="session")
def network() -> Iterator[Network | None]:
    """Hosts for the nodes; None where there can be none, and the loopback has to do."""
    if networks.missing():
        yield None
        return
    with Network() as network:
        yield network


@pytest.fixture(scope="session")
def slurm(network: Network | None) -> Iterator[SlurmCluster]:
    """Two nodes; a test that kills a part starts it again."""
    with slurm_cluster(network) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def ray(network: Network | None) -> Iterator[RayCluster]:
    """Two nodes; a test that kills a part starts it again."""
    with ray_cluster(network) as cluster:
        yield cluster


@pytest.fixture(params=[pytest.param("slurm", marks=pytest.mark.slurm), pytest.param("ray", marks=pytest.mark.ray)])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Each of them in turn, all of whose nodes are in use."""
    cluster: Cluster = request.getfixturevalue(request.param)
    cluster.until_ready()
    return cluster


@pytest.fixture
def daemon(root: Root, cluster: Cluster) -> Iterator[ClusterDaemon]:
    """A daemon; it leaves nothing on the nodes."""
    with ClusterDaemon(root, cluster) as daemon:
        yield daemon
        daemon.cancel_all()
