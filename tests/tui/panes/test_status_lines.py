"""The status row, the loss pane and the queue's rows as text, at every width."""

from __future__ import annotations

import pytest

from styled.job import Job, JobState
from styled.memory import MemorySample
from styled.store.records import Event
from styled.store.status import DaemonStatus, Incomplete, Rejected
from styled.tui.cells.glyphs import ASCII, UNICODE, Glyphs
from styled.tui.cells.lines import line_width, plain
from styled.tui.model.snapshot import Focus, Pulse, Snapshot, View
from styled.tui.panes.loss_lines import loss_lines
from styled.tui.panes.queue_rows import RowFigures, header, queue_row
from styled.tui.panes.status_lines import happening, memory_spans, status_line
from tests.tui.conftest import FOUR_GPUS, HOST, NOW, progress


def job(**fields) -> Job:
    values = {
        "id": "20260101-000000-a",
        "number": 42,
        "name": "harbour",
        "state": JobState.RUNNING,
        "content": "input/c.png",
        "styles": ("input/wave.png",),
    }
    return Job(**(values | fields))


def snapshot(**fields) -> Snapshot:
    daemon = DaemonStatus(
        pid=1, version="0", started_at=NOW, beat_at=fields.pop("beat_at", NOW), state=fields.pop("state", "running")
    )
    values = {"view": View(), "taken_at": NOW, "daemon": daemon, "counts": dict.fromkeys(JobState, 3), "memory": HOST}
    return Snapshot(**(values | fields))


@pytest.mark.parametrize("cells", [60, 80, 120, 200])
@pytest.mark.parametrize("memory", [HOST, FOUR_GPUS, MemorySample(), None])
def test_the_status_row_fits_and_always_has_state_and_counts(cells: int, memory: MemorySample | None) -> None:
    line = status_line(snapshot(memory=memory), NOW, cells, UNICODE)
    text = plain(line)
    assert line_width(line) <= cells
    assert "daemon up" in text
    assert text.count("3") >= 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "daemon up "),
        ({"beat_at": NOW - 7.0}, "daemon up silent for 7s"),
        ({"beat_at": NOW - 42.0}, "the daemon does not respond (42s)"),
        ({"daemon": None}, "the daemon is not running"),
        ({"state": "stopping", "beat_at": NOW - 42.0}, "the daemon is not running"),
        ({"pulse": Pulse("gone", NOW - 1.0)}, "the daemon is not running"),
        ({"pulse": Pulse("silent", NOW - 2.0)}, "the daemon does not respond (2s)"),
        ({"pulse": Pulse("up", NOW - 2.0), "daemon": None}, "the daemon begins"),
        ({"all_done": 3600.0}, "daemon up  all done ~15:13  "),
        ({"all_done": 3 * 86_400.0}, "all done ~14:13 in 3d  "),
        ({"trouble": "broken"}, "store unreadable"),
        ({"state": "paused"}, "queue paused"),
    ],
)
def test_the_daemon_is_said_in_words(changes: dict, words: str) -> None:
    assert words in plain(status_line(snapshot(**changes), NOW, 80, UNICODE))


@pytest.mark.parametrize("glyphs", [ASCII, UNICODE], ids=["ascii", "unicode"])
def test_before_the_first_snapshot_it_says_that_it_reads(glyphs: Glyphs) -> None:
    """In characters that any terminal has: the Linux console, whose names are in any script, has no ellipsis."""
    assert plain(status_line(None, NOW, 80, glyphs)) == " styled  reading the queue..."


def test_gpus_are_shown_as_far_as_they_fit() -> None:
    assert plain(memory_spans(FOUR_GPUS, 120)).count("gpu") == 4
    assert plain(memory_spans(FOUR_GPUS, 34)) == "gpu 1/80 21/80 41/80 61/80 GiB"
    assert plain(memory_spans(FOUR_GPUS, 28)) == "gpu0 1.0/80.0G 0%  +3"


def test_host_memory_stands_in_for_a_gpu() -> None:
    assert plain(memory_spans(HOST, 50)) == "no GPU, host 3.0/16.0 GiB 19%"
    assert plain(memory_spans(MemorySample(), 50)) == "no GPU, host -/- GiB -"


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("cells", [58, 78, 100, 158])
@pytest.mark.parametrize("name", ["a", "日本の城" * 20, "[red]x[/red]\x1b[31m\nnext", "e" * 300])
@pytest.mark.parametrize("state", list(JobState))
def test_every_row_fits_and_has_glyph_and_word(state, name, cells, glyphs) -> None:
    line = queue_row(job(state=state, name=name, reason="out of memory " * 20), cells, glyphs)
    text = plain(line)
    assert line_width(line) <= cells - 2  # beside the cursor
    assert text.startswith(f"{glyphs.states[state]} ")
    assert state is JobState.RUNNING or str(state) in text  # what runs has a bar, or its reason
    assert "\x1b" not in text
    assert glyphs.unicode or text.isascii()


