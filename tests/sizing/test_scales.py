"""The plan of scales and steps, as arithmetic that must hold for every size and setting."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from styled import images
from styled.errors import SettingsError
from styled.settings import Settings
from styled.sizing.scales import COARSEST_PX, Scale, has_outgrown, plan_scales, style_pieces, style_size

SHALLOW = {"content_layers": {"block1_conv1": 1.0}, "style_layers": {"block1_conv1": 1.0}}
"""Layers that see every pixel: no picture is too thin for them."""

lengths = st.integers(1, 5000)
scales = st.one_of(
    st.just("auto"), st.lists(st.integers(32, 3000), max_size=6, unique=True).map(lambda sides: tuple(sorted(sides)))
)
settings = st.builds(
    Settings,
    size=st.integers(32, 4000),
    steps=st.one_of(st.integers(1, 12), st.integers(1, 1_000_000)),
    upscale=st.booleans(),
    scales=scales,
    content_layers=st.just(SHALLOW["content_layers"]),
    style_layers=st.just(SHALLOW["style_layers"]),
)


@given(lengths, lengths, settings)
def test_the_steps_add_up_exactly_and_every_scale_has_one(width: int, height: int, settings: Settings) -> None:
    plan = plan_scales(width, height, settings)
    assert sum(scale.steps for scale in plan) == settings.steps
    assert min(scale.steps for scale in plan) >= 1


@given(lengths, lengths, settings)
def test_the_last_scale_is_the_result_and_is_never_upscaled_unless_asked(
    width: int, height: int, settings: Settings
) -> None:
    *_, last = plan_scales(width, height, settings)
    assert (last.width, last.height) == images.fit(width, height, settings.size, upscale=settings.upscale)
    if not settings.upscale:
        assert last.width <= width
        assert last.height <= height


@given(lengths, lengths, settings)
def test_scales_grow_and_keep_the_aspect_ratio(width: int, height: int, settings: Settings) -> None:
    plan = plan_scales(width, height, settings)
    for coarse, fine in itertools.pairwise(plan):
        assert max(coarse[:2]) < max(fine[:2])
        assert min(coarse[:2]) <= min(fine[:2])
    for scale in plan:
        if min(width, height, *scale[:2]) > 1:
            factor = max(scale[:2]) / max(width, height)
            assert abs(scale.width - width * factor) <= 0.5 + 1e-6
            assert abs(scale.height - height * factor) <= 0.5 + 1e-6


@given(lengths, lengths, settings)
def test_a_scale_gets_no_more_steps_than_the_coarser_one_but_for_rounding(
    width: int, height: int, settings: Settings
) -> None:
    steps = [scale.steps for scale in plan_scales(width, height, settings)]
    assert all(fine <= coarse + 1 for coarse, fine in itertools.pairwise(steps))


@given(lengths, lengths, st.integers(32, 4000), st.integers(20, 1000))
def test_automatic_scales_halve_down_to_the_coarsest(width: int, height: int, size: int, steps: int) -> None:
    plan = plan_scales(width, height, Settings(size=size, steps=steps, **SHALLOW))
    sides = [max(scale[:2]) for scale in plan]
    assert sides[0] < 2 * COARSEST_PX or len(sides) == 1
    assert all(side >= COARSEST_PX for side in sides[:-1])
    assert all(abs(fine / 2 - coarse) <= 0.5 for coarse, fine in itertools.pairwise(sides))


@given(lengths, lengths, settings, st.sampled_from([3, 5]))
def test_a_scale_too_thin_for_the_deepest_layer_is_left_out(
    width: int, height: int, settings: Settings, block: int
) -> None:
    cell = 2 ** (block - 1)
    deep = Settings(
        size=settings.size,
        steps=settings.steps,
        upscale=settings.upscale,
        scales=settings.scales,
        content_layers={f"block{block}_conv1": 1.0},
        style_layers={"block1_conv1": 1.0},
    )
    assume(min(images.fit(width, height, deep.size, upscale=deep.upscale)) >= cell)
    plan = plan_scales(width, height, deep)
    assert all(min(scale[:2]) >= cell for scale in plan)
    assert sum(scale.steps for scale in plan) == deep.steps


def test_a_result_too_thin_for_the_deepest_layer_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"1000x15 px is too thin for block5_conv1.*16 px"):
        plan_scales(1000, 15, Settings())
    assert plan_scales(1000, 16, Settings(steps=100))[-1][:2] == (1000, 16)


@pytest.mark.parametrize(
    ("width", "height", "size", "upscale", "advice"),
    [
        (3000, 40, 512, False, "Choose size = 1163 or larger"),
        (40, 3000, 512, False, "Choose size = 1163 or larger"),
        (3000, 10, 1024, False, "set upscale = true and size = 4650 or larger"),
        (3000, 10, 1024, True, "Choose size = 4650 or larger"),
        (1, 1, 1024, False, "set upscale = true and size = 32 or larger"),
        (3000, 1, 1024, False, "set upscale = true and size = 46500 or larger"),
        (9000, 1, 1024, True, "No size will do: crop it to at most 4096 times"),
    ],
)
def test_the_advice_names_the_size_that_would_do_or_says_that_none_will(
    width: int, height: int, size: int, upscale: bool, advice: str
) -> None:
    settings = Settings(size=size, upscale=upscale)
    with pytest.raises(SettingsError) as caught:
        plan_scales(width, height, settings)
    assert advice in caught.value.advice
    if "No size" not in advice:
        named = int(advice.split("size = ")[1].split(maxsplit=1)[0])
        assert min(plan_scales(width, height, Settings(size=named, upscale=True))[-1][:2]) >= 16
        if named > 32:
            with pytest.raises(SettingsError):
                plan_scales(width, height, Settings(size=named - 1, upscale=True))


def test_a_panorama_starts_at_a_coarser_scale_only_where_it_is_not_too_thin() -> None:
    assert [scale[:2] for scale in plan_scales(4000, 200, Settings(size=1024))] == [(512, 26), (1024, 51)]


def test_the_default_plan_of_a_photo() -> None:
    plan = plan_scales(4000, 3000, Settings(size=1024, steps=300))
    assert plan == ((256, 192, 153), (512, 384, 92), (1024, 768, 55))


def test_scales_given_by_the_user_end_with_the_result() -> None:
    plan = plan_scales(800, 600, Settings(size=400, scales=(64, 200, 400, 700), steps=30))
    assert [scale.width for scale in plan] == [64, 200, 400]


def test_no_scales_paints_at_one() -> None:
    assert plan_scales(800, 600, Settings(size=400, scales=(), steps=30)) == ((400, 300, 30),)


def test_with_fewer_steps_than_scales_the_finest_are_kept() -> None:
    assert [scale[:] for scale in plan_scales(800, 800, Settings(size=800, steps=2))] == [(400, 400, 1), (800, 800, 1)]


def test_pixels_is_the_area() -> None:
    assert plan_scales(640, 480, Settings(size=640, steps=1))[0].pixels == 640 * 480


def test_a_step_that_rounding_leaves_over_goes_to_the_coarsest_scale() -> None:
    """24 steps over 1, 0.6 and 0.36 round to 12, 7 and 4."""
    assert [scale.steps for scale in plan_scales(1024, 1024, Settings(size=1024, steps=24))] == [13, 7, 4]


@pytest.mark.parametrize("turned", [False, True])
def test_the_short_side_of_a_long_style_sets_the_size_of_its_strokes(turned: bool) -> None:
    """By its pixels alone one of 19:1 would be 27 px high."""
    scale = Scale(256, 171, 1)

    def size(width: int, height: int) -> tuple[int, int]:
        return style_size(height, width, scale, 1.0)[::-1] if turned else style_size(width, height, scale, 1.0)

    assert size(7680, 400) == (2319, 121)
    assert size(7680, 400)[1] == size(1200, 400)[1], "as one of 3:1, and none jumps there"
    assert size(640, 400) == (265, 165), "the picture's pixels"
    assert [style_pieces(width, 400) for width in (640, 1200, 1201, 2400, 7680)] == [1, 1, 2, 2, 7]
    assert not has_outgrown(7680, 400, scale, 1.0)


@pytest.mark.parametrize(
    ("style", "style_scale", "size"),
    [
        ((1200, 400), 0.05, (48, 16)),  # of 19x6 px only the height was raised
        ((400, 1200), 0.05, (16, 48)),
        ((1201, 400), 0.05, (48, 16)),
        ((12, 8), 1.0, (24, 16)),  # it has no more itself
        ((3000, 2), 1.0, (3000, 16)),  # nor this, and 24,000 px in its length show nothing
        ((1200, 400), 1.0, (362, 121)),
        ((20, 16), 1.0, (20, 16)),
    ],
)
def test_a_style_keeps_its_shape_where_it_is_raised_to_a_cell(
    style: tuple[int, int], style_scale: float, size: tuple[int, int]
) -> None:
    assert style_size(*style, Scale(256, 171, 1), style_scale) == size


@given(st.integers(16, 5000), st.integers(16, 5000), st.integers(28, 3000), st.integers(28, 3000))
def test_no_style_of_a_cell_and_more_is_raised_at_the_default_style_scale(
    width: int, height: int, columns: int, rows: int
) -> None:
    """From 768 px of a picture on: its pictures are as they were before styles kept their shape."""
    scale = Scale(columns, rows, 1)
    pixels = min(width * height, 3 * min(width, height) ** 2)
    factor = min(1.0, (scale.pixels / pixels) ** 0.5)
    assert style_size(width, height, scale, 1.0) == (round(width * factor), round(height * factor))
