"""styled.toml < environment < flags, and errors that name the nearest key."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.config import MAX_CONFIG_BYTES, SECTIONS, Config, load_config
from styled.errors import SettingsError


def write(folder: Path, text: str) -> Path:
    path = folder / "styled.toml"
    path.write_text(text)
    return path


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    assert load_config(tmp_path / "styled.toml", environment={}) == Config()


def test_the_environment_wins_over_the_file_and_flags_over_both(tmp_path: Path) -> None:
    path = write(tmp_path, "[queue]\nparallel = 2\nstall_s = 30\nnice = 3\n")
    environment = {"STYLED_QUEUE__PARALLEL": "3", "STYLED_QUEUE__NICE": "4", "STYLED_ROOT": "/elsewhere"}
    queue = load_config(path, environment=environment, flags={"queue.nice": 5, "queue.stall_s": None}).queue
    assert (queue.stall_s, queue.parallel, queue.nice) == (30.0, 3, 5)


def test_the_job_table_holds_any_setting_of_a_job(tmp_path: Path) -> None:
    path = write(tmp_path, "[job]\nsize = 512\nstyle_layers = {block1_conv1 = 2.0}\n")
    job = load_config(path, environment={"STYLED_JOB__SIZE": "640", "STYLED_JOB__OPTIMIZER": "adam"}).job
    assert job == {"size": 640, "style_layers": {"block1_conv1": 2.0}, "optimizer": "adam"}


def test_paths_are_relative_to_where_they_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To styled.toml's folder; in the environment and in flags to the current one. Words and jobs are no paths."""
    (tmp_path / "root").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", "/home/me")
    path = write(tmp_path / "root", '[job]\nweights = "../mine.h5"\ninit = "start.png"\n')
    assert load_config(path, environment={}).job == {
        "weights": str(tmp_path / "mine.h5"),
        "init": str(tmp_path / "root" / "start.png"),
    }
    job = load_config(path, environment={"STYLED_JOB__WEIGHTS": "w.h5"}, flags={"job.init": "a/b.png"}).job
    assert job == {"weights": str(tmp_path / "here" / "w.h5"), "init": str(tmp_path / "here" / "a" / "b.png")}
    for word in ("builtin", "imagenet", "~/w.h5", "/w.h5"):
        found = load_config(path, environment={"STYLED_JOB__WEIGHTS": word}).job["weights"]
        assert found == word.replace("~", "/home/me")
    for word in ("noise", "job:20261122-201500-harbour"):
        assert load_config(path, environment={"STYLED_JOB__INIT": word}).job["init"] == word


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        ("[queue]\nparalel = 2", "styled.toml: unknown key queue.paralel", "Did you mean queue.parallel?"),
        ("[inbx]\nsettle_s = 2", "styled.toml: unknown section [inbx]", "Did you mean [inbox]?"),
        ("[inbx]", "styled.toml: unknown section [inbx]", "Did you mean [inbox]?"),
        ("settle_s = 2", "'settle_s' stands outside a section", "for example [inbox]"),
        ("size = 2", "'size' stands outside a section", "for example [job]"),
        ("[job]\nsteps = 0", "steps = 0 is not allowed", "a whole number from 1 to"),
        ("[job]\nstps = 9", "unknown key job.stps", "Did you mean job.steps?"),
        ("[queue]\nparallel = 0", "queue.parallel = 0 is not allowed: expected int >= 1", "jobs painted at once"),
        ("[queue]\nstall_s = nan", "is not TOML: stall_s: a number is not finite", "Correct that line"),
        ("[hooks]\non_done = 'rm -rf'", "hooks.on_done = 'rm -rf' is not allowed", "program and arguments"),
        ('[control]\nmode = "0777"', "control.mode = '0777' is not allowed", "permissions of the socket"),
        ("queue = [", "is not TOML", "Correct that line"),
        ("\xff", "is not TOML", "Correct"),
    ],
)
def test_an_error_names_the_place_and_the_nearest_key(tmp_path: Path, text: str, message: str, advice: str) -> None:
    path = tmp_path / "styled.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        load_config(path, environment={})
    assert message in caught.value.message
    assert advice in caught.value.advice
    assert caught.value.exit_code == 78


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\$STYLED_DISK__MIN_FREE_GB: disk.min_free_gb = 'lots'"):
        load_config(tmp_path / "none", environment={"STYLED_DISK__MIN_FREE_GB": "lots"})
    with pytest.raises(SettingsError, match=r"Did you mean \[log\]"):
        load_config(tmp_path / "none", environment={"STYLED_LOGS__LEVEL": "info"})


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="longer than 1048576 bytes"):
        load_config(write(tmp_path, "#" * (MAX_CONFIG_BYTES + 1)), environment={})


