"""Where tests let the power fail."""

from __future__ import annotations

import os


def crash_point(name: str) -> None:
    """End this process at once, as SIGKILL would, if ``$STYLED_CRASH_AT`` is ``name``. For the fault tests only."""
    if os.environ.get("STYLED_CRASH_AT") == name:
        os._exit(137)
