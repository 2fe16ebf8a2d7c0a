"""One job painted from its folder, with the real engine at 64 px unless the test says otherwise."""

from __future__ import annotations

import dataclasses
import errno
import io
import math
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
import pytest
from PIL import Image

from styled import evolution, images, messages, vgg19
from styled.engine.iterate import Iterate, Losses
from styled.errors import (
    CheckpointMismatch,
    Diverged,
    DoesNotFit,
    InputChanged,
    SettingsError,
    Superseded,
    UnreadableImage,
)
from styled.evolution import JobFile, JobFolder
from styled.messages import Checkpointed, Frame, Noted, Progress, Result, Started, Stopped
from styled.painting import checkpoints
from styled.painting.paint_job import load_inputs, paint_job
from styled.settings import Settings, settings_from
from styled.sizing import memory_use
from styled.sizing.input_sizes import InputSizes
from styled.sizing.scales import plan_scales

pytestmark = pytest.mark.tensorflow

SAMPLES = Path(__file__).parents[2] / "styled" / "data" / "samples"
FAST = {"size": 64, "steps": 6, "frame_every": 2, "optimizer": "adam", "scales": [], "precision": "float32"}
FIRST_BLOCK = {"content_layers": {"block1_conv2": 1.0}, "style_layers": {"block1_conv1": 1.0}}
"""A job reads the weights of its layers, and compiles them: most of a test's time with all five blocks."""


def make_job(folder: JobFolder, **settings: Any) -> JobFolder:
    """Fill a job's folder with the packaged pair, to be painted with the first block unless ``settings`` say more."""
    folder.create()
    shutil.copy(SAMPLES / "rocket.jpg", folder.input / "content.jpg")
    shutil.copy(SAMPLES / "starry_night.jpg", folder.input / "style.jpg")
    job = JobFile(
        id=folder.id,
        number=1,
        name="harbour",
        content="input/content.jpg",
        styles=("input/style.jpg",),
        settings=settings_from(FAST | FIRST_BLOCK | settings),
        digests={f"input/{path.name}": evolution.digest(path) for path in folder.input.iterdir()},
        created_at=0.0,
    )
    evolution.write_job_file(folder, job)
    return folder


def stop_after(steps: int) -> Callable[[], bool]:
    """Say yes from the given question on: one comes before the first step, then one after each."""
    asked = iter(range(1_000_000))
    return lambda: next(asked) >= steps


def never() -> bool:
    return False


def iterates(
    count: int,
    *,
    stopped_by: str = "steps",
    every: Callable[[int], None] = lambda step: None,
    has_picture: Callable[[int], bool] = lambda step: True,
) -> Any:
    """An engine that does no work: for what the real one cannot be made to do on purpose."""

    def paint(content: Any, styles: Any, settings: Any, **rest: Any) -> Iterator[Iterate]:
        for step in range(1, count + 1):
            every(step)
            yield Iterate(
                scale=1, scales=1, width=64, height=43, step=step, steps=count,
                losses=Losses(1.0 / step, 0.5 / step, 0.5 / step, 0.0), step_seconds=0.1, left_seconds=None,
                picture=lambda: np.full((43, 64, 3), 99.0, np.float32),
                snapshot=lambda step=step: {"place": np.array([step])}, is_current=has_picture(step),
                last=step == count, stopped_by=stopped_by if step == count else "",
            )  # fmt: skip

    return paint


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobFolder, list[messages.WorkerMessage]]:
    """A job painted to its end with the layers of the defaults, and what was said."""
    layers = {name: getattr(Settings(), name) for name in FIRST_BLOCK}
    folder = make_job(JobFolder(tmp_path_factory.mktemp("evolution") / "20261122-201500-harbour"), **layers)
    return folder, list(paint_job(folder, never))


