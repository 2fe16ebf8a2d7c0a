"""The commands that change the queue, as a user's shell runs them: words and exit codes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from styled.cli.logs import log
from styled.cli.queue import add
from styled.errors import StyledError
from styled.files.printable import escaped
from styled.job import JobState
from styled.root import Root
from tests.cli.conftest import Styled
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import DaemonProcess, picture

pytestmark = pytest.mark.processes


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A content and a style."""
    return picture(tmp_path / "harbour.png", 40), picture(tmp_path / "style.png", 200)


def test_what_is_added_is_painted_and_waited_for(
    daemon: DaemonProcess, styled: Styled, pair: tuple[Path, Path]
) -> None:
    added = styled("add", *pair, "--preset", "draft", "--steps", "10", "--priority", "7")
    assert (added.returncode, added.stdout) == (0, "harbour is in the inbox\n")
    waited = styled("wait", "harbour")
    job = daemon.job("harbour")
    assert job is not None
    remark = "the content has 32 px and so has the picture, not 512: upscale = true paints it larger"
    assert waited.returncode == 0
    assert waited.stdout.startswith(f"{job.number:04d} harbour: done: ")
    assert remark in waited.stdout
    assert (job.steps, job.priority, job.settings["preset"], job.settings["size"]) == (10, 7, "draft", 512)
    assert styled("wait").stdout == "nothing to wait for\n"
    assert "result written" in styled("log", str(job.number)).stdout
    assert f"queue: done  job={job.id}" in styled("log").stdout
    assert '"event": "done"' in styled("log", "--json").stdout


def test_several_styles_are_kept_in_order_and_a_mask_with_them(
    daemon: DaemonProcess, styled: Styled, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    halves = np.zeros((24, 32), np.uint8)
    halves[:, 16:] = 255
    Image.fromarray(halves).save(tmp_path / "halves.png")
    assert styled("add", *pair, pair[0], "--name", "two styles", "--mask", tmp_path / "halves.png").returncode == 0
    assert styled("wait", "two-styles").returncode == 0
    job = daemon.job("two-styles")
    assert job is not None
    assert (job.styles, job.mask) == (("input/style.png", "input/style-2.png"), "input/mask.png")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("missing.png", "style.png"), 65, "missing.png"),
        (("notes.txt", "style.png"), 65, "notes.txt"),
        (("harbour.png", "style.png", "--set", "stps=3"), 78, "Did you mean 'steps'?"),
        (("harbour.png", "style.png", "--preset", "draftt"), 78, "Did you mean 'draft'?"),
        (("harbour.png", "style.png", "--set", "steps"), 78, "is not key=value"),
        (("harbour.png", "style.png", "--set", "weights=/etc/passwd"), 78, "weights = '/etc/passwd' is not allowed"),
        (("harbour.png", "style.png", "--priority", "100000"), 78, "-1000 to 1000"),
        (("harbour.png",), 2, "Missing argument"),
    ],
)
def test_what_cannot_become_a_job_is_refused_before_it_is_copied(
    styled: Styled, pair: tuple[Path, Path], arguments: tuple[str, ...], code: int, words: str
) -> None:
    folder = pair[0].parent
    (folder / "notes.txt").write_text("hello")
    Root.at(folder / "root").make_state()
    refused = styled("add", *arguments, "--root", folder / "root", cwd=folder)
    assert refused.returncode == code, refused.stderr
    assert words in refused.stderr
    assert [path.name for path in (folder / "root").iterdir()] == [".styled"]


