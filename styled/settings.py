"""The settings of a job: one frozen, validated ``Settings``, its field table, and its errors.

The fields below are the single source of names, defaults, units and ranges: the command line, the
README's table, ``job.toml``, ``styled.toml`` and the environment all read them from here.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from styled import vgg19
from styled.errors import DataDamaged, SettingsError
from styled.files.decoding import from_toml
from styled.presets import expanded

SMALLEST_SIZE, LARGEST_SIZE = 32, 65536
"""Long side of a result, px."""

DEFAULT_CONTENT_LAYERS = {"block4_conv2": 1.0}
"""Gatys et al. (2016), section 2: content from relu4_2."""

DEFAULT_STYLE_LAYERS = {f"block{block}_conv1": 1.0 for block in range(1, 6)}
"""Gatys et al. (2016), section 2: style from relu1_1, 2_1, 3_1, 4_1 and 5_1, equal weights."""


_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(GiB|MiB)", re.IGNORECASE)

INIT_WORDS = ("recolored", "content", "noise", "style")
"""What ``init`` may be besides a job or an image."""
JOB_PREFIX = "job:"
"""Begins an ``init`` that names a job."""


WEIGHTS_WORDS = ("builtin", "imagenet")
"""What ``weights`` may be besides the path of a file."""


def _about(group: str, description: str, **limits: Any) -> Meta:
    return Meta(description=description, extra={"group": group}, **limits)


Weight = Annotated[float, Meta(ge=0.0, le=1e12)]
"""A finite, non-negative factor."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides how one picture is painted and kept. Units and ranges beside each field.

    ``preset`` is the name of what the others began as; only :func:`settings_from` turns it into values.

    Raises:
        SettingsError: from :func:`settings_from` when a name, type or value is not allowed.
    """

    preset: Annotated[
        Literal["draft", "balanced", "fine", "print"],
        _about("picture", "settings to start from; what is set beside it wins"),
    ] = "balanced"
    size: Annotated[int, _about("picture", "long side of the result, px", ge=SMALLEST_SIZE, le=LARGEST_SIZE)] = 1024
    upscale: Annotated[bool, _about("picture", "paint larger than the content image is")] = False
    seed: Annotated[int, _about("picture", "random seed", ge=0, le=2**31 - 1)] = 0
    init: Annotated[
        str,
        _about(
            "picture",
            "start from recolored (the content in the style's colours), content, noise, style, "
            "the result of a job (job:9, by number, id or name), or the path of an image",
            min_length=1,
        ),
    ] = "recolored"

    steps: Annotated[int, _about("optimiser", "optimiser steps, all scales together", ge=1, le=1_000_000)] = 300
    scales: Annotated[
        Literal["auto"] | tuple[Annotated[int, Meta(ge=SMALLEST_SIZE, le=LARGEST_SIZE)], ...],
        _about("optimiser", "long side of each scale, coarse to fine, px; the last is size; [] paints at one scale"),
    ] = "auto"
    stop: Annotated[
        Literal["steps", "plateau"],
        _about("optimiser", "end a scale after its steps, or sooner when nothing visible changes any more"),
    ] = "steps"
    average: Annotated[
        float,
        _about(
            "optimiser", "decay of a moving average of the pictures, which is the result; 0 = none", ge=0.0, le=0.999
        ),
    ] = 0.0
    optimizer: Annotated[Literal["lbfgs", "adam"], _about("optimiser", "lbfgs or adam")] = "lbfgs"
    learning_rate: Annotated[float, _about("optimiser", "Adam's step, in levels of 0..255", gt=0.0, le=255.0)] = 8.0
    history: Annotated[int, _about("optimiser", "pairs that L-BFGS remembers", ge=1, le=200)] = 10
    preconditioner: Annotated[
        Literal["frequency", "none"],
        _about("optimiser", "L-BFGS's first guess: learned for each frequency of the picture, or none"),
    ] = "frequency"

    strength: Annotated[
        float, _about("loss", "0 = the photo, 1 = all painting; multiplies the weights", ge=0.0, le=1.0)
    ] = 0.5
    content_weight: Annotated[float, _about("loss", "factor of the content loss", ge=0.0, le=1e12)] = 40.0
    style_weight: Annotated[float, _about("loss", "factor of the style loss", ge=0.0, le=1e12)] = 1000.0
    tv_weight: Annotated[
        float,
        _about(
            "loss", "factor of the total variation, which keeps out noise of single pixels; 0 = none", ge=0.0, le=1e12
        ),
    ] = 1000.0
    content_layers: Annotated[dict[str, Weight], _about("loss", "VGG19 layer = weight, for content", min_length=1)] = (
        msgspec.field(default_factory=DEFAULT_CONTENT_LAYERS.copy)
    )
    style_layers: Annotated[dict[str, Weight], _about("loss", "VGG19 layer = weight, for style", min_length=1)] = (
        msgspec.field(default_factory=DEFAULT_STYLE_LAYERS.copy)
    )
    style_weights: Annotated[
        tuple[Weight, ...],
        _about(
            "loss",
            "weight of each style, in the order of the styles; [] = equal; a region of a mask has one style, whole",
        ),
    ] = ()
    style_scale: Annotated[
        float, _about("loss", "long side of the style relative to the picture (brush size)", ge=0.05, le=20.0)
    ] = 1.0
    preserve_color: Annotated[
        Literal["no", "luminance", "linear", "histogram"],
        _about("loss", "keep the content's colours: not, by luminance only, by linear match, by histogram match"),
    ] = "no"
    normalize: Annotated[
        Literal["none", "energy"],
        _about("loss", "divide each loss by its target's energy, so that weights mean the same for all images"),
    ] = "none"
    statistic: Annotated[
        Literal["gram", "wasserstein"],
        _about("loss", "what is matched of the style: Gram matrices, or means and covariances"),
    ] = "gram"
    pooling: Annotated[
        Literal["max", "average", "l2"],
        _about("loss", "how VGG19 halves its layers: max, average, or root mean square"),
    ] = "max"
    padding: Annotated[
        Literal["replicate", "zero"],
        _about(
            "loss", "what VGG19 sees around the picture: its border again, or grey as in training, which leaves a frame"
        ),
    ] = "replicate"

    weights: Annotated[
        str, _about("engine", "builtin (8-bit, in the package), imagenet (Keras' own), or an .h5 path", min_length=1)
    ] = "builtin"
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        _about("engine", "number format of the convolutions; float16 on a GPU only"),
    ] = "auto"

    tiling: Annotated[
        Literal["auto", "off", "front", "full"],
        _about("engine", "compute the gradient in tiles, exactly: when memory asks for it, never, or always"),
    ] = "auto"
    memory_limit: Annotated[
        Literal["auto"] | Annotated[float, Meta(ge=0.0, le=65536.0)],
        _about("engine", "memory a job may use; auto (or 0) = what is free, less a tenth"),
    ] = "auto"

    frame_every: Annotated[int, _about("files", "steps between kept frames; 0 keeps none", ge=0, le=1_000_000)] = 10
    frame_size: Annotated[int, _about("files", "long side of a kept frame at most, px", ge=16, le=65536)] = 1024
    checkpoint_s: Annotated[float, _about("files", "seconds between checkpoints", ge=1.0, le=86400.0)] = 60.0

    format: Annotated[
        Literal["png", "tiff", "jpeg"], _about("files", "of the result; for styled run the suffix of -o decides")
    ] = "png"
    bits: Annotated[Literal[8, 16], _about("files", "per channel of the result; 16 for png and tiff")] = 8
    quality: Annotated[int, _about("files", "of a jpeg result", ge=1, le=100)] = 95
    compression: Annotated[
        Literal["deflate", "lzw"], _about("files", "of a tiff result; some print shops take only lzw")
    ] = "deflate"
    dpi: Annotated[
        float, _about("files", "pixels per inch on paper, written into the result; 0 = not", ge=0.0, le=100_000.0)
    ] = 0.0
    keep_gps: Annotated[bool, _about("files", "keep in the result where the content photo was taken")] = False
    max_pixels: Annotated[
        int,
        _about("files", "pixels an input may have; more is refused before it is decoded", ge=1, le=10_000_000_000),
    ] = 250_000_000

    def __post_init__(self) -> None:
        """Check what a range cannot express: layer names, finite numbers, order of scales."""
        for name in ("content_layers", "style_layers"):
            for layer in getattr(self, name):
                if layer not in vgg19.BY_NAME:
                    raise SettingsError(
                        f"{name} names {layer!r}, which VGG19 does not have",
                        f"Did you mean {nearest(layer, vgg19.LAYER_NAMES)!r}?",
                    )
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                raise SettingsError(f"{name} = {value} is not a finite number", f"Give {_range_of(name)}.")
        if isinstance(self.scales, tuple) and list(self.scales) != sorted(set(self.scales)):
            raise SettingsError(
                f"scales = {list(self.scales)} must grow from first to last", "Sort it, coarse to fine."
            )
        if self.bits == 16 and self.format == "jpeg":
            raise SettingsError("format = 'jpeg' has no bits = 16", "Choose png or tiff, or 8 bits.")
        if self.content_weight == 0.0 and self.style_weight == 0.0:
            raise SettingsError("content_weight and style_weight are both 0", "Give at least one a positive value.")


class FieldInfo(NamedTuple):
    """One row of the settings table."""

    name: str
    group: str
    description: str
    default: Any
    range: str


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like ``word`` (always one, however far)."""
    return difflib.get_close_matches(word, list(known), n=1, cutoff=0.0)[0]


