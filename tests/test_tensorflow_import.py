"""TensorFlow is loaded without its chatter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.painting


def test_tensorflow_s_chatter_reaches_nobody_and_other_words_do(tmp_path: Path) -> None:
    """In a process of its own, as TensorFlow is loaded once; its last word before a crash included."""
    code = (
        "import os, numpy as np, styled\n"
        "pictures = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), np.uint8)\n"
        "styled.stylize(*pictures, size=48, steps=1, scales=[])\n"
        "os.write(2, b'our own words\\n')\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == ("", "our own words\n")
