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


def step_seconds(measured: list[speeds.Speed], pixels: float) -> float:
    return pixels * speeds.seconds_per_pixel(measured, pixels)


def test_a_step_takes_its_time_and_each_pixel_the_same() -> None:
    measured = [speed(100, 0.05), speed(300, 0.21)]  # 0.03 s and 2 µs a pixel
    for pixels in (10, 10_000, 50_000, 90_000, 100_000_000):
        assert step_seconds(measured, pixels) == pytest.approx(0.03 + 2e-6 * pixels)


def test_between_sizes_it_goes_through_what_was_measured_and_on_along_the_last_two() -> None:
    measured = [speed(100, 0.05), speed(1000, 3.0), speed(200, 0.15)]
    assert step_seconds(measured, 40_000) == pytest.approx(0.15)
    assert step_seconds(measured, 20_000) == pytest.approx(0.05 + 0.1 / 3)
    assert step_seconds(measured, 1_960_000) == pytest.approx(3.0 + 2.85)


def test_one_size_or_one_that_was_disturbed_gives_sensible_times() -> None:
    assert step_seconds([speed(100, 0.05)], 1_000_000) == pytest.approx(5.0)
    disturbed = [speed(100, 0.5), speed(1000, 0.4)]
    assert step_seconds(disturbed, 4_000_000) == pytest.approx(0.4)
    assert step_seconds(disturbed, 100) == pytest.approx(0.5)
    assert step_seconds([speed(100, 0.001), speed(1000, 3.0)], 4_000_000) == pytest.approx(12.0)
