"""A run that was stopped goes on to a result of another format."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from styled.engine.iterate import Iterate
from styled.evolution import JobFolder
from styled.images.saving import whole_numbers
from styled.messages import Result, Started, Stopped
from styled.painting import one_picture
from styled.painting.paint_job import paint_job
from tests.painting.test_paint_job import iterates, make_job, never, stop_after

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("settings", "output"),
    [
        ({"format": "tiff", "bits": 16}, "a.png"),
        ({"format": "png", "bits": 16}, "a.tif"),
        ({"format": "jpeg"}, "a.png"),
    ],
)
def test_a_run_resumed_for_another_output_has_the_pixels_that_were_painted(
    job: JobFolder, tmp_path: Path, settings: dict[str, Any], output: str
) -> None:
    """Not those of a result in the first one's format. What was: a 16-bit PNG of 256 levels, a PNG of a decoded JPEG."""
    ramp = np.linspace(0.0, 255.0, 43 * 64 * 3, dtype=np.float32).reshape(43, 64, 3)

    def engine(*arguments: Any, **rest: Any) -> Iterator[Iterate]:
        for iterate in iterates(4)(*arguments, **rest):
            yield dataclasses.replace(iterate, picture=lambda: ramp)

    make_job(job, steps=4, **settings)
    assert isinstance([*paint_job(job, stop_after(2), paint=engine)][-1], Stopped)
    run = one_picture.reopen(job.path, output=tmp_path / output)
    said = [*paint_job(run.folder, never, paint=engine)]
    assert isinstance(said[0], Started)
    assert said[0].step == 2, "from the checkpoint"
    assert isinstance(said[-1], Result)
    one_picture.deliver(run)
    bits = settings.get("bits", 8)
    read = tifffile.imread if output == "a.tif" else imagecodecs.imread
    np.testing.assert_array_equal(read(tmp_path / output), whole_numbers(ramp, bits))
