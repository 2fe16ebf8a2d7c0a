"""``inbox/rejected/``: what can never become a job, each with a ``REASON.txt``. Nothing is ever deleted.

A rejection is planned in ``.styled/rejections/<token>.json`` before the first file moves, and always goes forward:
one that was cut off is finished at the next start. The files wait in ``inbox/rejected/.reject-<token>/`` until they
are complete. The plan is not kept there, because others may write the inbox: what lies in it is never believed.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from styled.errors import DataDamaged
from styled.files import durable
from styled.files.decoding import read_json
from styled.files.moves import GONE, rename_new
from styled.files.printable import decoded, encoded, escaped
from styled.files.untrusted import file_at, folder_at, is_single_name, parent_of
from styled.root import Root
from styled.store.status import LISTED, Rejected

REASON = "REASON.txt"
_PLANS = "rejections"
"""Folder of the plans in ``.styled/``."""
DONE = "done"
"""Folder of the plans that were carried out, in that of the plans, each by the name of its folder in ``rejected/``.

From them it is known where a file came from. What lies beside it in ``rejected/`` may be anybody's.
"""
_PREFIX = ".reject-"
_NAME_BYTES = 200
_REASON_BYTES = 4096


class _Move(msgspec.Struct, frozen=True):
    source: str
    """Path relative to the root, percent-encoded: it may hold any bytes. See :func:`_source_of`."""
    target: str
    """Name in the rejected folder, percent-encoded."""


class _Plan(msgspec.Struct, frozen=True):
    name: str
    text: str
    moves: tuple[_Move, ...]
    folder: str
    """Folder of the inbox to be removed once it is empty, percent-encoded; empty for none."""


class Finished(NamedTuple):
    """What :func:`finish_rejections` did."""

    notes: list[str]
    """For the log. What could not be moved lies where it was, and is checked again."""
    unfinished: list[str]
    """Rejections to be finished later: their files are in the inbox, or in the hidden folder in ``inbox/rejected/``."""


def reject(root: Root, name: str, reason: str, paths: Sequence[str]) -> str:
    """Move files to ``inbox/rejected/<name>/`` and write why in ``REASON.txt``.

    Args:
        root: whose inbox.
        name: the pair's; a taken one gets ``-2``, ``-3`` … after it.
        reason: one line or more.
        paths: relative to the root, below ``inbox/`` or ``evolution/.claim-<id>/input/``. A folder may come first:
            that means all that is in it, and the folder is removed.

    Returns:
        the folder's path relative to the root.

    Raises:
        OSError: nothing could be moved: the inbox cannot be written, for example.
    """
    folder, sources = _expand(root, paths)
    moves = tuple(
        _Move(encoded(source), encoded(target)) for source, target in zip(sources, _targets(sources), strict=True)
    )
    plan = _Plan(_file_name(name), _text(reason, sources), moves, encoded(folder))
    with rejected_folder(root, make=True) as base:
        plans = root.state / _PLANS
        plans.mkdir(mode=0o700, parents=True, exist_ok=True)
        token = secrets.token_hex(8)
        record = plans / f"{token}.json"
        durable.write_json(record, plan)
        try:
            os.mkdir(_PREFIX + token, dir_fd=base)
        except OSError:
            record.unlink()
            raise
        durable.sync_open_folder(base)
        return _go_forward(root, record, plan, base)


def finish_rejections(root: Root) -> Finished:
    """Finish every rejection that was cut off.

    Without ``inbox/rejected/`` nothing is forgotten: the inbox may be mounted later.
    """
    plans = root.state / _PLANS
    records = sorted(plans.glob("*.json")) if plans.is_dir() else []
    if plans.is_dir():
        durable.sweep(plans)
        with suppress(OSError):  # not there yet; or a closed folder, say: each scan of the inbox reports that
            _forget_gone(root, plans)
    notes: list[str] = []
    unfinished: list[str] = []
    for record in records:
        try:
            plan = _checked(read_json(record, _Plan))
        except (DataDamaged, ValueError) as error:
            # Kept as a record of which files were meant; they are where they were, or in the hidden folder.
            record.rename(record.with_suffix(".damaged"))
            notes.append(f"a rejection that was cut off cannot be finished, its plan {record.name} is damaged: {error}")
            continue
        try:
            with rejected_folder(root) as base:
                # Only an inbox that has the one folder can tell that the other is gone.
                place = _go_forward(root, record, plan, base) if _has_begun(record, base) else ""
        except OSError as error:
            why = f"{plan.name} could not be moved to inbox/rejected/: {error.strerror or error}"
            (unfinished if record.exists() else notes).append(why)
        else:
            if place:
                notes.append(f"the rejection of {plan.name} was finished: see {place}")
            else:
                record.unlink()  # killed before the first move, or after the last one
    return Finished(notes + _unplanned(root), unfinished)


@contextmanager
def rejected_folder(root: Root, *, make: bool = False) -> Iterator[int]:
    """Open ``inbox/rejected/``, following no link on the way."""
    with folder_at(root.inbox) as inbox:
        if make:
            with suppress(FileExistsError):
                os.mkdir(root.rejected.name, dir_fd=inbox)
        with folder_at(root.rejected.name, inside=inbox) as descriptor:
            yield descriptor


def _unplanned(root: Root) -> list[str]:
    """Return a note for each hidden folder that looks like a rejection that was cut off, and has no plan of ours."""
    try:
        with rejected_folder(root) as descriptor:
            found = sorted(name for name in os.listdir(descriptor) if name.startswith(_PREFIX))  # noqa: PTH208  # a descriptor, not a path
    except OSError:
        return []  # no such folder, or a closed one: each scan of the inbox reports that
    known = {f"{_PREFIX}{record.stem}" for record in (root.state / _PLANS).glob("*.json")}
    return [
        f"inbox/rejected/{escaped(name)} is not of this daemon; it is left alone" for name in found if name not in known
    ]


def rejected(root: Root) -> tuple[list[Rejected], int]:
    """Return the newest rejections, at most ``LISTED``, and how many there are.

    Raises:
        OSError: ``inbox/rejected/`` is no folder, or cannot be read.
    """
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


def reason_of(root: Root, name: str) -> str | None:
    """Return the first line of why the pair ``name`` was rejected; None if none of that name was."""
    try:
        with (
            rejected_folder(root) as base,
            parent_of(name, base=base) as (parent, last),
            folder_at(last, inside=parent),
        ):
            return _reason(last, parent)
    except OSError:
        return None


def _has_begun(record: Path, base: int) -> bool:
    """Whether a plan's hidden folder is in ``inbox/rejected/``."""
    try:
        os.lstat(_PREFIX + record.stem, dir_fd=base)
    except FileNotFoundError:
        return False
    return True


