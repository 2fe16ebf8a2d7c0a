"""What ``styled doctor`` looks at: everything about a root and a machine that has gone wrong somewhere before."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from styled import memory
from styled.config import Config, load_config
from styled.daemon.control.protocol import Client, status_from
from styled.daemon.process.footing import ADVICE, unliveable
from styled.daemon.process.lock import holder_of
from styled.errors import DaemonNotRunning, StyledError
from styled.files.filesystem import filesystem_type, is_network
from styled.files.trust import distrust
from styled.gpus import LEAST_FREE_BYTES, Gpu
from styled.root import Root

GOOD_SQLITE = (3, 51, 3)
"""From here on two writers cannot corrupt a WAL database; styled has one, so older ones are no harm."""

_CLOCK_S = 5.0
"""A difference between the clock and the filesystem's that shows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    name: str
    level: Literal["ok", "warning", "problem"]
    text: str
    advice: str = ""


def examine(root: Root) -> Iterator[Finding]:
    """Make all checks, in an order in which the first problem is the one to mend first.

    Writes small files into ``inbox/`` and ``.styled/`` and removes them again; runs a small job where a cluster paints; changes nothing else.
    """
    config, finding = _config(root)
    yield finding
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _folders(root),
        lambda: _trust(root),
        lambda: _filesystem(root, config),
        lambda: _rename(root),
        lambda: _daemon(root),
        lambda: _disk(root, config),
        lambda: _inotify(config),
        _sqlite,
        lambda: _weights(config),
        lambda: _backend(root, config),
        _machine,
    )
    for check in checks:
        try:
            yield from check()
        except OSError as error:
            yield Finding("reading", "problem", str(error), "Check the permissions there.")


def _config(root: Root) -> tuple[Config, Finding]:
    try:
        config = load_config(root.config)
    except StyledError as error:
        return Config(), Finding("configuration", "problem", error.message, error.advice)
    where = str(root.config) if root.config.exists() else "defaults; there is no styled.toml"
    return config, Finding("configuration", "ok", where)


def _folders(root: Root) -> Iterator[Finding]:
    for folder in (root.inbox, root.evolution, root.state):
        name = folder.name if folder == root.state else "inbox" if folder == root.inbox else "evolution"
        if nowhere := root.link_to_nothing(name):
            advice = "Mount its disk, make that folder, or make the link anew."
            yield Finding(name, "problem", f"{root.path / name} is a link to {nowhere}, which is not there", advice)
        elif folder != root.state and folder.is_symlink():
            advice = "Make it a folder, or make the link yourself."
            yield Finding(name, "problem", f"{folder} is a link that another user has made; it is not followed", advice)
        elif not folder.exists():
            advice = (
                "The daemon makes it when it starts."
                if root.is_made
                else f"Make the root with: {root.command_to_make_it}"
            )
            yield Finding(name, "warning", f"{folder} is not there", advice)
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Finding(
                name,
                "problem",
                f"you cannot read and write {folder}",
                "Give it to the user that runs the daemon.",
            )
        else:
            yield Finding(name, "ok", str(folder))


def _trust(root: Root) -> Iterator[Finding]:
    """Look who may write what the daemon goes by."""
    found = [(path, distrust(path, base=root.path)) for path in (root.path, root.state, root.evolution)]
    bad = [f"{path} {why}" for path, why in found if why]
    if bad:
        advice = "Whoever may could make the daemon do anything: chmod o-w, chown."
        yield Finding("trust", "problem", "; ".join(bad), advice)
    else:
        yield Finding("trust", "ok", "others cannot write what the daemon goes by")


def _filesystem(root: Root, config: Config) -> Iterator[Finding]:
    state = filesystem_type(root.state if root.state.exists() else root.path)
    if is_network(state):
        yield Finding(
            "filesystem",
            "problem",
            f"{root.path} lies on {state}",
            "Put the root on a local disk; inbox/ may be a mount.",
        )
    elif root.state.is_dir() and os.access(root.state, os.W_OK) and (why := unliveable(root.state)):
        yield Finding("filesystem", "problem", f"{root.path} is no place for a root: {why}", ADVICE)
    else:
        yield Finding("filesystem", "ok", state or "unknown")
    inbox = filesystem_type(root.inbox) if root.inbox.exists() else ""
    if is_network(inbox) and config.inbox.watch == "native":
        yield Finding("inbox events", "problem", f"inbox/ lies on {inbox}", "Set [inbox] watch = 'auto' or 'poll'.")


def _rename(root: Root) -> Iterator[Finding]:
    """Really move a file from the inbox to evolution/: two mounts of one disk look alike until one tries."""
    if not (root.inbox.is_dir() and root.evolution.is_dir()):
        return
    source = root.inbox / f".styled-doctor-{secrets.token_hex(4)}"
    target = root.evolution / source.name
    try:
        source.write_bytes(b"")
        written = source.stat().st_mtime
        source.rename(target)
    except OSError as error:
        yield Finding(
            "moving files",
            "warning",
            f"a file cannot be moved from inbox/ to evolution/: {error.strerror}",
            "Pairs are copied instead. For atomic moves, put both on one mount, writable for the daemon.",
        )
    else:
        yield Finding("moving files", "ok", "inbox/ to evolution/ is one rename")
        yield _clock(written)
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)


