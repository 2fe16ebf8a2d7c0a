"""Programs that tests put in the place of real ones."""

from __future__ import annotations

import sys
from pathlib import Path


def program(path: Path, *lines: str) -> Path:
    """Write a shell script that can be run."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def python(path: Path, before: str) -> Path:
    """Write a Python of these tests' environment before which a line of shell is run."""
    return program(path, before, f'exec {sys.executable} "$@"')


def another_version(folder: Path, where: str) -> Path:
    """Write a Python to which styled 9.9 seems to be installed, where a condition of the shell is true."""
    other = folder / "other"
    metadata = other / "styled-9.9.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: styled\nVersion: 9.9\n")
    return python(folder / "python", f'! {where} || export PYTHONPATH="{other}:$PYTHONPATH"')
