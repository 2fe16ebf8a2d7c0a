"""``python -m styled`` is the ``styled`` command."""

from __future__ import annotations

from styled.cli.main import main

if __name__ == "__main__":
    main()
