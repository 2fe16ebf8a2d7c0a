"""The engine: from a content image and styles to a picture, one ``Iterate`` per optimiser step.

Pure: no files but the weights, no prints, no sleeps. The caller stops it by no longer asking for iterates.
"""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled import images
from styled.engine import colour, initial_picture
from styled.engine.iterate import Iterate, Losses, Picture
from styled.engine.network import device, graph_cache, precision
from styled.engine.network.features import FeatureExtractor
from styled.engine.network.stepping import State
from styled.engine.objective.gradient import extractor_for, gradient_for
from styled.engine.objective.grey import kept_grey
from styled.engine.objective.objective import layer_terms
from styled.engine.objective.regions import Region, at_size, beneath, read_regions, unpainted
from styled.engine.objective.style_weights import painted, style_weights
from styled.engine.optimise.optimizers import optimizer_for
from styled.engine.scale_run import ScaleRun
from styled.engine.upscale_detail import with_detail
from styled.errors import CheckpointMismatch, SettingsError
from styled.settings import INIT_WORDS, Settings
from styled.sizing import memory_use
from styled.sizing.input_sizes import InputSizes, is_recoloured
from styled.sizing.memory_limit import budget, has_own_limit
from styled.sizing.scales import Scale, has_outgrown, plan_scales, style_size
from styled.vgg19.weights import Weights

Array = npt.NDArray[Any]
Snapshot = Mapping[str, npt.NDArray[np.generic]]

_STRIP_ROWS = 256
"""Of a picture that is put together: as many at a time."""

LONGEST_PX = 256.0
"""Waves that are painted where a picture is larger than its styles: about twice what the network's deepest layer sees.

Such a style's strokes are small in the picture, and hold nothing of longer waves but one mean colour for all. Left to
that, the sky turns grey, and blotches come up that no layer sees whole: so they stay as the coarser scales had them.
"""


def paint(
    content: Array,
    styles: Sequence[Array],
    settings: Settings,
    *,
    weights: Weights | None = None,
    style_sizes: Sequence[tuple[int, int]] = (),
    init: Array | None = None,
    mask: Array | Sequence[Region] | None = None,
    resume: Snapshot | None = None,
    step_down: int = 0,
    picture_every: int = 1,
) -> Iterator[Iterate]:
    """Paint ``content`` in the style of ``styles``.

    Args:
        content: uint8 or float, shape (H, W, 3), RGB, 0..255, any size.
        styles: one or more, same form, each of any size.
        settings: what to do.
        weights: VGG19; None loads what ``settings.weights`` names.
        style_sizes: width and height that each style had, px, where ``styles`` were shrunk to what the finest scale
            needs; empty: they have all their pixels.
        init: the picture to start from, same form, any size. Needed when ``settings.init`` names an image or
            a job; None otherwise.
        mask: which style goes where, uint8, shape (H, W, 3), any size; see :func:`styled.engine.objective.regions.read_regions`.
            Or the regions that were read from one.
        resume: what ``Iterate.snapshot()`` gave in an earlier run with the same arguments, ``step_down`` apart.
        step_down: how often memory ran out in earlier runs: so much less of it is used, by smaller tiles.
        picture_every: iterates whose step is a multiple of it have a picture and a snapshot, and so has the last; 0 is the
            last only. Others have them, as ``is_current`` says, unless several steps were done in one call.

    Yields:
        One ``Iterate`` after each step; the one with ``last`` set is the result. When the loss is no longer
        finite that is one with ``stopped_by = "diverged"`` and the last good picture.

    Raises:
        DoesNotFit: a scale does not fit into ``settings.memory_limit``, however it is tiled.
        SettingsError: the mask's colours do not fit the styles, no style, or as many ``style_weights`` as do not fit the styles, or ``init`` missing.
        WeightsError: the weights cannot be had.
        CheckpointMismatch: ``resume`` is of another picture.
    """
    _check(styles, settings, init)
    regions = None if mask is None else _regions(mask, content, len(styles))
    scales = plan_scales(content.shape[1], content.shape[0], settings)
    if has_own_limit(settings):
        device.hold_to(budget(settings, on_gpu=True).bytes)  # before the weights are there
    extractor = extractor_for(settings, weights)
    sizes = InputSizes(
        _size_of(content),
        tuple(style_sizes or map(_size_of, styles)),
        None if not regions else _size_of(regions[0].cover),
        None if init is None else _size_of(init),
    )
    run = _Run(
        extractor, content, styles, settings, scales, sizes=sizes, regions=regions, init=init, step_down=step_down
    )
    left: dict[str, npt.NDArray[np.generic]] = {}
    if resume is None:
        first, step = 0, 0
        picture = initial_picture.picture(content, run.styles, settings, init, is_blended=regions is None)
    else:
        left = dict(resume)
        first, step, picture = _resumed(left, scales)
    is_resumed, resume = resume is not None, None  # what is restored is let go of at once: it would be there twice
    coarser: _Coarser | None = None
    for index in range(first, len(scales)):
        is_restored = is_resumed and index == first
        scale = run.open_scale(index, picture, coarser, is_restored=is_restored)
        del picture
        if is_restored:
            # Checkpoints of earlier versions do not have it; there all scales before were painted to the end.
            done = np.array([step - sum(each.steps for each in scales[:index])])
            try:
                left.setdefault("done", done)
                scale.restore(left)
                left.clear()
            except KeyError as error:
                raise CheckpointMismatch(
                    f"the checkpoint has no {error}: another version of styled wrote it",
                    "Start again without it (styled retry --from-start), or finish the job with that version.",
                ) from error
        while scale.steps_left > 0:
            for iterate in run.steps(scale, step, _until_picture(step, picture_every)):
                step = iterate.step
                yield iterate
                if iterate.last:
                    return
        picture, coarser = scale.picture(), _Coarser(scale.scale, scale.optimizer.curvature())  # noqa: F841  # the next turn uses them
        # Else all that it has would still be there when the next one, four times as large, takes its memory: the
        # iterates hold it, and what is not kept for other pictures holds itself, by the graphs that it compiles.
        scale.close()
        if run.is_tiled(index) or not graph_cache.is_kept(3 * scales[index].pixels):
            gc.collect()


