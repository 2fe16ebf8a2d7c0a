"""The log: JSON lines in a bounded file, text on the terminal, and never a raw control character."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from styled.config import LogConfig
from styled.daemon.process.logs import start_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give the process its logging back."""
    logger = logging.getLogger()
    handlers, level, told = logger.handlers[:], logger.level, logging.raiseExceptions
    yield
    for handler in logger.handlers:
        if handler not in handlers:
            handler.close()
    logger.handlers, logger.level, logging.raiseExceptions = handlers, level, told
    structlog.reset_defaults()


def test_facts_are_kept_as_json_and_told_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(tmp_path / "daemon.log", LogConfig(), terminal=True)
    structlog.get_logger("queue").info("started", job="harbour", attempt=2)
    line = json.loads((tmp_path / "daemon.log").read_text())
    assert {key: line[key] for key in ("event", "level", "logger", "job", "attempt")} == {
        "event": "started", "level": "info", "logger": "queue", "job": "harbour", "attempt": 2,
    }  # fmt: skip
    assert capsys.readouterr().err.endswith("Z info    queue: started  job=harbour  attempt=2\n")


def test_control_characters_are_escaped_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(tmp_path / "daemon.log", LogConfig(), terminal=True)
    evil = "a\x1b[2Jb\nc\u202ed\udcff"
    structlog.get_logger("queue").warning(evil, name=evil, path=Path(evil), data=evil.encode("utf-8", "replace"))
    try:
        raise ValueError(evil)
    except ValueError:
        structlog.get_logger("queue").exception("it broke")
    logging.getLogger("library").warning("from a library: %s", evil)
    for text in ((tmp_path / "daemon.log").read_text(), capsys.readouterr().err):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\\x1b[2J" in text or "\\\\x1b[2J" in text
    lines = [json.loads(line) for line in (tmp_path / "daemon.log").read_text().splitlines()]
    assert [line["level"] for line in lines] == ["warning", "error", "warning"]
    assert "ValueError" in lines[1]["exception"]


def test_the_file_is_rotated_and_old_ones_go(tmp_path: Path) -> None:
    start_logging(tmp_path / "daemon.log", LogConfig(max_mb=0.01, keep=2), terminal=False)
    for number in range(1000):
        structlog.get_logger("queue").info("a line", number=number)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    assert all(path.stat().st_size <= 10_000 for path in tmp_path.iterdir())
    last = (tmp_path / "daemon.log").read_text().splitlines()[-1]
    assert json.loads(last)["number"] == 999


def test_less_than_the_level_is_not_written_and_a_second_start_replaces_the_first(tmp_path: Path) -> None:
    start_logging(tmp_path / "first.log", LogConfig(), terminal=False)
    start_logging(tmp_path / "second.log", LogConfig(level="error"), terminal=False)
    structlog.get_logger("queue").info("quiet")
    structlog.get_logger("queue").error("loud")
    assert (tmp_path / "first.log").read_text() == ""
    assert [json.loads(line)["event"] for line in (tmp_path / "second.log").read_text().splitlines()] == ["loud"]


def test_a_log_that_was_moved_away_is_begun_anew_and_the_old_file_is_left_alone(tmp_path: Path) -> None:
    path, moved = tmp_path / "daemon.log", tmp_path / "daemon.log.old"
    file = start_logging(path, LogConfig(), terminal=False)
    log = structlog.get_logger("queue")
    log.info("first")
    path.rename(moved)
    log.info("second")
    path.unlink()
    path.write_text("")  # as logrotate's "create" does
    log.info("third")
    assert [json.loads(line)["event"] for line in moved.read_text().splitlines()] == ["first"]
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["third"]
    assert file.trouble == ""


def test_lines_that_are_lost_are_a_state_in_words_until_the_next_that_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    file = start_logging(folder / "daemon.log", LogConfig(), terminal=False)
    folder.rename(tmp_path / "away")
    structlog.get_logger("queue").info("lost")
    assert "No such file or directory" in file.trouble
    folder.mkdir()
    structlog.get_logger("queue").info("kept")
    assert file.trouble == ""
    assert json.loads((folder / "daemon.log").read_text())["event"] == "kept"


@pytest.mark.parametrize(("is_its", "stamped"), [(True, False), (False, True)])
def test_journald_stamps_lines_itself_and_nobody_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_its: bool, stamped: bool
) -> None:
    """All that a service starts inherits the variable: a log in a file had no times."""
    found = os.fstat(2)
    stream = f"{found.st_dev}:{found.st_ino}"
    monkeypatch.setenv("JOURNAL_STREAM", stream if is_its else f"9{stream}")
    start_logging(tmp_path / "daemon.log", LogConfig(), terminal=True)
    structlog.get_logger("queue").info("started")
    assert bool(re.match(r"\d{4}-\d\d-\d\d ", capsys.readouterr().err)) == stamped
