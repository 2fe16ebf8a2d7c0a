"""Settings with an option of their own are read as --set reads them."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from styled.cli.pictures.run import run
from styled.cli.settings_options import SHORTCUTS, own_settings, settings_options
from styled.errors import SettingsError
from styled.settings import settings_from


def read(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    @click.command()
    @settings_options
    def command(**options: Any) -> None:
        found.update(own_settings(options))

    assert CliRunner().invoke(command, arguments, standalone_mode=False).exception is None
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("memory_limit", value) for value in ("4", "0.5", "0", "auto", "2GiB", "512 MiB")),
        *(("size", "64"), ("steps", "7"), ("seed", "3"), ("optimizer", "adam"), ("preset", "draft")),
    ],
)
def test_an_option_is_what_its_assignment_is(name: str, value: str) -> None:
    assert name in SHORTCUTS
    by_option = settings_from(read(f"--{name.replace('_', '-')}", value))
    assert by_option == settings_from(read("--set", f"{name}={value}"))


@pytest.mark.parametrize("value", ["4GB", "", "nan", "-1", "[4]"])
def test_what_is_no_limit_is_refused_as_it_is_of_an_assignment(value: str) -> None:
    said = []
    for arguments in (("--memory-limit", value), ("--set", f"memory_limit={value}")):
        with pytest.raises(SettingsError) as refused:
            settings_from(read(*arguments))
        said.append(str(refused.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("option", ["--memory-limit", "--seed"])
def test_nought_is_a_setting_too_where_none_may_be_given(option: str) -> None:
    told = CliRunner().invoke(run, ["--resume", "folder", option, "0"])
    assert (told.exit_code, "give none" in told.output) == (2, True)
