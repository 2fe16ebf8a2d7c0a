"""Progress as text: what fits on the line, and how often a line is printed without a terminal."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace

from styled.cli.progress import TextLines, progress_line
from styled.messages import Failure, Noted, Progress, Started

PROGRESS = Progress(
    scale=1, scales=2, width=256, height=171, step=30, steps=120, loss=1.234e7, content_loss=1.0, style_loss=2.0,
    tv_loss=0.0, seconds=12.0, step_seconds=0.25, left_seconds=61.0, memory_bytes=1024**3,
)  # fmt: skip


def test_a_wide_line_says_everything() -> None:
    assert progress_line(PROGRESS, 200) == (
        " 25%  step 30/120  loss 1.23e+7  1:01 left  [#####...............]  4.00 steps/s  256x171  1.0 GiB"
    )


@pytest.mark.parametrize("columns", [5, 10, 20, 40, 60, 79, 100])
def test_a_line_never_is_longer_than_asked(columns: int) -> None:
    line = progress_line(PROGRESS, columns)
    assert len(line) <= columns
    assert line.startswith(" 25%"[:columns])


def test_without_a_terminal_a_line_every_five_seconds_and_at_each_scale() -> None:
    now, stream = [0.0], io.StringIO()
    lines = TextLines(stream, clock=lambda: now[0])
    for step in range(1, 121):
        now[0] += 0.5
        lines.show(replace(PROGRESS, step=step, scale=1 if step < 100 else 2))
    printed = [int(line.split("step ")[1].split("/")[0]) for line in stream.getvalue().splitlines()]
    assert printed == [1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 100, 110, 120]


def test_the_start_tells_size_device_and_note() -> None:
    stream = io.StringIO()
    TextLines(stream).show(
        Started(step=7, steps=9, width=64, height=43, device="cpu", remarks=("checkpoint a is damaged",))
    )
    assert stream.getvalue() == "painting 64x43 px on cpu, going on after step 7\nnote: checkpoint a is damaged\n"


def test_a_note_is_a_line_of_its_own() -> None:
    stream = io.StringIO()
    TextLines(stream).show(Noted(step=7, note="2 of 5 pairs of L-BFGS"))
    assert stream.getvalue() == "2 of 5 pairs of L-BFGS\n"


def test_a_failure_prints_nothing_of_its_own() -> None:
    """The command prints the error; twice would be once too often."""
    stream = io.StringIO()
    TextLines(stream).show(Failure(kind="diverged", message="no"))
    assert stream.getvalue() == ""
