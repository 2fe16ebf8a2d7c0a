"""``inbox/rejected/``: what can never become a job, each with a ``REASON.txt``. Nothing is ever deleted.

A rejection is planned in ``rejected/.reject-<token>/`` before the first file moves, and always goes forward:
one that was cut off is finished at the next start.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import msgspec

from styled import durable
from styled.queue.moves import GONE, rename_new
from styled.queue.names import escaped
from styled.queue.status import LISTED, Rejected
from styled.queue.untrusted import file_at, folder_at, parent_of
from styled.root import Root

REASON = "REASON.txt"
_PLAN = ".reject.json"
_PREFIX = ".reject-"
_NAME_BYTES = 200
_REASON_BYTES = 4096


class _Move(msgspec.Struct, frozen=True):
    source: str
    """Path relative to the root, percent-encoded: it may hold any bytes."""
    target: str
    """Name in the rejected folder, percent-encoded."""


class _Plan(msgspec.Struct, frozen=True):
    name: str
    text: str
    moves: tuple[_Move, ...]
    folder: str
    """Folder of the inbox to be removed once it is empty, percent-encoded; empty for none."""


def reject(root: Root, name: str, reason: str, paths: Sequence[str]) -> str:
    """Move files to ``inbox/rejected/<name>/`` and say why in ``REASON.txt``.

    Args:
        root: whose inbox.
        name: the pair's; a taken one gets ``-2``, ``-3`` … after it.
        reason: one line or more.
        paths: relative to the root. A folder may come first: that means all that is in it, and the folder is removed.

    Returns:
        the folder's path relative to the root.

    Raises:
        OSError: nothing could be moved: the inbox cannot be written, for example.
    """
    with folder_at(root.path) as base:
        folder, sources = _expand(base, paths)
    moves = tuple(
        _Move(_encode(source), _encode(target)) for source, target in zip(sources, _targets(sources), strict=True)
    )
    plan = _Plan(_file_name(name), _text(reason, sources), moves, _encode(folder))
    root.rejected.mkdir(exist_ok=True)
    work = root.rejected / f"{_PREFIX}{secrets.token_hex(8)}"
    work.mkdir()
    durable.write_json(work / _PLAN, plan)
    durable.sync_folder(root.rejected)
    return _go_forward(root, work, plan)


def finish_rejections(root: Root) -> list[str]:
    """Finish every rejection that was cut off.

    Returns:
        what could not be finished, for the log; it lies where it was, and is judged again.

    Raises:
        OSError: ``inbox/rejected/`` cannot be used.
    """
    problems = []
    for work in sorted(root.rejected.glob(f"{_PREFIX}*")):
        try:
            plan = msgspec.json.decode((work / _PLAN).read_bytes(), type=_Plan)
        except (FileNotFoundError, msgspec.MsgspecError):
            durable.sweep(work)
            work.rmdir()  # cut off before its plan: nothing was moved
            continue
        try:
            _go_forward(root, work, plan)
        except OSError as error:
            problems.append(f"{plan.name} could not be moved to inbox/rejected/: {error.strerror or error}")
    return problems


def rejected(root: Root) -> tuple[list[Rejected], int]:
    """Return the newest rejections, at most ``LISTED``, and how many there are."""
    try:
        with folder_at(root.rejected) as base, os.scandir(base) as entries:
            found = [
                (entry.stat(follow_symlinks=False).st_mtime, entry.name)
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
            newest = sorted(found, reverse=True)[:LISTED]
            listed = [Rejected(name=escaped(name), reason=_reason(name, base), at=at) for at, name in newest]
    except FileNotFoundError:
        return [], 0
    return listed, len(found)


def _go_forward(root: Root, work: Path, plan: _Plan) -> str:
    with folder_at(root.path) as base, folder_at(work) as target:
        problem = _move_all(base, target, plan.moves)
        if problem is not None and not _holds_files(target):
            (work / _PLAN).unlink()
            work.rmdir()
            raise problem
        durable.write_bytes(work / REASON, plan.text.encode())
        durable.sync_open_folder(target)
        if plan.folder:
            _remove_folder(_decode(plan.folder), base)
    name = _give_name(root, work, plan.name)
    (root.rejected / name / _PLAN).unlink(missing_ok=True)
    return f"inbox/rejected/{name}"


def _move_all(base: int, target: int, moves: Sequence[_Move]) -> OSError | None:
    """Move what can be moved; return why something could not."""
    problem = None
    for move in moves:
        try:
            with parent_of(_decode(move.source), base=base) as (folder, name):
                rename_new(name, _decode(move.target), source_folder=folder, target_folder=target)
        except OSError as error:
            # Moved already, or taken away by the user.
            if error.errno not in GONE:
                problem = error
    return problem


def _holds_files(folder: int) -> bool:
    return any(name not in (_PLAN, REASON) for name in os.listdir(folder))


def _remove_folder(path: str, base: int) -> None:
    try:
        with parent_of(path, base=base) as (folder, name):
            os.rmdir(name, dir_fd=folder)
    except OSError:
        return  # something new is in it, or it may not be removed: it stays


def _give_name(root: Root, work: Path, name: str) -> str:
    """Rename the folder to ``name``, or ``name-2`` … if that is taken; durably."""
    with folder_at(root.rejected) as base:
        for candidate in _candidates(name):
            try:
                rename_new(work.name, candidate, source_folder=base, target_folder=base)
            except FileExistsError:
                continue
            durable.sync_open_folder(base)
            return candidate
    raise AssertionError("candidates never end")


def _candidates(name: str) -> Iterator[str]:
    yield name
    count = 2
    while True:
        yield f"{name}-{count}"
        count += 1


def _expand(base: int, paths: Sequence[str]) -> tuple[str, list[str]]:
    """Return the folder that ``paths`` begins with, if it does, and all files meant."""
    if paths:
        try:
            with (
                parent_of(paths[0], base=base) as (parent, name),
                folder_at(name, inside=parent) as folder,
                os.scandir(folder) as entries,
            ):
                return paths[0], [*sorted(f"{paths[0]}/{entry.name}" for entry in entries), *paths[1:]]
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):  # a file, or a link
                raise
    return "", list(paths)


def _targets(sources: Sequence[str]) -> list[str]:
    """Return a name for each source; those from ``content/`` and ``style/`` are told apart by their folder."""
    names = [source.rpartition("/")[2] for source in sources]
    if len(set(names)) < len(names):
        names = ["-".join(source.split("/")[-2:]) for source in sources]
    return [f"_{name}" if name in (REASON, _PLAN) else name for name in names]


def _text(reason: str, sources: Sequence[str]) -> str:
    files = "\n".join(f"  {escaped(source)}" for source in sources)
    return (
        f"{escaped(reason.replace(chr(10), ' '))}\n\n"
        f"Moved here on {time.strftime('%Y-%m-%d at %H:%M:%S %z')}:\n{files}\n\n"
        "To try again, correct what is wrong and move the files back into inbox/.\n"
    )


def _reason(name: str, base: int) -> str:
    try:
        with folder_at(name, inside=base) as folder, file_at(REASON, folder=folder) as file:
            data = os.read(file, _REASON_BYTES)
    except OSError:
        return "no reason is noted"
    lines = data.decode("utf-8", "replace").splitlines()
    return escaped(lines[0]) if lines else "no reason is noted"


def _file_name(name: str) -> str:
    cut = escaped(name).encode()[:_NAME_BYTES].decode(errors="ignore")
    return cut.replace("/", "-").lstrip(".") or "pair"


def _encode(path: str) -> str:
    return quote(os.fsencode(path))


def _decode(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text))
