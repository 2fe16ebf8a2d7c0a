"""``styled run`` as a user runs it: a real process, a real worker, the packaged pair at 64 px."""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from styled import evolution, images
from styled.backend.local import LocalRunner
from styled.backend.runner import Ended, Report, Task
from styled.cli.pictures.attended_run import Painter
from styled.cli.progress import JsonLines
from styled.evolution import JobFolder
from styled.job import JobState
from styled.painting import one_picture
from tests.deadlines import patience, wait_until
from tests.faults import warm
from tests.faults.daemon_process import synthetic

pytestmark = pytest.mark.painting

SAMPLES = Path(__file__).parents[3] / "styled" / "data" / "samples"
PAIR = [str(SAMPLES / "rocket.jpg"), str(SAMPLES / "starry_night.jpg")]
FAST = ["--size", "64", "--optimizer", "adam", "--set", "scales=[]"]
STYLED = [sys.executable, "-m", "styled"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test works in its own folder, which is no root."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLED_ROOT", raising=False)
    return tmp_path


def styled(*arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run(arguments, environment=os.environ, timeout=patience(60))


@pytest.fixture
def quick_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arithmetic instead of TensorFlow, where the promise is about the run around the worker."""
    for name, value in synthetic().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def long_run(here: Path, quick_worker: None) -> Iterator[subprocess.Popen[str]]:
    """A run that would take hours; killed at the end."""
    command = [*STYLED, "run", *PAIR, "-o", "out.png", *FAST, "--steps", "100000", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def wait_for(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        message: dict[str, Any] = json.loads(line)
        if message["event"] == event:
            return message
    raise AssertionError(f"no {event}: {process.stderr.read() if process.stderr else ''}")


class TestToTheEnd:
    def test_it_paints_a_picture_and_leaves_nothing_else(self, here: Path) -> None:
        """Standard output is the result's path; progress is on standard error."""
        done = styled("run", *PAIR, "-o", "out.png", *FAST, "--steps", "3")
        assert (done.returncode, done.stdout) == (0, f"{here / 'out.png'}\n"), done.stderr
        assert "step 3/3" in done.stderr
        assert images.load(here / "out.png").pixels.shape == (43, 64, 3)
        assert [path.name for path in here.iterdir()] == ["out.png"]

    def test_two_styles_into_a_jpeg_with_its_evolution_kept(self, here: Path, quick_worker: None) -> None:
        """The name says what was painted; a job's folder is what a daemon would have left, without its checkpoint."""
        done = styled(
            "run",
            *PAIR,
            PAIR[1],
            *FAST,
            "--steps",
            "2",
            "--set",
            "frame_every=1",
            "--seed",
            "5",
            "--evolution",
            "kept",
            "-o",
            "a.jpg",
        )
        assert done.returncode == 0, done.stderr
        with Image.open("a.jpg") as picture:
            assert (picture.format, picture.size) == ("JPEG", (64, 43))
            assert picture.info["icc_profile"]
        [path] = Path("kept").iterdir()
        folder = JobFolder(path)
        job = evolution.read_job_file(folder)
        assert job.state is JobState.DONE
        assert job.styles == ("input/style.jpg", "input/style-2.jpg")
        assert job.digests["input/content.jpg"] == evolution.digest(SAMPLES / "rocket.jpg")
        assert [step for step, _ in evolution.frames(folder)] == [1, 2]
        assert not folder.checkpoint.exists()
        metadata = images.read_metadata(Path("a.jpg"))
        assert metadata is not None
        assert (metadata["settings"]["steps"], metadata["settings"]["seed"]) == (2, 5)

    def test_settings_come_from_styled_toml_and_flags_win(self, here: Path, quick_worker: None) -> None:
        """The result is named after the pair; a path given for init is found wherever the worker runs."""
        (here / "styled.toml").write_text('[job]\npreset = "print"\nsteps = 9\noptimizer = "adam"\nscales = []\n')
        shutil.copy(SAMPLES / "starry_night.jpg", here / "start.jpg")
        command = ["run", *PAIR, "--preset", "draft", "--size", "64", "--steps", "1"]
        done = styled(*command, "--set", "init=start.jpg", "--json")
        assert done.returncode == 0, done.stderr
        started = json.loads(done.stdout.splitlines()[0])
        assert (started["width"], started["steps"]) == (64, 1)
        assert (here / "rocket-starry_night.png").exists()


class TestStopAndResume:
    def test_a_stopped_run_says_how_to_go_on_and_does(self, here: Path, quick_worker: None) -> None:
        """The printed command works as it stands, from any folder, and goes on to the result."""
        command = [*STYLED, "run", *PAIR, "-o", "slow.png", *FAST, "--steps", "40", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait_for(process, "progress")
            process.send_signal(signal.SIGINT)
            stopped = wait_for(process, "stopped")
            assert process.wait(patience(60)) == 130
            assert process.stderr is not None
            advice = process.stderr.read().splitlines()[-1].strip()
        assert advice == f"styled run --resume {here}/slow.png.styled"
        assert evolution.read_job_file(JobFolder(here / "slow.png.styled")).state is JobState.PAUSED
        refused = styled("run", "--resume", "slow.png.styled", "--steps", "1")
        assert refused.returncode == 2, "the settings are those of the stopped run"
        resumed = subprocess.run(
            [*STYLED, *shlex.split(advice)[1:], "--json"],
            cwd="/",
            stdout=subprocess.PIPE,
            check=True,
            timeout=patience(60),
        )
        assert json.loads(resumed.stdout.splitlines()[0])["step"] == stopped["step"]
        assert [path.name for path in here.iterdir()] == ["slow.png"]

    def test_sigterm_saves_a_checkpoint_too(self, here: Path, long_run: subprocess.Popen[str]) -> None:
        wait_for(long_run, "progress")
        long_run.send_signal(signal.SIGTERM)
        assert long_run.wait(patience(60)) == 130
        assert evolution.load_checkpoint(JobFolder(here / "out.png.styled")) is not None

    def test_an_earlier_run_is_not_lost_by_the_same_command(self, here: Path) -> None:
        (here / "out.png.styled").mkdir()
        done = styled("run", *PAIR, "-o", "out.png", *FAST)
        assert done.returncode == 73
        assert "--resume" in done.stderr

    def test_the_worker_ends_when_the_run_is_killed(self, here: Path, long_run: subprocess.Popen[str]) -> None:
        wait_for(long_run, "progress")
        long_run.kill()
        folder = JobFolder(here / "out.png.styled")
        wait_until(lambda: evolution.load_checkpoint(folder) is not None)


class TestRefused:
    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            ([PAIR[0], "gone.jpg"], 65, "gone.jpg cannot be opened"),
            ([PAIR[0], __file__], 65, "not an image"),
            ([*PAIR, "--set", "stepz=3"], 78, "Did you mean 'steps'?"),
            ([*PAIR, "--set", "steps"], 78, "key=value"),
            ([*PAIR, "--size", "1"], 78, "from 32 to 65,536"),
            ([*PAIR, "-o", "out.xyz"], 65, "out.xyz"),
            ([*PAIR, "-o", "no/such/folder/out.png"], 73, "No such file"),
            ([*PAIR, "--set", "init=job:gone"], 78, "no job is 'gone'"),
            ([PAIR[0]], 2, "at least one style"),
            (["--resume", "gone"], 65, "not the folder of a run"),
        ],
    )
    def test_what_cannot_work_is_refused_at_once(self, here: Path, arguments: list[str], code: int, words: str) -> None:
        """With the reason, the exit code of the error tree, and nothing left behind."""
        done = styled("run", *arguments)
        assert (done.returncode, done.stdout) == (code, "")
        assert words in done.stderr
        assert list(here.iterdir()) == []

    def test_an_existing_result_is_not_replaced_unless_asked(self, here: Path) -> None:
        (here / "out.png").write_text("precious")
        done = styled("run", *PAIR, "-o", "out.png", *FAST)
        assert done.returncode == 73
        assert (here / "out.png").read_text() == "precious"

    def test_a_folder_that_cannot_be_written_is_noticed_before_painting(self, here: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        (here / "locked").mkdir(mode=0o500)
        assert styled("run", *PAIR, "-o", "locked/out.png").returncode == 73


class TestSeveral:
    """``styled run a.jpg b.jpg --style s.jpg -o folder``."""

    @pytest.fixture
    def photos(self, here: Path, quick_worker: None) -> list[str]:
        """Three photos of different sizes, the second one broken, and a folder for the results."""
        for number, width in enumerate((40, 50, 60), start=1):
            Image.linear_gradient("L").resize((width, 30)).convert("RGB").save(here / f"{number}.png")
        (here / "2.png").write_bytes((here / "2.png").read_bytes()[:60])
        (here / "out").mkdir()
        return ["1.png", "2.png", "3.png"]

    def test_each_has_its_result_and_what_failed_is_listed(self, here: Path, photos: list[str]) -> None:
        command = ["run", *photos, "--style", PAIR[1], "-o", "out", *FAST, "--steps", "3"]
        done = styled(*command)
        assert done.returncode == 1
        assert done.stdout.split() == ["out/1-starry_night.png", "out/3-starry_night.png"]
        assert "1 of 3 failed:" in done.stderr
        assert done.stderr.rstrip().splitlines()[-1].startswith("  2.png: ")
        assert sorted(path.name for path in (here / "out").iterdir()) == ["1-starry_night.png", "3-starry_night.png"]
        again = styled(*command)
        assert again.stderr.count("exists; passed over") == 2
        assert again.stdout == ""

    def test_programs_are_told_which_image_messages_are_of(self, photos: list[str]) -> None:
        done = styled("run", "1.png", "3.png", "--style", PAIR[1], "-o", "out", *FAST, "--steps", "3", "--json")
        assert done.returncode == 0
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["event"] for line in lines if line["event"] in {"image", "result"}] == ["image", "result"] * 2
        assert lines[0] == {
            "event": "image", "content": "1.png", "output": "out/1-starry_night.png", "number": 1, "of": 2,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["-o", "gone"], "gone is no folder"),
            (["-o", "out", "--mask", "3.png"], "A mask belongs to one content image"),
            (["-o", "out", "out/../1.png"], "2 results would be out/1-starry_night.png"),
        ],
    )
    def test_what_cannot_be_is_refused_before_anything_is_painted(
        self, here: Path, photos: list[str], arguments: list[str], words: str
    ) -> None:
        done = styled("run", "1.png", "3.png", "--style", PAIR[1], *arguments)
        assert done.returncode not in {0, 1}
        assert words in done.stderr
        assert not list((here / "out").iterdir())

    def test_one_content_may_have_a_folder_too(self, here: Path, photos: list[str]) -> None:
        assert styled(
            "run", "1.png", PAIR[1], "-o", "out", *FAST, "--steps", "3"
        ).stdout == "HERE/out/1-starry_night.png\n".replace("HERE", str(here))


