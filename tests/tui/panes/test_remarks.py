"""Remarks on a job: a mark on its row of the queue, and their words beside its facts; rows of what is left alone."""

from __future__ import annotations

from styled.job import Job, JobState
from styled.store.status import Ignored
from styled.tui.cells.glyphs import ASCII
from styled.tui.cells.lines import line_width
from styled.tui.model.snapshot import Focus
from styled.tui.panes.job_lines import job_lines
from styled.tui.panes.queue_rows import queue_row

JOB = Job(
    id="20261122-201500-harbour",
    number=1,
    name="harbour",
    state=JobState.WAITING,
    content="input/content.jpg",
    styles=("input/style.jpg",),
    remarks=("content: its colours are a guess", "notes.txt\x1b[31m in its folder is not used"),
)
PLAIN = Job(id=JOB.id, number=1, name="harbour", state=JobState.WAITING, content=JOB.content, styles=JOB.styles)


def text(job: Job, cells: int) -> str:
    return "".join(span for span, _ in queue_row(job, cells, ASCII))


def test_a_job_with_remarks_has_a_mark_in_its_row() -> None:
    for cells in (60, 80, 160):
        assert " ! " in text(JOB, cells)
        assert "!" not in text(PLAIN, cells)
        assert line_width(queue_row(JOB, cells, ASCII)) == line_width(queue_row(PLAIN, cells, ASCII))


def test_their_words_are_among_its_facts_and_inert() -> None:
    lines = ["".join(span for span, _ in line) for line in job_lines(Focus(JOB, "/x"), None, 80, ASCII)]
    assert "note     content: its colours are a guess" in lines
    assert not any("\x1b" in line for line in lines)
    assert any("in its folder is not used" in line for line in lines)


def test_what_is_left_alone_in_the_inbox_has_a_row_with_its_reason() -> None:
    row = queue_row(Ignored(name="IMG_1.MOV", reason="a video; only pictures are painted", since=0.0), 80, ASCII)
    assert "".join(span for span, _ in row).split() == [
        "o",
        "IMG_1.MOV",
        "ignored:",
        "a",
        "video;",
        "only",
        "pictures",
        "are",
        "painted",
    ]
