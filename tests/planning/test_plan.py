"""A plan says what a run then takes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from styled import evolution, images, planning
from styled.cli.machine.plan import plan as command
from styled.errors import DoesNotFit, ImageTooLarge, UnreadableImage
from styled.evolution import JobFolder
from styled.planning import Plan, probing
from styled.planning.plan import of_sizes
from styled.settings import Settings
from tests.engine.pictures import SAMPLES
from tests.planning.conftest import known, speed

pytestmark = pytest.mark.painting

GIB = 2**30
MEASURED = known(speed(100, 0.04), speed(1000, 4.0))  # 4 µs a pixel at any size


def test_a_plan_has_the_scales_that_will_be_painted() -> None:
    estimated = of_sizes(3000, 2000, [(800, 600)], Settings(size=1024, steps=100), MEASURED)
    assert [(scale.width, scale.height) for scale in estimated.scales] == [(256, 171), (512, 342), (1024, 683)]
    assert sum(scale.steps for scale in estimated.scales) == estimated.steps == 100
    assert (estimated.width, estimated.height) == (1024, 683)


def test_a_plan_says_what_a_long_style_sets() -> None:
    of_scroll = of_sizes(3000, 2000, [(7680, 400)], Settings(size=1024), MEASURED)
    assert of_scroll.remarks == ("the style is 19.2:1: its short side sets the strokes",)
    assert of_sizes(3000, 2000, [(800, 600)], Settings(size=1024), MEASURED).remarks == ()


def test_untiled_steps_take_what_was_measured() -> None:
    [scale] = of_sizes(500, 500, [(500, 500)], Settings(size=500, scales=(), steps=10), MEASURED).scales
    assert scale.scheme == "off"
    assert scale.step_seconds == pytest.approx(1.0, rel=0.02)
    assert scale.seconds is not None
    assert 10.0 < scale.seconds < 14.0  # the targets and the compiling come on top


def test_less_memory_means_smaller_tiles_and_more_time() -> None:
    plans = [
        of_sizes(2000, 2000, [(500, 500)], Settings(size=2000, scales=(), memory_limit=limit), MEASURED)
        for limit in (64.0, 5.0, 2.5)
    ]
    assert [each.scales[0].scheme for each in plans] == ["off", "front", "full"]
    seconds = [each.scales[0].step_seconds for each in plans]
    assert seconds == sorted(seconds)
    for each, limit in zip(plans, (64.0, 5.0, 2.5), strict=True):
        assert each.peak_bytes <= limit * GIB == each.limit_bytes
        assert each.limit_source == "memory_limit"


def test_a_front_without_a_rest_is_planned_as_full() -> None:
    """What was: a ValueError, for which ``styled run`` and the forecast of the whole queue ended too."""
    layers = {"content_layers": {"block2_conv2": 1.0}, "style_layers": {"block1_conv1": 1.0, "block2_conv1": 1.0}}
    front, full = (
        of_sizes(640, 480, [(500, 500)], Settings(size=640, tiling=each, memory_limit=64.0, **layers), MEASURED)
        for each in ("front", "full")
    )
    assert front == full
    assert {scale.scheme for scale in front.scales} == {"full"}


def test_the_regions_of_a_mask_take_memory() -> None:
    """What was: a forecast without them, that the run then refused."""
    plain, masked = (
        of_sizes(1000, 1000, [(500, 500)] * 4, Settings(size=1000, memory_limit=20.0), MEASURED, has_mask=each)
        for each in (False, True)
    )
    held = 1000 * 1000 * (4 + 5 * 4)  # the mask, and a float32 for each of five regions
    assert masked.peak_bytes >= plain.peak_bytes + held
    assert [scale.scheme for scale in masked.scales] == [scale.scheme for scale in plain.scales]


def test_more_than_the_free_memory_is_said_and_is_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    estimated = of_sizes(2000, 2000, [(500, 500)], Settings(size=2000, scales=(), memory_limit=5.0), MEASURED)
    assert estimated.fits
    needy = msgspec.structs.replace(estimated, peak_bytes=44 * GIB, limit_bytes=15 * GIB, limit_source="free memory")
    assert not needy.fits
    monkeypatch.setattr(planning, "plan", lambda *_, **__: needy)
    said = CliRunner().invoke(command, ["a.png", "b.png"])
    assert "2000x2000" in said.output
    assert isinstance(said.exception, DoesNotFit)
    assert "it needs 44.0 GiB, and has 15.0 GiB (free memory)" in str(said.exception)


def test_what_fits_nowhere_is_an_error() -> None:
    with pytest.raises(DoesNotFit):
        of_sizes(9000, 9000, [(500, 500)], Settings(size=9000, memory_limit=2.0), MEASURED)


def test_without_speeds_the_memory_is_known_and_the_time_not() -> None:
    content = SAMPLES / "rocket.jpg"
    estimated = planning.plan(content, [content], Settings(size=256), may_probe=False)
    assert estimated.seconds is None
    assert {scale.step_seconds for scale in estimated.scales} == {None}
    assert estimated.peak_bytes > 0.5 * GIB


def test_speeds_in_another_precision_do_not_count() -> None:
    bfloat16 = Settings(size=256, precision="bfloat16")
    assert of_sizes(500, 500, [(500, 500)], bfloat16, MEASURED).seconds is None


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(UnreadableImage):
        planning.plan(tmp_path / "a.png", [SAMPLES / "starry_night.jpg"], Settings(), known=MEASURED)


def test_the_limit_on_pixels_is_that_of_the_settings() -> None:
    """What was: the default one, for the content and the styles."""
    rocket, starry_night = SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg"
    sizes = {path: images.probe(path) for path in (rocket, starry_night)}
    smaller, larger = sorted(sizes, key=lambda path: sizes[path].width * sizes[path].height)
    settings = Settings(max_pixels=sizes[smaller].width * sizes[smaller].height)
    planning.plan(smaller, [smaller], settings, known=MEASURED, may_probe=False)
    for content, style in ((smaller, larger), (larger, smaller)):
        with pytest.raises(ImageTooLarge, match=larger.name):
            planning.plan(content, [style], settings, known=MEASURED, may_probe=False)


def test_the_probe_is_short_and_of_two_sizes() -> None:
    small, large = probing.PROBE
    assert {small.blocks, large.blocks} == {0}
    assert 4 * small.width * small.height < large.width * large.height <= 512 * 512


@pytest.mark.faults
def test_a_plan_is_near_a_real_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command probes this machine and estimates a run; on a busy machine within a factor of three."""
    # Around the size of the run: the larger one of the real probe takes a while.
    monkeypatch.setattr(probing, "PROBE", tuple(probing.Trial(width=side, height=side, steps=2) for side in (48, 96)))
    content, style = SAMPLES / "rocket.jpg", SAMPLES / "starry_night.jpg"
    settings = ("--set", "size=80", "--set", "steps=6", "--set", "scales=[]")
    estimated = CliRunner().invoke(command, [str(content), str(style), *settings, "--json"], catch_exceptions=False)
    plan = msgspec.json.decode(estimated.output, type=Plan)
    before = time.monotonic()
    arguments = [content, style, "-o", tmp_path / "out.png", "--evolution", tmp_path, *settings]
    subprocess.run([sys.executable, "-m", "styled", "run", *map(str, arguments)], check=True, capture_output=True)
    taken = time.monotonic() - before
    assert plan.seconds is not None
    assert plan.seconds / 3 < taken < plan.seconds * 3
    [folder] = [JobFolder(path.parent) for path in tmp_path.glob("*/job.json")]
    last = evolution.last_loss(folder)
    assert last is not None
    assert last.step == plan.steps == 6
    again = CliRunner().invoke(command, [str(content), str(style), *settings], catch_exceptions=False)
    assert "80x53" in again.output
    assert "untiled" in again.output
