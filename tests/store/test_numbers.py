from __future__ import annotations

from pathlib import Path

import pytest

from styled.errors import DiskFull
from styled.store import numbers as counting
from styled.store.numbers import Numbers


def test_numbers_go_on_from_the_last(tmp_path: Path):
    numbers = Numbers(tmp_path / "numbers", 41, lost=False)
    assert [numbers.next() for _ in range(250)] == list(range(42, 292))


def test_after_a_loss_no_number_comes_again(tmp_path: Path):
    numbers = Numbers(tmp_path / "numbers", 0, lost=True)
    given = [numbers.next() for _ in range(150)]
    again = Numbers(tmp_path / "numbers", 3, lost=True)
    assert again.next() > max(given)


def test_without_a_loss_none_is_skipped(tmp_path: Path):
    assert Numbers(tmp_path / "numbers", 0, lost=False).next() == 1
    assert Numbers(tmp_path / "numbers", 1, lost=False).next() == 2


@pytest.mark.parametrize("text", [b"", b"seven", b"\xff\x00", b"1" * 5000])
def test_a_damaged_file_is_no_reason_to_stop(tmp_path: Path, text: bytes):
    (tmp_path / "numbers").write_bytes(text)
    assert Numbers(tmp_path / "numbers", 7, lost=False).next() == 8


def test_a_number_found_elsewhere_is_not_given_again(tmp_path: Path):
    numbers = Numbers(tmp_path / "numbers", 0, lost=False)
    numbers.note(500)
    numbers.note(3)
    assert numbers.next() == 501


def test_a_full_disk_gives_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    numbers = Numbers(tmp_path / "numbers", 0, lost=False)

    def full(*_: object) -> None:
        raise DiskFull("no room")

    monkeypatch.setattr(counting.durable, "write_bytes", full)
    with pytest.raises(DiskFull):
        numbers.next()
    monkeypatch.undo()
    assert numbers.next() == 1