class TestToTheEnd:
    def test_it_says_started_progress_frames_and_result(self, finished: Any) -> None:
        _, said = finished
        assert isinstance(said[0], Started)
        assert (said[0].step, said[0].steps, said[0].width, said[0].height) == (0, 6, 64, 43)
        assert [message.step for message in said if isinstance(message, Frame)] == [2, 4, 6]
        assert isinstance(said[-1], Result)
        assert (said[-1].step, said[-1].stopped_by, said[-1].path) == (6, "steps", "result.png")

    def test_a_line_of_losses_for_each_step_and_the_loss_falls(self, finished: Any) -> None:
        losses = evolution.read_losses(finished[0]).losses
        assert [each.step for each in losses] == [1, 2, 3, 4, 5, 6]
        assert losses[-1].loss < 0.5 * losses[0].loss
        for each in losses:
            assert each.loss == pytest.approx(each.content_loss + each.style_loss + each.tv_loss, rel=1e-3)
            assert each.memory_bytes > 0
            assert each.layers
            for kind, whole in (("content", each.content_loss), ("style", each.style_loss)):
                parts = [value for name, value in each.layers.items() if name.startswith(f"{kind}.")]
                assert sum(parts) == pytest.approx(whole, rel=1e-3, abs=1e-6)

    def test_frames_and_the_result_decode_at_the_size_asked_for(self, finished: Any) -> None:
        folder, _ = finished
        frames = evolution.frames(folder)
        assert [step for step, _ in frames] == [2, 4, 6]
        for path in (folder.result, *(path for _, path in frames)):
            info = images.load(path).info
            assert (info.width, info.height) == (64, 43)

    def test_the_picture_is_neither_the_content_nor_flat(self, finished: Any) -> None:
        folder, _ = finished
        result = images.load(folder.result).pixels.astype(float)
        content = images.load(folder.input / "content.jpg", long_side=64).pixels.astype(float)
        assert result.std() > 10
        assert np.abs(result - content).mean() > 5

    def test_the_result_says_how_it_was_made(self, finished: Any) -> None:
        metadata = images.read_metadata(finished[0].result)
        assert metadata is not None
        assert metadata["settings"]["steps"] == 6
        assert metadata["inputs"]["input/style.jpg"] == evolution.digest(SAMPLES / "starry_night.jpg")
        assert len(metadata["weights"]) == 64
        assert metadata["versions"]["tensorflow"]
        assert "remarks" not in metadata

    def test_the_animation_shows_the_frames(self, finished: Any) -> None:
        with Image.open(finished[0].timelapse) as animation:
            assert animation.n_frames == 3


