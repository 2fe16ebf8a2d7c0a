"""A root is made by ``styled init``, or after a question, and by nothing else."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from styled.cli import init as module
from styled.cli.init import init, require_root
from styled.cli.main import COMMANDS, styled
from styled.errors import NoRoot, OutputUnusable
from styled.root import Root

PROJECT = Path(__file__).parent.parent.parent


def test_a_new_root_has_its_folders_and_what_they_are_for(tmp_path: Path) -> None:
    told = CliRunner().invoke(init, [str(tmp_path / "new")])
    assert (told.exit_code, "is a root now" in told.output) == (0, True)
    for folder in ("inbox", "evolution"):
        text = (tmp_path / "new" / folder / "README.md").read_text()
        assert text == (PROJECT / folder / "README.md").read_text(), "the project's own root has the same"
    assert "was a root already" in CliRunner().invoke(init, ["--root", str(tmp_path / "new")]).output
    assert CliRunner().invoke(init, [str(tmp_path / "a"), "--root", str(tmp_path / "b")]).exit_code == 2


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "inbox").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "README.md").write_text("mine")
    assert CliRunner().invoke(init, [str(tmp_path)]).exit_code == 0
    assert (tmp_path / "disk" / "README.md").read_text() == "mine"
    assert (tmp_path / "inbox").is_symlink()


def test_where_no_folder_can_be_made_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnusable, match="cannot be made"):
        module.make_root(Root(tmp_path / "file"))


@pytest.mark.parametrize("mark", ["inbox", "evolution", ".styled", "styled.toml"])
def test_any_part_of_a_root_marks_it(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).symlink_to("/nowhere")
    require_root(Root(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [mark]


@pytest.mark.parametrize(
    "arguments",
    [["add", "a.jpg", "b.jpg"], ["daemon"], ["gallery"], ["web"], ["service", "install"]],
    ids=lambda arguments: arguments[0],
)
def test_no_other_command_makes_one_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("STYLED_ROOT", str(tmp_path / "empty"))
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_: None)  # of the tests' own process
    assert arguments[0] in COMMANDS
    told = CliRunner().invoke(styled, arguments)
    assert isinstance(told.exception, NoRoot)
    assert f"styled init {tmp_path / 'empty'}" in str(told.exception)
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize(("answer", "is_made"), [("y\n", True), ("\n", False), ("n\n", False)])
def test_somebody_at_a_terminal_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, is_made: bool
) -> None:
    root = Root(tmp_path)

    class Terminal:
        def isatty(self) -> bool:
            return True

    with CliRunner().isolation(answer):
        for name in ("stdin", "stderr"):
            monkeypatch.setattr(getattr(module.sys, name), "isatty", Terminal().isatty, raising=False)
        if is_made:
            require_root(root)
        else:
            with pytest.raises(NoRoot):
                require_root(root)
    assert root.is_made == is_made
    assert (root.inbox / "README.md").exists() == is_made
