from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from styled.images import fit, resize

SIDES = st.integers(1, 100_000)


@given(width=SIDES, height=SIDES, long_side=SIDES, upscale=st.booleans())
def test_fit_keeps_long_side_and_aspect(width: int, height: int, long_side: int, upscale: bool) -> None:
    fitted = fit(width, height, long_side, upscale=upscale)
    assert min(fitted) >= 1
    if upscale or max(width, height) >= long_side:
        assert max(fitted) == long_side
    else:
        assert fitted == (width, height)
    assert abs(min(fitted) - max(1, min(width, height) * max(fitted) / max(width, height))) <= 0.5


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
@pytest.mark.parametrize("size", [(5, 7), (64, 20), (200, 150)])
def test_a_flat_picture_stays_flat(kind: type, size: tuple[int, int]) -> None:
    flat = np.full((40, 30, 3), (10, 128, 255), kind)
    resized = resize(flat, *size)
    assert resized.dtype == kind
    np.testing.assert_allclose(resized, np.broadcast_to((10, 128, 255), (size[1], size[0], 3)), atol=1e-3)


def test_float_agrees_with_pillows_bytes(picture: npt.NDArray[np.float32]) -> None:
    whole = np.rint(picture)
    expected = np.asarray(Image.fromarray(whole.astype(np.uint8)).resize((21, 17), Image.Resampling.LANCZOS))
    resized = resize(whole.astype(np.float32), 21, 17)
    np.testing.assert_allclose(resized.clip(0, 255), expected, atol=1)


def test_a_fine_checkerboard_shrinks_to_grey_without_moire() -> None:
    board = np.indices((90, 90)).sum(axis=0) % 2 * np.float32(255)
    resized = resize(np.repeat(board[..., None], 3, axis=2).astype(np.float32), 13, 13)
    np.testing.assert_allclose(resized, 127.5, atol=6)


def test_overshoot_is_kept_in_float() -> None:
    edge = np.zeros((8, 8, 3), np.float32)
    edge[:, 4:] = 255
    assert resize(edge, 32, 32).max() > 256


def test_a_plane_of_alpha_is_resized_too() -> None:
    assert resize(np.full((8, 6), 77, np.uint8), 3, 4).tolist() == [[77] * 3] * 4


def test_the_same_size_is_the_same_array(picture: npt.NDArray[np.float32]) -> None:
    assert resize(picture, 64, 48) is picture
