"""From a job's folder to its result: reads the inputs, drives the engine, keeps what it yields.

:func:`paint_job` is the whole life of one worker, as a generator of messages. Importing this module imports
no TensorFlow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from styled import evolution, images, memory, tensorflow_import, vgg19
from styled.engine.iterate import Iterate
from styled.engine.objective.regions import Region
from styled.errors import CheckpointDamaged, Diverged, InstallationBroken, SettingsError, StyledError
from styled.evolution import CheckpointWriter, Fence, FrameWriter, JobFile, JobFolder, LossLog
from styled.images.opening import open_file
from styled.job import joined_remarks
from styled.messages import Noted, Progress, Result, Started, Stopped, WorkerMessage
from styled.painting.checkpoints import Checkpoints
from styled.painting.frames import Frames
from styled.painting.hard_pairs import ALGORITHM, was_painted_otherwise
from styled.painting.inputs import Files, Mask, check_memory, load_content, load_mask, load_start, load_styles
from styled.painting.remarks import MEMORY_RAN_OUT, remarks_on, remarks_on_device
from styled.settings import INIT_WORDS, Settings
from styled.sizing.scales import plan_scales
from styled.version import versions
from styled.vgg19.weights import Weights, load_weights

RESULT_SUFFIXES = {"png": ".png", "tiff": ".tif", "jpeg": ".jpg"}
"""By the setting ``format``."""

PROGRESS_S = 0.25
"""Least seconds between two ``Progress`` messages: a terminal shows no more, and a small picture does 50 steps a second."""


class Paint(Protocol):
    """The engine: :func:`styled.engine.engine.paint`."""

    def __call__(
        self,
        content: npt.NDArray[Any],
        styles: Sequence[npt.NDArray[Any]],
        settings: Settings,
        *,
        weights: Weights | None = None,
        style_sizes: Sequence[tuple[int, int]] = (),
        init: npt.NDArray[Any] | None = None,
        mask: Sequence[Region] | None = None,
        resume: Mapping[str, npt.NDArray[np.generic]] | None = None,
        step_down: int = 0,
        picture_every: int = 1,
    ) -> Iterator[Iterate]:
        """Paint; see there."""


@dataclass(frozen=True)
class Inputs:
    """What a job paints from."""

    content: images.Loaded
    styles: tuple[images.Loaded, ...]
    init: images.Loaded | None
    """Picture to start from, when ``settings.init`` names one."""
    mask: Mask | None = None
    """Which style goes where."""

    @property
    def start(self) -> npt.NDArray[np.uint8] | None:
        """The pixels of ``init``."""
        return None if self.init is None else self.init.pixels


def load_inputs(folder: JobFolder, job: JobFile) -> Inputs:
    """Read the images of a job.

    Raises:
        ImageError: one cannot be used, or is not the file that the job was made with.
        SettingsError: ``init`` names a job without a result, or has a relative path outside the job's ``input/``.
        DoesNotFit: there is not enough memory within ``memory_limit``.
        InputOutOfReach: the disk does not give one.
    """
    path = _init_path(folder, job.settings.init)
    with ExitStack() as stack:

        def opened(name: str) -> tuple[BinaryIO, str]:
            with _reading(job, name):
                file = stack.enter_context(evolution.open_input(folder.path / name, job.digests.get(name, "")))
            return file, Path(job.names.get(name) or name).name

        def opened_init(path: Path) -> tuple[BinaryIO, str]:
            with _reading(job, str(path)):
                return stack.enter_context(open_file(path)), path.name

        files = Files(
            opened(job.content),
            tuple(opened(style) for style in job.styles),
            None if job.mask is None else opened(job.mask),
            None if path is None else opened_init(path),
        )
        return _load_pixels(files, job)


def _load_pixels(files: Files, job: JobFile) -> Inputs:
    settings = job.settings
    with _reading(job, job.content, *job.styles):
        check_memory(files, settings)
    with _reading(job, job.content):
        content = load_content(files.content[0], settings, name=files.content[1])
    paintings, names = [file for file, _ in files.styles], [name for _, name in files.styles]
    with _reading(job, *job.styles):
        styles = load_styles(paintings, content, settings, names=names)
    mask = init = None
    if files.mask is not None:
        with _reading(job, str(job.mask)):
            mask = load_mask(files.mask[0], len(styles), content, settings, name=files.mask[1])
    if files.init is not None:
        with _reading(job, settings.init):
            init = load_start(files.init[0], content, settings, name=files.init[1])
    return Inputs(content, styles, init, mask)


def _reading(job: JobFile, *names: str) -> AbstractContextManager[None]:
    """Say of errors of the disk which input they are about, also by the name that the user gave it."""
    called = (f"{name} ({job.names[name]})" if job.names.get(name) else name for name in names)
    return evolution.reading_input(", ".join(called))


def _init_path(folder: JobFolder, init: str) -> Path | None:
    """Return the image that ``init`` names, None if it is a word."""
    if init in INIT_WORDS:
        return None
    kind, _, name = init.partition(":")
    if kind == "job" and name:
        result = JobFolder(folder.path.parent / name).result
        # One path component: a job.toml must not reach outside evolution/.
        if Path(name).name != name or not result.is_file():
            raise SettingsError(
                f"init = {init!r}: no such job with a result", "Give the name of a folder in evolution/."
            )
        return result
    # A job.toml cannot name paths (styled.inbox.job_toml); styled.toml can, and `styled run` copies into input/.
    path = Path(init) if Path(init).is_absolute() else (folder.path / init).resolve()
    if not Path(init).is_absolute() and not path.is_relative_to(folder.input.resolve()):
        raise SettingsError(f"init = {init!r} is outside the job's folder", "Give an absolute path.")
    return path


def paint_job(
    folder: JobFolder,
    should_stop: Callable[[], bool],
    *,
    paint: Paint | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[WorkerMessage, None, None]:
    """Paint the job in ``folder``, from its checkpoint if it has one.

    Writes frames, losses, checkpoints, the result and the timelapse. Frames and checkpoints are written by a thread each,
    which has ended when the generator has. The last message is ``Result`` or ``Stopped``. The checkpoint stays when the job is
    done: the code that records the result removes it, so that a crash in between costs no more than any other.

    Args:
        folder: has ``job.json`` and ``input/``.
        should_stop: asked between steps; when true, a checkpoint is written and painting ends.
        paint: the engine.
        clock: seconds, monotonic.

    Raises:
        StyledError: the job cannot be painted, see the error tree; what is on disk stays usable.
        Diverged: the loss is no longer finite; the result is the last good picture.
    """
    fence = Fence(folder)
    folder.create()
    folder.sweep()
    job = evolution.read_job_file(folder)
    inputs = load_inputs(folder, job)
    run = _Run(folder, job, fence=fence, inputs=inputs, clock=clock)
    paint = paint or load_engine()
    yield run.started()
    if should_stop():
        yield Stopped(step=run.start.step)
        return
    _drop_frames_after(folder, run.start.step)
    with LossLog(folder, step=run.start.step) as log:
        yield from run.paint(paint, log, should_stop)


def _drop_frames_after(folder: JobFolder, step: int) -> None:
    """Remove the frames of steps that are painted again; an animation must not jump back and forth."""
    for frame_step, path in evolution.frames(folder):
        if frame_step > step:
            path.unlink()


@dataclass(frozen=True)
class _Start:
    """Where a run begins: at nothing, or at a checkpoint."""

    step: int = 0
    seconds: float = 0.0
    """Painted in earlier runs."""
    arrays: Mapping[str, npt.NDArray[np.generic]] | None = None
    note: str = ""


class _Run:
    """One worker's turn at one job."""

    def __init__(
        self,
        folder: JobFolder,
        job: JobFile,
        *,
        fence: Fence,
        inputs: Inputs,
        clock: Callable[[], float],
    ) -> None:
        self._folder, self._fence, self._job = folder, fence, job
        self._settings, self._inputs, self._clock = job.settings, inputs, clock
        self._weights = _weights_for(job)
        self._fingerprint = evolution.fingerprint(job.digests, job.settings, self._weights.digest)
        self.start = self._find_start()
        self._began = clock()
        self._told_at = -PROGRESS_S
        mask = inputs.mask
        self._remarks = joined_remarks(
            job.remarks,
            remarks_on(
                inputs.content,
                inputs.styles,
                job.settings,
                mask.remarks if mask else None,
                inputs.init,
                output=job.output,
            ),
            filter(None, [self.start.note, MEMORY_RAN_OUT if job.step_down else ""]),
        )

    def _find_start(self) -> _Start:
        try:
            checkpoint = evolution.load_checkpoint(self._folder, fingerprint=self._fingerprint)
        except CheckpointDamaged as error:
            # Unattended, a job painted twice is better than a job that waits for somebody.
            return _Start(note=f"{error.message}; painting starts again")
        if checkpoint is None:
            return _Start()
        notes = [checkpoint.note, self._note_of_algorithm(checkpoint.meta.get("algorithm", 1))]
        note = "; ".join(filter(None, notes))
        return _Start(checkpoint.meta["step"], checkpoint.meta["seconds"], checkpoint.arrays, note)

    def _note_of_algorithm(self, algorithm: int) -> str:
        """Return what a user must know of a checkpoint that was painted by ``algorithm``."""
        pixels = [style.pixels for style in self._inputs.styles]
        otherwise = was_painted_otherwise(
            self._inputs.content.pixels,
            pixels,
            self._settings,
            is_blended=self._inputs.mask is None,
            algorithm=algorithm,
            init=self._inputs.start,
            is_cut_out=any(each.is_cut_out for each in (self._inputs.content, *self._inputs.styles)),
        )
        return "begun by an earlier version, which painted such a pair otherwise: it goes on by this one" * otherwise

    def started(self) -> Started:
        """Return the first message."""
        from styled.engine.network import device

        mask = self._inputs.mask
        if mask is not None:
            images.save(mask.picture, self._folder.regions)
        pixels = self._inputs.content.pixels
        last = plan_scales(pixels.shape[1], pixels.shape[0], self._settings)[-1]
        name = device.name()
        self._remarks = joined_remarks(self._remarks, remarks_on_device(name))
        return Started(
            step=self.start.step,
            steps=self._settings.steps,
            width=last.width,
            height=last.height,
            device=name,
            remarks=self._remarks,
        )

    def paint(self, paint: Paint, log: LossLog, should_stop: Callable[[], bool]) -> Iterator[WorkerMessage]:
        """Run the engine to its end, or until asked to stop."""
        iterates = paint(
            self._inputs.content.pixels,
            [style.pixels for style in self._inputs.styles],
            self._settings,
            weights=self._weights,
            style_sizes=[style.size for style in self._inputs.styles],
            init=self._inputs.start,
            mask=self._inputs.mask and self._inputs.mask.regions,
            resume=self.start.arrays,
            step_down=self._job.step_down,
            picture_every=self._settings.frame_every,
        )
        self.start = replace(self.start, arrays=None)  # the engine's alone, which lets go of them
        is_lean = self._job.step_down > 0
        with (
            CheckpointWriter(self._folder, self._fence) as checkpoint_writer,
            FrameWriter(self._folder, self._settings.frame_size) as frame_writer,
        ):
            checkpoints = Checkpoints(checkpoint_writer, self._settings, is_lean=is_lean, clock=self._clock)
            frames = Frames(
                frame_writer, self._folder, self._settings, alpha=self._inputs.content.alpha, is_lean=is_lean
            )
            try:
                yield from self._drive(iterates, checkpoints, frames, log, should_stop)
            except Exception:
                # Those under way are of a step before the one that failed: reported first, as if they had been waited for.
                yield from checkpoints.ended(wait=True)
                yield from frames.ended(wait=True)
                raise

    def _drive(
        self,
        iterates: Iterator[Iterate],
        checkpoints: Checkpoints,
        frames: Frames,
        log: LossLog,
        should_stop: Callable[[], bool],
    ) -> Iterator[WorkerMessage]:
        for iterate in iterates:
            self._fence.check()
            yield from checkpoints.settled(iterate) if iterate.last else checkpoints.ended()
            yield from frames.ended()
            yield from self._keep(iterate, log)
            yield from frames.when_due(iterate)
            if iterate.last:
                yield from frames.ended(wait=True)  # the timelapse is made of them
                yield self._finish(iterate)
            elif not iterate.is_current:
                continue  # the last of its call follows at once
            elif should_stop():
                yield from checkpoints.now(iterate, self._meta(iterate))
                yield from frames.ended(wait=True)
                yield Stopped(step=iterate.step)
                return
            else:
                yield from checkpoints.when_due(iterate, self._meta(iterate))

    def _keep(self, iterate: Iterate, log: LossLog) -> Iterator[WorkerMessage]:
        """Write the step's losses; yield them now and then, and remarks on a scale that begins."""
        if note := _pairs_note(iterate):
            yield Noted(step=iterate.step, note=note)
        if iterate.stopped_by != "diverged":  # its loss is not a number, and JSON has numbers only
            progress = self._progress(iterate)
            log.append(progress)
            if iterate.last or iterate.step == 1 or self._clock() - self._told_at >= PROGRESS_S:
                self._told_at = self._clock()
                yield progress

    def _progress(self, iterate: Iterate) -> Progress:
        from styled.engine.network import device

        losses = iterate.losses
        return Progress(
            scale=iterate.scale,
            scales=iterate.scales,
            width=iterate.width,
            height=iterate.height,
            step=iterate.step,
            steps=iterate.steps,
            loss=losses.total,
            content_loss=losses.content,
            style_loss=losses.style,
            tv_loss=losses.tv,
            layers={name: float(f"{value:.6g}") for name, value in losses.layers.items()} or None,
            seconds=self._seconds(),
            step_seconds=iterate.step_seconds,
            left_seconds=iterate.left_seconds,
            memory_bytes=memory.process_peak_bytes() or 0,
            gpu_memory_bytes=device.peak_memory_bytes(),
        )

    def _meta(self, iterate: Iterate) -> dict[str, Any]:
        """Return the metadata of a checkpoint."""
        return {
            "algorithm": ALGORITHM,
            "fingerprint": self._fingerprint,
            "step": iterate.step,
            "seconds": self._seconds(),
        }

    def _finish(self, iterate: Iterate) -> Result:
        picture = iterate.picture()
        path = self._folder.result_as(RESULT_SUFFIXES[self._settings.format])
        result = Result(
            path=path.name,
            step=iterate.step,
            loss=iterate.losses.total,
            seconds=self._seconds(),
            stopped_by=iterate.stopped_by,
        )
        save_result(path, picture, self._inputs.content, self._record(result), self._settings)
        self._folder.keep_result(path.suffix)
        evolution.write_timelapse(self._folder)
        if iterate.stopped_by == "diverged":
            raise Diverged(f"the loss is no longer finite after step {iterate.step}; the last good picture is kept")
        return result

    def _record(self, result: Result) -> dict[str, Any]:
        """Return the result's metadata: how it was made."""
        return {
            "settings": msgspec.to_builtins(self._settings),
            "inputs": self._job.digests,
            "names": self._job.names,
            "weights": self._weights.digest,
            "versions": versions(),
            "steps": result.step,
            "seconds": round(result.seconds, 1),
            **({"remarks": self._remarks} if self._remarks else {}),
        }

    def _seconds(self) -> float:
        return self.start.seconds + self._clock() - self._began