class TestStopAndResume:
    def test_stop_before_the_first_step_paints_nothing(self, job: JobFolder) -> None:
        said = list(paint_job(make_job(job), lambda: True))
        assert [type(message) for message in said] == [Started, Stopped]
        assert not job.result.exists()

    @pytest.mark.parametrize(("optimizer", "scales"), [("adam", []), ("lbfgs", [40])])
    def test_resumed_equals_uninterrupted(self, tmp_path: Path, optimizer: str, scales: list[int]) -> None:
        """PSNR > 45 dB, the same seed; the losses' file has each step once."""
        settings = {"optimizer": optimizer, "scales": scales, "steps": 8, "init": "noise", "seed": 7}
        whole = make_job(JobFolder(tmp_path / "whole"), **settings)
        list(paint_job(whole, never))
        parted = make_job(JobFolder(tmp_path / "parted"), **settings)
        first = list(paint_job(parted, stop_after(3)))
        # A frame is written meanwhile: nobody knows when it is done.
        ends = [type(message) for message in first if isinstance(message, Checkpointed | Stopped)]
        assert ends == [Checkpointed, Stopped]
        assert first[-1].step == 3
        second = list(paint_job(parted, never))
        assert second[0].step == 3
        assert [each.step for each in evolution.read_losses(parted).losses] == list(range(1, 9))
        expected, got = (images.load(folder.result).pixels.astype(float) for folder in (whole, parted))
        mse = ((expected - got) ** 2).mean()
        assert 10 * np.log10(255**2 / max(mse, 1e-9)) > 45

    def test_seconds_count_all_runs(self, job: JobFolder) -> None:
        now = iter(range(100_000))
        tick = lambda: float(next(now))  # noqa: E731
        list(paint_job(make_job(job), stop_after(2), paint=iterates(4), clock=tick))
        before = evolution.read_losses(job).losses[-1].seconds
        said = list(paint_job(job, never, paint=iterates(4), clock=tick))
        assert next(message for message in said if isinstance(message, Progress)).seconds > before

    def test_frames_of_steps_that_are_painted_again_go(self, job: JobFolder) -> None:
        make_job(job)
        evolution.write_frame(job, 5, np.zeros((43, 64, 3), np.float32), 64)
        list(paint_job(job, stop_after(1), paint=iterates(6)))
        assert [step for step, _ in evolution.frames(job)] == []

    def test_a_checkpoint_every_so_many_seconds(self, job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        # Without memory to paint meanwhile each is waited for: how long the disk takes does not matter.
        monkeypatch.setattr(checkpoints, "spare", lambda *_: 0)
        clock = [0.0]

        def pass_time(step: int) -> None:
            clock[0] += 20.0

        said = list(
            paint_job(
                make_job(job, checkpoint_s=60.0), never, paint=iterates(8, every=pass_time), clock=lambda: clock[0]
            )
        )
        assert [message.step for message in said if isinstance(message, Checkpointed)] == [3, 6]

    def test_what_needs_the_picture_waits_for_a_step_that_has_one(
        self, job: JobFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where several steps are done in one call: frames, checkpoints and a stop; each loss is kept."""
        monkeypatch.setattr(checkpoints, "spare", lambda *_: 0)
        asked, clock = [], [0.0]

        def pass_time(step: int) -> None:
            clock[0] += 20.0

        def stop() -> bool:
            asked.append(clock[0])
            return clock[0] > 150.0

        paint = iterates(20, every=pass_time, has_picture=lambda step: step % 5 == 0)
        folder = make_job(job, checkpoint_s=60.0, frame_every=5)
        said = list(paint_job(folder, stop, paint=paint, clock=lambda: clock[0]))
        assert asked == [0.0, 100.0, 200.0]
        assert [message.step for message in said if isinstance(message, Frame | Checkpointed)] == [5, 5, 10, 10]
        assert said[-1] == Stopped(step=10)
        assert [each.step for each in evolution.read_losses(job).losses] == list(range(1, 11))

    def test_progress_is_said_four_times_a_second_at_most(self, job: JobFolder) -> None:
        clock = [0.0]

        def pass_time(step: int) -> None:
            clock[0] += 0.1

        said = list(paint_job(make_job(job), never, paint=iterates(20, every=pass_time), clock=lambda: clock[0]))
        assert [m.step for m in said if isinstance(m, Progress)] == [1, 4, 7, 10, 13, 16, 19, 20]
        assert len(evolution.read_losses(job).losses) == 20

    def test_a_checkpoint_of_other_settings_is_refused(self, job: JobFolder) -> None:
        list(paint_job(make_job(job), stop_after(2), paint=iterates(6)))
        make_job(job, style_weight=5.0)
        with pytest.raises(CheckpointMismatch):
            list(paint_job(job, never, paint=iterates(6)))

    def test_how_often_frames_are_kept_may_change(self, job: JobFolder) -> None:
        list(paint_job(make_job(job), stop_after(2), paint=iterates(6)))
        make_job(job, frame_every=3, checkpoint_s=5.0)
        assert next(iter(paint_job(job, never, paint=iterates(6)))).step == 2

    def test_with_both_slots_damaged_it_starts_again_and_says_so(self, job: JobFolder) -> None:
        list(paint_job(make_job(job), stop_after(2), paint=iterates(6)))
        for slot in job.checkpoint.iterdir():
            slot.write_bytes(b"damaged")
        started = next(iter(paint_job(job, never, paint=iterates(6))))
        assert started.step == 0
        assert "starts again" in started.remarks[0]


class TestTrouble:
    def test_divergence_keeps_the_last_good_picture(self, job: JobFolder) -> None:
        with pytest.raises(Diverged, match="after step 3"):
            list(paint_job(make_job(job), never, paint=iterates(3, stopped_by="diverged")))
        assert images.load(job.result).pixels[0, 0, 0] == 99
        assert [each.step for each in evolution.read_losses(job).losses] == [1, 2]

    def test_a_real_divergence_is_noticed(self, job: JobFolder, tmp_path: Path) -> None:
        """A network whose activations leave float32's range."""
        kernel = np.full((3, 3, 3, 64), 1e30, np.float32)
        with h5py.File(tmp_path / "huge.h5", "w") as file:
            group = file.create_group("block1_conv1")
            group.attrs["weight_names"] = [b"kernel", b"bias"]
            group["kernel"], group["bias"] = kernel, np.zeros(64, np.float32)
        layers = {"block1_conv1": 1.0}
        make_job(job, weights=str(tmp_path / "huge.h5"), content_layers=layers, style_layers=layers)
        with pytest.raises(Diverged):
            list(paint_job(job, never))
        assert images.load(job.result).info.width == 64

    def test_a_worker_that_was_given_up_stops_writing(self, job: JobFolder) -> None:
        """Its successor has taken the folder: nothing more may be written."""
        painting = paint_job(make_job(job, frame_every=0), never, paint=iterates(6))
        for _ in range(2):
            next(painting)
        evolution.Fence(job)
        with pytest.raises(Superseded):
            list(painting)
        assert not job.result.exists()

    def test_what_is_no_image_is_refused(self, job: JobFolder) -> None:
        make_job(job)
        (job.input / "style.jpg").write_text("not a painting")
        record = evolution.read_job_file(job)
        evolution.write_job_file(job, msgspec.structs.replace(record, digests={}))
        with pytest.raises(UnreadableImage, match=r"style\.jpg"):
            list(paint_job(job, never))

    def test_a_full_disk_keeps_the_checkpoint(self, job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        list(paint_job(make_job(job), stop_after(2), paint=iterates(6)))

        def no_space(*args: Any, **kwargs: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(images, "save", no_space)
        with pytest.raises(OSError, match="No space left"):
            list(paint_job(job, never, paint=iterates(6)))
        checkpoint = evolution.load_checkpoint(job)
        assert checkpoint is not None
        assert checkpoint.meta["step"] == 2


class TestMemory:
    def test_fewer_pairs_than_wanted_are_told_when_a_scale_begins(self, job: JobFolder) -> None:
        """With a limit that leaves room for two pairs of the five at the second scale."""
        values = FAST | FIRST_BLOCK | {"optimizer": "lbfgs", "history": 5, "scales": [32], "steps": 15, "tiling": "off"}
        scales = plan_scales(64, 43, settings_from(values))
        scale = scales[-1]
        assert scale.steps == 6
        one_pair = settings_from(values | {"history": 1})
        sizes = [images.probe(SAMPLES / f"{name}.jpg") for name in ("rocket", "starry_night")]
        inputs = InputSizes((64, 43), ((sizes[1].width, sizes[1].height),))
        layers = vgg19.up_to("block1_conv2")
        least = memory_use.choose_all(scales, layers, one_pair, math.inf, inputs=inputs)[scale]
        pair = 2 * 12 * scale.pixels
        limit = (least.bytes + 1.5 * pair) / memory_use.MARGIN
        said = list(paint_job(make_job(job, **values, memory_limit=limit / 2**30), never))
        [noted] = [message for message in said if isinstance(message, Noted)]
        assert noted.step == 10
        needed = (least.bytes + pair) / 2**30
        assert noted.note == f"scale 2 of 2 (64x43): untiled, 2 of 5 pairs of L-BFGS, for {needed:.1f} GiB"

    def test_a_job_beyond_its_limit_is_refused_before_anything_is_decoded(
        self, job: JobFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By the memory of painting, and by that of decoding a large style; the named limit is enough for both."""
        flat = io.BytesIO()
        Image.new("1", (9000, 9000)).save(flat, "PNG", compress_level=1)

        def refusal(limit: int) -> str:
            folder = make_job(job, memory_limit=limit / 1024)
            (folder.input / "style.jpg").write_bytes(flat.getvalue())
            described = evolution.read_job_file(folder)
            evolution.write_job_file(folder, msgspec.structs.replace(described, digests={}))
            with pytest.raises(DoesNotFit) as caught:
                load_inputs(folder, evolution.read_job_file(folder))
            return str(caught.value)

        monkeypatch.setattr(images, "load", None)
        found = re.search(r"64x43 needs (\d+) MiB, and memory_limit is 200 MiB.*memory_limit = '\1MiB'", refusal(200))
        assert found is not None
        monkeypatch.setattr(memory_use, "BASE_BYTES", dict.fromkeys(memory_use.BASE_BYTES, 0))
        assert "decoding style.jpg needs" in refusal(200)

    def test_a_front_that_is_all_of_the_network_is_painted_and_told(self, job: JobFolder) -> None:
        """What was: "unexpected ValueError", at each of the job's attempts."""
        started, *_, result = paint_job(make_job(job, tiling="front"), never)
        assert isinstance(started, Started)
        assert any(remark.startswith("tiling = 'front' is taken as 'full'") for remark in started.remarks)
        assert isinstance(result, Result)
        assert (result.step, result.stopped_by) == (6, "steps")

    def test_the_blocks_that_run_in_tiles_are_told_with_them(self, job: JobFolder) -> None:
        tiling = memory_use.TilingChoice(
            2, (32, 32), history=3, wanted=5, bytes=int(7.6 * 2**30), network_bytes=0, cost=1.0
        )

        def engine(*inputs: Any, **rest: Any) -> Iterator[Iterate]:
            for iterate in iterates(3)(*inputs, **rest):
                yield dataclasses.replace(iterate, tiling=tiling if iterate.step == 1 else None)

        said = list(paint_job(make_job(job), never, paint=engine))
        notes = [message.note for message in said if isinstance(message, Noted)]
        assert notes == ["scale 1 of 1 (64x43): tiled 2 blocks, 3 of 5 pairs of L-BFGS, for 7.6 GiB"]


class TestInit:
    def test_another_jobs_result(self, job: JobFolder) -> None:
        """With init = job:<id> painting starts from that job's picture."""
        other = JobFolder(job.path.parent / "20261121-080000-other")
        other.create()
        Image.new("RGB", (64, 43), (200, 30, 30)).save(other.result)
        seen = {}

        def engine(content: Any, styles: Any, settings: Any, **rest: Any) -> Iterator[Iterate]:
            seen.update(rest)
            return iterates(1)(content, styles, settings)

        list(paint_job(make_job(job, init=f"job:{other.id}"), never, paint=engine))
        assert seen["init"][0, 0].tolist() == [200, 30, 30]

    def test_an_image_in_the_jobs_folder(self, job: JobFolder) -> None:
        make_job(job, init="input/init.png", steps=1, frame_every=0)
        Image.new("RGB", (64, 43), (30, 200, 30)).save(job.input / "init.png")
        assert isinstance(list(paint_job(job, never))[-1], Result)

    @pytest.mark.parametrize("init", ["job:gone", "job:../../etc", "job:", "../secret.png", "input/../../x"])
    def test_what_lies_elsewhere_is_refused(self, job: JobFolder, init: str) -> None:
        with pytest.raises(SettingsError, match="init"):
            list(paint_job(make_job(job, init=init), never))


def test_a_mask_in_the_jobs_folder_is_used(job: JobFolder) -> None:
    """Where it is dark nothing is painted."""
    make_job(job)
    mask = np.zeros((43, 64, 3), np.uint8)
    mask[:, 32:] = 255
    Image.fromarray(mask).save(job.input / "mask.png")
    record = evolution.read_job_file(job)
    evolution.write_job_file(job, msgspec.structs.replace(record, mask="input/mask.png"))
    list(paint_job(job, never))
    photo = images.resize(images.load(job.input / "content.jpg").pixels, 64, 43).astype(np.int16)
    difference = np.abs(images.load(job.result).pixels.astype(np.int16) - photo)
    assert difference[:, :28].mean() < 2  # the photo is shrunk twice here, once there
    assert difference[:, 36:].mean() > 10
    understood = np.asarray(Image.open(job.regions))
    assert (understood.shape, len(np.unique(understood.reshape(-1, 3), axis=0))) == ((43, 64, 3), 2)


def test_an_input_that_was_exchanged_is_refused(job: JobFolder) -> None:
    """A checkpoint must not go on with another picture."""
    make_job(job)
    shutil.copy(SAMPLES / "starry_night.jpg", job.input / "content.jpg")
    with pytest.raises(InputChanged, match=r"input/content\.jpg"):
        list(paint_job(job, never))


class TestRemarks:
    """What was done to the inputs, or not done with the settings, is in the first message."""

    def first(self, folder: JobFolder) -> Started:
        [started, *_] = paint_job(folder, never, paint=iterates(2))
        assert isinstance(started, Started)
        return started

    def test_an_ordinary_pair_needs_none(self, job: JobFolder) -> None:
        assert self.first(make_job(job)).remarks == ()

    def test_a_content_smaller_than_the_size_asked_for(self, job: JobFolder) -> None:
        folder = make_job(job, size=64)
        Image.open(SAMPLES / "rocket.jpg").resize((48, 32)).save(folder.input / "content.jpg")
        forget_digests(folder)
        started = self.first(folder)
        assert started.remarks == (
            "the content has 48 px and so has the picture, not 64: upscale = true paints it larger",
        )
        assert (started.width, started.height) == (48, 32)

    def test_colours_that_are_a_guess_of_each_image(self, job: JobFolder) -> None:
        folder = make_job(job)
        for name in ("content", "style"):
            Image.open(SAMPLES / "rocket.jpg").convert("CMYK").save(folder.input / f"{name}.jpg", "JPEG")
        forget_digests(folder)
        assert [remark.partition(" has no")[0] for remark in self.first(folder).remarks] == [
            "content: the CMYK image",
            "style: the CMYK image",
        ]

    def test_those_of_the_claim_come_first_and_each_once(self, job: JobFolder) -> None:
        folder = make_job(job)
        Image.open(SAMPLES / "rocket.jpg").convert("CMYK").save(folder.input / "content.jpg", "JPEG")
        forget_digests(folder)
        [cmyk] = self.first(folder).remarks
        claimed = evolution.read_job_file(folder)
        evolution.write_job_file(folder, msgspec.structs.replace(claimed, remarks=("notes.txt is not used", cmyk)))
        said = list(paint_job(folder, never, paint=iterates(1)))
        assert isinstance(said[0], Started)
        assert said[0].remarks == ("notes.txt is not used", cmyk)
        metadata = images.read_metadata(folder.result)
        assert metadata is not None
        assert metadata["remarks"] == ["notes.txt is not used", cmyk]


def forget_digests(folder: JobFolder) -> None:
    """Let other files take the place of those that the job was made with."""
    evolution.write_job_file(folder, msgspec.structs.replace(evolution.read_job_file(folder), digests={}))
