"""Children take no module from where they stand, and end when their parent does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import styled
from styled.children import clean_search_path
from tests.deadlines import patience, wait_until
from tests.tools.processes import has_ended

pytestmark = pytest.mark.processes

PACKAGE = Path(styled.__file__).parent

FIRST_OF_ALL = """
import ctypes, os, subprocess, sys, time
from styled.daemon.process.init import fork_below_init
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans come to it, as to a container's pid 1
fork_below_init()
orphan = subprocess.run(["sh", "-c", "sleep 0.01 & echo $!"], capture_output=True, text=True).stdout
while os.path.exists(f"/proc/{int(orphan)}"):
    time.sleep(0.01)
try:
    print("collected", flush=True)  # from here on it may be interrupted
    time.sleep(100)
except KeyboardInterrupt:
    sys.exit(7)
"""

PARENT = """
import subprocess, sys, time
from styled.backend import launch
from styled.config import HooksConfig
from styled.daemon.hooks import Hooks
from styled.images import Checker
from styled.job import Job, JobState
from styled.root import Root

checker = Checker()
checker._start()
module = subprocess.Popen(
    launch.command("timeit", "-n1", "-r1", "-s", "import time", "print(flush=True); time.sleep(99)"), stdout=-1
)
module.stdout.readline()
root = Root.at(sys.argv[1])
job = Job(id="a", number=1, name="a", state=JobState.DONE, content="c", styles=("s",))
(root.evolution / "a").mkdir(parents=True)
stubborn = "trap '' TERM HUP; sleep 99 & echo $! $$ >pids; mv pids all; wait"
hooks = Hooks(root, HooksConfig(on_done=("sh", "-c", stubborn)))
hooks.ended(job)
hooks.turn()
pids = root.evolution / "a" / "all"
while not pids.exists():
    time.sleep(0.01)
print(checker._child.pid, module.pid, hooks._running[0].process.pid, pids.read_text(), flush=True)
time.sleep(99)
"""


def test_one_place_makes_the_command_line_of_a_module() -> None:
    found = {path: path.read_text() for path in PACKAGE.rglob("*.py") if re.search(r'"-m"', path.read_text())}
    # The code of a node of Ray has nothing of styled to call.
    assert {str(path.relative_to(PACKAGE)) for path in found} == {"children.py", "backend/staged/ray_core/node.py"}
    assert all('"-P", "-m"' in text for text in found.values())


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, None),
        ("", None),
        (":", None),
        (":/opt/x", "/opt/x"),
        ("/opt/x::", "/opt/x"),
        ("lib:/opt/x", f"{Path.cwd()}/lib:/opt/x"),
    ],
)
def test_no_entry_of_the_search_path_means_the_current_folder(given: str | None, wanted: str | None) -> None:
    environment = {"A": "b"} | ({} if given is None else {"PYTHONPATH": given})
    assert clean_search_path(environment) == {"A": "b"} | ({} if wanted is None else {"PYTHONPATH": wanted})


def test_styled_takes_no_module_from_the_current_folder(tmp_path: Path) -> None:
    for name in ("click", "msgspec", "secrets", "gc"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken from the current folder')")
    command = [sys.executable, "-m", "styled", "status", "--root", str(tmp_path / "none")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "taken from" not in done.stderr
    assert done.returncode == 0, done.stderr


def test_the_first_process_of_a_container_collects_orphans_passes_signals_on_and_ends_as_the_daemon() -> None:
    with subprocess.Popen([sys.executable, "-c", FIRST_OF_ALL], stdout=subprocess.PIPE, text=True) as init:
        assert init.stdout is not None
        assert init.stdout.readline() == "collected\n"
        (daemon,) = psutil.Process(init.pid).children()
        init.send_signal(2)
        assert init.wait(patience(10)) == 7
        wait_until(lambda: not psutil.pid_exists(daemon.pid))


def test_children_end_when_their_parent_is_killed_whatever_they_do_at_that_moment(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(children) == 5
        children[0].suspend()  # the checking one: it would see the end of its input
        parent.kill()
    for child in children:
        wait_until(lambda pid=child.pid: has_ended(pid))  # type: ignore[misc]