def _pairs_note(iterate: Iterate) -> str:
    """Return what is to be said of a scale that begins with fewer pairs of L-BFGS for want of memory, else nothing."""
    tiling = iterate.tiling
    if tiling is None or tiling.history >= tiling.wanted:
        return ""
    tiles = f"tiled {tiling.blocks} blocks" if tiling.blocks else "untiled"
    return (
        f"scale {iterate.scale} of {iterate.scales} ({iterate.width}x{iterate.height}): {tiles}, "
        f"{tiling.history} of {tiling.wanted} pairs of L-BFGS, for {tiling.bytes / 2**30:.1f} GiB"
    )


def save_result(
    path: Path, picture: images.AnyPicture, content: images.Loaded, record: dict[str, Any] | None, settings: Settings
) -> None:
    """Write a finished picture with the content's transparency and EXIF, and a record of how it was made."""
    height, width = picture.shape[:2]
    alpha = None if content.alpha is None else images.resize(content.alpha, width, height)
    images.save(
        picture,
        path,
        alpha=alpha,
        metadata=record,
        exif=content.exif,
        bits=settings.bits if path.suffix.lower() in {".png", ".tif", ".tiff"} else 8,
        quality=settings.quality,
        dpi=settings.dpi or None,
        compression=settings.compression,
        keep_gps=settings.keep_gps,
    )


def _weights_for(job: JobFile) -> Weights:
    deepest = vgg19.deepest({*job.settings.content_layers, *job.settings.style_layers})
    layers = [layer.name for layer in vgg19.up_to(deepest)]
    return load_weights(job.settings.weights, layers, may_download=job.may_download)


def load_engine() -> Paint:
    """Load the engine.

    Raises:
        InstallationBroken: it cannot be loaded, whatever the job.
    """
    # Only here, after the inputs are known to be good: TensorFlow takes seconds to load.
    try:
        tensorflow_import.load_tensorflow(owns_process=True)
        from styled.engine.engine import paint
        from styled.engine.network import device

        device.prepare()
    except (StyledError, MemoryError, OSError):
        raise
    except Exception as error:
        # Half an upgrade is seldom an ImportError: a name that moved, an argument that is new.
        what = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise InstallationBroken(f"TensorFlow cannot be loaded ({what})") from error
    return paint
