"""The systemd unit lets a daemon come at what it needs, and at nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from styled.config import BackendConfig, Config
from styled.daemon.process.unit import unit_text
from styled.root import Root

RAY = Config(backend=BackendConfig(kind="ray", address="10.0.0.1:6379"))
SLURM = Config(backend=BackendConfig(kind="slurm", spool="/shared/my spool"))


def lines(config: Config) -> dict[str, str]:
    text = unit_text(Root.at(Path("/srv/styled")), config, system=True, user="styled")
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


@pytest.mark.parametrize(
    ("config", "families", "places"),
    [
        (Config(), "AF_UNIX", "/srv/styled"),
        (Config(job={"weights": "imagenet"}), "AF_UNIX AF_INET AF_INET6 AF_NETLINK", "/srv/styled"),
        (SLURM, "AF_UNIX AF_INET AF_INET6 AF_NETLINK", '/srv/styled "/shared/my spool"'),
        (RAY, "AF_UNIX AF_INET AF_INET6 AF_NETLINK", "/srv/styled /tmp"),
    ],
)
def test_the_network_and_a_spool_are_there_where_a_cluster_paints(config: Config, families: str, places: str) -> None:
    unit = lines(config)
    assert unit["RestrictAddressFamilies"] == families
    assert unit["ReadWritePaths"] == unit["RequiresMountsFor"] == places


def test_a_spool_in_the_real_tmp_is_seen() -> None:
    assert lines(Config())["PrivateTmp"] == "yes"
    spool = Config(backend=BackendConfig(kind="slurm", spool="/tmp/spool"))  # that is the question
    assert lines(spool)["PrivateTmp"] == lines(RAY)["PrivateTmp"] == "no"
