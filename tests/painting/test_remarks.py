"""Settings that change nothing with the others chosen are told, and only those that somebody has given."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np
import pytest

from styled.images import Loaded
from styled.images.opening import ImageInfo
from styled.painting.remarks import remarks_on, remarks_on_device
from styled.settings import settings_from
from tests.machine.nvml import Card, FakeNvml

PIXELS = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3)).astype(np.uint8)
"""An ordinary image: of all colours, with contrast."""


def photo(width: int = 1200, height: int = 800, *remarks: str) -> Loaded:
    info = ImageInfo(width=width, height=height, stored=(width, height), format="PNG", mode="RGB", has_alpha=False)
    side = max(width, height)
    shown = (round(height * 1024 / side), round(width * 1024 / side)) if side > 1024 else (height, width)
    return Loaded(PIXELS[: shown[0], : shown[1]], None, info, b"", remarks)


def remarks(styles: int = 1, **settings: Any) -> tuple[str, ...]:
    return remarks_on(photo(), [photo()] * styles, settings_from(settings))


@pytest.mark.parametrize(
    ("settings", "idle"),
    [
        ({"learning_rate": 4.0}, "learning_rate"),
        ({"optimizer": "adam", "history": 30}, "history"),
        ({"optimizer": "adam", "preconditioner": "none"}, "preconditioner"),
        ({"seed": 7}, "seed"),
        ({"content_weight": 0.0, "content_layers": {"block3_conv1": 1.0}}, "content_layers"),
        ({"style_weight": 0.0, "style_layers": {"block3_conv1": 1.0}}, "style_layers"),
        ({"style_weight": 0.0, "style_scale": 2.0}, "style_scale"),
        ({"style_weight": 0.0, "statistic": "wasserstein"}, "statistic"),
        ({"style_weights": [3.0]}, "style_weights"),
        ({"frame_every": 0, "frame_size": 300}, "frame_size"),
        ({"quality": 80}, "quality"),
        ({"format": "jpeg", "compression": "lzw"}, "compression"),
        ({"upscale": True}, "upscale"),
        ({"scales": [256, 2048]}, "scales"),
    ],
)
def test_a_setting_without_effect_is_told(settings: dict[str, Any], idle: str) -> None:
    (remark,) = remarks(**settings)
    assert remark.startswith(f"{idle} has no effect")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adam", "learning_rate": 4.0},
        {"history": 30, "preconditioner": "none"},
        {"init": "noise", "seed": 7},
        {"format": "jpeg", "quality": 80},
        {"format": "tiff", "compression": "lzw"},
        {"scales": [256, 512]},
        {"preset": "fine", "optimizer": "adam", "size": 1024},
        {"preset": "draft", "size": 1000},
    ],
)
def test_one_with_an_effect_or_of_a_preset_is_not(settings: dict[str, Any]) -> None:
    assert remarks(**settings) == ()


def test_the_weights_of_several_styles_have_an_effect() -> None:
    assert remarks(2, style_weights=[1.0, 3.0]) == ()


@pytest.mark.parametrize(
    ("weights", "style_weight", "said"),
    [
        ([1.0, 3.0], 1000.0, ["in the regions of a mask: each has one style, at full weight"]),
        ([3.0, 3.0], 1000.0, []),
        ([], 1000.0, []),
        ([1.0, 3.0], 0.0, ["with style_weight = 0"]),
    ],
)
def test_the_weights_of_the_styles_of_a_mask_have_none(
    weights: list[float], style_weight: float, said: list[str]
) -> None:
    settings = settings_from({"style_weights": weights, "style_weight": style_weight})
    found = remarks_on(photo(), [photo()] * 2, settings, [])
    assert [each for each in found if "style_weights" in each] == [f"style_weights has no effect {why}" for why in said]


@pytest.mark.parametrize(
    ("values", "output", "said"),
    [
        ({"quality": 80}, "/a/b.webp", []),
        ({"quality": 80}, "file:///a/b%20.WEBP", []),
        ({"quality": 80}, "/a/b.png", ["quality has no effect with format = 'png': it is a JPEG's"]),
        ({"bits": 16}, "/a/b.webp", ["bits has no effect in a WebP: it has 8 bits per channel"]),
        ({"bits": 16, "format": "tiff"}, "b.jpeg", ["bits has no effect in a JPEG: it has 8 bits per channel"]),
        ({"bits": 16}, "", []),
        ({"bits": 16, "format": "tiff"}, "b.tif", []),
    ],
)
def test_a_setting_of_another_file_than_the_output_is_told(
    values: dict[str, Any], output: str, said: list[str]
) -> None:
    """A WebP is made of a run's PNG, with ``quality`` and with 8 bits: the one was denied, the other not said."""
    assert list(remarks_on(photo(), [photo()], settings_from(values), output=output)) == said


def cut_out() -> Loaded:
    """A photo that is transparent but for a line."""
    return dataclasses.replace(photo(800, 600), alpha=np.eye(600, 800, dtype=np.uint8))


