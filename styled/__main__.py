"""``python -m styled`` is the ``styled`` command."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python has put the current folder first, where anybody's file may be called as one of its modules is. It stays
    # only where this package itself is taken from it: a checkout that is not installed.
    if not sys.flags.safe_path and Path(sys.path[0]) != Path(__file__).parent.parent:
        del sys.path[0]

    from styled.cli.main import main

    main()