@pytest.mark.parametrize("cells", [58, 78, 100, 158])
def test_the_head_stands_above_its_columns(cells: int) -> None:
    head = plain(header(cells))[2:]
    row = plain(queue_row(job(step=40, steps=60, loss=1e4, settings={"size": 512}), cells, UNICODE))
    assert head.index("PROGRESS") == row.index("━")
    assert head.index("JOB") + 3 == row.index("0042") + 4
    assert head.rindex("LOSS") + 4 == row.index("1.00e+4") + 7


def test_a_failed_job_shows_its_reason() -> None:
    assert "out of GPU memory" in plain(queue_row(job(state=JobState.FAILED, reason="out of GPU memory"), 78, UNICODE))


def test_things_in_the_inbox_show_what_they_wait_for_and_why_they_were_rejected() -> None:
    waits = plain(queue_row(Incomplete(name="harbour", missing="a style", since=0.0), 78, UNICODE))
    refused = plain(queue_row(Rejected(name="notes", reason="not an image", at=0.0), 78, UNICODE))
    assert "incomplete" in waits
    assert "waits for a style" in waits
    assert "rejected" in refused
    assert "not an image" in refused


@pytest.mark.parametrize("rows", [3, 5, 8, 11, 12, 20, 40])
def test_the_loss_pane_fits_its_rows_and_keeps_the_bar(rows: int) -> None:
    focus = Focus(job=job(), folder="/x", progress=progress(40, 60, gpu_memory_bytes=5 * 1024**3))
    lines = loss_lines(focus, HOST, (48, rows), UNICODE, "total")
    text = "\n".join(plain(line) for line in lines)
    assert len(lines) <= rows
    assert "40/60" in text
    assert "left 0:10" in text
    assert "total" in text
    if rows >= 8:
        assert "peak 5.0 GiB on GPU" in text


def test_a_nan_loss_is_a_word() -> None:
    focus = Focus(job=job(), folder="/x", progress=progress(40, 60, loss=float("nan")))
    assert "NaN" in "".join(plain(line) for line in loss_lines(focus, None, (48, 12), UNICODE, "total"))


@pytest.mark.parametrize(
    ("state", "words"),
    [(JobState.WAITING, "not started"), (JobState.RUNNING, "starting"), (JobState.FAILED, "no losses were written")],
)
def test_a_job_without_losses_says_why(state: JobState, words: str) -> None:
    lines = loss_lines(Focus(job=job(state=state), folder="/x"), HOST, (48, 12), UNICODE, "total")
    assert words in plain(lines[0])


def test_events_are_one_inert_line() -> None:
    event = Event(
        seq=1,
        at=NOW,
        kind="moved",
        number=7,
        id="20260101-000000-a-b",
        before="running",
        after="failed",
        note="bad\x1b[31m",
    )
    assert happening(event).text == "0007 a-b failed: bad?[31m"


@pytest.mark.parametrize("cells", [60, 78, 100, 140])
def test_machines_have_a_column_where_a_job_is_painted_by_one(cells):
    here = job(state=JobState.RUNNING, step=4, steps=9)
    there = job(state=JobState.RUNNING, step=4, steps=9, node="gpu-node-17")
    head = plain(header(cells, nodes=True))
    rows = [plain(queue_row(each, cells, UNICODE, RowFigures(nodes=True))) for each in (here, there)]
    assert len(rows[0]) == len(rows[1]) == len(head[2:])
    if cells >= 78:
        place = head.index("NODE") - 2
        assert rows[1][place:].startswith("gpu-nod~ ")
        assert rows[0][place:].startswith(" " * 8)
    assert "NODE" not in plain(header(cells))


def test_a_job_that_waits_in_a_clusters_queue_says_why():
    waits = job(state=JobState.RUNNING, reason="in Slurm: Priority")
    assert "running" in plain(queue_row(waits, 78, UNICODE))
    assert "in Slurm: Priority" in plain(queue_row(waits, 78, UNICODE))
