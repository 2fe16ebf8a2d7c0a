"""What people do to an inbox and a root in a run of chaos; each returns what it was, for the log."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from styled.errors import StyledError
from styled.job import JobState
from tests.faults.chaos.ledger import job_toml
from tests.faults.chaos.world import World


def drop(world: World, dice: random.Random) -> str:
    """Drop a pair with ``styled add``."""
    return "enough waits" if world.is_full() else world.drop(dice).name


def drop_real(world: World, dice: random.Random) -> str:
    """Drop a pair for the real engine, a few in a run."""
    if world.reals >= 4 or world.is_full():
        return "enough"
    world.reals += 1
    return world.drop(dice, name=f"real{world.reals}").name


def drop_files(world: World, dice: random.Random) -> str:
    """Copy NAME.content.png, NAME.style.png and NAME.toml into the inbox, in any order."""
    if world.is_full():
        return "enough waits"
    pair = world.new(dice)
    parts = [(pair.content, f"{pair.name}.content.png"), (world.ledger.style(pair), f"{pair.name}.style.png")]
    dice.shuffle(parts)
    with world.not_dropped(pair):
        (world.root.inbox / f"{pair.name}.toml").write_text(job_toml(pair))
        for source, name in parts:
            shutil.copyfile(source, world.root.inbox / name)
    return pair.name


def drop_folders(world: World, dice: random.Random) -> str:
    """Copy into inbox/content/ and inbox/style/."""
    if world.is_full():
        return "enough waits"
    pair = world.new(dice)
    pair.steps = 20  # the daemon's own: there are no settings beside it
    with world.not_dropped(pair):
        for folder, source in (("style", world.ledger.style(pair)), ("content", pair.content)):
            (world.root.inbox / folder).mkdir(exist_ok=True)
            shutil.copyfile(source, world.root.inbox / folder / f"{pair.name}.png")
    return pair.name


def drop_slowly(world: World, dice: random.Random) -> str:
    """Begin an upload; its end follows."""
    pair = world.new(dice)
    folder = world.root.inbox / pair.name
    data = pair.content.read_bytes()
    at = dice.randrange(len(data))

    def finish() -> None:
        if (folder / "content.png").exists():
            with (folder / "content.png").open("r+b") as file:
                file.seek(at)
                file.write(data[at:])
            pair.is_whole = True

    pair.is_honest = pair.is_whole = False
    with world.not_dropped(pair):
        folder.mkdir()
        (folder / "job.toml").write_text(job_toml(pair))
        shutil.copyfile(world.ledger.style(pair), folder / "style.png")
        (folder / "content.png").write_bytes(data[:at])
    world.ledger.pairs.remove(pair)  # until its content is whole nobody can find it by its digest

    def finished() -> None:
        finish()
        if pair.is_whole:
            pair.is_honest = True
            world.ledger.pairs.append(pair)

    world.unfinished.append(finished)
    return f"{pair.name}, {at} of {len(data)} bytes"


def slip(world: World, dice: random.Random) -> str:
    """Drop a content without its style, or under a slip of the pen; it is put right later."""
    pair = world.new(dice)
    wrong = dice.choice(("contnet.png", "content (1).png", "content.png"))
    folder = world.root.inbox / pair.name

    def put_right() -> None:
        if (folder / wrong).exists():
            (folder / wrong).rename(folder / "content.png")
        shutil.copyfile(world.ledger.style(pair), folder / "style.png")
        pair.is_whole = pair.is_honest = True

    pair.is_whole = pair.is_honest = False
    with world.not_dropped(pair):
        folder.mkdir()
        (folder / "job.toml").write_text(job_toml(pair))
        shutil.copyfile(pair.content, folder / wrong)

    def put_right_if_there() -> None:
        with contextlib.suppress(FileNotFoundError):
            put_right()

    world.unfinished.append(put_right_if_there)
    return f"{pair.name}/{wrong}"


def rename(world: World, dice: random.Random) -> str:
    """Rename a pair that lies in the inbox."""
    if not (pairs := world.in_inbox()):
        return "none there"
    pair = dice.choice(pairs)
    name = f"{pair.name}-{dice.randrange(100)}"
    (world.root.inbox / pair.name).rename(world.root.inbox / name)
    before, pair.name = pair.name, name
    return f"{before} -> {name}"


def withdraw(world: World, dice: random.Random) -> str:
    """Take a pair out of the inbox; it may come back."""
    if not (pairs := world.in_inbox()):
        return "none there"
    pair = dice.choice(pairs)
    (world.root.inbox / pair.name).rename(world.ledger.withdrawn / pair.name)
    return pair.name


def bring_back(world: World, dice: random.Random) -> str:
    """Put a pair back into the inbox."""
    if not (found := sorted(world.ledger.withdrawn.iterdir())):
        return "none there"
    path = dice.choice(found)
    path.rename(world.root.inbox / path.name)
    return path.name


def rubbish(world: World, dice: random.Random) -> str:
    """Drop what is no picture."""
    name = f"bad{dice.getrandbits(30):08x}"
    folder = world.root.inbox / f".{name}"
    folder.mkdir()
    data = dice.randbytes(dice.randrange(1, 3000))
    (folder / "content.png").write_bytes(dice.choice((data, b"\x89PNG\r\n\x1a\n" + data, b"", b"P5 9 9 255\n" + data)))
    Image.new("RGB", (32, 24), (dice.randrange(256), 0, 0)).save(folder / "style.png")
    folder.rename(world.root.inbox / name)
    world.odd.append(world.root.inbox / name)
    return name


def _link_to(target: str) -> Callable[[Path, Path, random.Random], Path]:
    def make(path: Path, outside: Path, _: random.Random) -> Path:
        path.symlink_to(outside / target if target else path.name)
        return path

    return make


def _pipe(path: Path, _outside: Path, _: random.Random) -> Path:
    os.mkfifo(path)
    return path


def _socket(path: Path, _outside: Path, dice: random.Random) -> Path:
    path = path.with_name(f"s{dice.getrandbits(20):x}")  # such names are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def _device(path: Path, _outside: Path, _: random.Random) -> Path:
    if os.geteuid() == 0:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    return path


def _folder(path: Path, _outside: Path, _: random.Random) -> Path:
    path.mkdir()
    return path


def _deep(path: Path, outside: Path, _: random.Random) -> Path:
    (path / "a" / "b" / "c").mkdir(parents=True)
    (path / "a" / "content.png").symlink_to(outside / "picture.png")
    return path


def _bytes(path: Path, _outside: Path, dice: random.Random) -> Path:
    path = Path(os.fsdecode(os.fsencode(path.parent) + b"/\xff\xfe" + os.fsencode(path.name[:50])))
    path.write_bytes(dice.randbytes(50))
    return path


def _pair_of_links(path: Path, outside: Path, _: random.Random) -> Path:
    path.mkdir()
    for name in ("content.png", "style.png"):
        (path / name).symlink_to(outside / "deeper" / name)
    return path


def _known_name(path: Path, _outside: Path, dice: random.Random) -> Path:
    names = ("lost+found", "Thumbs.db", ".DS_Store", "job.toml", ".reject-00", ".claim-x", "index.html", "000003")
    path = path.with_name(dice.choice(names))
    if not os.path.lexists(path):
        dice.choice((path.mkdir, path.touch))()
    return path


_ODD: dict[str, Callable[[Path, Path, random.Random], Path]] = {
    "link": _link_to("picture.png"), "link to a folder": _link_to("deeper"), "loop": _link_to(""), "dangling": _link_to("nothing"),
    "pipe": _pipe, "socket": _socket, "device": _device, "folder": _folder, "deep": _deep, "bytes": _bytes,
    "pair of links": _pair_of_links, "known name": _known_name,
}  # fmt: skip
"""Each makes something at a path, or near it, and returns where."""


def odd_entry(world: World, dice: random.Random) -> str:
    """Leave something odd in the inbox or in evolution/."""
    base = dice.choice((world.root.inbox, world.root.inbox, world.root.evolution))
    outside = world.ledger.outside.folder
    stem = f"odd{dice.getrandbits(30):08x}"
    name = dice.choice(
        (stem, stem + ".png", f".{stem}", stem + " \n\u202e.png", "x" * 200 + stem, f"{stem}.content.png")
    )
    path = base / name
    kind = dice.choice(sorted(_ODD))
    path = _ODD[kind](path, outside, dice)
    world.odd.append(path)
    return f"{kind}: {path.relative_to(world.root.path)}"


def touch(world: World, dice: random.Random) -> str:
    """Touch and rewrite what lies in the inbox."""
    files = sorted(path for path in world.root.inbox.rglob("*.png") if path.is_file() and not path.is_symlink())
    for path in dice.sample(files, min(5, len(files))):
        at = time.time() + dice.choice((0, -1e6, 1e6))
        with contextlib.suppress(FileNotFoundError):
            os.utime(path, (at, at), follow_symlinks=False)
    return f"{min(5, len(files))} files"


def edit_config(world: World, dice: random.Random) -> str:
    """Write styled.toml, right or wrong, and ask for it to be read."""
    text = dice.choice((
        "", "[inbox]\nrescan_s = 2.5\n", "[queue]\nparallel = 1\n", "[queue]\nparallel = 3\n", "[log]\nlevel = 'debug'\n",
        "[queue]\nparalel = 3\n", "[[[", "\0", "[job]\nsize = 9" + "9" * 400, "[inbox]\nrescan_s = nan\n", "[job]\nsteps = 'many'\n",
    ))  # fmt: skip
    world.root.config.write_text(text)
    if dice.random() < 0.5:
        world.daemon.signal(signal.SIGHUP)
    else:
        with contextlib.suppress(StyledError):
            world.daemon.client.request("reload")
    return text[:40]


def change_mode(world: World, dice: random.Random) -> str:
    """Take permissions away, until trouble ends."""
    places = [world.root.inbox, world.root.evolution, *world.root.evolution.glob("*-*"), *world.root.inbox.iterdir()]
    path = dice.choice(sorted(place for place in places if place.is_dir() and not place.is_symlink()))
    mode = dice.choice((0o000, 0o500, 0o700, 0o755))
    before = path.stat().st_mode & 0o7777
    world.restores.append(lambda: path.chmod(before))
    path.chmod(mode)
    return f"{path.relative_to(world.root.path)} {mode:o}"


def fix_in_place(world: World, dice: random.Random) -> str:
    """Make an ended job's folder, or a pair, immutable until trouble ends."""
    if os.geteuid() != 0:
        return "only root may"
    places = [world.root.evolution / job.id for job in world.jobs() if job.state is JobState.DONE][-5:] + [
        world.root.inbox / pair.name for pair in world.in_inbox()
    ]
    places = [place for place in places if place.is_dir()]
    if not places:
        return "none there"
    path = dice.choice(places)

    def set_to(flag: str) -> int:
        return subprocess.run(["chattr", flag, str(path)], check=False, capture_output=True).returncode

    world.restores.append(lambda: set_to("-i"))
    return str(path.name) if set_to("+i") == 0 else "not possible on this filesystem"


def remove_done(world: World, dice: random.Random) -> str:
    """Ask for a job's removal, or delete the folder of a done one by hand."""
    done = [job for job in world.jobs() if job.state in {JobState.DONE, JobState.CANCELLED}]
    if len(done) < 10:
        return "few are done"
    job = dice.choice(done)
    digest = world.ledger.digest_of(world.root.evolution / job.id / job.content)
    if dice.random() < 0.5:
        world.daemon.client.request("remove", job=job.id)
    else:
        shutil.rmtree(world.root.evolution / job.id)
    for pair in world.ledger.pairs:
        if pair.digest == digest:
            pair.is_removed = True
    return job.id
