"""``failing_part.py MODULE:CLASS.METHOD FILE styled …``: the command with a method that raises while ``FILE`` is there."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Replace the method and become the command."""
    where, file = sys.argv[1], Path(sys.argv[2])
    module, _, path = where.partition(":")
    owner, _, name = path.partition(".")
    kind = getattr(importlib.import_module(module), owner)
    method = getattr(kind, name)

    def failing(*arguments: Any, **named: Any) -> Any:
        if file.exists():
            raise RuntimeError(f"{name} is broken")
        return method(*arguments, **named)

    setattr(kind, name, failing)
    sys.argv = ["styled", *sys.argv[sys.argv.index("styled") + 1 :]]
    from styled.cli.main import main as styled

    styled()


if __name__ == "__main__":
    main()