def test_that_a_jpeg_is_made_of_a_tiff_loses_transparency_too() -> None:
    found = remarks_on(cut_out(), [photo()], settings_from({"format": "tiff", "bits": 16}), output="a.jpg")
    assert "content: with format = 'jpeg' its transparency is lost: the picture is laid on white" in found


@pytest.mark.parametrize(
    ("style_scale", "scales", "style_px", "is_told"),
    [
        (0.5, [], 300, True),  # half of 1024 px is more than it has
        (0.5, [256], 300, False),  # but not of 256 px
        (0.25, [], 300, False),
        (1.0, [], 300, False),
        (2.0, [], 300, False),  # is enlarged
    ],
)
def test_a_style_scale_that_asks_for_more_than_small_styles_have_is_told(
    style_scale: float, scales: list[int], style_px: int, is_told: bool
) -> None:
    settings = settings_from({"style_scale": style_scale, "scales": scales})
    found = remarks_on(photo(), [photo(style_px, style_px)], settings)
    assert any(each.startswith("style_scale has no effect") for each in found) == is_told


def test_a_front_that_is_all_of_the_network_is_told() -> None:
    shallow = {"content_layers": {"block2_conv2": 1.0}, "style_layers": {"block1_conv1": 1.0, "block2_conv1": 1.0}}
    said = "tiling = 'front' is taken as 'full': no layer is deeper than block2_conv2, the front is all there is"
    assert said in remarks(tiling="front", **shallow)
    assert remarks(tiling="front") == remarks(tiling="full", **shallow) == ()


def test_a_preset_of_which_nothing_is_left_is_told() -> None:
    own = {"size": 1024, "upscale": True, "steps": 10, "history": 4, "statistic": "wasserstein", "normalize": "energy"}
    assert "preset = 'draft' has no effect: all that it stands for is given otherwise" in remarks(preset="draft", **own)


def test_the_remarks_on_images_and_mask_come_first_under_their_names() -> None:
    found = remarks_on(
        photo(800, 600, "a guess"), [photo(), photo(90, 90, "another")], settings_from({"size": 900}), ["mask: x"]
    )
    assert [each.partition(" ")[0] for each in found] == ["content:", "style", "mask:", "the"]


@pytest.mark.parametrize(
    ("scales", "width", "said"),
    [
        ("auto", 1200, "init: it is started from at 256 px, the first of 3 scales: scales = [] keeps its detail"),
        ([300], 1200, "init: it is started from at 300 px, the first of 2 scales: scales = [] keeps its detail"),
        ("auto", 256, ""),
        ([], 1200, ""),
    ],
)
def test_what_becomes_of_a_picture_to_start_from_is_told(scales: Any, width: int, said: str) -> None:
    """Its file's remarks, and that a coarse first scale leaves nothing of its detail."""
    settings = settings_from({"init": "start.png", "scales": scales})
    found = remarks_on(photo(), [photo()], settings, init=photo(width, width * 2 // 3, "a guess"))
    assert found == ("init: a guess", *([said] if said else []))


@pytest.mark.parametrize(("kind", "is_told"), [("jpeg", True), ("png", False), ("tiff", False)])
def test_a_jpeg_of_a_transparent_content_is_told(kind: str, is_told: bool) -> None:
    """What was: its transparency was lost without a word."""
    said = "content: with format = 'jpeg' its transparency is lost: the picture is laid on white"
    settings = settings_from({"format": kind})
    assert (said in remarks_on(cut_out(), [photo()], settings)) == is_told
    assert said not in remarks_on(photo(), [photo()], settings)


@pytest.mark.parametrize(("size", "is_told"), [((1, 400), True), ((3, 3), True), ((16, 16), False), ((400, 15), True)])
def test_a_style_of_a_few_pixels_is_told(size: tuple[int, int], is_told: bool) -> None:
    found = remarks_on(photo(), [photo(), photo(*size)], settings_from({}))
    said = f"style 2: it has only {size[0]}x{size[1]} px; below 16 px there is no texture to see, and it is enlarged"
    assert (said in found) == is_told


@pytest.mark.parametrize(
    ("cards", "visible", "device", "is_said"),
    [
        ([Card("GPU-1")], None, "cpu", True),
        ([Card("GPU-1")], "GPU-1", "cpu", True),
        ([Card("GPU-1")], "GPU-1", "NVIDIA H200", False),
        ([Card("GPU-1")], "-1", "cpu", False),
        ([], None, "cpu", False),
    ],
)
def test_a_gpu_that_tensorflow_does_not_find_is_told(
    monkeypatch: pytest.MonkeyPatch, cards: list[Card], visible: str | None, device: str, is_said: bool
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(*cards))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = remarks_on_device(device)
    assert len(found) == is_said
    assert all("pip install 'styled[cuda]'" in remark for remark in found)