def settings_from(values: Mapping[str, Any], *, source: str = "") -> Settings:
    """Build ``Settings`` from plain values, as TOML or JSON gives them.

    Args:
        values: setting name to value; missing names take the value of the preset that is named, or their default.
        source: where the values come from (a file's name), for the error.

    Raises:
        SettingsError: unknown name (naming the nearest), wrong type, or out of range.
    """
    where = f"{source}: " if source else ""
    known = Settings.__struct_fields__
    values = _with_units(values)
    for key in values:
        if key not in known:
            raise SettingsError(f"{where}unknown setting {key!r}", f"Did you mean {nearest(str(key), known)!r}?")
    for key, value in values.items():
        # One at a time, so that the error can name the setting; the whole follows for cross-checks.
        try:
            msgspec.convert({key: value}, Settings)
        except msgspec.ValidationError as error:
            if isinstance(error.__cause__, SettingsError):
                continue  # a check across fields: checked below, on the whole
            advice = f"{_nearest_choice(key, value)}Give {_range_of(key)}."
            raise SettingsError(f"{where}{key} = {_shown(value)} is not allowed", advice) from None
    try:
        return msgspec.convert(expanded(values), Settings)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, SettingsError):
            cause = error.__cause__
            raise SettingsError(f"{where}{cause.message}", cause.advice) from None
        raise SettingsError(f"{where}{error}", "Compare with the settings table in the README.") from None