class _Coarser(NamedTuple):
    """What is left of a scale that is done, besides its picture."""

    scale: Scale
    curvature: State


class _Run:
    """What stays the same through one call of :func:`paint`."""

    def __init__(
        self,
        extractor: FeatureExtractor,
        content: Array,
        styles: Sequence[Array],
        settings: Settings,
        scales: tuple[Scale, ...],
        *,
        sizes: InputSizes,
        regions: Sequence[Region] | None,
        init: Array | None,
        step_down: int,
    ) -> None:
        # All before the first step: a job that cannot be finished must not be begun.
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        allowed = budget(settings, on_gpu=on_gpu, held_bytes=device.held_bytes())
        self._tilings = memory_use.choose_all(
            scales,
            extractor.convolutions,
            settings,
            allowed.bytes,
            inputs=sizes,
            on_gpu=on_gpu,
            precision=extractor.precision.name,
            is_emulated=precision.is_emulated(extractor.precision),
            is_strict=allowed.is_strict,
            step_down=step_down,
        )
        # A GPU's memory is not this process'.
        self._peak_bytes = 0 if on_gpu else max(tiling.bytes for tiling in self._tilings.values())
        self._regions = regions
        self._unpainted: Array | None = None
        self._extractor, self._content = extractor, content
        self.styles = prepared(styles, content, settings, regions)
        seen = painted(self.styles, settings, is_blended=regions is None)
        # Nothing else keeps it so: the network sees tints that no eye would, and asks for them.
        self._is_grey = all(map(colour.is_grey, [content, *seen, *([] if init is None else [init])]))
        self._style_sizes = sizes.styles
        self._settings, self._scales = settings, scales
        self._layer_terms = layer_terms(settings)

    def open_scale(self, index: int, picture: Array, coarser: _Coarser | None, *, is_restored: bool) -> ScaleRun:
        """Compute the targets at scale ``index`` and start its optimiser at ``picture``, resized.

        With the scale whose picture that is, what it cannot have is added, and its optimiser's curvature taken over.
        A restored picture is the optimiser's own, and stays as it is: the rest of its state belongs to it.
        """
        scale = self._scales[index]
        device.give_back_arrays_from(memory_use.whole_pictures_from(scale, self._tilings[scale]))
        content = images.resize(self._content, scale.width, scale.height)
        styles = [
            images.resize(style, *style_size(*size, scale, self._settings.style_scale))
            for style, size in zip(self.styles, self._style_sizes, strict=True)
        ]
        regions = None if self._regions is None else at_size(self._regions, scale.width, scale.height)
        self._unpainted = None if regions is None else unpainted(regions)
        gradient = gradient_for(
            self._extractor,
            _batch(content),
            (style[None] for style in styles),  # one piece at a time in float32
            self._settings,
            tiling=self._tilings[scale],
            regions=regions,
        )
        start = images.resize(picture.astype(np.float32), scale.width, scale.height)
        if coarser is not None:
            start = with_detail(start, content, styles, self._settings, scale.width / coarser.scale.width)
        if not is_restored:
            start = self._with_photo(start, content)
            start = colour.made_grey(start) if self._is_grey else start
        if self._is_grey:
            gradient = kept_grey(gradient)
        optimizer = optimizer_for(
            self._settings,
            _batch(start),
            gradient,
            history=self._tilings[scale].history,
            longest_px=self._longest_px(index),
        )
        if coarser is not None:
            optimizer.expect(coarser.curvature)
        graph_cache.collect()
        return ScaleRun(index, scale, optimizer, self._settings)

    def is_tiled(self, index: int) -> bool:
        """Return whether scale ``index`` is painted in tiles."""
        return self._tilings[self._scales[index]].blocks > 0

    def _longest_px(self, index: int) -> float:
        """Return which waves may be moved at a scale, px; all, but where the painting has outgrown its styles."""
        sizes = painted(self._style_sizes, self._settings, is_blended=self._regions is None)
        outgrown = all(has_outgrown(*size, self._scales[index], self._settings.style_scale) for size in sizes)
        return LONGEST_PX if index > 0 and outgrown else math.inf

    def _with_photo(self, picture: Array, content: Array, rows: slice = slice(None)) -> Array:
        """Put the content back where the mask leaves the picture unpainted; same shapes, (H, W, 3), ``rows`` of all."""
        if self._unpainted is None:
            return picture
        photo = self._unpainted[rows, :, None]
        return picture * (1.0 - photo) + content.astype(np.float32) * photo

    def steps(self, scale: ScaleRun, step: int, at_most: int) -> Iterator[Iterate]:
        """Do the steps that follow ``step``, at most so many in one call, and report each."""
        terms, step_seconds = scale.run(at_most)
        later = range(len(terms) - 1, -1, -1)
        for each, left in zip(terms, later, strict=True):
            step += 1
            yield self._iterate(scale, step, each, step_seconds, is_current=left == 0, left=left + scale.steps_left)

    def _iterate(
        self, scale: ScaleRun, step: int, terms: Sequence[float], step_seconds: float, *, is_current: bool, left: int
    ) -> Iterate:
        """Report a step, after which ``left`` are to be done at its scale."""
        total, content, style, tv, *layers = terms
        later = sum(each.steps for each in self._scales[scale.index + 1 :])
        steps = step + left + later
        diverged = not np.isfinite(total)
        stopped_by = "plateau" if scale.is_flat else "steps"

        def picture() -> Picture:
            _check_current(is_current)
            shown: Picture = np.clip(scale.picture(diverged=diverged), 0.0, 255.0)
            if self._is_grey:
                shown = colour.made_grey(shown)  # the optimiser's transforms round each channel by itself
            keeps_colours = self._settings.preserve_color == "luminance"
            if not keeps_colours and self._unpainted is None:
                return shown
            content = images.resize(self._content, width, height)
            for top in range(0, height, _STRIP_ROWS):  # a print in float32 is a gigabyte: none is there four times
                rows = slice(top, top + _STRIP_ROWS)
                if keeps_colours:
                    shown[rows] = colour.with_colours_of(shown[rows], content[rows])
                shown[rows] = self._with_photo(shown[rows], content[rows], rows)
            return shown

        def snapshot() -> dict[str, npt.NDArray[np.generic]]:
            _check_current(is_current)
            return {"place": np.array([scale.index, step, width, height], np.int64), **scale.state()}

        width, height = scale.scale[:2]
        return Iterate(
            scale=scale.index + 1,
            scales=len(self._scales),
            width=width,
            height=height,
            step=step,
            steps=steps,
            losses=Losses(total, content, style, tv, dict(zip(self._layer_terms, layers, strict=True))),
            step_seconds=step_seconds,
            left_seconds=self._left(scale, left),
            picture=picture,
            snapshot=snapshot,
            is_current=is_current,
            last=step == steps or diverged,
            stopped_by="diverged" if diverged else stopped_by if step == steps else "",
            tiling=self._tilings[scale.scale] if scale.done == 1 else None,
            peak_bytes=self._peak_bytes,
        )

    def _left(self, scale: ScaleRun, steps: int) -> float | None:
        """Predict the seconds to the last step, with so many at this scale: time grows with pixels. None while unknown."""
        if scale.step_seconds is None:
            return None
        pixel_steps = steps * scale.scale.pixels
        pixel_steps += sum(each.steps * each.pixels for each in self._scales[scale.index + 1 :])
        return scale.step_seconds * pixel_steps / scale.scale.pixels