def test_a_job_is_paused_resumed_cancelled_and_retried(daemon: DaemonProcess, styled: Styled) -> None:
    daemon.drop("slow", levels=(3, 4), settings={"steps": 400})
    number = f"{daemon.until_step('slow', 2).number}"
    assert f"{int(number):04d} slow: paused" in styled("pause", number).stdout
    assert "cannot become" in styled("pause", number).stderr
    assert styled("pause", number).returncode == 5
    assert "slow: waiting" in styled("resume", number).stdout
    daemon.until("slow", JobState.RUNNING)
    assert "slow: cancelled" in styled("cancel", number).stdout
    waited = styled("wait", number)
    assert (waited.returncode, "cancelled by" in waited.stdout) == (1, True)
    wait_until(lambda: styled("retry", number).returncode == 0)
    assert "priority -5" in styled("priority", number, "-5").stdout
    styled("cancel", number)
    wait_until(lambda: styled("retry", number, "--from-start").returncode == 0)
    styled("cancel", number)
    wait_until(lambda: styled("remove", "--yes", number).returncode == 0)
    assert styled("pause", number).returncode == 4


def test_a_job_is_edited_and_painted_again(daemon: DaemonProcess, styled: Styled) -> None:
    styled("pause")
    try:
        daemon.drop("wave", levels=(13, 14), settings={"steps": 9})
        job = daemon.until("wave", JobState.WAITING)
        assert styled("edit", "wave", "--steps", "8").stdout == f"{job.number:04d} wave: steps = 8\n"
        assert "Give a setting" in styled("edit", "wave").stderr
    finally:
        styled("resume")
    assert daemon.until("wave", JobState.DONE).step == 8
    assert "styled again" in styled("edit", "wave", "--steps", "7").stderr
    assert "--from-start" in styled("retry", "wave").stderr
    assert styled("again", "wave", "--steps", "4").stdout == f"{job.number + 1:04d} wave: waiting\n"
    assert styled("wait", f"{job.number + 1}").returncode == 0
    assert "more than one job is called 'wave'" in styled("cancel", "wave").stderr


def test_the_whole_queue_is_paused_and_goes_on(daemon: DaemonProcess, styled: Styled) -> None:
    assert "The queue is paused" in styled("pause").stdout
    assert daemon.client.request("status")["status"]["state"] == "paused"
    assert styled("resume").returncode == 0
    assert daemon.client.request("status")["status"]["state"] == "running"


def test_waiting_for_a_failure_fails_and_tells_the_reason(daemon: DaemonProcess, styled: Styled) -> None:
    daemon.drop("oom", levels=(5, 6))
    waited = styled("wait", "oom")
    assert waited.returncode == 1
    assert "oom: failed: " in waited.stdout
    assert "Lower size" in waited.stdout
    assert styled("wait", "no-such-job").returncode == 4
    late = styled("wait", "--timeout", "0.3", "oom")
    assert late.returncode == 1  # it has ended: no time is needed


def test_waiting_gives_up_in_time(daemon: DaemonProcess, styled: Styled) -> None:
    daemon.drop("slow-wait", levels=(7, 8), settings={"steps": 1000})
    daemon.until_step("slow-wait", 1)
    late = styled("wait", "slow-wait", "--timeout", "0.3")
    assert (late.returncode, "not ended after 0.3 s" in late.stderr) == (124, True)
    assert "slow-wait: cancelled" in styled("cancel", "slow-wait").stdout


def test_a_log_is_followed_to_the_end_of_its_job(daemon: DaemonProcess, styled: Styled) -> None:
    daemon.drop("slow-log", levels=(9, 10), settings={"steps": 10})
    daemon.until_step("slow-log", 1)
    followed = styled("log", "-f", "slow-log")
    assert "result written" in followed.stdout
    assert styled("log", "nobody").returncode == 4


def test_control_characters_in_a_log_do_not_reach_the_terminal(daemon: DaemonProcess, styled: Styled) -> None:
    job = daemon.jobs()[0]
    with (daemon.root.evolution / job.id / "log.txt").open("ab") as log:
        log.write(b"\x1b[2J\x9b31m \xff\n")
    assert "\\x1b[2J" in styled("log", job.id).stdout
    assert "\x1b" not in styled("log", job.id).stdout


