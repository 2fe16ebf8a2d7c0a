"""The systemd unit lets a daemon come at what it needs, and at nothing more."""

from __future__ import annotations

import getpass
import pwd
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from styled.config import BackendConfig, Config, HooksConfig, InboxConfig
from styled.daemon.process.unit import unit_text
from styled.errors import SettingsError
from styled.root import Root

RAY = Config(backend=BackendConfig(kind="ray", address="10.0.0.1:6379", token_file="/etc/styled/token"))  # noqa: S106
SLURM = Config(backend=BackendConfig(kind="slurm", spool="/shared/my spool"))
IMAGENET = Config(job={"weights": "imagenet"})
DROPPED_IMAGENET = Config(inbox=InboxConfig(allow_download=True))
NETWORK = "AF_UNIX AF_INET AF_INET6 AF_NETLINK"


@pytest.fixture(autouse=True)
def _python_lies_in_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("executable", "prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, "/opt/python")


def lines(config: Config, root: Path = Path("/srv/styled"), user: str = "styled") -> dict[str, str]:
    text = unit_text(Root.at(root), config, system=True, user=user)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


@pytest.mark.parametrize(
    ("config", "families", "places"),
    [
        (Config(), "AF_UNIX", "/srv/styled"),
        (SLURM, NETWORK, '/srv/styled "/shared/my spool"'),
        (RAY, NETWORK, "/srv/styled /tmp"),
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


@pytest.mark.parametrize("hooks", [HooksConfig(on_done=("curl", "{id}")), HooksConfig(on_failed=("curl", "{id}"))])
def test_a_hook_has_the_network(hooks: HooksConfig) -> None:
    """It inherits what is shut: each notification failed."""
    assert lines(Config(hooks=hooks))["RestrictAddressFamilies"] == NETWORK


class TestTheUsersHome:
    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A home of the user ``styled``, who the tests' own user is."""
        own = pwd.getpwnam(getpass.getuser())
        entry = pwd.struct_passwd((*own[:5], str(tmp_path / "a home"), own.pw_shell))
        monkeypatch.setattr(pwd, "getpwnam", {"styled": entry}.__getitem__)
        return tmp_path / "a home"

    @pytest.mark.parametrize("config", [IMAGENET, DROPPED_IMAGENET])
    def test_keras_cache_is_written_where_weights_may_be_downloaded(self, config: Config, home: Path) -> None:
        unit = lines(config)
        assert unit["RestrictAddressFamilies"] == NETWORK
        assert unit["ReadWritePaths"] == f'/srv/styled "-{home}/.keras/models"'  # "-": it need not be there
        assert unit["RequiresMountsFor"] == f'/srv/styled "{home}/.keras/models"'
        assert "ReadWritePaths" not in unit_text(Root.at("/srv/styled"), config, system=False)

    @pytest.mark.processes
    def test_keras_cache_is_made_by_its_user_before_the_rest_is_shut(self, home: Path) -> None:
        """By root it would be made wherever its user has a link to, and belong to root."""
        command = lines(IMAGENET)["ExecStartPre"]
        assert command.startswith("-+/usr/bin/setpriv --reuid=styled ")
        start = shlex.split(command).index("mkdir")
        subprocess.run(shlex.split(command)[start:], check=True)
        assert (home / ".keras" / "models").is_dir()
        assert "ExecStartPre" not in lines(Config())

    def test_it_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        own = pwd.getpwnam(getpass.getuser())
        entry = pwd.struct_passwd((*own[:5], "/home/bob", own.pw_shell))
        monkeypatch.setattr(pwd, "getpwnam", {"bob": entry}.__getitem__)
        for config in (IMAGENET, Config(backend=BackendConfig(kind="ray", address="10.0.0.1:6379"))):  # Ray's token
            assert lines(config, user="bob")["ProtectHome"] == "read-only"
            assert lines(config, user=str(own.pw_uid))["User"] == str(own.pw_uid)
            with pytest.raises(SettingsError, match="there is no user 'bobby'"):
                lines(config, user="bobby")


def naming(path: str) -> list[Config]:
    """Return configurations that name a file in each place where one may be named."""
    return [
        Config(job={"weights": path}),
        Config(job={"init": path}),
        Config(hooks=HooksConfig(on_done=("python3", path))),
        Config(hooks=HooksConfig(on_failed=(path,))),
        Config(backend=BackendConfig(kind="ray", address="10.0.0.1:6379", token_file=path)),
    ]


@pytest.mark.parametrize("place", range(5))
def test_files_that_the_configuration_names_are_seen(place: int, tmp_path: Path) -> None:
    """They were hidden: every job failed for want of its weights."""
    (tmp_path / "link").symlink_to("/home/bob")
    for path in ("/home/bob/file", str(tmp_path / "link" / "file")):
        assert lines(naming(path)[place])["ProtectHome"] == "read-only"
    assert lines(naming("/tmp/file")[place])["PrivateTmp"] == "no"
    assert lines(naming("/srv/file")[place])["ReadWritePaths"].split()[0] == "/srv/styled"


def test_what_is_not_named_stays_hidden() -> None:
    for config in (Config(), Config(job={"weights": "builtin", "init": "content"}), Config(job={"init": "job:1"})):
        unit = lines(config)
        assert unit["PrivateTmp"] == "yes"
        assert __file__.startswith(("/home/", "/root/")) or unit["ProtectHome"] == "yes"
        assert unit["RestrictAddressFamilies"] == "AF_UNIX"


def test_a_python_in_a_home_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also that of an environment elsewhere, whose interpreter is a link."""
    monkeypatch.setattr(sys, "base_prefix", "/root/.pyenv/versions/3.11.7")
    assert lines(Config())["ProtectHome"] == "read-only"
