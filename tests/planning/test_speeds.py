"""The file of measured speeds, and the speed between two measured sizes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from styled.planning import speeds
from tests.planning.conftest import known, speed


def test_what_was_measured_is_found_again(cache: Path) -> None:
    speeds.keep(known(speed(128, 1.0)))
    assert cache.is_file()
    assert speeds.load() == known(speed(128, 1.0))


def test_a_new_measurement_replaces_one_of_its_kind_only() -> None:
    speeds.keep(known(speed(128, 1.0), speed(128, 5.0, precision="bfloat16")))
    merged = speeds.keep(known(speed(128, 2.0), speed(256, 4.0)))
    assert [(each.width, each.step_seconds) for each in merged.measured] == [(128, 5.0), (128, 2.0), (256, 4.0)]
    assert speeds.load() == merged


def test_speeds_of_another_machine_or_version_do_not_count(cache: Path) -> None:
    speeds.keep(msgspec.structs.replace(known(speed(128, 1.0)), machine="elsewhere"))
    assert speeds.load().measured == ()
    speeds.keep(msgspec.structs.replace(known(speed(128, 1.0)), version=99))
    assert speeds.load().measured == ()


def test_a_damaged_file_is_measured_again(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text('{"machine": 3')
    assert speeds.load().measured == ()
    assert speeds.keep(known(speed(128, 1.0))).measured


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert speeds.keep(known(speed(128, 1.0)), tmp_path / "file" / "speeds.json").measured


def test_the_file_does_not_grow_for_ever() -> None:
    merged = speeds.keep(known(*(speed(side, 1.0) for side in range(1, 400))))
    assert [each.width for each in merged.measured] == list(range(200, 400))


def test_between_sizes_the_speed_changes_steadily_and_beyond_them_not() -> None:
    measured = [speed(100, 0.05), speed(1000, 3.0)]  # 5 and 3 µs a pixel
    assert speeds.seconds_per_pixel(measured, 100_000) == pytest.approx(4e-6)
    assert speeds.seconds_per_pixel(measured, 10_000) == pytest.approx(5e-6)
    assert speeds.seconds_per_pixel(measured, 10) == pytest.approx(5e-6)
    assert speeds.seconds_per_pixel(measured, 1e9) == pytest.approx(3e-6)
