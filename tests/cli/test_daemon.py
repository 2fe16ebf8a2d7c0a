"""styled daemon's flags, and the commands around it: doctor, service, clean."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from styled.cli.main import COMMANDS
from styled.daemon.process.lock import RootLock
from styled.job import JobState
from styled.root import Root
from styled.store.store import Store
from tests.cli.conftest import Styled
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(styled: Styled, name: str) -> None:
    told = styled(name, "--help")
    assert told.returncode == 0, told.stderr
    assert "--help" in told.stdout
    assert "\\b" not in told.stdout, "a mark of the formatter, printed"


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--parallel", "0"), 78, "queue.parallel = 0 is not allowed"),
        (("--set", "queue.paralel=2"), 78, "Did you mean queue.parallel?"),
        (("--config", "/no/such/file"), 78, "/no/such/file is not there"),
        (("--root", "/proc/self/root-that-is-not"), 66, "make this one with: styled init"),
        (("--no-such-flag",), 2, "No such option"),
    ],
)
def test_a_wrong_start_ends_at_once_with_its_code(
    styled: Styled, flags: tuple[str, ...], code: int, words: str
) -> None:
    refused = styled("daemon", *flags)
    assert (refused.returncode, words in refused.stderr) == (code, True), refused.stderr


def test_another_configuration_file_is_read(tmp_path: Path) -> None:
    config = tmp_path / "other.toml"
    config.write_text("[job]\nsteps = 7\n")
    root = Root.at(tmp_path / "root")
    root.path.mkdir()
    with DaemonProcess(root, "--config", str(config), "--set", "job.size=40", "--set", "job.steps=7") as daemon:
        daemon.drop("harbour")
        job = daemon.until("harbour", JobState.DONE)
    assert (job.settings["size"], job.steps) == (40, 7)


def test_doctor_is_content_with_a_sound_root_and_leaves_nothing_behind(daemon: DaemonProcess, styled: Styled) -> None:
    told = styled("doctor")
    assert told.returncode == 0, told.stdout
    assert f"ok       daemon: pid {daemon.process.pid}" in told.stdout
    assert "inbox/ to evolution/ is one rename" in told.stdout
    findings = json.loads(styled("doctor", "--json").stdout)
    assert {"name", "level", "text", "advice"} == set(findings[0])
    assert list(daemon.root.inbox.iterdir()) == []


def test_doctor_names_what_is_wrong_and_what_to_do(styled: Styled, tmp_path: Path) -> None:
    root = Root.at(tmp_path)
    (tmp_path / "styled.toml").write_text("[inbx]\n")
    with RootLock(root):
        root.evolution.mkdir()
        root.evolution.chmod(0o777)
        told = styled("doctor", "--root", tmp_path)
    assert told.returncode == 1
    assert f"PROBLEM  trust: {root.evolution} may be written by everybody" in told.stdout
    assert "PROBLEM  configuration: styled.toml: unknown section [inbx]" in told.stdout
    assert "holds the lock but does not listen" in told.stdout
    assert "warning  inbox:" in told.stdout


def test_doctor_tells_of_a_disk_below_its_limit(styled: Styled, tmp_path: Path) -> None:
    (tmp_path / "styled.toml").write_text("[disk]\nmin_free_gb = 900000\n[job]\nweights = '/none.h5'\n")
    told = styled("doctor", "--root", tmp_path)
    assert "PROBLEM  disk:" in told.stdout
    assert "PROBLEM  weights:" in told.stdout


@pytest.mark.parametrize("flags", [("--system", "--user", "root"), ()])
@pytest.mark.parametrize("settings", ["", "[job]\nweights = 'imagenet'\n"])
def test_the_unit_is_what_systemd_accepts(
    styled: Styled, tmp_path: Path, flags: tuple[str, ...], settings: str
) -> None:
    (tmp_path / "a b%c").mkdir()
    (tmp_path / "a b%c" / "styled.toml").write_text(settings)
    told = styled("service", "show", "--root", tmp_path / "a b%c", *flags)
    assert told.returncode == 0
    assert "Type=notify\n" in told.stdout
    assert "RestartPreventExitStatus=78\n" in told.stdout
    assert told.stdout.count("ReadWritePaths=") == (1 if flags else 0)
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "styled.service"
    unit.write_text(told.stdout)
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_network_is_shut_unless_weights_may_be_downloaded(styled: Styled, tmp_path: Path) -> None:
    assert "RestrictAddressFamilies=AF_UNIX\n" in styled("service", "show", "--root", tmp_path).stdout
    (tmp_path / "styled.toml").write_text("[job]\nweights = 'imagenet'\n")
    assert "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6" in styled("service", "show", "--root", tmp_path).stdout


def test_a_unit_is_installed_once_and_another_is_not_overwritten(
    styled: Styled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    Root.at(tmp_path).make_state()
    path = tmp_path / "config" / "systemd" / "user" / "styled.service"
    installed = styled("service", "install", "--root", tmp_path)
    assert installed.returncode == 0
    assert "systemctl --user daemon-reload && systemctl --user enable --now styled" in installed.stdout
    assert path.read_text() == styled("service", "show", "--root", tmp_path).stdout
    assert styled("service", "install", "--root", tmp_path).returncode == 0
    Root.at(tmp_path / "other").make_state()
    other = styled("service", "install", "--root", tmp_path / "other")
    assert (other.returncode, "is there and differs" in other.stderr) == (1, True)
    assert styled("service", "install", "--root", tmp_path / "other", "--force").returncode == 0


def test_clean_says_what_it_would_do_and_then_has_it_done(daemon: DaemonProcess, styled: Styled) -> None:
    daemon.drop("old")
    job = daemon.until("old", JobState.DONE)
    daemon.end()
    with Store.open(daemon.root) as store:
        store.change(job.id, finished_at=(job.finished_at or 0) - 40 * 86400)
    daemon.start()
    assert styled("clean").stdout == "nothing to clean\n"
    planned = styled("clean", "--days", "30", "--dry-run").stdout
    assert "remove 0001 old: ended 40 days ago" in planned
    assert daemon.job("old") is not None
    assert "The daemon frees" in styled("clean", "--days", "30").stdout
    wait_until(lambda: daemon.job("old") is None and list(daemon.root.evolution.iterdir()) == [])
