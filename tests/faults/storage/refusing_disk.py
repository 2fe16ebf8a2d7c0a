"""A disk that refuses to be written, with any error: the quota is used up, it breaks, it is read-only."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")


class RefusingDisk:
    """Makes everything that one process, and its children, write below a folder fail for a while.

    Args:
        folder: below which.
        place: for the library and the file that switches it.
    """

    def __init__(self, folder: Path, place: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("needs a C compiler")
        library = place / "refusing_disk.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        self._switch = place / "refuse-with"
        self.environment = {
            "LD_PRELOAD": str(library),
            "REFUSE_UNDER": str(folder),
            "REFUSE_WITH": str(self._switch),
        }

    def refuse(self, number: int) -> None:
        """Refuse with an error of ``errno``."""
        ready = self._switch.with_suffix(".new")
        ready.write_text(str(number))
        ready.replace(self._switch)

    def work(self) -> None:
        """Work again."""
        self._switch.unlink(missing_ok=True)
