"""What clients and machines do to a daemon in a run of chaos; each returns what it was, for the log."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import time

import psutil

from styled.errors import StyledError
from styled.evolution import JobFolder
from styled.job import JobState
from tests.faults.chaos.world import World
from tests.faults.daemon_process import workers_of

# -- orders --------------------------------------------------------------------------------------------------


def order(world: World, dice: random.Random) -> str:
    """Order something of a job."""
    if not (jobs := world.jobs()):
        return "no jobs"
    job = dice.choice(jobs[-40:])
    what = dice.choice(("pause", "resume", "cancel", "retry", "priority"))
    extra = {"priority": dice.randrange(-50, 50)} if what == "priority" else {}
    try:
        world.daemon.client.request(what, job=job.id, **extra)
    except StyledError as error:
        return f"{what} {job.id}: {error.message}"
    return f"{what} {job.id}"


def order_queue(world: World, dice: random.Random) -> str:
    """Hold or release the queue, or clean."""
    what = dice.choice(("pause", "resume", "resume", "clean"))
    world.daemon.client.request(what, **({"retention": {"frames": "thin"}} if what == "clean" else {}))
    return what


def hostile_lines(world: World, dice: random.Random) -> str:
    """Send what is no request, or one made to harm."""
    lines = (
        b"\xff" * 100 + b"\n", b'{"v":1,"op":"status"}\n' * 200, b'{"v"', b"[" * 9999 + b"\n", b"\0" * 5000 + b"\n",
        b'{"v":1,"op":"subscribe","args":{"since":9223372036854775808}}\n', b'{"v":1,"op":"pause","args":{"job":"\xff"}}\n',
        b'{"v":1,"op":"priority","args":{"job":1,"priority":' + b"9" * 5000 + b"}}\n", b"x" * 2_000_000,
        b'{"v":1,"op":"retry","args":{"job":"../../outside"}}\n', b'{"v":1,"op":"clean","args":{"retention":{"days":1e400}}}\n',
        b'{"v":1,"op":"ping","args":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}\n", b'"\\ud800"\n', b"\n" * 3000,
    )  # fmt: skip
    line = dice.choice(lines)
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(1)
    world.clients.append(client)
    with contextlib.suppress(OSError):
        client.connect(str(world.root.socket))
        client.sendall(line)
    return repr(line[:50])


def crowd(world: World, dice: random.Random) -> str:
    """Connect many times; some subscribe and read nothing."""
    for number in range(25):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(1)
        world.clients.append(client)
        with contextlib.suppress(OSError):
            client.connect(str(world.root.socket))
            if number % 3 == 0:
                client.sendall(b'{"v":1,"op":"subscribe"}\n')
    if len(world.clients) > 60:
        for client in world.clients[:40]:
            client.close()
        del world.clients[:40]
    return f"{len(world.clients)} connected"


# -- machines ------------------------------------------------------------------------------------------------


def kill_worker(world: World, dice: random.Random) -> str:
    """Kill a worker, or stop its time for a while."""
    if not (workers := workers_of(world.root)):
        return "none"
    worker = dice.choice(workers)
    number = dice.choice(
        (signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT, signal.SIGSTOP)
    )
    with contextlib.suppress(psutil.NoSuchProcess):
        worker.send_signal(number)
    if number == signal.SIGSTOP:
        world.restores.append(lambda: worker.send_signal(signal.SIGCONT))
    return number.name


def kill_children(world: World, dice: random.Random) -> str:
    """Kill whatever else the daemon has started: the child that checks images."""
    with contextlib.suppress(psutil.NoSuchProcess):
        workers = {worker.pid for worker in workers_of(world.root)}
        others = [child for child in psutil.Process(world.daemon.process.pid).children() if child.pid not in workers]
        for child in others:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        return f"{len(others)}"
    return "none"


def kill_daemon(world: World, dice: random.Random) -> str:
    """Kill the daemon as a power loss would, at any moment, and start it again."""
    time.sleep(dice.random() * 0.3)
    world.daemon.kill()
    world.restart()
    return ""


def restart_daemon(world: World, dice: random.Random) -> str:
    """Stop and start."""
    code = world.daemon.end()
    world.restart()
    return f"ended with {code}"


def stop_time(world: World, dice: random.Random) -> str:
    """Stop the daemon's time for a moment."""
    seconds = dice.random()
    world.daemon.signal(signal.SIGSTOP)
    time.sleep(seconds)
    world.daemon.signal(signal.SIGCONT)
    return f"{seconds:.1f} s"


def hang_up(world: World, dice: random.Random) -> str:
    """Send SIGHUP, several times."""
    times = dice.randrange(1, 5)
    for _ in range(times):
        world.daemon.signal(signal.SIGHUP)
    return f"{times} times"


def fill_disk(world: World, dice: random.Random) -> str:
    """Leave next to nothing free, or give it back."""
    filler = world.root.path.parent / "filler"
    if filler.exists():
        filler.unlink()
        return "free again"
    leave = dice.choice((0, 0, 4096, 100_000, 1_000_000))
    take = shutil.disk_usage(filler.parent).free - leave
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while take > 0:
            take -= file.write(b"\0" * min(take, 2**20))
    return f"{leave} bytes left"


def jump(world: World, dice: random.Random) -> str:
    """Let the clock jump."""
    seconds = dice.choice((-86400, -7200, -60, 60, 7200, 86400, 60 * 86400, 0))
    new = world.place / "clock.new"
    new.write_text(str(seconds))
    new.replace(world.place / "clock")
    return f"{seconds:+d} s"


def lose_inbox(world: World, dice: random.Random) -> str:
    """Move the inbox away, put something else in its place, and bring it back later."""
    if (world.root.path / "inbox-away").exists():
        world.return_inbox()
        return "back"
    world.root.inbox.rename(world.root.path / "inbox-away")
    kind = dice.choice(("nothing", "nothing", "file"))  # a link of the root's owner is an inbox elsewhere
    with contextlib.suppress(FileExistsError):
        if kind == "file":
            world.root.inbox.touch(exist_ok=False)
    return kind


def damage_files(world: World, dice: random.Random) -> str:
    """Damage what a job in work can do without: a checkpoint, frames, losses, its log."""
    open_jobs = [job for job in world.jobs() if job.state in {JobState.WAITING, JobState.RUNNING, JobState.PAUSED}]
    if not open_jobs:
        return "none"
    folder = JobFolder(world.root.evolution / dice.choice(open_jobs).id)
    files = [
        path
        for path in (*folder.checkpoint.glob("*"), folder.losses, folder.log, *folder.path.glob("frames/*"))
        if path.is_file()
    ]
    if not files:
        return "nothing there"
    path = dice.choice(sorted(files))
    data = bytearray(path.read_bytes())
    match dice.randrange(3):
        case 0 if data:
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            path.write_bytes(data)
        case 1:
            path.write_bytes(data[: dice.randrange(len(data) + 1)])
        case _:
            path.unlink()
    return str(path.relative_to(world.root.evolution))


def lose_database(world: World, dice: random.Random) -> str:
    """Kill the daemon, remove or damage its database, and start it again."""
    world.daemon.kill()
    world.forget_events()
    if dice.random() < 0.5:
        for path in world.root.state.glob("queue.db*"):
            path.unlink()
        what = "removed"
    else:
        with world.root.database.open("r+b") as file:
            file.seek(dice.randrange(0, 100))
            file.write(dice.randbytes(50))
        what = "damaged"
    world.restart()
    return what
