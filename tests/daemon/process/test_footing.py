"""What a file system cannot do is found by trying it, and named."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from styled.daemon.process import footing
from styled.daemon.process.footing import ADVICE, explain, unliveable
from styled.files import durable


def test_a_good_file_system_is_one_and_nothing_is_left_there(tmp_path: Path) -> None:
    assert unliveable(tmp_path) == ""
    assert explain(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("attempt", "name"), [("_socket", "sockets"), ("_database", "SQLite's write-ahead log")])
def test_what_is_missing_is_named_with_the_file_system_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempt: str, name: str
) -> None:
    def fail(_place: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(footing, attempt, fail)
    found = explain(tmp_path)
    assert found is not None
    assert f"has no {name}: [Errno 1] Operation not permitted" in found.message
    assert found.advice == ADVICE
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_nothing_is_no_fault_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "refusal", lambda *_: OSError(errno.ENOSPC, "No space left on device"))
    assert unliveable(tmp_path) == ""


def test_a_folder_that_is_not_there_is_something_else(tmp_path: Path) -> None:
    assert explain(tmp_path / "missing") is None