@given(text=st.text(max_size=200), key=st.sampled_from([f"[{name}]\n" for name in SECTIONS]))
def test_any_text_gives_a_configuration_or_a_settings_error(
    text: str, key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "styled.toml"
    path.write_text(key + text, encoding="utf-8", errors="surrogatepass")
    with contextlib.suppress(SettingsError):
        assert isinstance(load_config(path, environment={}), Config)


def test_the_mark_that_editors_on_windows_write_in_front_is_passed_over(tmp_path: Path) -> None:
    text = "[job]\r\nsteps = 7\r\n"
    for data in (text.encode("utf-8-sig"), text.encode("utf-16"), b"\xfe\xff" + text.encode("utf-16-be")):
        (tmp_path / "styled.toml").write_bytes(data)
        assert load_config(tmp_path / "styled.toml", environment={}).job["steps"] == 7
    (tmp_path / "styled.toml").write_bytes(text.encode("utf-16")[:-1])
    with pytest.raises(SettingsError, match="not UTF-8 text"):
        load_config(tmp_path / "styled.toml", environment={})


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000])
def test_a_number_without_end_and_lists_in_lists_are_said(tmp_path: Path, value: str) -> None:
    (tmp_path / "styled.toml").write_text(f"[queue]\nnice = {value}\n")
    with pytest.raises(SettingsError, match="is not TOML"):
        load_config(tmp_path / "styled.toml", environment={})
    (tmp_path / "styled.toml").unlink()
    with pytest.raises(SettingsError):
        load_config(tmp_path / "styled.toml", environment={"STYLED_QUEUE__NICE": value})


def test_a_file_that_everybody_may_write_is_not_read(tmp_path: Path) -> None:
    """It names programs to be run."""
    path = tmp_path / "styled.toml"
    path.write_text('[hooks]\non_done = ["rm"]\n')
    path.chmod(0o666)
    with pytest.raises(
        SettingsError, match=r"styled\.toml may be written by everybody, and so it is not read"
    ) as caught:
        load_config(path, environment={})
    assert "chmod o-w" in caught.value.advice
    path.chmod(0o664)
    assert load_config(path, environment={}).hooks.on_done == ("rm",)


BACKEND = '[backend]\nkind = "slurm"\nspool = "/shared/spool"\n'


def test_a_back_end_elsewhere_needs_a_spool(tmp_path: Path) -> None:
    path = tmp_path / "styled.toml"
    path.write_text('[backend]\nkind = "slurm"\n')
    with pytest.raises(SettingsError, match=r"needs backend\.spool"):
        load_config(path, environment={})
    path.write_text(
        BACKEND + 'options = ["--partition=gpu", "--gres=gpu:1", "--time=60", "--export=ALL", "--exclusive"]\n'
    )
    config = load_config(path, environment={})
    assert (config.backend.kind, len(config.backend.options)) == ("slurm", 5)


def test_ray_needs_the_address_of_its_head(tmp_path: Path) -> None:
    path = tmp_path / "styled.toml"
    path.write_text('[backend]\nkind = "ray"\n')
    with pytest.raises(SettingsError, match=r"needs backend\.address"):
        load_config(path, environment={})
    path.write_text('[backend]\nkind = "ray"\naddress = "[fd00::1]:6379"\ngpus = 0.5\n')
    assert load_config(path, environment={}).backend.gpus == 0.5
    path.write_text('[backend]\nkind = "ray"\naddress = "10.0.0.1:6379"\noptions = ["--gres=gpu:1"]\n')
    with pytest.raises(SettingsError, match="options are of sbatch"):
        load_config(path, environment={})


@pytest.mark.parametrize(
    "line",
    [
        'address = "10.0.0.1"',
        'address = "ray://10.0.0.1:10001"',
        'address = "head:6379,--x"',
        'token_file = "~/token"',
        'spool = "relative/spool"',
        'python = "/bin/python\\nrm"',
        'options = ["--job-name=x"]',
        'options = ["--job=x"]',  # sbatch takes the beginning of a name
        'options = ["--output=/etc/passwd"]',
        'options = ["--requeue"]',
        'options = ["-p gpu"]',
        'options = ["gpu"]',
        'options = ["--"]',
        'options = ["--comment=a\\nb"]',
    ],
)
def test_what_would_change_a_clusters_job_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "styled.toml"
    path.write_text(f"[backend]\n{line}\n")
    with pytest.raises(SettingsError, match="not allowed: expected"):
        load_config(path, environment={})
