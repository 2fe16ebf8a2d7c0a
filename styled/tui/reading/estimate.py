"""What a new job will take, in one row. Loads NumPy and reads files: for threads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from styled import figures, planning
from styled.errors import StyledError
from styled.settings import Settings, settings_from
from styled.tui.cells.lines import Line, inert
from styled.tui.panes.new_job import NewJob


def estimate(job: NewJob, *, may_measure: bool) -> tuple[Line, bool]:
    """Return the row, and whether there is nothing to add to it: False when no speed of this machine is known.

    Args:
        job: whole.
        may_measure: measure the speed, for ten seconds or more, where nobody has yet.
    """
    if job.content is None:
        return (), True
    try:
        has_mask = job.mask is not None
        return estimated(
            job.content, job.styles, settings_from(job.resolved), may_measure=may_measure, has_mask=has_mask
        )
    except StyledError as error:
        return ((inert(error.message), "bad"),), True


def estimated(
    content: Path, styles: Sequence[Path], settings: Settings, *, may_measure: bool, has_mask: bool = False
) -> tuple[Line, bool]:
    """Return what :func:`estimate` does, of images and settings.

    Raises:
        StyledError: an image cannot be read, or the job cannot be painted so.
    """
    plan = planning.plan(content, styles, settings, has_mask=has_mask, may_probe=may_measure)
    limit = "" if plan.limit_bytes is None else f" of {figures.size_of(plan.limit_bytes)}"
    size = f"{plan.width}x{plan.height}"
    memory = f"memory {figures.size_of(plan.peak_bytes)}{limit}"
    remarks = "".join(f"; {remark}" for remark in plan.remarks)
    if plan.seconds is None:
        return ((f"{size}, {memory}{remarks}", ""),), False
    return ((f"{figures.duration(plan.seconds)}, {size}, {memory}{remarks}", ""),), True
