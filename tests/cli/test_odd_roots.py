"""Roots whose path is not UTF-8: every command works, and every output can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from styled.daemon.control.protocol import Client
from styled.job import JobState
from styled.root import Root
from tests.faults.daemon_process import DaemonProcess

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a picture that is done."""
    root = Root.at(tmp_path_factory.mktemp("odd") / os.fsdecode(b"b\xfcro"))
    root.make_state()
    with DaemonProcess(root) as daemon:
        daemon.drop("first")
        daemon.until("first", JobState.DONE)
        assert Client(root).request("ping")["root"] == str(root.path).replace("\udcfc", "\\xfc")
        assert daemon.end() == 0
    return root


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",), ("status", "--json"), ("doctor",), ("doctor", "--json"), ("weights",), ("weights", "--json"),
        ("weights", "--json", os.fsdecode(b"/no\xfc.h5")), ("gallery",), ("sheet", "1"), ("timelapse", "1"), ("log",),
        ("service", "show"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_ends_in_words(odd: Root, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "styled", *arguments, "--root", str(odd.path)],
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    if "--json" in arguments:
        json.loads(done.stdout.decode())
    if arguments[0] == "service":
        assert b"has characters that a unit cannot name" in done.stderr
    elif arguments[0] not in ("doctor", "weights"):
        assert done.returncode == 0
