"""What users decide about what was rejected or is left over: another look, or out of sight. Nothing is ever deleted.

Names come from a client, and what lies in ``inbox/rejected/`` from anybody: each step goes through an open folder, by one
plain name, follows no link and overwrites nothing. Where a file came from is taken from the daemon's own plan.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from styled.errors import NoSuchPair, NotMoved
from styled.files import durable
from styled.files.moves import rename_new
from styled.files.printable import escaped
from styled.files.untrusted import folder_at, is_single_name, parent_of
from styled.inbox.claiming.rejection import REASON, forget_origins, free_names, origins_of, reject, rejected_folder
from styled.inbox.names import DISMISSED_FOLDER, PUT_ASIDE
from styled.root import Root

_MAKE_IT_FREE = "Move what is there away, then try again."


def put_back(root: Root, name: str) -> list[str]:
    """Move the files in ``inbox/rejected/<name>/`` back to where they were dropped, so that they are looked at again.

    Args:
        root: whose inbox.
        name: as :func:`~styled.inbox.claiming.rejection.rejected` lists it.

    Returns:
        the files' paths relative to the inbox.

    Raises:
        NoSuchPair: nothing of that name was rejected, or two are printed alike.
        NotMoved: a place is taken; nothing was moved.
        OSError: the inbox does not let it be done. What was moved before is in the inbox, the rest where it was.
    """
    with ExitStack() as stack:
        base, entry = stack.enter_context(_rejected(root, name))
        folder = stack.enter_context(folder_at(entry, inside=base))
        inbox = stack.enter_context(folder_at(root.inbox))
        files = sorted(file for file in os.listdir(folder) if file != REASON)  # noqa: PTH208  # a descriptor, not a path
        places = _places(entry, files, origins_of(root, entry))
        for place in places.values():
            _check_free(place, inbox)
        for file, place in places.items():
            _make_parent(place, inbox)
            with parent_of(place, base=inbox) as (target, last):
                rename_new(file, last, source_folder=folder, target_folder=target)
                durable.sync_open_folder(target)
        _remove_empty(entry, folder, base)
    forget_origins(root, entry)
    return sorted(places.values())


def dismiss_rejected(root: Root, name: str) -> str:
    """Move ``inbox/rejected/<name>/`` to ``inbox/dismissed/``; return its path relative to the root.

    Raises:
        NoSuchPair: nothing of that name was rejected, or two are printed alike.
        OSError: the inbox does not let it be done; nothing was changed.
    """
    with _rejected(root, name) as (base, entry), folder_at(root.inbox) as inbox:
        with suppress(FileExistsError):
            os.mkdir(DISMISSED_FOLDER, dir_fd=inbox)
        with folder_at(DISMISSED_FOLDER, inside=inbox) as dismissed:
            for candidate in free_names(entry):
                with suppress(FileExistsError):
                    rename_new(entry, candidate, source_folder=base, target_folder=dismissed)
                    break
            durable.sync_open_folder(dismissed)
    forget_origins(root, entry)
    return f"inbox/{DISMISSED_FOLDER}/{candidate}"


def dismiss_files(root: Root, name: str, reason: str, paths: Sequence[str]) -> str:
    """Move what lies in the inbox and is no job to ``inbox/dismissed/``; return its folder, relative to the root.

    Killed half-way it is among what was rejected, with the same reason.

    Args:
        root: whose inbox.
        name: the folder's.
        reason: for ``REASON.txt``.
        paths: relative to the inbox; a folder first means all that is in it.

    Raises:
        OSError: the inbox does not let it be done; what could not be moved is where it was.
    """
    place = reject(root, name, reason, [f"inbox/{path}" for path in paths])
    return dismiss_rejected(root, place.rpartition("/")[2])


@contextmanager
def _rejected(root: Root, name: str) -> Iterator[tuple[int, str]]:
    """Open ``inbox/rejected/``; give it and the one folder in it that is printed as ``name``."""
    try:
        with rejected_folder(root) as base:
            with os.scandir(base) as entries:
                found = [
                    entry.name
                    for entry in entries
                    if escaped(entry.name) == name
                    and not entry.name.startswith(".")
                    and entry.is_dir(follow_symlinks=False)
                ]
            if len(found) != 1:
                raise NoSuchPair(
                    f"{'no pair' if not found else 'more than one pair'} called {name[:80]!r} was rejected"
                )
            yield base, found[0]
    except FileNotFoundError as error:
        raise NoSuchPair(f"no pair called {name[:80]!r} was rejected") from error


def _places(entry: str, files: Sequence[str], origins: Mapping[str, str]) -> dict[str, str]:
    """Return where each file belongs in the inbox: where it came from, else beside what came with it."""
    folders = {path.rpartition("/")[0] for path in origins.values()}
    if origins:
        beside = next(iter(folders)) if len(folders) == 1 else entry
    else:  # rejected by an earlier version, or by hand: a folder's files are called by their part alone
        parts = {file.partition(".")[0] for file in files}
        beside = entry if parts & {"content", "style"} else ""
    places = {file: origins.get(file) or (f"{beside}/{file}" if beside else file) for file in files}
    for place in places.values():
        if not all(map(is_single_name, place.split("/"))) or place.partition("/")[0] in PUT_ASIDE:
            raise NotMoved(f"{escaped(place)} is no place in inbox/ to move a file to", "Move the files by hand.")
    return places


def _check_free(place: str, inbox: int) -> None:
    with suppress(FileNotFoundError), parent_of(place, base=inbox) as (folder, last):
        os.lstat(last, dir_fd=folder)
        raise NotMoved(f"inbox/{escaped(place)} is there already", _MAKE_IT_FREE)


def _make_parent(place: str, inbox: int) -> None:
    folder, slash, _ = place.partition("/")
    if slash:
        with suppress(FileExistsError):
            os.mkdir(folder, dir_fd=inbox)


def _remove_empty(entry: str, folder: int, base: int) -> None:
    """Remove a folder of which only the reason is left; something that came meanwhile keeps it."""
    with suppress(OSError):
        if os.listdir(folder) == [REASON]:
            os.unlink(REASON, dir_fd=folder)
        os.rmdir(entry, dir_fd=base)
    durable.sync_open_folder(base)