@pytest.mark.parametrize(
    ("settings", "is_delicate"), [({}, False), ({"memory_limit": 0.0}, False), ({"memory_limit": 2.0}, True)]
)
def test_only_a_limit_of_memory_of_its_own_asks_for_a_fresh_worker(
    here: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, float], is_delicate: bool
) -> None:
    """What was: the default, "auto", was taken for a limit, and each of many photos loaded TensorFlow anew."""
    job = one_picture.prepare(Path(PAIR[0]), [Path(PAIR[1])], settings, output=here / "out.png")
    given: list[Task] = []
    monkeypatch.setattr(LocalRunner, "submit", lambda _self, task: given.append(task))
    monkeypatch.setattr(LocalRunner, "poll", lambda _self: [Report(job.folder.id, Ended(75, asked_to_stop=True))])
    with Painter(JsonLines()) as painter:
        painter._paint(job, is_delicate=False)
    assert [task.is_delicate for task in given] == [is_delicate]


def test_a_name_that_is_not_utf_8_ends_no_batch(here: Path, quick_worker: None) -> None:
    names = [os.fsdecode(b"\xff-1.png"), "2.png"]
    for name in names:
        Image.linear_gradient("L").resize((40, 30)).convert("RGB").save(here / name)
    command = [*STYLED, "run", *names, "--style", PAIR[1], "-o", ".", *FAST, "--steps", "3"]
    for more in ([], ["--json", "--overwrite"]):
        done = subprocess.run(
            [*command, *more], capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"}, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (here / os.fsdecode(b"\xff-1-starry_night.png")).exists()
    assert (here / "2-starry_night.png").exists()


@pytest.mark.parametrize(
    ("ends", "steps_down", "code"),
    [
        ([Ended(137), Ended(137), Ended(75, asked_to_stop=True)], 2, 75),
        ([Ended(137)] * 4, 3, 137),
        ([Ended(137, progressed=True)] * 5 + [Ended(0)], 5, 0),
        ([Ended(137, asked_to_stop=True)], 0, 137),
    ],
    ids=["until it fits", "three times", "again after progress", "not when told to stop"],
)
def test_when_memory_runs_out_it_goes_on_with_less(
    here: Path, monkeypatch: pytest.MonkeyPatch, ends: list[Ended], steps_down: int, code: int
) -> None:
    """The worker's ends are given; what the worker makes of ``step_down`` is tested where the engine is."""
    job = one_picture.prepare(Path(PAIR[0]), [Path(PAIR[1])], {}, output=here / "out.png")
    left = iter(ends)
    monkeypatch.setattr(Painter, "_paint", lambda *_, **__: (next(left), None))
    with Painter(JsonLines()) as painter:
        ended, _ = painter._paint_within_memory(job)
    assert ended.returncode == code
    assert next(left, None) is None
    assert evolution.read_job_file(job.folder).step_down == steps_down


def test_under_nohup_a_run_goes_on_when_its_terminal_is_closed(here: Path, quick_worker: None) -> None:
    command = ["nohup", *STYLED, "run", *PAIR, "-o", "out.png", *FAST, "--steps", "100", "--set", "frame_every=0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "painting" in line:
                process.send_signal(signal.SIGHUP)
        assert process.wait(patience(60)) == 0
    assert (here / "out.png").exists()


def test_on_a_terminal_one_line_changes(here: Path, quick_worker: None) -> None:
    """On a real pseudo-terminal: never a line longer than it is wide; and --overwrite replaces what was there."""
    (here / "out.png").write_text("not so precious")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["COLUMNS"] = "60"
        os.execv(STYLED[0], [*STYLED, "run", *PAIR, "-o", "out.png", *FAST, "--steps", "400", "--overwrite"])  # noqa: S606
    output = b""
    try:
        while chunk := os.read(terminal, 4096):
            output += chunk
    except OSError:
        pass  # how Linux says that the other side has closed
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    lines = [line for line in output.decode().replace("\x1b[K", "").replace("\n", "\r").split("\r") if "step" in line]
    assert len(lines) >= 2
    assert all(len(line) < 60 for line in lines)
    assert output.decode().rstrip().endswith("out.png")
    assert images.probe(here / "out.png").width == 64