def _clock(written: float) -> Finding:
    ahead = written - time.time()
    if abs(ahead) > _CLOCK_S:
        return Finding(
            "clock", "warning", f"the disk's clock differs by {ahead:+.0f} s", "Have both machines use a time server."
        )
    if time.time() < 1_700_000_000:
        return Finding("clock", "warning", time.strftime("the clock says %Y-%m-%d"), "Set it; job ids carry the date.")
    return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S %Z"))


def _daemon(root: Root) -> Iterator[Finding]:
    holder = holder_of(root)
    try:
        client = Client(root, timeout=2.0)
        reply = client.request("ping")
        status = status_from(client.request("status"))
    except DaemonNotRunning:
        if holder is None:
            yield Finding("daemon", "ok", "none runs")
        else:
            yield Finding(
                "daemon",
                "problem",
                f"process {holder.pid} holds the lock but does not listen" + (holder.waits and f": {holder.waits}"),
                f"It may be starting; else end it with: kill {holder.pid}",
            )
    except StyledError as error:
        yield Finding("daemon", "problem", error.message, error.advice)
    else:
        yield Finding("daemon", "ok", f"pid {reply['pid']}, version {reply['version']}")
        for part in status.parts:
            advice = f"It is tried again by itself, and all else goes on; {root.log} has details."
            yield Finding(f"daemon, {part.part}", "warning", part.trouble, advice)


def _disk(root: Root, config: Config) -> Iterator[Finding]:
    places = [folder for folder in (root.state, root.evolution) if folder.exists()] or [root.path]
    free, place = min((shutil.disk_usage(folder).free / 1e9, folder) for folder in places)
    if free < config.disk.min_free_gb:
        yield Finding(
            "disk",
            "problem",
            f"{free:.1f} GB free for {place}, less than disk.min_free_gb = {config.disk.min_free_gb:g}",
            "Free some space, look at: styled clean --dry-run, or lower the limit.",
        )
    else:
        yield Finding("disk", "ok", f"{free:.1f} GB free")


def _inotify(config: Config) -> Iterator[Finding]:
    if config.inbox.watch == "poll":
        return
    for name, least in (("max_user_watches", 8192), ("max_user_instances", 128), ("max_queued_events", 16384)):
        path = Path("/proc/sys/fs/inotify") / name
        if not path.exists():
            yield Finding("inotify", "warning", "this system has none", "The inbox is looked at every few seconds.")
            return
        value = int(path.read_text())
        if value < least:
            yield Finding(f"inotify {name}", "warning", str(value), f"Raise it: sudo sysctl fs.inotify.{name}={least}")
        else:
            yield Finding(f"inotify {name}", "ok", str(value))


def _sqlite() -> Iterator[Finding]:
    version = sqlite3.sqlite_version
    note = "" if sqlite3.sqlite_version_info >= GOOD_SQLITE else "; older than 3.51.3, safe here with its one writer"
    yield Finding("sqlite", "ok", version + note)


def _weights(config: Config) -> Iterator[Finding]:
    from styled.vgg19.weights import describe

    spec = str(config.job.get("weights", "builtin"))
    info = describe(spec)
    if info.available:
        yield Finding("weights", "ok", f"{spec}: {info.path}")
    else:
        yield Finding("weights", "problem", f"{spec}: {info.problem}", "Look at: styled weights")


def _backend(root: Root, config: Config) -> Iterator[Finding]:
    if config.backend.kind == "local":
        return
    from styled.backend.choose import backend_of
    from styled.backend.staged import checkup  # with the images' libraries, which no other check needs

    for found in checkup.examine(backend_of(root, config)):
        yield Finding(*found)


def _machine() -> Iterator[Finding]:
    found = memory.sample()
    if found.host_total is not None and found.host_available is not None:
        limited = ", limited by a control group" if found.limited else ""
        yield Finding(
            "memory",
            "ok",
            f"{found.host_available / 2**30:.1f} of {found.host_total / 2**30:.1f} GiB available{limited}",
        )
    if not found.gpus:
        yield Finding("gpu", "ok", "none; painting uses the processor")
    for gpu in found.gpus:
        yield _gpu(gpu)


def _gpu(gpu: Gpu) -> Finding:
    name = f"gpu {gpu.label}"
    if not gpu.is_usable or gpu.free is None:
        advice = (
            "Look at: nvidia-smi. A card that has fallen off the bus needs a restart, one that is split (MIG) slices."
        )
        return Finding(name, "warning", f"{gpu.name or 'it does not answer'}; nothing can be painted there", advice)
    text = f"{gpu.name}, {gpu.free / 2**30:.1f} of {(gpu.total or 0) / 2**30:.1f} GiB free"
    if gpu.free < LEAST_FREE_BYTES:
        return Finding(name, "warning", text, "Another program has it: no job of queue.parallel = 'auto' is for it.")
    return Finding(name, "ok", text)
