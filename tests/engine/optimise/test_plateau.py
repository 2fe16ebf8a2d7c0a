"""When a scale has come to rest."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.optimise.plateau import INVISIBLE, WINDOW, Plateau

pytestmark = pytest.mark.tensorflow

START = np.full((1, 8, 9, 3), 100.0, np.float32)


def look(plateau: Plateau, change: float, steps: int = WINDOW, start: float = 0.0) -> float:
    """Let the picture change evenly, by ``change`` levels in all; return how far it has come."""
    for step in range(1, steps + 1):
        plateau.look(tf.constant(START + np.float32(start + change * step / steps)))
    return start + change


def test_it_is_reached_when_a_window_of_steps_changes_less_than_one_sees() -> None:
    plateau = Plateau(tf.constant(START), is_asked=True)
    at = look(plateau, 1.1 * INVISIBLE)
    assert not plateau.reached
    at = look(plateau, 0.9 * INVISIBLE, WINDOW - 1, at)
    assert not plateau.reached
    look(plateau, 0.0, 1, at)
    assert plateau.reached


def test_several_steps_at_once_count_as_so_many() -> None:
    plateau = Plateau(tf.constant(START), is_asked=True)
    assert plateau.steps_left == WINDOW
    plateau.look(tf.constant(START + 50.0), 4)
    assert plateau.steps_left == WINDOW - 4
    plateau.look(tf.constant(START), WINDOW - 4)
    assert plateau.reached
    assert Plateau(tf.constant(START), is_asked=False).steps_left > 10**9


def test_unless_it_is_asked_for_nothing_is_compared_or_kept() -> None:
    plateau = Plateau(tf.constant(START), is_asked=False)
    look(plateau, 0.0)
    assert not plateau.reached
    assert plateau.state() == {}


def test_what_cannot_be_shown_is_no_change() -> None:
    """Beyond white there is only white."""
    plateau = Plateau(tf.constant(START + 200.0), is_asked=True)
    look(plateau, 50.0, start=200.0)
    assert plateau.reached


def test_restored_it_compares_with_the_same_picture() -> None:
    whole, first, second = (Plateau(tf.constant(START), is_asked=True) for _ in range(3))
    at = look(first, 0.5, 4)
    second.restore(first.state())
    look(second, 0.3, WINDOW - 4, at)
    look(whole, 0.8)
    assert second.reached == whole.reached is True
    for name, value in whole.state().items():
        np.testing.assert_allclose(second.state()[name], value, rtol=1e-6)
