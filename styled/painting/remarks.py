"""What was done to a job's images and settings, or not done with them, that its user may not expect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

import msgspec

from styled import gpus, vgg19
from styled.images import Loaded
from styled.job import input_titles
from styled.painting.hard_pairs import hard_pair_remarks
from styled.presets import DEFAULT, Preset, presets
from styled.settings import Settings
from styled.sizing import memory_use
from styled.sizing.scales import CELL_PX, plan_scales, style_size
from styled.sizing.style_shape import shape_remarks

MEMORY_RAN_OUT = "memory ran out, it is painted with less"
"""How often is in the daemon's log."""

_LOSSY = {"jpeg": "JPEG", "webp": "WebP"}
"""Kinds of files that are encoded with ``quality``, in 8 bits; by their names."""

_KINDS = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


def remarks_on(
    content: Loaded,
    styles: Sequence[Loaded],
    settings: Settings,
    of_mask: Sequence[str] | None = None,
    init: Loaded | None = None,
    *,
    output: str = "",
) -> tuple[str, ...]:
    """Return the remarks on decoded inputs and the settings they are painted with; each one printable line.

    Args:
        content: as it is painted, no larger than ``settings.size``.
        styles: in order.
        settings: all of them.
        of_mask: what its reading remarked; None without one.
        init: the picture that is started from, as it is; None where ``settings.init`` is a word.
        output: where a copy of the result goes; its suffix decides what kind of file that is. Empty: nowhere.
    """
    kind = file_kind(settings, output)
    return (
        *_of_images(content, styles),
        *_of_kind(content, kind),
        *(of_mask or ()),
        *_of_init(init, content, settings),
        *_of_size(content, settings),
        *shape_remarks([style.size for style in styles]),
        *hard_pair_remarks(
            content.pixels,
            [style.pixels for style in styles],
            settings,
            is_blended=of_mask is None,
            init=None if init is None else init.pixels,
        ),
        *_without_effect(settings, len(styles), kind, has_mask=of_mask is not None),
        *_of_style_scale(content, styles, settings),
        *_of_tiling(settings),
    )


def file_kind(settings: Settings, output: str) -> str:
    """Return what the result is written as: ``webp``, or as ``settings.format`` names it; arguments as above."""
    return kind_of(output) or settings.format


def kind_of(path: str) -> str:
    """Return what a file of that name is written as: ``webp`` or a value of ``format``; empty where its suffix names none."""
    return _KINDS.get(PurePath(path).suffix.lower(), "")


def is_of_file_kind(remark: str) -> bool:
    """Return whether a remark may not hold for a result that is written as something else."""
    return "with format = " in remark or "bits per channel" in remark


def remarks_on_device(name: str) -> tuple[str, ...]:
    """Return what is to be said of where a job is painted.

    Args:
        name: of TensorFlow's first GPU; ``cpu`` if it sees none.
    """
    left_alone = [each.gpu.name or "a GPU" for each in gpus.devices() if each.gpu is not None] if name == "cpu" else []
    if not left_alone:
        return ()
    return (
        f"painted on the processor, for TensorFlow does not find CUDA; this machine has {left_alone[0]}: "
        "pip install 'styled[cuda]'",
    )


def _of_images(content: Loaded, styles: Sequence[Loaded]) -> Iterator[str]:
    for name, loaded in zip(input_titles(len(styles)), (content, *styles), strict=True):
        for remark in loaded.remarks:
            yield f"{name}: {remark}"
    for name, loaded in zip(input_titles(len(styles))[1:], styles, strict=True):
        if min(loaded.size) < CELL_PX:
            width, height = loaded.size
            yield f"{name}: it has only {width}x{height} px; below {CELL_PX} px there is no texture to see, and it is enlarged"


def _of_kind(content: Loaded, kind: str) -> Iterator[str]:
    if content.alpha is not None and kind == "jpeg":
        yield "content: with format = 'jpeg' its transparency is lost: the picture is laid on white"


def _of_init(init: Loaded | None, content: Loaded, settings: Settings) -> Iterator[str]:
    if init is None:
        return
    for remark in init.remarks:
        yield f"init: {remark}"
    height, width = content.pixels.shape[:2]
    first, *others = plan_scales(width, height, settings)
    side = max(first.width, first.height)
    if others and max(init.pixels.shape[:2]) > side:
        yield (
            f"init: it is started from at {side} px, the first of {len(others) + 1} scales: scales = [] keeps its detail"
        )


