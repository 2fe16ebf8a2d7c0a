"""Mixes people's and machines' acts at random against one real daemon, and checks after each what must hold.

    python -m tests.faults.chaos --seed 7 --minutes 20          # prints the acts; 1 and the broken invariant if one breaks
    python -m tests.faults.chaos --seed 7 --acts acts.txt       # those acts again, in the same distances

Each act draws from dice of its own, seeded by the run's seed and its number: a log can be replayed in parts. As root the
daemon's root lies on a filesystem of its own that fills up.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.chaos.run import Broken, Chaos, read_acts

DISK_BYTES = 256 * 2**20


@contextlib.contextmanager
def a_place(*, disk: bool) -> Iterator[tuple[Path, bool]]:
    """Give an empty folder, with a small filesystem in it if that can be had; kept if the block fails."""
    place = Path(tempfile.mkdtemp(prefix="styled-chaos-"))
    mounted = False
    if disk and os.geteuid() == 0:
        (place / "disk").mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(place / "disk")]
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
        if not mounted:
            (place / "disk").rmdir()
    yield place, mounted
    if mounted:
        subprocess.run(["umount", "-l", str(place / "disk")], check=True)
    shutil.rmtree(place)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return 1 when an invariant broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--acts", type=Path, help="a log, whose acts are done again")
    parser.add_argument("--no-disk", action="store_true")
    parser.add_argument("--no-clock", action="store_true")
    options = parser.parse_args(arguments)
    os.environ["STYLED_GALLERY__AUTO"] = "false"
    with a_place(disk=not options.no_disk) as (place, disk):
        chaos = Chaos(options.seed, place, disk=disk, clock=not options.no_clock)
        try:
            chaos.run(options.minutes * 60, read_acts(options.acts) if options.acts else ())
        except Broken as broken:
            chaos.say(f"BROKEN: {broken}\n{chaos.summary()}\nkept: {place}")
            chaos.world.daemon.process.kill()
            os._exit(1)  # what is kept is not removed
        chaos.say(f"all held: {chaos.summary()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