def _until_picture(step: int, picture_every: int) -> int:
    """Return how many steps after ``step`` there is the next whose picture is wanted."""
    return picture_every - step % picture_every if picture_every > 0 else sys.maxsize


def _check_current(is_current: bool) -> None:
    if not is_current:
        raise RuntimeError("this iterate has no picture: later steps were done in the same call")


def _regions(mask: Array | Sequence[Region], content: Array, styles: int) -> list[Region]:
    if not isinstance(mask, np.ndarray):
        return list(mask)
    (height, width), (rows, columns) = mask.shape[:2], content.shape[:2]
    images.check_shape(width, height, columns, rows)
    return read_regions(mask, styles)


def _check(styles: Sequence[Array], settings: Settings, init: Array | None) -> None:
    if not styles:
        raise SettingsError("there is no style image", "Give at least one.")
    given = settings.style_weights
    if given and len(given) != len(styles):
        raise SettingsError(
            f"style_weights has {len(given)} values for {len(styles)} styles", "Give one weight for each style."
        )
    if given and sum(given) == 0:
        raise SettingsError("style_weights are all 0", "Give at least one style a positive weight.")
    if init is None and settings.init not in INIT_WORDS:
        raise SettingsError(
            f"init = {settings.init!r} names a picture that was not given", "Pass it to paint() as init."
        )


