"""What ``styled status`` prints of a report, without a daemon."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import wcwidth

from styled.cli.status import _text
from styled.job import Job, JobState
from styled.root import Root

LONG = (
    "its colours are a guess: the CMYK image has no colour profile, and what its numbers mean is not known to anybody"
)


def report(**fields: Any) -> dict[str, Any]:
    job = Job(
        id="20261122-201500-harbour",
        number=1,
        name="harbour",
        state=JobState.WAITING,
        content="c",
        styles=("s",),
        remarks=(LONG,),
    )
    empty = {
        "jobs": [msgspec.to_builtins(job)],
        "counts": {"waiting": 1},
        "incomplete": [],
        "hot_folders": [],
        "nodes": [],
        "ignored": [],
        "rejected": [],
    }
    daemon = {"state": "running", "note": "", "pid": 1, "parts": []}
    return {**empty, "daemon": daemon, **{f"{key}_count": len(value) for key, value in fields.items()}, **fields}


def test_why_a_job_failed_and_what_a_part_lacks_are_printed_to_their_end() -> None:
    job = Job(
        id="20261122-201500-pano", number=2, name="pano", state=JobState.FAILED, content="c", styles=("s",), reason=LONG
    )
    told = report()
    told["jobs"] = [msgspec.to_builtins(job)]
    told["daemon"]["parts"] = [{"part": "socket", "trouble": LONG, "since": time.time(), "retry_at": None}]
    lines = _text(told, Root.at(Path("/x")), 60)
    assert max(map(len, lines)) <= 60
    whole = " ".join(" ".join(lines).split())
    assert f"pano: {LONG}" in whole
    assert f"socket: {LONG}" in whole


def test_remarks_and_what_lies_in_the_inbox_are_printed_to_their_end() -> None:
    entry = {"name": "IMG_1.MOV", "reason": f"a video; {LONG}", "since": 0.0}
    waiting = {"name": "lonely", "missing": f"a style; {LONG}", "since": time.time()}
    lines = _text(report(ignored=[entry], incomplete=[waiting]), Root.at(Path("/x")), 60)
    assert max(map(len, lines)) <= 80
    whole = " ".join(" ".join(lines).split())
    for words in (f"note: {LONG}", f"IMG_1.MOV: a video; {LONG}", f"lonely: a style; {LONG}"):
        assert words in whole
    assert "left alone in the inbox (1):" in lines


def test_a_hot_folder_without_an_image_is_said_to_be_one() -> None:
    lines = _text(report(hot_folders=["starry"]), Root.at(Path("/x")), 80)
    assert lines[-2:] == ["hot folders without an image (1); each one dropped there is painted:", "  starry"]
    assert not any("waiting in the inbox" in line for line in lines)


def test_nodes_are_listed_with_what_they_do() -> None:
    told = report(
        nodes=[
            {"name": "gpu7", "device": "H100", "jobs": ["20261122-201500-harbour", "gone"], "ended": 3, "lost": 1},
            {"name": "gpu8", "device": "", "jobs": [], "ended": 0, "lost": 0},
        ]
    )
    number = told["jobs"][0]["number"]
    assert _text(told, Root.at(Path("/x")), None)[-3:] == [
        "nodes (2):",
        f"  gpu7, H100: paints {number:04d}, gone; 3 ended there, 1 lost with it",
        "  gpu8: paints nothing now; 0 ended there",
    ]


def test_a_terminal_is_filled_by_cells_and_a_pipe_not_at_all() -> None:
    """Two cells a character: lines of them were twice as wide as the terminal, and pushed the first one off."""
    entry = {"name": "日本語の長い名前" * 8 + "👩‍👩‍👧é", "reason": "ein Grund", "since": 0.0}
    told = report(ignored=[entry])
    for columns in (80, 40, 20):
        assert max(map(wcwidth.width, _text(told, Root.at(Path("/x")), columns))) <= columns
    whole = _text(told, Root.at(Path("/x")), None)
    assert f"  {entry['name']}: ein Grund" in whole
    assert f"{'':6}note: {LONG}" in whole
