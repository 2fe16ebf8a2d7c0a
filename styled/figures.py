"""Numbers as the screens print them: short, right-aligned, and "-" for what is not known."""

from __future__ import annotations

import math

UNKNOWN = "-"
"""Shown for a figure that is not known; never 0, never nan."""

_GIB = 1024**3
_MIB = 1024**2


def loss(value: float | None) -> str:
    """Format a loss in at most seven cells: ``3.21e+4``; NaN and infinity are words."""
    if value is None:
        return UNKNOWN
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa}e{int(exponent):+d}"


def change(before: float | None, after: float | None) -> str:
    """Format the relative change between two losses: ``-0.8%``."""
    if before is None or after is None or not math.isfinite(before) or not math.isfinite(after) or before == 0.0:
        return UNKNOWN
    percent = (after - before) / abs(before) * 100.0
    if abs(percent) >= 1000.0:
        return f"{'+' if percent > 0 else '-'}>999%"
    return f"{percent:+.1f}%"


def duration(seconds: float | None) -> str:
    """Format a length of time in at most seven cells: ``0:41``, ``2:03:09``, ``3d 04h``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    whole = max(0, round(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days >= 1000:
        return ">999d"
    if days:
        return f"{days}d {hour:02d}h"
    if hours:
        return f"{hours}:{minute:02d}:{second:02d}"
    return f"{minute}:{second:02d}"


def age(seconds: float) -> str:
    """Format how long ago something was, coarsely: ``42s``, ``7m``, ``3h``, ``12d``."""
    whole = max(0, int(seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= length:
            return f"{whole // length}{unit}"
    return f"{whole}s"


def about(seconds: float | None) -> str:
    """Format a length of time that is a guess: ``~40s``, ``~4m``, ``~3h``, ``~12d``; at least ten seconds."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 55:
        return f"~{max(1, round(seconds / 10))}0s"
    for unit, length, most in (("m", 60, 99), ("h", 3600, 47)):
        if round(seconds / length) <= most:
            return f"~{round(seconds / length)}{unit}"
    return f"~{min(round(seconds / 86400), 9999)}d"


def gibibytes(value: int | None) -> str:
    """Format bytes as GiB with one decimal and no unit: ``61.2``."""
    return UNKNOWN if value is None else f"{value / _GIB:.1f}"


def size_of(value: int | None) -> str:
    """Format bytes with a unit: ``58.9 GiB``, ``412 MiB``, ``3 KiB``."""
    if value is None:
        return UNKNOWN
    if value >= _GIB:
        return f"{value / _GIB:.1f} GiB"
    if value >= _MIB:
        return f"{value / _MIB:.0f} MiB"
    return f"{value / 1024:.0f} KiB"


def percent(part: float | None, whole: float | None) -> str:
    """Format a share: ``82%``; unknown when either is, or the whole is 0."""
    if part is None or not whole:
        return UNKNOWN
    return f"{part / whole * 100.0:.0f}%"


def speed(step_seconds: float | None) -> str:
    """Format the length of a step as a rate: ``2.11 steps/s``, or ``4.2 s/step`` when slow."""
    if step_seconds is None or not math.isfinite(step_seconds) or step_seconds <= 0.0:
        return UNKNOWN
    if step_seconds > 1.0:
        return f"{step_seconds:.1f} s/step"
    return f"{1.0 / step_seconds:.2f} steps/s"
