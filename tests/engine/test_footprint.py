"""Which scheme is chosen for which memory."""

from __future__ import annotations

from itertools import pairwise

import pytest

from styled import vgg19
from styled.engine import footprint
from styled.engine.pyramid import Scale
from styled.errors import DoesNotFit
from styled.settings import Settings

LAYERS = vgg19.up_to("block5_conv1")
GIB = 2**30


def test_the_cheapest_that_fits_is_chosen() -> None:
    """From untiled over front-tiled to fully tiled as memory gets short, tiles getting smaller."""
    scale = Scale(1920, 1080, 1)
    choices = [footprint.choose(scale, LAYERS, Settings(), limit * GIB) for limit in (32, 5, 3.3, 2.6)]
    assert [choice.scheme for choice in choices] == ["off", "front", "front", "full"]
    assert choices[1].tile > choices[2].tile
    assert all(choice.bytes <= limit * GIB for choice, limit in zip(choices, (32, 5, 3.3, 2.6), strict=True))


def test_a_setting_narrows_the_choice() -> None:
    scale = Scale(640, 480, 1)
    for scheme in ("off", "front", "full"):
        assert footprint.choose(scale, LAYERS, Settings(tiling=scheme), 64 * GIB).scheme == scheme


def test_history_and_optimiser_count() -> None:
    """Each remembered pair is two images of 12 bytes a pixel."""
    scale = Scale(1000, 1000, 1)
    short, long = (footprint.choose(scale, LAYERS, Settings(history=n), 64 * GIB).bytes for n in (5, 15))
    assert long - short == 10 * 2 * 12 * 1_000_000
    assert footprint.choose(scale, LAYERS, Settings(optimizer="adam"), 64 * GIB).bytes < short


def test_when_nothing_fits_the_error_says_what_would() -> None:
    with pytest.raises(DoesNotFit, match=r"12000x8400 needs about \d+\.\d GiB") as caught:
        footprint.choose(Scale(12000, 8400, 1), LAYERS, Settings(), 4 * GIB)
    assert "adam" in caught.value.advice


def test_without_a_limit_of_the_users_own_the_least_is_tried() -> None:
    """A prediction alone refuses nobody."""
    choice = footprint.choose(Scale(1024, 768, 1), LAYERS, Settings(), 1.2 * GIB, is_strict=False)
    assert choice.scheme == "full"
    assert choice.tile == min(footprint.TILE_SIDES)


def test_after_memory_ran_out_a_way_that_needs_much_less_is_taken() -> None:
    """Each time at most 60 % of the one before, down to the least there is; also where the limit allows more."""
    scale = Scale(4000, 3000, 1)
    found = [footprint.choose(scale, LAYERS, Settings(), 500 * GIB, step_down=times) for times in range(6)]
    least = min(footprint.choose(scale, LAYERS, Settings(), limit * GIB, is_strict=False).bytes for limit in (0, 64))
    assert found[0].scheme == "off"
    for before, after in pairwise(found):
        assert after.bytes <= 0.6 * before.bytes or after.bytes == least
    assert found[1].bytes < found[0].bytes
    assert found[-1].bytes == least


def test_a_step_down_stays_within_what_the_user_allows() -> None:
    scale = Scale(1024, 768, 1)
    assert footprint.choose(scale, LAYERS, Settings(tiling="off"), 64 * GIB, step_down=2).scheme == "off"
    with pytest.raises(DoesNotFit):
        footprint.choose(scale, LAYERS, Settings(tiling="off"), 2 * GIB, step_down=2)
