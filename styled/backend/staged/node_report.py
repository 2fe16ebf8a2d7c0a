"""On a node: writes down what is installed there, for ``styled doctor``: ``python -m styled.backend.staged.node_report FOLDER``."""

from __future__ import annotations

import platform
import socket
import sys
from pathlib import Path

import msgspec

from styled import memory
from styled.files import durable
from styled.version import versions


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is like."""

    host: str
    python: str
    versions: dict[str, str]
    gpus: tuple[str, ...]


def main() -> None:
    """Write ``report.json`` into the folder named on the command line."""
    report = NodeReport(
        host=socket.gethostname(),
        python=platform.python_version(),
        versions=versions(),
        gpus=tuple(gpu.name or "a GPU" for gpu in memory.sample().gpus),
    )
    durable.write_json(Path(sys.argv[1]) / "report.json", report)


if __name__ == "__main__":
    main()
