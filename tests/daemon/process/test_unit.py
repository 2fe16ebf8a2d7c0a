"""The systemd unit lets a daemon come at what it needs, and at nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from styled.config import BackendConfig, Config
from styled.daemon.process.unit import unit_text
from styled.root import Root

RAY = Config(backend=BackendConfig(kind="ray", address="10.0.0.1:6379"))
SLURM = Config(backend=BackendConfig(kind="slurm", spool="/shared/my spool"))


def lines(config: Config, root: Path = Path("/srv/styled")) -> dict[str, str]:
    text = unit_text(Root.at(root), config, system=True, user="styled")
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


def test_folders_of_a_root_that_are_links_are_written_where_they_lead(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "big").mkdir()
    (root / "inbox").symlink_to("../big/inbox")
    (root / "evolution").symlink_to("/home/bob/evolution")
    unit = lines(Config(), root)
    assert unit["ReadWritePaths"] == unit["RequiresMountsFor"] == f"{root} {tmp_path}/big/inbox /home/bob/evolution"
    assert unit["ProtectHome"] == "read-only"


def test_a_root_and_a_spool_behind_links_are_written_where_they_lead(tmp_path: Path) -> None:
    """By the link alone nobody sees that the place lies in a home, or on which mount."""
    disk = tmp_path / "disk"
    (disk / "root" / "there").mkdir(parents=True)
    (disk / "root" / "evolution").symlink_to("there")
    (tmp_path / "root").symlink_to("disk/root")
    (tmp_path / "spool").symlink_to("/home/bob/spool")
    config = Config(backend=BackendConfig(kind="slurm", spool=str(tmp_path / "spool")))
    unit = lines(config, tmp_path / "root")
    places = f"{tmp_path}/root {disk}/root {tmp_path}/spool /home/bob/spool"
    assert unit["ReadWritePaths"] == unit["RequiresMountsFor"] == places
    assert unit["ProtectHome"] == "read-only"


def test_a_link_inside_of_the_root_adds_no_place(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "evolution").symlink_to("pictures")
    assert lines(Config(), tmp_path)["ReadWritePaths"] == str(tmp_path)
