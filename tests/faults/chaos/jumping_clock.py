"""``jumping_clock.py FILE PYTHON -m styled …``: the command with a wall clock that is ahead by the seconds in ``FILE``.

Only Python's ``time.time`` jumps, as that of a machine does: files keep the kernel's times, and waits are as long as ever.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main() -> None:
    """Replace the clock and become the command."""
    file, wall = Path(sys.argv[1]), time.time

    def jumped() -> float:
        return wall() + float(file.read_text() or 0)

    time.time = jumped
    sys.argv = ["styled", *sys.argv[sys.argv.index("styled") + 1 :]]
    from styled.cli.main import main as styled

    styled()


if __name__ == "__main__":
    main()