def _resumed(snapshot: dict[str, npt.NDArray[np.generic]], scales: tuple[Scale, ...]) -> tuple[int, int, Array]:
    index, step, width, height = (int(value) for value in snapshot["place"])
    if index >= len(scales) or (width, height) != scales[index][:2]:
        raise CheckpointMismatch(
            f"the checkpoint is of a picture of {width}x{height} at scale {index + 1}, which this job does not have",
            "Start again without it, or start from its picture with init.",
        )
    return index, step, snapshot.pop("picture")


def prepared(
    styles: Sequence[Array], content: Array, settings: Settings, regions: Sequence[Region] | None = None
) -> list[Array]:
    """Return the styles as they are compared with: recoloured, and evened where all blend everywhere; shapes stay."""
    if regions is not None and is_recoloured(settings):
        return [recoloured(style, beneath(content, regions, index), settings) for index, style in enumerate(styles)]
    found = [recoloured(style, content, settings) for style in styles]
    return colour.evened(found, style_weights(settings, len(found))) if regions is None and len(found) > 1 else found


def recoloured(style: Array, content: Array, settings: Settings) -> Array:
    """Return a style in the colours that ``settings.preserve_color`` asks for; shapes (H, W, 3), of any size each."""
    if settings.preserve_color == "linear":
        return colour.match_linear(style, content)
    if settings.preserve_color == "histogram":
        return colour.match_histogram(style, content)
    return style


def _size_of(image: Array) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _batch(image: Array) -> Any:
    return tf.constant(np.asarray(image, np.float32)[None])
