"""What each part loads: heavy libraries only where they belong, and the command table as the commands have it."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from styled.cli.main import COMMANDS, styled
from tests.deadlines import patience

pytestmark = pytest.mark.processes

HEAVY = {"tensorflow", "keras", "textual", "PIL", "numpy", "watchdog", "h5py", "scipy"}
# Not rich: structlog loads it where it is installed; that none of ours does is an import-linter contract.

_PROBE = """
import json, sys
{code}
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules that are loaded after ``code`` ran in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE.format(code=code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=patience(60),
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import styled", set()),
        ("import styled.cli.main", set()),
        ("import styled.errors, styled.settings, styled.config, styled.root, styled.messages, styled.vgg19", set()),
        ("import styled.job, styled.store.store, styled.store.reader", {"PIL", "numpy"}),
        ("import styled.daemon.control.protocol, styled.backend.local", {"PIL", "numpy"}),
        ("import styled.backend.staged.attempt, styled.backend.staged.node_report", set()),  # one beside each worker
        ("import styled.daemon.daemon", {"PIL", "numpy", "watchdog"}),
        ("import styled.images, styled.evolution, styled.memory", {"PIL", "numpy"}),
        ("import styled.vgg19.weights, styled.engine.iterate, styled.sizing.scales", {"PIL", "numpy"}),
        ("import styled.painting.paint_job, styled.painting.worker, styled.painting.stylize", {"PIL", "numpy"}),
        ("import styled.tui.app", {"textual"}),  # the first screen waits for nothing else
    ],
)
def test_a_part_loads_no_more_than_it_may(code: str, allowed: set[str]) -> None:
    """TensorFlow least of all: the daemon and the terminal UI run for months beside a busy GPU."""
    assert loaded_by(code) & HEAVY <= allowed


def test_the_commands_modules_load_neither_tensorflow_nor_a_ui_toolkit() -> None:
    """All of them in one interpreter: what any of them loads is there in the end."""
    modules = sorted({place.partition(":")[0] for place, _ in COMMANDS.values()})
    assert not loaded_by(f"import {', '.join(modules)}") & {"tensorflow", "keras", "textual"}


def test_stylize_is_found_without_loading_anything_before() -> None:
    assert "tensorflow" not in loaded_by("from styled import stylize")


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import styled as package

    with pytest.raises(AttributeError, match="paint_me"):
        _ = package.paint_me


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_leads_to_the_command_it_describes(name: str) -> None:
    """Its line is a short form of the command's own help: the same verb first, one line of a terminal."""
    command = styled.get_command(click.Context(styled), name)
    assert command is not None
    assert command.name == name
    assert command.help is not None
    line = COMMANDS[name][1]
    assert command.help.split()[0] == line.split()[0]
    assert line.endswith(".")
    assert len(line) + 12 <= 80


def test_help_lists_every_command() -> None:
    done = subprocess.run([sys.executable, "-m", "styled", "--help"], capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout
