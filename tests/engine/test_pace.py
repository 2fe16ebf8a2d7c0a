"""How many steps go into one call."""

from __future__ import annotations

import pytest

from styled.engine.pace import CALL_S, Pace


def test_while_nothing_is_known_it_is_one() -> None:
    assert Pace().steps_in_a_call == 1
    assert Pace().step_seconds is None


@pytest.mark.parametrize(("share", "steps"), [(0.01, 100), (0.1, 10), (0.4, 2), (0.6, 1), (30.0, 1)])
def test_a_call_takes_as_long_as_it_may(share: float, steps: int) -> None:
    pace = Pace()
    pace.took(0.999 * share * CALL_S, 1)
    assert pace.steps_in_a_call == steps


def test_it_follows_what_steps_take_lately_and_is_not_led_by_one_that_was_held_up() -> None:
    pace = Pace()
    for _ in range(3):
        pace.took(0.1, 10)
    pace.took(5.0, 1)
    assert pace.step_seconds == pytest.approx(0.01)
    pace.took(0.6, 20)
    assert pace.step_seconds == pytest.approx(0.03)
