"""What is found where the photo has nothing: regular dots and shapes, and not strokes."""

from __future__ import annotations

import numpy as np
import pytest

from styled.score.flat_ground import flat_ground, lattice, objects

DOWN, ACROSS = np.mgrid[:128, :160]
SKY = np.stack([150.0 + 40.0 * DOWN / 128] * 3, axis=-1)
STROKES = np.random.default_rng(0).normal(0.0, 25.0, (128, 160, 1))


def test_flat_ground_is_where_the_photo_has_only_shading() -> None:
    photo = SKY.copy()
    photo[:, 80:] += np.random.default_rng(1).normal(0, 30, (128, 80, 1))
    flat = flat_ground(photo)
    assert flat[:, :9].all()
    assert not flat[:, 10:].any()


@pytest.mark.parametrize("period", [4, 8])
def test_a_lattice_is_found_among_strokes(period: int) -> None:
    dots = 6.0 * ((DOWN % period == 1) & (ACROSS % period == 2))[..., None] * period
    flat = flat_ground(SKY)
    assert lattice(SKY + STROKES, flat) < 1.5
    assert lattice(SKY + STROKES + dots, flat) > 4.0
    assert lattice(SKY + dots, np.zeros_like(flat)) == 0.0, "there is no flat ground"


def test_a_face_in_the_sky_is_found_and_strokes_and_shading_are_not() -> None:
    face = 60.0 * (np.hypot(DOWN - 70, ACROSS - 50) < 20)[..., None]
    flat = flat_ground(SKY)
    assert objects(2.0 * SKY - 100.0 + STROKES, SKY, flat) < 5.0
    assert objects(SKY + STROKES + face, SKY, flat) > 10.0