def _of_size(content: Loaded, settings: Settings) -> Iterator[str]:
    height, width = content.pixels.shape[:2]
    last = plan_scales(width, height, settings)[-1]
    side = max(last.width, last.height)
    if side < settings.size:
        yield (
            f"the content has {side} px and so has the picture, not {settings.size}: upscale = true paints it larger"
        )
    given = _given(settings)
    if settings.upscale and "upscale" in given and max(content.info.width, content.info.height) >= settings.size:
        yield f"upscale has no effect: the content has {settings.size} px and more"
    if isinstance(settings.scales, tuple):
        painted = {max(scale.width, scale.height) for scale in plan_scales(width, height, settings)}
        left_out = [str(each) for each in settings.scales if each not in painted and each != settings.size]
        if left_out:
            yield f"scales has no effect for {', '.join(left_out)}: beyond the picture, too thin, or more than there are steps"


def _without_effect(settings: Settings, styles: int, kind: str, *, has_mask: bool) -> Iterator[str]:
    """Yield the settings that somebody has given and that change nothing, with why."""
    given = _given(settings)
    for name, (is_idle, why) in _idle_settings(settings, styles, kind, has_mask=has_mask).items():
        if is_idle and name in given:
            yield f"{name} has no effect {why}"
    named = _preset_of(settings).settings
    if settings.preset != DEFAULT and all(getattr(settings, name) != named[name] for name in named):
        yield f"preset = {settings.preset!r} has no effect: all that it stands for is given otherwise"


def _of_style_scale(content: Loaded, styles: Sequence[Loaded], settings: Settings) -> Iterator[str]:
    """Yield where ``style_scale`` asks for less than its default, and even that is more than all styles have."""
    if settings.style_weight == 0.0 or settings.style_scale >= 1.0 or "style_scale" not in _given(settings):
        return
    height, width = content.pixels.shape[:2]
    scales, sizes = plan_scales(width, height, settings), [style.size for style in styles]
    if all(style_size(*size, scale, settings.style_scale) == size for size in sizes for scale in scales):
        yield "style_scale has no effect: all styles are smaller than it asks for, and are not enlarged"


def _of_tiling(settings: Settings) -> Iterator[str]:
    deepest = vgg19.deepest({*settings.content_layers, *settings.style_layers})
    if memory_use.wanted_tiling(settings, vgg19.up_to(deepest)) != settings.tiling:
        yield f"tiling = {settings.tiling!r} is taken as 'full': no layer is deeper than {deepest}, the front is all there is"


def _given(settings: Settings) -> set[str]:
    """Return the settings that are neither at their default nor as the preset has them."""
    expected = msgspec.structs.asdict(Settings()) | dict(_preset_of(settings).settings)
    return {name for name, value in msgspec.structs.asdict(settings).items() if value != expected[name]}


def _preset_of(settings: Settings) -> Preset:
    return next(preset for preset in presets() if preset.name == settings.preset)


def _idle_settings(settings: Settings, styles: int, kind: str, *, has_mask: bool) -> dict[str, tuple[bool, str]]:
    """Return each setting that others, or a mask, can leave without effect: whether they do, and which those are."""
    is_adam, no_style = settings.optimizer == "adam", settings.style_weight == 0.0
    without_style = (no_style, "with style_weight = 0")
    # The picture that is started from has the colours of all styles by their weights, with a mask too.
    in_regions = has_mask and len(set(settings.style_weights)) > 1
    of_regions = "in the regions of a mask: each has one style, at full weight"
    of_weights = without_style if no_style else (True, "with one style") if styles == 1 else (in_regions, of_regions)
    return {
        "learning_rate": (not is_adam, "with optimizer = 'lbfgs': it is Adam's"),
        "history": (is_adam, "with optimizer = 'adam': it is L-BFGS's"),
        "preconditioner": (is_adam, "with optimizer = 'adam': it is L-BFGS's"),
        "seed": (settings.init != "noise", "without init = 'noise': nothing else is random"),
        "content_layers": (settings.content_weight == 0.0, "with content_weight = 0"),
        "style_layers": without_style,
        "style_scale": without_style,
        "statistic": without_style,
        "style_weights": of_weights,
        "frame_size": (settings.frame_every == 0, "with frame_every = 0: no frames are kept"),
        "quality": (kind not in _LOSSY, f"with format = {settings.format!r}: it is a JPEG's"),
        "bits": (kind in _LOSSY, f"in a {_LOSSY.get(kind)}: it has 8 bits per channel"),
        "compression": (settings.format != "tiff", f"with format = {settings.format!r}: it is a TIFF's"),
    }