def _go_forward(root: Root, record: Path, plan: _Plan, base: int) -> str:
    work = _PREFIX + record.stem
    with folder_at(work, inside=base) as target:
        problem: OSError | None
        try:
            # Before the first move: on a full disk the files shall stay where their sender sees them.
            _write_reason(target, plan.text)
        except OSError as error:
            problem = error
        else:
            problem = _move_all(root, target, plan.moves)
        if problem is not None and not _holds_files(target):
            with suppress(FileNotFoundError):
                os.unlink(REASON, dir_fd=target)
            os.rmdir(work, dir_fd=base)
            record.unlink()
            raise problem
        durable.sync_open_folder(target)
        if plan.folder:
            _remove_folder(root, decoded(plan.folder))
    name = _give_name(work, plan.name, base)
    done = record.parent / DONE
    done.mkdir(mode=0o700, exist_ok=True)
    record.rename(done / f"{name}.json")
    return f"inbox/rejected/{name}"


def origins_of(root: Root, name: str) -> dict[str, str]:
    """Return where each file in ``inbox/rejected/<name>/`` came from, relative to the inbox, as far as that is known."""
    try:
        plan = _checked(read_json(root.state / _PLANS / DONE / f"{name}.json", _Plan))
    except (OSError, DataDamaged, ValueError):
        return {}  # it was rejected by an earlier version, or by hand
    origins = {decoded(move.target): decoded(move.source).partition("/") for move in plan.moves}
    return {target: path for target, (place, _, path) in origins.items() if place == "inbox"}


def forget_origins(root: Root, name: str) -> None:
    """Drop what :func:`origins_of` returns: the folder is gone."""
    (root.state / _PLANS / DONE / f"{name}.json").unlink(missing_ok=True)


