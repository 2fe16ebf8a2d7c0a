"""What was done to a job's images and settings, or not done with them, that its user may not expect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from styled.images import Loaded
from styled.job import input_titles
from styled.settings import Settings
from styled.sizing.scales import plan_scales

MEMORY_RAN_OUT = "memory ran out, it is painted with less"
"""How often is in the daemon's log."""


def remarks_on(content: Loaded, styles: Sequence[Loaded], settings: Settings) -> tuple[str, ...]:
    """Return the remarks on decoded inputs and the settings they are painted with; each one printable line.

    Args:
        content: as it is painted, no larger than ``settings.size``.
        styles: in order.
        settings: all of them.
    """
    return (*_of_images(content, styles), *_of_size(content, settings))


def _of_images(content: Loaded, styles: Sequence[Loaded]) -> Iterator[str]:
    for name, loaded in zip(input_titles(len(styles)), (content, *styles), strict=True):
        for remark in loaded.remarks:
            yield f"{name}: {remark}"


def _of_size(content: Loaded, settings: Settings) -> Iterator[str]:
    height, width = content.pixels.shape[:2]
    last = plan_scales(width, height, settings)[-1]
    side = max(last.width, last.height)
    if side < settings.size:
        yield (
            f"the content has {side} px and so has the picture, not {settings.size}: upscale = true paints it larger"
        )