def test_reload_and_stop(root: Root, daemon: DaemonProcess, styled: Styled) -> None:
    root.config.write_text("[queue]\nparalel = 2\n")
    wrong = styled("reload")
    assert (wrong.returncode, "Did you mean queue.parallel" in wrong.stderr) == (78, True)
    root.config.unlink()
    assert styled("reload").returncode == 0
    both = styled("stop", "--drain", "--jobs")
    assert (both.returncode, "give one of them" in both.stderr) == (2, True)
    stopped = styled("stop", "--jobs")
    assert (stopped.returncode, stopped.stdout) == (0, "The daemon has stopped\n")
    assert daemon.process.wait(patience(10)) == 0


@pytest.mark.parametrize(
    "command", [("pause", "1"), ("stop",), ("reload",), ("priority", "1", "2"), ("wait", "--timeout", "9")]
)
def test_without_a_daemon_the_exit_code_is_3(styled: Styled, command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    refused = styled(*command, "--root", tmp_path)
    if command[0] == "wait":
        assert (refused.returncode, refused.stdout) == (0, "nothing to wait for\n")
    else:
        assert refused.returncode == 3
        assert "Start it with: styled daemon." in refused.stderr


def test_adding_needs_no_daemon(styled: Styled, pair: tuple[Path, Path], tmp_path: Path) -> None:
    Root.at(tmp_path / "fresh").make_state()
    added = styled("add", *pair, "--root", tmp_path / "fresh")
    assert added.returncode == 0
    assert "No daemon runs here" in added.stderr
    names = sorted(path.name for path in (tmp_path / "fresh" / "inbox" / "harbour").iterdir())
    assert names == ["content.png", "job.toml", "style.png"]
    assert styled("add", *pair, "--root", tmp_path / "fresh").stdout == "harbour-2 is in the inbox\n"
    blended = styled("add", *pair, pair[0], "--root", tmp_path / "fresh").stdout
    assert (
        f"It is one job: {pair[0].name} in the blended style of 2 images ({pair[1].name}, {pair[0].name})." in blended
    )
    waited = styled("wait", "harbour", "--root", tmp_path / "fresh")
    assert waited.returncode == 3


def test_a_log_with_a_line_of_many_megabytes_is_printed_piece_by_piece(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"first\n" + b"x" * 300_000 + b"\nlast, without end")
    end = log._print_from(path, 0, to_the_end=False, shown=escaped)
    assert end == path.stat().st_size - len("last, without end")
    assert log._print_from(path, end, to_the_end=True, shown=escaped) == path.stat().st_size
    assert capsys.readouterr().out == f"first\n{'x' * 300_000}\nlast, without end\n"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StyledError, match="pipe cannot be read: not a regular file"):
        log._print_from(tmp_path / "pipe", 0, to_the_end=True, shown=escaped)


def test_with_style_every_image_is_a_photo_and_a_job(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    """``styled add photos/*.jpg painting.jpg`` blended the photos; this is what it was meant to be."""
    photos = [tmp_path / f"photo-{number}.png" for number in range(3)]
    for photo in photos:
        shutil.copy(pair[0], photo)
    Root.at(tmp_path / "fresh").make_state()
    invoke = CliRunner().invoke
    added = invoke(add, ["--root", str(tmp_path / "fresh"), "--style", str(pair[1]), *map(str, photos)])
    assert added.exit_code == 0, added.output
    inbox = Root.at(tmp_path / "fresh").inbox
    assert sorted(path.name for path in inbox.iterdir()) == ["photo-0", "photo-1", "photo-2"]
    assert {path.stem for path in inbox.glob("*/*.*") if path.suffix != ".toml"} == {"content", "style"}
    refused = invoke(
        add, ["--root", str(tmp_path / "fresh"), "--style", str(pair[1]), "--name", "x", *map(str, photos)]
    )
    assert (refused.exit_code, "--name is of one photo" in refused.output) == (2, True)
    alone = invoke(add, ["--root", str(tmp_path / "fresh"), str(photos[0])])
    assert (alone.exit_code, "STYLE" in alone.output) == (2, True)
