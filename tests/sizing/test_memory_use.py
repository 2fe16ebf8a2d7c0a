"""Which scheme is chosen for which memory."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

from styled import vgg19
from styled.errors import DoesNotFit
from styled.settings import Settings
from styled.sizing import memory_use
from styled.sizing.scales import Scale

LAYERS = vgg19.up_to("block5_conv1")
GIB = 2**30


FULL_HD = Scale(1920, 1080, 60)


def choose(scale: Scale, *args: Any, **rest: Any) -> memory_use.TilingChoice:
    """Return how a scale is run that is the only one."""
    return memory_use.choose_all([scale], *args, **rest)[scale]


def test_the_cheapest_that_fits_is_chosen() -> None:
    """From untiled over front-tiled to fully tiled as memory gets short, and a step costs more each time."""
    limits = (32, 5, 3, 2.2)
    choices = [choose(FULL_HD, LAYERS, Settings(), limit * GIB) for limit in limits]
    assert [choice.scheme for choice in choices] == ["off", "front", "front", "full"]
    assert [choice.blocks for choice in choices] == [0, 2, 3, 5]
    assert [choice.cost for choice in choices] == sorted(choice.cost for choice in choices)
    assert all(choice.bytes <= limit * GIB for choice, limit in zip(choices, limits, strict=True))


def test_tiles_are_as_large_as_memory_allows() -> None:
    wide, narrow = (choose(FULL_HD, LAYERS, Settings(tiling="full"), limit * GIB) for limit in (6, 2.7))
    assert wide.tile[0] * wide.tile[1] > narrow.tile[0] * narrow.tile[1]


def test_half_the_precision_needs_less() -> None:
    needs = [
        choose(FULL_HD, LAYERS, Settings(), 64 * GIB, precision=precision).bytes
        for precision in ("bfloat16", "float32")
    ]
    assert needs[0] < 0.75 * needs[1]


def test_a_setting_narrows_the_choice() -> None:
    scale = Scale(640, 480, 1)
    for scheme in ("off", "front", "full"):
        assert choose(scale, LAYERS, Settings(tiling=scheme), 64 * GIB).scheme == scheme


@pytest.mark.parametrize("deepest", ["block1_conv1", "block2_conv1", "block2_conv2"])
def test_a_front_that_is_all_of_the_network_is_tiled_as_all_of_it(deepest: str) -> None:
    """With layers of blocks 1 and 2 only there is nothing behind a front. What was: min() of nothing."""
    scales, layers = [Scale(320, 240, 5), Scale(640, 480, 5)], vgg19.up_to(deepest)
    ways = {
        tiling: memory_use.choose_all(scales, layers, Settings(tiling=tiling), 64 * GIB) for tiling in ("front", "full")
    }
    assert ways["front"] == ways["full"]
    assert {choice.scheme for choice in ways["front"].values()} == {"full"}
    least = [
        memory_use.least_limit(scales, layers, Settings(tiling=tiling), inputs=None, precision="float32")
        for tiling in ("front", "full")
    ]
    assert least[0] == least[1] > 0


def test_a_front_before_a_third_block_is_tiled_as_a_front() -> None:
    layers = vgg19.up_to("block3_conv1")
    assert choose(Scale(640, 480, 1), layers, Settings(tiling="front"), 64 * GIB).scheme == "front"


def test_history_and_optimiser_count() -> None:
    """Each remembered pair is two images of 6 bytes a pixel, in bfloat16; there are never more than a scale has steps."""
    scale = Scale(1000, 1000, 100)
    short, long = (choose(scale, LAYERS, Settings(history=n), 64 * GIB) for n in (5, 15))
    assert (short.history, long.history) == (5, 15)
    assert long.bytes - short.bytes == 10 * 2 * 6 * 1_000_000
    adam = choose(scale, LAYERS, Settings(optimizer="adam"), 64 * GIB)
    assert (adam.history, adam.bytes < short.bytes) == (0, True)
    assert choose(Scale(1000, 1000, 4), LAYERS, Settings(history=15), 64 * GIB).history == 3


def test_the_history_gets_shorter_when_no_tiles_are_small_enough() -> None:
    """A 24 Mpx poster in 8 GiB."""
    poster = Scale(6000, 4000, 60)
    choices = [choose(poster, LAYERS, Settings(), limit * GIB) for limit in (80, 12, 8)]
    assert [choice.history for choice in choices] == sorted((choice.history for choice in choices), reverse=True)
    assert choices[0].history > choices[-1].history
    assert 1 <= choices[-1].history < 10


def test_how_many_pairs_were_wanted_is_said_beside_those_that_are_kept() -> None:
    """Fewer than the setting says only where the scale has no steps for more."""
    poster = Scale(6000, 4000, 60)
    for limit in (80, 6):
        choice = choose(poster, LAYERS, Settings(history=5), limit * GIB)
        assert (choice.wanted, choice.history < 5) == (5, limit == 6)
    assert choose(Scale(600, 400, 4), LAYERS, Settings(history=5), 80 * GIB).wanted == 3
    assert choose(poster, LAYERS, Settings(optimizer="adam"), 80 * GIB).wanted == 0


def test_when_nothing_fits_the_error_says_what_would() -> None:
    with pytest.raises(DoesNotFit, match=r"12000x8400 needs \d+ MiB") as caught:
        choose(Scale(12000, 8400, 1), LAYERS, Settings(), 4 * GIB)
    assert "adam" in caught.value.advice


def test_without_a_limit_of_the_users_own_the_least_is_tried() -> None:
    """A prediction alone refuses nobody."""
    choice = choose(Scale(1024, 768, 1), LAYERS, Settings(), 1.2 * GIB, is_strict=False)
    assert choice.scheme != "off"
    assert choice.history == 1
    assert min(choice.tile) < 200


def test_after_memory_ran_out_a_way_that_needs_much_less_is_taken() -> None:
    """Each time at most 60 % of the one before, down to the least there is; also where the limit allows more."""
    scale = Scale(4000, 3000, 1)
    found = [choose(scale, LAYERS, Settings(), 500 * GIB, step_down=times) for times in range(6)]
    least = min(choose(scale, LAYERS, Settings(), limit * GIB, is_strict=False).bytes for limit in (0, 64))
    assert found[0].scheme == "off"
    for before, after in pairwise(found):
        assert after.bytes <= 0.6 * before.bytes or after.bytes == least
    assert found[1].bytes < found[0].bytes
    once = choose(scale, LAYERS, Settings(), 0.6 * found[0].bytes / memory_use.MARGIN)
    assert found[1] == once, "once is one step, not two"
    assert found[-1].bytes == least


def test_a_step_down_stays_within_what_the_user_allows() -> None:
    scale = Scale(1024, 768, 1)
    assert choose(scale, LAYERS, Settings(tiling="off"), 64 * GIB, step_down=2).scheme == "off"
    with pytest.raises(DoesNotFit):
        choose(scale, LAYERS, Settings(tiling="off"), 2 * GIB, step_down=2)


def test_arrays_of_the_whole_picture_are_told_of_where_it_is_tiled() -> None:
    poster = Scale(6000, 4000, 60)
    tiling = choose(poster, LAYERS, Settings(), 7.6 * GIB, precision="bfloat16")
    assert memory_use.whole_pictures_from(poster, tiling) == 6000 * 4000 * 12
    assert memory_use.whole_pictures_from(poster, tiling._replace(blocks=0, tile=(0, 0))) is None, "untiled"


def test_what_a_coarser_scale_held_counts_for_the_finer_ones() -> None:
    """The pool of memory gives nothing back: alone a scale needs less than after others."""
    coarse, fine = Scale(3000, 2000, 10), Scale(6000, 4000, 6)
    after = memory_use.choose_all([coarse, fine], LAYERS, Settings(), 200 * GIB)
    alone = memory_use.choose_all([fine], LAYERS, Settings(), 200 * GIB)
    assert after[coarse] == choose(coarse, LAYERS, Settings(), 200 * GIB)
    assert after[fine].bytes - alone[fine].bytes == pytest.approx(memory_use.GAPS * after[coarse].network_bytes, abs=2)


def test_coarser_scales_do_with_less_where_the_finest_is_short_of_memory() -> None:
    coarse, fine = Scale(3000, 2000, 10), Scale(6000, 4000, 6)
    tilings = memory_use.choose_all([coarse, fine], LAYERS, Settings(), 9 * GIB, precision="bfloat16")
    alone = choose(coarse, LAYERS, Settings(), 9 * GIB, precision="bfloat16")
    assert tilings[coarse].network_bytes < alone.network_bytes
    assert tilings[fine].bytes <= 9 * GIB


def test_scales_that_fit_only_one_by_one_are_refused() -> None:
    scales = [Scale(3000, 2000, 2), Scale(6000, 4000, 2)]
    untiled = Settings(tiling="off")
    just_enough = math.ceil(choose(scales[1], LAYERS, untiled, 500 * GIB).bytes / memory_use.MARGIN)
    assert memory_use.choose_all(scales[1:], LAYERS, untiled, just_enough)
    with pytest.raises(DoesNotFit, match="6000x4000"):
        memory_use.choose_all(scales, LAYERS, untiled, just_enough)
