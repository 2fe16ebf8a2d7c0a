"""Presets: complete, allowed, laid over each other by one rule, and painted with the real engine at 96 px."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import styled
from styled import evolution, presets
from styled.config import load_config
from styled.errors import SettingsError
from styled.inbox.job_toml import resolve
from styled.painting import one_picture
from styled.presets import layered
from styled.settings import Settings, settings_from

pytestmark = pytest.mark.tensorflow

SAMPLES = Path(styled.__file__).parent / "data" / "samples"
PAIR = SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg"
NAMES = [preset.name for preset in presets.presets()]

layers = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "preset": st.sampled_from(NAMES),
            "size": st.integers(32, 9000),
            "steps": st.integers(1, 900),
            "seed": st.integers(0, 9),
        },
    ),
    max_size=4,
)


def test_the_default_preset_is_the_defaults() -> None:
    assert settings_from({"preset": presets.DEFAULT}) == Settings()


def test_all_presets_decide_the_same_settings_each_with_a_line_about_it() -> None:
    """Else a nearer preset would keep something of a farther one."""
    assert len({frozenset(preset.settings) for preset in presets.presets()}) == 1
    for preset in presets.presets():
        assert settings_from({"preset": preset.name}).preset == preset.name
        assert preset.description
        assert "\n" not in preset.description


@given(layers)
def test_the_nearest_layer_that_speaks_of_a_setting_decides_it(given_layers: list[dict[str, object]]) -> None:
    """By the setting itself before its preset; where none does, the default holds."""
    found = msgspec.to_builtins(settings_from(layered(*given_layers)))
    by_name = {preset.name: preset.settings for preset in presets.presets()}
    for name in ("preset", "size", "steps", "seed", "upscale"):
        said = [
            layer[name] if name in layer else by_name[str(layer["preset"])][name]
            for layer in given_layers
            if name in layer or name in by_name.get(str(layer.get("preset")), {})
        ]
        assert found[name] == (said[-1] if said else msgspec.to_builtins(Settings())[name])


def test_file_environment_and_pair_lie_over_each_other(tmp_path: Path) -> None:
    """The environment's preset wins over the file's steps; the pair's own preset over all that it decides."""
    (tmp_path / "styled.toml").write_text('[job]\npreset = "fine"\nsteps = 77\nseed = 5\n')
    config = load_config(tmp_path / "styled.toml", environment={})
    assert (config.job["size"], config.job["steps"]) == (1600, 77)
    config = load_config(
        tmp_path / "styled.toml", environment={"STYLED_JOB__PRESET": "draft", "STYLED_JOB__SIZE": "99"}
    )
    assert (config.job["preset"], config.job["size"], config.job["steps"]) == ("draft", 99, 80)
    job = resolve(config.job, {"preset": "print", "steps": 9}, source="job.toml")
    assert (job.preset, job.size, job.upscale, job.steps, job.seed) == ("print", 4096, True, 9, 5)


def test_an_unknown_preset_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"(?s)preset = 'drft' is not allowed.*'draft'"):
        settings_from({"preset": "drft"})
    (tmp_path / "styled.toml").write_text('[job]\npreset = "prnt"\n')
    with pytest.raises(SettingsError, match="Did you mean 'print'"):
        load_config(tmp_path / "styled.toml", environment={})


def test_the_job_records_what_a_preset_came_to(tmp_path: Path) -> None:
    run = one_picture.prepare(PAIR[0], [PAIR[1]], {"preset": "fine", "steps": 3}, output=tmp_path / "out.png")
    recorded = evolution.read_job_file(run.folder).settings
    assert (recorded.preset, recorded.size, recorded.steps) == ("fine", 1600, 3)


@pytest.mark.parametrize("name", NAMES)
def test_each_preset_paints(name: str) -> None:
    """At 64 px, with its own optimiser, scales and weights."""
    picture = np.asarray(styled.stylize(PAIR[0], PAIR[1], preset=name, size=64, steps=4))
    assert picture.shape == (43, 64, 3)
    assert picture.std() > 20
