from __future__ import annotations

import time

import pytest

from styled.job import JobState
from styled.store.queries import JobRow
from styled.tui.model.filter import parse_filter
from styled.tui.model.queue_index import folder_of, make_index


def row(name: str, dropped_as: str = "", state: JobState = JobState.WAITING, number: int = 1) -> JobRow:
    return JobRow(name, number, state, dropped_as)


@pytest.mark.parametrize(
    ("dropped_as", "folder"),
    [
        ("summer/beach.jpg", "summer"),
        ("beach.content.jpg", ""),
        ("beach/content.jpg", ""),
        ("content/beach.jpg", ""),
        ("a/b/c.jpg", ""),
        ("", ""),
    ],
)
def test_only_hot_folders_make_groups(dropped_as: str, folder: str):
    assert folder_of(row("a", dropped_as)) == folder


def test_a_group_stands_where_its_first_job_would_and_opens_there():
    rows = [
        row("a"),
        row("b", "s/b.jpg", JobState.RUNNING),
        row("c"),
        row("d", "s/d.jpg", JobState.DONE),
        row("e", "t/e.jpg"),
    ]
    closed = make_index(rows, frozenset())
    assert closed.keys == ("a", "s/", "c", "e")
    assert closed.jobs_at("s/") == ("b", "d")
    assert closed.groups["s/"].ended == 1
    assert set(closed.states) == set("abcde")
    opened = make_index(rows, frozenset({"s/"}))
    assert opened.keys == ("a", "s/", "b", "d", "c", "e")
    assert opened.positions["d"] == 3


def test_ten_thousand_rows_take_little():
    rows = [row(f"{number}", f"f{number % 50}/{number}.jpg", number=number) for number in range(10_000)]
    began = time.process_time()
    index = make_index(rows, frozenset({"f1/"}))
    assert time.process_time() - began < 0.5
    assert len(index.keys) == 250


def test_words_of_a_filter_choose_states_and_kinds_of_pairs():
    assert parse_filter("fail harb") == ((JobState.FAILED,), frozenset(), "harb")
    assert parse_filter("reject") == ((), frozenset({"rejected"}), None)
    everything = parse_filter("in")
    assert everything.states is None
    assert everything.takes("incomplete", "IN Box", "")
    assert not everything.takes("incomplete", "box", "")
    assert not parse_filter("fail").takes("rejected", "fail", "fail")
