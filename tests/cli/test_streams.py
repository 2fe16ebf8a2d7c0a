"""Commands whose caller has closed input, output or errors."""

from __future__ import annotations

import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from styled.cli import main

pytestmark = pytest.mark.processes

SCRIPT = """
import os, sys
for number in {closed}:
    os.close(number)
sys.stderr = None if 2 in {closed} else sys.stderr
from styled.cli.main import _have_streams
_have_streams()
print("told", file=sys.stderr)
assert [os.fstat(number).st_mode for number in range(3)]
assert os.open(os.devnull, os.O_RDONLY) > 2
"""


@pytest.mark.parametrize("closed", [(2,), (0, 2), (0, 1, 2)])
def test_what_is_closed_is_opened_to_nothing(closed: tuple[int, ...]) -> None:
    """``styled daemon 2>&-`` ended with 1 and without a word: a handler of crashes had nowhere to write to."""
    assert subprocess.run([sys.executable, "-c", SCRIPT.format(closed=closed)], check=False).returncode == 0


class _Gone:
    """A command that is interrupted, or whose reader goes, as ``why`` says."""

    def __init__(self, why: BaseException) -> None:
        self.why = why

    def __call__(self) -> None:
        raise self.why


def at_a_question() -> click.Abort:
    """Return what click makes of Ctrl-C at a question."""
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise click.Abort from None
    except click.Abort as abort:
        return abort


@pytest.mark.parametrize(
    ("why", "code"),
    [(BrokenPipeError(), 141), (KeyboardInterrupt(), 130), (at_a_question(), 130), (click.Abort(), 1)],
    ids=["pipe", "ctrl-c", "ctrl-c at a question", "no"],
)
def test_a_reader_that_goes_and_ctrl_c_are_no_failed_job(
    monkeypatch: pytest.MonkeyPatch, why: BaseException, code: int
) -> None:
    command = click.Command("wait", callback=_Gone(why))
    monkeypatch.setattr(main._LazyGroup, "get_command", lambda *_: command)
    monkeypatch.setattr(main.os, "dup2", lambda *_: None)
    assert CliRunner().invoke(main.styled, ["wait"]).exit_code == code


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        ("init", LONG),
        ("gallery", "--root", LONG),
        ("weights", LONG),
        ("daemon", "--config", LONG),
        ("run", "-o", LONG, "photo.jpg", "painting.jpg"),
        ("run", "--resume", LONG),
    ],
)
def test_a_path_that_no_disk_takes_is_named_in_one_line(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["styled", *words])
    monkeypatch.setattr(main.gc, "freeze", lambda: None)  # of the tests' own process
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_: None)  # likewise
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 66
    told = capsys.readouterr().err
    assert "File name too long" in told
    assert (told.count("\n"), len(told) < 250) == (1, True)


def test_exit_codes_of_children_are_seen_whatever_the_caller_does_with_sigchld() -> None:
    """``trap '' CHLD``: a worker killed for memory had ended well, and a film that was cut off replaced the good one."""
    script = (
        "import signal, subprocess, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); sys.argv = ['styled', '--version']\n"
        "from styled.cli import main\n"
        "try:\n    main.main()\nexcept SystemExit:\n    print(subprocess.run(['sh', '-c', 'exit 7']).returncode)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "7"
