"""styled clean: a number that is no limit is a usage error."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from styled.cli.clean import clean
from styled.cli.status import status
from styled.cli.tui import tui
from styled.cli.wait import wait
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.root import Root
from styled.store.store import Store

HOUR = 3600.0


def ended(store: Store, root: Root, name: str, hours_ago: float) -> Job:
    folder = JobFolder(root.evolution / f"20260101-000000-{name}")
    folder.create()
    folder.job_json.write_text("{}")
    job = store.add(number=store.next_number(), id=folder.id, name=name, content="input/c.png", styles=("input/s.png",))
    store.move(job.id, JobState.RUNNING)
    store.move(job.id, JobState.DONE)
    return store.change(job.id, finished_at=time.time() - hours_ago * HOUR)


def cleaned(root: Root, *options: str) -> tuple[int, list[str]]:
    """Return the exit code of a dry run, and what it printed."""
    told = CliRunner().invoke(clean, ["--root", str(root.path), "--dry-run", *options])
    return told.exit_code, told.output.splitlines()


def test_nought_is_refused_and_a_little_removes_all_that_has_ended_but_what_just_did(tmp_path: Path) -> None:
    """In styled.toml 0 is no limit: who meant that must not lose all."""
    root = Root.at(tmp_path)
    root.make_state()
    with Store.open(root) as store:
        for name, hours_ago in (("old", 50.0), ("young", 2.0), ("newest", 0.5)):
            ended(store, root, name, hours_ago)
    for options in (("--days", "0"), ("--max-gb", "0"), ("--max-gb", "0", "--days", "300")):
        code, lines = cleaned(root, *options)
        assert (code, "--days 0.01" in lines[-1]) == (2, True)
    code, lines = cleaned(root, "--days", "0.01")
    assert (code, [line.split(":")[0] for line in lines[:-1]]) == (0, ["remove 0001 old", "remove 0002 young"])
    assert "would be freed; nothing was changed" in lines[-1]


@pytest.mark.parametrize(
    ("option", "value", "limits"),
    [
        ("--days", "40000", "0<=x<=36500"),
        ("--days", "-1", "0<=x<=36500"),
        ("--days", "nan", "0 to 36500"),
        ("--days", "inf", "0<=x<=36500"),
        ("--max-gb", "2000000", "0<=x<=1000000"),
        ("--max-gb", "nan", "0 to 1000000"),
    ],
)
def test_what_is_no_limit_is_a_usage_error_with_the_range(tmp_path: Path, option: str, value: str, limits: str) -> None:
    told = CliRunner().invoke(clean, ["--root", str(tmp_path), option, value])
    assert told.exit_code == 2
    assert limits in told.output


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        (wait, "--timeout", "nan"),
        (wait, "--timeout", "inf"),
        (tui, "--refresh", "nan"),
        (status, "--limit", "99999999999999999999"),
    ],
)
def test_of_the_other_commands_too(tmp_path: Path, command: object, option: str, value: str) -> None:
    """NaN is in every range of click's, and infinity in those without an end."""
    told = CliRunner().invoke(command, ["--root", str(tmp_path), option, value])  # type: ignore[arg-type]
    assert told.exit_code == 2
    assert f"Invalid value for '{option}'" in told.output
