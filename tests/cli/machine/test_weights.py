"""``styled weights`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from styled.cli.machine.weights import weights
from styled.vgg19.weights import BUILTIN_SHA256


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras cache and an empty root."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("STYLED_ROOT", str(tmp_path))
    return tmp_path / "keras" / "models"


def test_by_default_it_tells_of_the_packaged_weights(cache: Path) -> None:
    done = CliRunner().invoke(weights)
    assert done.exit_code == 0
    assert "builtin" in done.output
    assert BUILTIN_SHA256 in done.output
    assert str(cache) in done.output
    assert "good" in done.output


def test_it_tells_of_what_the_root_uses(tmp_path: Path) -> None:
    (tmp_path / "styled.toml").write_text('[job]\nweights = "imagenet"\n')
    done = CliRunner().invoke(weights, ["--root", str(tmp_path)])
    assert done.exit_code == 66
    assert "imagenet" in done.output
    assert "not in Keras' cache" in done.output


def test_json_has_every_field() -> None:
    done = CliRunner().invoke(weights, ["--json"])
    info = json.loads(done.output)
    assert info["digest"] == BUILTIN_SHA256
    assert info["available"] is True
    assert set(info) == {"setting", "path", "available", "digest", "cache", "problem"}


@pytest.mark.processes  # h5py, on its first import in a process, asks uname for the processor
def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(weights, [str(tmp_path / "gone.h5")])
    assert done.exit_code == 66
    assert "No such file" in done.output
