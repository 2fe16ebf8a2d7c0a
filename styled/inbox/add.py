"""The safe way to put a pair into an inbox: it appears whole, under its name, or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from styled.config import Config
from styled.errors import PairRejected, SettingsError
from styled.files import durable
from styled.files.printable import escaped, is_hostile
from styled.files.signature import Signature
from styled.inbox import names
from styled.inbox.checking import Changed, NotYet, PairChecker, Prepared, Task
from styled.inbox.claiming.abandoned import PREFIX, being_filled
from styled.inbox.group import Kind, Pair
from styled.inbox.job_toml import MAX_BYTES, parse_job_toml
from styled.inbox.limits import settings_within
from styled.inbox.pairs import pair_up
from styled.job import style_stem
from styled.job_folder import safe_name
from styled.root import Root
from styled.settings import default_values
from styled.store.reader import StoreReader
from styled.store.starting_job import with_resolved_init

_TRIES = 1000

MOST_STYLES = 99
"""Of a pair: a style's number has two digits."""


def add_pair(
    root: Root,
    content: Path,
    styles: Sequence[Path],
    *,
    mask: Path | None = None,
    name: str = "",
    settings: Mapping[str, Any] | None = None,
    priority: int = 0,
    config: Config | None = None,
) -> str:
    """Copy a content and its styles into the root's inbox; return the pair's name there.

    The files are copied into a hidden folder, made durable, and the folder is renamed. The inbox need not be watched.

    Args:
        root: whose inbox; made if it is not there.
        content: path of the content image.
        styles: paths of the style images, in order.
        mask: path of the image with a colour for each style.
        name: of the pair; the content's by default. A name that is taken, or means something else in an inbox
            (``content``, ``thumbs.db``, ``photo.tmp``), gets ``-2``, ``-3`` … after it.
        settings: for the pair's ``job.toml``.
        priority: higher runs first.
        config: of the root. With it the pair is checked as its daemon would, decoded as a whole: what would be rejected
            later is refused at once. Without it only the headers are looked at.

    Raises:
        ImageError: a file is not an image that can be used.
        SettingsError: a setting is not allowed in a ``job.toml``.
        PairRejected: the folder cannot be made, or a file not be read, or the daemon would reject the pair.
        DiskFull: there is no room.
    """
    if len(styles) > MOST_STYLES:
        raise PairRejected(f"{len(styles)} styles are more than a pair may have", f"Give at most {MOST_STYLES}.")
    parts = {f"content.{_suffix(content)}": content}
    for number, style in enumerate(styles, start=1):
        parts[f"{style_stem(number)}.{_suffix(style)}"] = style
    if mask is not None:
        parts[f"mask.{_suffix(mask)}"] = mask
    own = {**(settings or {}), **({"priority": priority} if priority else {})}
    toml = _job_toml({**own, "names": _input_names(content, styles, mask)})
    if len(toml) > MAX_BYTES:  # dozens of styles with long names: the job is worth more than what they are called
        toml = _job_toml(own)
    parse_job_toml(toml, "the settings")
    if config is not None:
        with StoreReader.open(root) as queue:  # the daemon does it again, and keeps the id
            with_resolved_init(own, queue, root.evolution)
    try:
        with durable.disk_full_at(root.inbox):
            return _put(root.inbox, parts, toml, safe_name(name or content.stem), config)
    except OSError as error:
        raise PairRejected(
            f"{escaped(str(error.filename or root.inbox))}: {error.strerror}", "Check the folder's permissions."
        ) from error


def _put(inbox: Path, parts: Mapping[str, Path], toml: bytes, wanted: str, config: Config | None) -> str:
    """Copy files into a hidden folder under the names they get, then give that its name; return the name."""
    hidden = inbox / f"{PREFIX}{secrets.token_hex(4)}"
    hidden.mkdir(parents=True)
    try:
        with being_filled(hidden):
            for part, source in parts.items():
                _copy(source, hidden / part)
            if toml:
                durable.write_bytes(hidden / "job.toml", toml)
            if config is not None:
                _refuse_unusable(hidden, [*parts, *(["job.toml"] if toml else [])], parts, config)
            durable.sync_folder(hidden)
            return _rename(hidden, inbox, wanted.lstrip(".") or "pair", parts)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise


def _refuse_unusable(hidden: Path, names_there: Sequence[str], parts: Mapping[str, Path], config: Config) -> None:
    """Refuse what the daemon would reject, in the words of the file that was given.

    Raises:
        PairRejected: with the reason.
        SettingsError: the settings do not go together, or ask for more than a dropped pair may.
    """
    from styled import images  # Pillow, only when there is an image

    styles = tuple(part for part in parts if part.startswith("style"))
    mask = next((part for part in parts if part.startswith("mask.")), None)
    settings = "job.toml" if "job.toml" in names_there else None
    pair = Pair("", next(iter(parts)), styles, mask=mask, settings=settings)
    task = Task(pair, {name: Signature.of((hidden / name).stat()) for name in names_there})
    weights = str(config.job.get("weights", default_values()["weights"]))
    with images.Checker(max_bytes=config.inbox.max_bytes, max_pixels=config.inbox.max_pixels) as checker:
        verdict = PairChecker(hidden, config.inbox, checker, weights).check(task)
    if isinstance(verdict, NotYet) and verdict.afterwards is not None:
        verdict = verdict.afterwards  # nobody is still writing these copies
    if isinstance(verdict, Prepared):
        settings_within(config.inbox, config.job, verdict, source="styled add")
        return
    if isinstance(verdict, Changed):
        raise PairRejected("the copies were changed while they were checked", "Try again.")
    reason = verdict.missing if isinstance(verdict, NotYet) else verdict.reason
    given = parts.get(verdict.path)
    raise PairRejected(f"{escaped(str(given))}: {reason}" if given else reason)


def _suffix(path: Path) -> str:
    """Return the suffix that a file gets in the inbox: its own, or that of its format if it is of another.

    Raises:
        ImageError: it is not an image that can be used.
    """
    from styled import images  # Pillow, only when there is an image

    return names.suffix_of_format(path.name, images.probe(path).format)


def _is_understood(name: str, parts: Mapping[str, Path]) -> bool:
    """Return whether the inbox takes a folder of that name for this pair, and for nothing else."""
    listing = {name: Kind.FOLDER, **{f"{name}/{part}": Kind.FILE for part in parts}}
    pairing = pair_up(listing)
    taken = [sorted([pair.content, *pair.styles, *([pair.mask] if pair.mask else [])]) for pair in pairing.pairs]
    return taken == [sorted(f"{name}/{part}" for part in parts)]


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reading, target.open("xb") as writing:
        shutil.copyfileobj(reading, writing, 1024 * 1024)
        writing.flush()
        os.fsync(writing.fileno())


def _rename(hidden: Path, inbox: Path, wanted: str, parts: Mapping[str, Path]) -> str:
    for count in range(1, _TRIES):
        name = wanted if count == 1 else f"{wanted}-{count}"
        if (inbox / name).exists() or not _is_understood(name, parts):
            continue
        try:
            hidden.rename(inbox / name)
        except OSError:
            if (inbox / name).exists():  # somebody else took the name in between
                continue
            raise
        durable.sync_folder(inbox)
        return name
    raise PairRejected(f"the inbox has {_TRIES} pairs called {wanted}", "Give another name.")


def _input_names(content: Path, styles: Sequence[Path], mask: Path | None) -> dict[str, Any]:
    """Return what the files are called: in the inbox the names give the parts."""
    called: dict[str, Any] = {"content": _printable(content), "styles": [_printable(style) for style in styles]}
    return called if mask is None else {**called, "mask": _printable(mask)}


def _printable(path: Path) -> str:
    return "" if is_hostile(path.name) else path.name


def _job_toml(values: Mapping[str, Any]) -> bytes:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items()).encode()


def _toml(value: Any) -> str:
    """Write a plain value as TOML. Its strings and numbers are those of JSON; tables are not."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(str(key))} = {_toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError as error:
        raise SettingsError(f"{value!r} is not a value of a setting", "Give a text, a number or a list.") from error
