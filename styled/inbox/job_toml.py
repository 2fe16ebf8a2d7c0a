"""A pair's own settings: ``job.toml``, written by anyone who may drop files, and so not trusted with paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from styled.errors import DataDamaged, SettingsError
from styled.files.decoding import from_toml
from styled.files.printable import escaped, is_hostile
from styled.job import PRIORITIES, Priority
from styled.presets import layered
from styled.settings import INIT_WORDS, Settings, nearest, settings_from

MAX_BYTES = 16 * 1024
"""Every setting with the longest values fits into a few KiB; the parser's time grows with the square of a hostile file."""

_JOB_REFERENCE = re.compile(r"job:\w[\w.-]{0,200}")

_FileName = Annotated[str, Meta(max_length=255)]

_ALLOWED_TEXTS = {
    "init": (re.compile(rf"{'|'.join(INIT_WORDS)}|{_JOB_REFERENCE.pattern}"), f"{', '.join(INIT_WORDS)} or job:<id>"),
    "weights": (re.compile(r"builtin|imagenet"), "builtin or imagenet"),
}
"""Settings that can name a file, and what they may be here. ``styled.toml`` and ``--set`` may name paths."""


class InputNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the files of a pair were called before they were put into the inbox; empty where that is not known."""

    content: _FileName = ""
    styles: tuple[_FileName, ...] = ()
    """In order."""
    mask: _FileName = ""


class JobSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a ``job.toml``."""

    settings: dict[str, Any] = {}
    """As written; checked one by one."""
    priority: Priority = 0
    names: InputNames = InputNames()


def parse_job_toml(data: bytes, source: str) -> JobSettings:
    """Read the content of a ``job.toml``.

    Args:
        data: the file's bytes, or more than ``MAX_BYTES`` of them.
        source: its name, for the error.

    Raises:
        SettingsError: too large, not TOML (naming the line), an unknown key (naming the nearest), a value out of
            range, or one that names a path.
    """
    source = escaped(source)
    values = _read_toml(data, source)
    priority, names = values.pop("priority", 0), _names(values.pop("names", {}), source)
    check_own_settings(values, source)
    try:
        return msgspec.convert({"settings": values, "priority": priority, "names": names}, JobSettings)
    except msgspec.ValidationError:
        raise SettingsError(
            f"{source}: priority = {escaped(repr(priority)[:60])} is not allowed",
            f"Give a whole number from {PRIORITIES[0]} to {PRIORITIES[-1]}.",
        ) from None


def check_own_settings(values: Mapping[str, Any], source: str) -> None:
    """Check settings from somebody who need not be the owner of the root, such as a pair's sender.

    Args:
        values: setting to plain value.
        source: where they come from, for the error.

    Raises:
        SettingsError: an unknown key (naming the nearest), a value out of range, or one that names a path.
    """
    _check_keys(values, source)
    for name, (allowed, words) in _ALLOWED_TEXTS.items():
        text = values.get(name, "")
        if isinstance(text, str) and text and not allowed.fullmatch(text):
            raise SettingsError(
                f"{source}: {name} = {escaped(text[:60])!r} is not allowed in a pair's own settings", f"Give {words}."
            )
    try:
        settings_from(values, source=source)
    except SettingsError as error:
        # It quotes what was written, which may be anything of any length.
        raise SettingsError(_short(error.message), _short(error.advice)) from None


def resolve(defaults: Mapping[str, Any], own: Mapping[str, Any], *, source: str) -> Settings:
    """Lay a pair's own settings over the defaults of the root.

    Raises:
        SettingsError: each is allowed, but not together.
    """
    return settings_from(layered(defaults, own), source=escaped(source))


def _read_toml(data: bytes, source: str) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{source} is larger than {MAX_BYTES // 1024} KiB", "It should hold a few settings.")
    try:
        return from_toml(data)
    except DataDamaged as error:
        raise SettingsError(f"{source} is not TOML: {escaped(error.message)}", "Correct that line.") from error


def _names(table: Any, source: str) -> InputNames:
    """Check the table that ``styled add`` writes."""
    try:
        names = msgspec.convert(table, InputNames)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"{source}: names: {_short(str(error))}",
            'Give names = {content = "cat.jpg", styles = ["starry_night.jpg"]}.',
        ) from None
    for name in (names.content, *names.styles, names.mask):
        if is_hostile(name) or "/" in name:
            raise SettingsError(f"{source}: names: {_short(name)!r} is not the name of a file", "Leave the folder out.")
    return names


def _check_keys(values: Mapping[str, Any], source: str) -> None:
    known = (*Settings.__struct_fields__, "priority", "names")
    for name in values:
        if name not in known:
            raise SettingsError(
                f"{source}: unknown setting {escaped(name[:60])!r}", f"Did you mean {nearest(name[:60], known)!r}?"
            )


def _short(text: str) -> str:
    text = escaped(text)
    return text if len(text) <= 300 else f"{text[:200]} … {text[-80:]}"
