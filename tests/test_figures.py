"""Numbers as printed."""

from __future__ import annotations

import math

import pytest

from styled import figures


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"),
        (math.nan, "NaN"),
        (math.inf, "inf"),
        (32100.0, "3.21e+4"),
        (0.0, "0.00e+0"),
        (1.5e-12, "1.50e-12"),
    ],
)
def test_loss(value: float | None, expected: str) -> None:
    assert figures.loss(value) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (100.0, 99.2, "-0.8%"),
        (1.0, 100.0, "+>999%"),
        (None, 1.0, "-"),
        (0.0, 1.0, "-"),
        (1.0, math.nan, "-"),
        (math.inf, 1.0, "-"),
    ],
)
def test_change(before: float | None, after: float | None, expected: str) -> None:
    assert figures.change(before, after) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "-"),
        (math.inf, "-"),
        (-3.0, "0:00"),
        (41.4, "0:41"),
        (7389.0, "2:03:09"),
        (273600.0, "3d 04h"),
        (1e12, ">999d"),
    ],
)
def test_duration(seconds: float | None, expected: str) -> None:
    assert figures.duration(seconds) == expected
    assert len(figures.duration(seconds)) <= 7


def test_age_is_coarse() -> None:
    assert [figures.age(seconds) for seconds in (42.9, 420, 10800, 1.1e6)] == ["42s", "7m", "3h", "12d"]


def test_sizes() -> None:
    assert [figures.size_of(value) for value in (None, 3072, 412 * 1024**2, int(58.9 * 1024**3))] == [
        "-",
        "3 KiB",
        "412 MiB",
        "58.9 GiB",
    ]


def test_percent_of_nothing_is_unknown() -> None:
    assert [figures.percent(1, 0), figures.percent(None, 5), figures.percent(41, 50)] == ["-", "-", "82%"]


def test_speed_turns_over_for_slow_steps() -> None:
    assert [figures.speed(value) for value in (None, 0.0, 0.4739, 4.2)] == ["-", "-", "2.11 steps/s", "4.2 s/step"]