def _forget_gone(root: Root, plans: Path) -> None:
    """Drop the plans of rejections whose folders somebody has taken away out of ``inbox/rejected/``.

    Raises:
        OSError: it cannot be read, or is not there: the inbox may be mounted later.
    """
    with rejected_folder(root) as folder:
        there = set(os.listdir(folder))  # noqa: PTH208  # a descriptor, not a path
    for record in (plans / DONE).glob("*.json"):
        if record.stem not in there:
            record.unlink(missing_ok=True)


def _checked(plan: _Plan) -> _Plan:
    """Return a plan that was read from a file, whose every path is one that :func:`reject` could have written.

    Raises:
        ValueError: it is not.
    """
    paths = [decoded(move.source) for move in plan.moves] + ([decoded(plan.folder)] if plan.folder else [])
    for path in paths:
        _source_of(path)
    names = [plan.name, *(decoded(move.target) for move in plan.moves)]
    for name in names:
        if not is_single_name(name):
            raise ValueError(f"{escaped(name)!r} is not a file name")
    return plan


def _source_of(path: str) -> tuple[str, str]:
    """Split a path relative to the root into ``inbox`` or ``evolution`` and the rest.

    Raises:
        ValueError: it is not below ``inbox/``, nor in the ``input/`` of a claim that is being undone.
    """
    place, _, rest = path.partition("/")
    names = rest.split("/")
    from_claim = len(names) == 3 and names[0].startswith(".claim-") and names[1] == "input"
    if not (place == "inbox" or (place == "evolution" and from_claim)) or not all(map(is_single_name, names)):
        raise ValueError(f"{escaped(path)!r} is not a path that can be rejected")
    return place, rest


@contextmanager
def _parent_of(root: Root, path: str) -> Iterator[tuple[int, str]]:
    """Open the folder that holds a path relative to the root, following no link; give it and the last name."""
    place, rest = _source_of(path)
    with folder_at(root.inbox if place == "inbox" else root.evolution) as base, parent_of(rest, base=base) as found:
        yield found


def _move_all(root: Root, target: int, moves: Sequence[_Move]) -> OSError | None:
    """Move what can be moved; return why something could not."""
    problem = None
    for move in moves:
        try:
            with _parent_of(root, decoded(move.source)) as (folder, name):
                rename_new(name, decoded(move.target), source_folder=folder, target_folder=target)
        except OSError as error:
            # Moved already, or taken away by the user.
            if error.errno not in GONE:
                problem = error
    return problem


def _holds_files(folder: int) -> bool:
    return any(name != REASON for name in os.listdir(folder))


def _write_reason(folder: int, text: str) -> None:
    """Write ``REASON.txt`` in an open folder, whole or not at all; a link of that name is replaced, not followed."""
    temporary = f".styled-{secrets.token_hex(4)}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, REASON, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _remove_folder(root: Root, path: str) -> None:
    try:
        with _parent_of(root, path) as (folder, name):
            os.rmdir(name, dir_fd=folder)
    except OSError:
        return  # something new is in it, or it may not be removed: it stays


def _give_name(work: str, name: str, base: int) -> str:
    """Rename the folder to ``name``, or ``name-2`` … if that is taken; durably."""
    for candidate in free_names(name):
        try:
            rename_new(work, candidate, source_folder=base, target_folder=base)
        except FileExistsError:
            continue
        durable.sync_open_folder(base)
        return candidate
    raise AssertionError("candidates never end")


def free_names(name: str) -> Iterator[str]:
    """Yield ``name``, then ``name-2``, ``name-3`` … without end."""
    yield name
    count = 2
    while True:
        yield f"{name}-{count}"
        count += 1


def _expand(root: Root, paths: Sequence[str]) -> tuple[str, list[str]]:
    """Return the folder that ``paths`` begins with, if it does, and all files meant."""
    if paths:
        try:
            with (
                _parent_of(root, paths[0]) as (parent, name),
                folder_at(name, inside=parent) as folder,
                os.scandir(folder) as entries,
            ):
                return paths[0], [*sorted(f"{paths[0]}/{entry.name}" for entry in entries), *paths[1:]]
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):  # a file, or a link
                raise
    return "", list(paths)


def _targets(sources: Sequence[str]) -> list[str]:
    """Return a name for each source; those from ``content/`` and ``style/`` are distinguished by their folder."""
    names = [source.rpartition("/")[2] for source in sources]
    if len(set(names)) < len(names):
        names = ["-".join(source.split("/")[-2:]) for source in sources]
    return [f"_{name}" if name == REASON else name for name in names]


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
