"""Lines of logs, as people and programs get them."""

from __future__ import annotations

import json
import time

import pytest
import wcwidth  # noqa: F401  # loaded by the first line that is not ASCII, which takes longer than an example may
from hypothesis import given
from hypothesis import strategies as st

from styled.cli.logs.lines import json_of, text_of
from styled.files.log_lines import fields_of
from styled.files.printable import is_hostile

DAEMON = '{"job": "20261129-x", "reason": "needs 1.4 GiB", "event": "failed", "level": "error", "logger": "queue", "timestamp": "2026-11-29T21:53:39.227223Z"}'
WORKER = r'timestamp=2026-11-29T21:53:38+0000 level=info event="result \"written\"" step=60 loss=43062052.0'


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_a_line_of_the_daemon_and_one_of_a_worker_read_alike() -> None:
    assert text_of(DAEMON) == '2026-11-29 21:53:39  ERROR queue: failed  job=20261129-x  reason="needs 1.4 GiB"'
    assert text_of(WORKER) == '2026-11-29 21:53:38  result "written"  step=60  loss=43062052.0'


def test_programs_get_an_object_a_line() -> None:
    assert json.loads(json_of(DAEMON)) == json.loads(DAEMON)
    assert json.loads(json_of(WORKER))["event"] == 'result "written"'
    assert json.loads(json_of("Killed")) == {"text": "Killed"}


def test_a_reason_is_wrapped_to_its_end() -> None:
    line = json.dumps({"event": "failed", "reason": "word " * 60, "timestamp": "2026-11-29T21:53:39Z"})
    lines = text_of(line, 60).splitlines()
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines).split()).count("word") == 60
    assert "\n" not in text_of(line)


def test_a_traceback_keeps_its_lines() -> None:
    line = json.dumps({"event": "unexpected", "exception": "Traceback\n  File x\nValueError: y", "timestamp": "?"})
    assert text_of(line).splitlines()[1:] == ["        Traceback", "          File x", "        ValueError: y"]


@given(text=st.text(), columns=st.none() | st.integers(-3, 200))
def test_any_line_is_harmless_and_read_back(text: str, columns: int | None) -> None:
    """A log may hold what others have written; it holds no end of a line."""
    line = text.replace("\n", "")
    assert not any(is_hostile(each) for each in text_of(line, columns).split("\n"))
    assert isinstance(json.loads(json_of(line)), dict)
    logged = json.dumps({"event": text, "timestamp": text, "exception": text})
    assert "\0" in text or fields_of(logged)["event"] == text
    assert not any(is_hostile(each) for each in text_of(logged, columns).split("\n"))
