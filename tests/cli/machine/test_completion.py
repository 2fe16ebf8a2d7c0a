"""Shell completion: in real shells, fast, and never an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from styled.cli.machine.completing import _Bash
from styled.cli.main import COMMANDS, styled
from styled.root import Root
from styled.store.store import Store
from tests.deadlines import patience
from tests.faults import warm

pytestmark = pytest.mark.processes


def complete(*words: str, root: Path | None = None, shell: str = "bash") -> list[str]:
    """Return what is offered for the last word."""
    before = words[:-1]
    environment = {
        **os.environ, "_STYLED_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(["styled", *words]),
        "COMP_CWORD": str(len(before) + 1), "STYLED_ROOT": str(root or "/nowhere"),
    }  # fmt: skip
    done = warm.run([], environment=environment, timeout=patience(30))
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "20261122-201500-harbour",
        "20261122-201501-tower",
        "20250101-000000-old",
        ".claim-20261122-1",
        "README.md",
        "20261122-bad name",
    ):
        (tmp_path / "evolution" / name).mkdir(parents=True)
    return tmp_path


def test_commands_are_completed() -> None:
    assert complete("") == list(COMMANDS)
    assert complete("sta") == ["status"]
    assert complete("nothing") == []


def test_options_are_completed() -> None:
    assert "--watch" in complete("status", "--")
    assert complete("run", "--siz") == ["--size"]
    assert complete("timelapse", "--format", "") == ["webp", "mp4"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("styled run --preset dr", ["draft"]),
        ("styled add --set norm", ["normalize="]),
        ("styled add --set normalize=e", ["energy"]),
        ("styled edit 1 --set keep_gps=", ["true", "false"]),
        ("styled run --set=statistic=", ["gram", "wasserstein"]),
        ("styled run --set weights=", ["builtin", "imagenet"]),
        ("styled run --set nothing=", []),
        ("styled demo --set checkp", ["checkpoint_s="]),
        ("styled daemon --set queue.par", ["queue.parallel="]),
        ("styled daemon --set ret", ["retention."]),
        ("styled daemon --set nothing.", []),
        ("styled tui --theme l", ["light"]),
        ("styled weights b", ["builtin"]),
        ("styled weights vgg", ["vgg"]),
        ("styled run --memory-limit a", ["auto"]),
        ("styled service show --user roo", ["root"]),
    ],
)
def test_settings_presets_and_keys_are_completed_as_bash_gives_them(
    monkeypatch: pytest.MonkeyPatch, line: str, offered: list[str]
) -> None:
    """In this process: what bash runs at Tab, with the line as it stands, since it takes ``a=b`` for three words."""
    monkeypatch.setenv("COMP_LINE", line)
    shell = _Bash(styled, {}, "styled", "_STYLED_COMPLETE")
    assert [item.partition(",")[2] for item in shell.complete().splitlines()] == offered


@pytest.mark.parametrize(
    "command",
    ["follow", "wait", "log", "pause", "resume", "cancel", "retry", "priority", "remove", "sheet", "timelapse"],
)
def test_jobs_are_completed_newest_first(root: Path, command: str) -> None:
    assert complete(command, "", root=root) == [
        "20261122-201501-tower", "20261122-201500-harbour", "20250101-000000-old",
    ]  # fmt: skip


def test_numbers_are_completed_where_one_is_begun(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(Root(root)) as store, store.batch():
        for number in (2, 41, 42):
            store.add(id=f"20261122-201500-{number}", number=number, name="n", content="c", styles=("s",))
    monkeypatch.setenv("STYLED_ROOT", str(root))
    for begun, offered in (
        ("4", ["42", "41"]),
        ("004", ["0042", "0041"]),
        ("3", []),
        ("20250", ["20250101-000000-old"]),
    ):
        monkeypatch.setenv("COMP_LINE", f"styled edit {begun}")
        shell = _Bash(styled, {}, "styled", "_STYLED_COMPLETE")
        assert [item.partition(",")[2] for item in shell.complete().splitlines()] == offered


_FREE = {"--name", "--sizes"}
"""Texts of which nobody knows how they go on: the name of a new job, of a unit, a list of sizes."""


def test_every_argument_is_completed_but_figures_and_new_names() -> None:
    def parameters(command: click.Command, path: str) -> Iterator[tuple[str, click.Parameter]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                yield from parameters(command.get_command(context, name), f"{path} {name}")
        else:
            yield from ((path, param) for param in command.params)

    figures = click.types.IntParamType | click.types.FloatParamType
    missing = [
        f"{path} {param.opts[0]}"
        for path, param in parameters(styled, "styled")
        if not (isinstance(param, click.Option) and (param.is_flag or param.count))
        and param._custom_shell_complete is None
        and type(param.type).shell_complete is click.ParamType.shell_complete
        and not isinstance(param.type, figures)
        and param.opts[0] not in _FREE
    ]
    assert missing == []


def test_jobs_of_the_root_that_is_named(root: Path) -> None:
    assert complete("cancel", "--root", str(root), "2025") == ["20250101-000000-old"]
    assert complete("cancel", "--root", str(root / "nowhere"), "") == []


def test_completing_loads_no_numpy() -> None:
    """A third of a second at each Tab."""
    names = ("follow", "wait", "log", "pause", "sheet", "timelapse", "status", "edit", "completion")
    modules = ", ".join(COMMANDS[name][0].partition(":")[0] for name in names)
    probe = f"import sys, {modules}; print({{'numpy', 'PIL', 'textual'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_tab_is_answered_fast(root: Path) -> None:
    """With 10,000 jobs, in processor seconds not much longer than a bare interpreter and click.

    The best of five, or of as many as twenty runs of it: on a busy machine one takes twice the seconds of another.
    """
    for number in range(10_000):
        (root / "evolution" / f"20261123-{number:06d}-job").mkdir()

    def seconds(command: list[str], **environment: str) -> float:
        before = os.times()
        subprocess.run(
            command, env={**os.environ, **environment}, check=True, capture_output=True, timeout=patience(30)
        )
        after = os.times()
        return after.children_user - before.children_user + after.children_system - before.children_system

    bare = [sys.executable, "-c", "import click, click.shell_completion, msgspec"]
    most = 3 * min(seconds(bare) for _ in range(5)) + 0.2
    for words in ("styled ", "styled follow 2026"):
        environment = {
            "_STYLED_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
            "STYLED_ROOT": str(root),
        }  # fmt: skip
        runs = (seconds([sys.executable, "-m", "styled"], **environment) for _ in range(20))
        assert any(told < most for told in runs), words


# What each shell runs at Tab, with our script loaded: the words it would offer, one a line.
_IN_SHELL = {
    "bash": """eval "$(styled completion bash)"; COMP_WORDS=(styled follow 2025); COMP_CWORD=2
        _styled_completion styled 2025 follow; printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """compdef() { :; }; compadd() { local last=${@[-1]}; print -l -- ${(P)last}; }
        eval "$(styled completion zsh)"; words=(styled follow 2025); CURRENT=3; _styled_completion""",
    "fish": """styled completion fish | source; complete -C 'styled follow 2025'""",
}


@pytest.mark.parametrize("shell", _IN_SHELL)
def test_real_shells_take_the_script(shell: str, root: Path, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    program = tmp_path / "bin" / "styled"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m styled "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        [shell, "-c", _IN_SHELL[shell]],
        env={
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "STYLED_ROOT": str(root),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=patience(30),
        check=False,
    )
    assert "20250101-000000-old" in done.stdout.split(), done.stderr
    assert "harbour" not in done.stdout


def test_an_unknown_shell_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "styled", "completion", "tcsh"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "'bash', 'zsh', 'fish'" in done.stderr
