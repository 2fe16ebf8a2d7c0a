"""What a job's images hold."""

from __future__ import annotations

import pytest

from styled import vgg19
from styled.settings import Settings
from styled.sizing import memory_use, winograd
from styled.sizing.input_sizes import InputSizes
from styled.sizing.scales import Scale

LAYERS = vgg19.up_to("block5_conv1")
GIB = 2**30
SCALE = Scale(800, 600, 10)
PIXELS = 800 * 600


def test_a_style_counts_with_the_pixels_it_is_decoded_to() -> None:
    """However large its file and the size that was asked for."""
    huge, fitting = (InputSizes((800, 600), (size,)) for size in ((80_000, 60_000), (800, 600)))
    settings = Settings(size=65536)
    assert huge.held_bytes(SCALE, settings) == fitting.held_bytes(SCALE, settings) == 2 * 4 * PIXELS
    small = InputSizes((800, 600), ((80, 60),))
    assert small.held_bytes(SCALE, settings) == 4 * PIXELS + 4 * 80 * 60, "one that is enlarged is held as it is"


def test_twelve_styles_a_mask_a_start_and_recolouring_count() -> None:
    one = InputSizes((800, 600), ((800, 600),)).held_bytes(SCALE, Settings())
    assert InputSizes((800, 600), ((800, 600),) * 12).held_bytes(SCALE, Settings()) == one + 11 * 4 * PIXELS
    assert InputSizes((800, 600), ((800, 600),), init=(800, 600)).held_bytes(SCALE, Settings()) == one + 4 * PIXELS
    recoloured = InputSizes((800, 600), ((800, 600),)).held_bytes(SCALE, Settings(preserve_color="linear"))
    assert recoloured == one + 12 * PIXELS
    masked = InputSizes((800, 600), ((800, 600),), mask=(800, 600))
    assert masked.held_bytes(SCALE, Settings()) == one + (4 + 4 * 2) * PIXELS
    assert masked.of_scale_bytes(SCALE) > 2 * 4 * PIXELS
    assert InputSizes((800, 600), ((800, 600),)).of_scale_bytes(SCALE) == 0


@pytest.mark.parametrize(
    "inputs", [InputSizes((800, 600), ((4000, 3000),) * 40), InputSizes((800, 600), ((4000, 3000),), mask=(800, 600))]
)
def test_where_the_inputs_take_it_less_is_left_for_the_network(inputs: InputSizes) -> None:
    without = memory_use.choose_all([SCALE], LAYERS, Settings(), 2.2 * GIB)[SCALE]
    just_enough = without.bytes / memory_use.MARGIN + 1
    found = memory_use.choose_all([SCALE], LAYERS, Settings(), just_enough, inputs=inputs)[SCALE]
    assert found.bytes <= memory_use.MARGIN * just_enough
    assert found.cost > without.cost or found.history < without.history


def test_a_style_larger_than_the_picture_goes_through_the_network_too() -> None:
    inputs = InputSizes((800, 600), ((8000, 6000),))
    plain, large = (
        memory_use.choose_all([SCALE], LAYERS, Settings(style_scale=each), 64 * GIB, inputs=inputs)[SCALE]
        for each in (1.0, 3.0)
    )
    assert large.network_bytes > 5 * plain.network_bytes


@pytest.mark.parametrize("tiling", ["front", "full"])
def test_an_enlarged_style_counts_whole_however_it_is_tiled(tiling: str) -> None:
    """Resized at once and cast in one piece: 192 Mpx here. What was: only what the network takes of a tile of it."""
    inputs = InputSizes((800, 600), ((4000, 3000),))
    least = [
        memory_use.least_limit(
            [SCALE], LAYERS, Settings(tiling=tiling, style_scale=each), inputs=inputs, precision="bfloat16"
        )
        for each in (1.0, 20.0)
    ]
    assert least[1] - least[0] > (3 + 12) * 400 * PIXELS - 16 * 12 * PIXELS


def test_styles_count_while_they_are_looked_at_where_they_are_resized() -> None:
    coarse, settings = Scale(400, 300, 10), Settings()
    two = InputSizes((800, 600), ((800, 600), (1600, 1200)))

    def looking(inputs: InputSizes, scale: Scale, settings: Settings = settings, *, on_gpu: bool = False) -> float:
        return inputs.looking_bytes(scale, [coarse, SCALE], settings, on_gpu=on_gpu)

    assert looking(two, SCALE) == 20 * PIXELS, "decoded to that size: none is resized"
    assert looking(two, coarse) == (2 * 3 + 16) * PIXELS / 4, "nothing is enlarged before the first scale"
    assert looking(two, coarse, Settings(preserve_color="linear")) == (2 * 12 + 16) * PIXELS / 4
    assert looking(two, SCALE, on_gpu=True) == 16 * PIXELS
    large = Settings(style_scale=20.0)
    assert looking(two, SCALE, large) == pytest.approx((3 * (400 + 400) + 20 * 400) * PIXELS)
    scroll = InputSizes((800, 600), ((9000, 300),))
    assert looking(scroll, coarse) < looking(scroll, SCALE) / 3, "only pieces of it are cast, its detail is whole"
    assert looking(InputSizes((800, 600)), SCALE) == 0


def test_at_the_default_style_scale_nothing_more_is_needed() -> None:
    """The optimiser's images are not there yet."""
    for optimizer in ("adam", "lbfgs"):
        settings = Settings(optimizer=optimizer, history=1)
        needs = [
            memory_use.least_limit([coarse, SCALE], LAYERS, settings, inputs=inputs, precision="bfloat16")
            for coarse in [Scale(400, 300, 10)]
            for inputs in (InputSizes((800, 600)), InputSizes((800, 600), ((1600, 1200),) * 3))
        ]
        assert needs[1] - needs[0] == pytest.approx(3 * 4 * PIXELS / memory_use.MARGIN, abs=10)


def test_emulated_bfloat16_takes_as_much_as_float32() -> None:
    native, emulated = (
        memory_use.choose_all([SCALE], LAYERS, Settings(), 64 * GIB, precision="bfloat16", is_emulated=each)[SCALE]
        for each in (False, True)
    )
    assert emulated.network_bytes > 2 * native.network_bytes


def test_the_least_limit_is_enough_and_a_byte_less_is_not() -> None:
    inputs = InputSizes((800, 600), ((800, 600),))
    scales = [Scale(400, 300, 10), SCALE]
    least = memory_use.least_limit(scales, LAYERS, Settings(), inputs=inputs, precision="float32")
    ways = memory_use.choose_all(scales, LAYERS, Settings(), least + 1, inputs=inputs)
    assert set(ways) == set(scales)
    with pytest.raises(memory_use.DoesNotFit, match="memory_limit"):
        memory_use.choose_all(scales, LAYERS, Settings(), least - 2**20, inputs=inputs)


def test_transformed_kernels_count_from_the_size_that_they_are_made_at() -> None:
    sizes = [winograd.weights_bytes(pixels, LAYERS) for pixels in (96 * 72, 2**14, 2**16, 2**18)]
    assert sizes[0] == 0
    assert sizes == sorted(sizes)
    assert 380 * 2**20 < sizes[-1] < 500 * 2**20
