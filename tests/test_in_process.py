"""``stylize`` from Python, with the real engine at 64 px."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import styled
from styled.errors import SettingsError

SAMPLES = Path(styled.__file__).parent / "data" / "samples"
FAST = {"size": 64, "steps": 3, "scales": []}


def test_paths_give_a_picture_and_progress() -> None:
    steps = []
    picture = styled.stylize(
        SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg", progress=lambda it: steps.append(it.step), **FAST
    )
    assert (picture.mode, picture.size) == ("RGB", (64, 43))
    assert steps == [1, 2, 3]


def test_images_in_memory_with_transparency_and_a_mask() -> None:
    """Alpha is kept, and what the mask leaves out stays the photo."""
    content = Image.open(SAMPLES / "rocket.jpg").resize((64, 48)).convert("RGBA")
    content.putalpha(Image.linear_gradient("L").resize(content.size))
    mask = np.zeros((48, 64, 3), np.uint8)
    mask[:, 32:] = 255
    picture = styled.stylize(content, [np.asarray(Image.open(SAMPLES / "starry_night.jpg"))], mask=mask, **FAST)
    assert picture.mode == "RGBA"
    np.testing.assert_array_equal(picture.getchannel("A"), content.getchannel("A"))
    before, after = (np.asarray(image.convert("RGB"), np.int16) for image in (content, picture))
    assert np.abs(after - before)[:, :28].max() <= 1
    assert np.abs(after - before)[:, 36:].mean() > 10


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="'steps'"):
        styled.stylize(SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg", stepz=3)
