"""A wrong setting is an error that names it and says what it may be."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.errors import SettingsError
from styled.presets import Preset, presets
from styled.settings import (
    default_values,
    differing,
    parse_assignment,
    settings_from,
    settings_table,
    whole_values,
    words_of,
)

NUMBERS = [row.name for row in settings_table() if isinstance(row.default, float)]
WHOLE = [row.name for row in settings_table() if isinstance(row.default, int) and not isinstance(row.default, bool)]
WORDS = [row.name for row in settings_table() if row.range.startswith("one of ")]


def refused(values: dict[str, Any]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        settings_from(values)
    return caught.value


@pytest.mark.parametrize("name", [*NUMBERS, *WHOLE])
@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, -math.inf, 1e300, "much", None, [1], True])
def test_a_number_out_of_its_range_names_the_setting_and_the_range(name: str, value: Any) -> None:
    error = refused({name: value})
    assert error.message.startswith(f"{name} = ")
    assert error.advice.startswith(("Give a number ", "Give a whole number ", "Give 8 or 16."))


@pytest.mark.parametrize("name", WORDS)
def test_a_word_that_is_no_choice_names_the_choices_and_the_nearest(name: str) -> None:
    word = next(row.default for row in settings_table() if row.name == name)
    error = refused({name: word + "x"})
    assert error.message == f"{name} = {word + 'x'!r} is not allowed"
    assert f"Did you mean {word!r}? Give one of " in error.advice
    assert "Give one of " in refused({name: 3}).advice


@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ({"block6_conv1": 1.0}, "VGG19 does not have. Did you mean 'block"),
        ({"block4_conv2": -1.0}, "is not allowed. Give a table of VGG19 layer names"),
        ({"block4_conv2": math.nan}, "is not allowed. Give a table of VGG19 layer names"),
        ({}, "is not allowed. Give a table of VGG19 layer names"),
        (["block4_conv2"], "is not allowed. Give a table of VGG19 layer names"),
    ],
)
def test_layers_that_do_not_exist_or_weigh_less_than_nothing(name: str, layers: Any, words: str) -> None:
    text = str(refused({name: layers}))
    assert text.startswith(name)
    assert words in text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"style_weights": [1.0, -1.0]}, "style_weights = [1.0, -1.0] is not allowed. Give a list of numbers from 0"),
        ({"style_weights": [math.nan]}, "style_weights = [nan] is not allowed. Give a list of numbers from 0"),
        ({"scales": [256, 128]}, "scales = [256, 128] must grow"),
        ({"scales": [8]}, "scales = [8] is not allowed. Give 'auto' or a list of whole numbers from 32"),
        ({"content_weight": 0, "style_weight": 0}, "content_weight and style_weight are both 0"),
        ({"upscale": "yes"}, "upscale = 'yes' is not allowed. Give true or false"),
        ({"weights": ""}, "weights = '' is not allowed. Give a text that is not empty"),
        ({"strenght": 1}, "unknown setting 'strenght'. Did you mean 'strength'?"),
    ],
)
def test_the_rest(values: dict[str, Any], words: str) -> None:
    assert words in str(refused(values))


def test_where_it_stands_is_said() -> None:
    with pytest.raises(SettingsError, match=r"^harbour\.toml: steps = 0 is not allowed"):
        settings_from({"steps": 0}, source="harbour.toml")


@given(st.text(max_size=30), st.text(max_size=30))
def test_assignments_split_at_the_first_equals_sign(key: str, value: str) -> None:
    if not key.strip() or "=" in key:
        return
    name, found = parse_assignment(f"{key}={value}")
    assert name == key.strip()
    assert found is not None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("keep_gps", ("true", "false")),
        ("bits", ("8", "16")),
        ("scales", ("auto",)),
        ("init", ("recolored", "content", "noise", "style")),
        ("style_layers", ()),
        ("size", ()),
        ("nothing", ()),
    ],
)
def test_the_words_that_a_setting_may_be_are_known(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_what_differs_is_enough_for_the_whole_also_beside_a_preset(preset: Preset) -> None:
    """A setting put back to its default beside a preset is not among what differs, and is none of the preset's."""
    for name in preset.settings:
        settings = settings_from({"preset": preset.name, name: default_values()[name]})
        assert settings_from(whole_values(differing(settings))) == settings