def plain(settings: Settings) -> dict[str, Any]:
    """Return all settings as plain values, in the form that JSON gives them: a tuple is a list."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(settings))
    return values


@functools.cache
def default_values() -> dict[str, Any]:
    """Return every setting's default as a plain value, in the order of the class. Not to be changed."""
    return plain(Settings())


def differing(settings: Settings) -> dict[str, Any]:
    """Return the settings that are not at their default, as plain values."""
    defaults = default_values()
    return {name: value for name, value in plain(settings).items() if value != defaults[name]}


def whole_values(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting of a job as plain values, from those that :func:`differing` left.

    What is missing there is at its default, also beside a preset that has another value: a job's preset is only the name
    of what its settings began as, and must not be laid under them a second time.
    """
    return {**default_values(), **stored}


def _with_units(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values with a memory limit such as ``2GiB`` or ``512 MiB`` in GiB; other texts stay, to be refused."""
    limit = values.get("memory_limit")
    found = _MEMORY.fullmatch(limit.strip()) if isinstance(limit, str) else None
    if found is None:
        return values
    return {**values, "memory_limit": float(found[1]) / (1024 if found[2].lower() == "mib" else 1)}


def settings_table() -> list[FieldInfo]:
    """Return every setting with its group, meaning, default and range, in the order of the class."""
    rows = []
    for field in msgspec.structs.fields(Settings):
        meta = get_args(_annotations()[field.name])[1]
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        rows.append(FieldInfo(field.name, meta.extra["group"], meta.description, default, _range_of(field.name)))
    return rows


def parse_assignment(text: str) -> tuple[str, Any]:
    """Parse ``key=value`` as given to ``--set``; the value is TOML, a bare word is a string.

    Raises:
        SettingsError: no ``=`` in it, or no name before it.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise SettingsError(f"--set {text!r} is not key=value", "Write for example: --set style_weight=2000.")
    try:
        return key, from_toml(f"value = {value.strip()}")["value"]
    except DataDamaged:
        return key, value.strip()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


@functools.cache
def _annotations() -> dict[str, Any]:
    """Return what each setting may be; once, because Python compiles and evaluates all of them for it."""
    return get_type_hints(Settings, include_extras=True)


def _choices_of(name: str) -> tuple[str, ...]:
    """Return the words that the setting ``name`` may be, empty when it is no choice of words."""
    choices = get_args(get_args(_annotations()[name])[0])
    return choices if all(isinstance(choice, str) for choice in choices) else ()


def words_of(name: str) -> tuple[str, ...]:
    """Return the words that the setting ``name`` may be, as one types them; none for numbers, and where there is no such setting."""
    beside = {"init": INIT_WORDS, "weights": WEIGHTS_WORDS}.get(name)
    return words_in(_annotations().get(name)) if beside is None else beside


def words_in(kind: Any) -> tuple[str, ...]:
    """Return the words that a value of a type may be, as one types them, where there are few."""
    if kind is bool:
        return ("true", "false")
    if get_origin(kind) is Literal:
        return tuple(map(str, get_args(kind)))
    if get_origin(kind) in (dict, list):
        return ()
    return tuple(word for each in get_args(kind) for word in words_in(each))


def _nearest_choice(name: str, value: Any) -> str:
    choices = _choices_of(name)
    return f"Did you mean {nearest(value, choices)!r}? " if choices and isinstance(value, str) else ""


def _range_of(name: str) -> str:
    """Return in words what the setting ``name`` may be."""
    unit = ", in GiB, or as '2GiB' or '512MiB'" if name == "memory_limit" else ""
    return _in_words(_annotations()[name]) + unit


def _in_words(kind: Any, limits: Meta | None = None, *, plural: bool = False) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _in_words(parts[0], parts[1], plural=plural)
    if origin is Literal:
        words = [repr(part) for part in parts]
        return "one of " + ", ".join(words) if len(words) > 1 and isinstance(parts[0], str) else " or ".join(words)
    if origin is UnionType or origin is Union:
        return " or ".join(_in_words(part) for part in parts)
    if origin is tuple:
        return f"a list of {_in_words(parts[0], plural=True)}"
    if origin is dict:
        weights = _in_words(parts[1]).partition(" from ")[2]
        return f"a table of VGG19 layer names (block1_conv1 … block5_conv4) with weights from {weights}"
    if kind is bool:
        return "true or false"
    if limits is None or kind is str:
        return "a text that is not empty"
    word = ("whole numbers" if plural else "a whole number") if kind is int else ("numbers" if plural else "a number")
    low = f"from {_figure(limits.ge)}" if limits.ge is not None else f"above {_figure(limits.gt)}"
    return f"{word} {low} to {_figure(limits.le)}"


def _figure(value: Any) -> str:
    """Return a limit with all of its digits: ``1,000,000``."""
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
