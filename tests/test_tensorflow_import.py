"""TensorFlow is loaded without its chatter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deadlines import patience

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


def run_with(stand_in: str, script: str, folder: Path) -> tuple[str, str]:
    """Run a script for which ``import tensorflow`` runs ``stand_in``; return its output and its standard error."""
    (folder / "tensorflow.py").write_text(f"{stand_in}\n{LISTS_NO_GPU}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{script}"],
        capture_output=True, text=True, env=environment, timeout=patience(20.0), check=True,
    )  # fmt: skip
    return done.stdout, done.stderr


LISTS_NO_GPU = """
class config:
    list_physical_devices = staticmethod(lambda kind: [])
"""

STARTS_ANOTHER_PROGRAM = """
import subprocess, sys
stays = "import sys; sys.stdin.read(); print('the last words of another program', file=sys.stderr)"
other = subprocess.Popen([sys.executable, "-c", stays], stdin=subprocess.PIPE)
print("a real error", file=sys.stderr)
"""


def test_a_program_that_is_started_meanwhile_and_stays_holds_nobody_up(tmp_path: Path) -> None:
    """It has inherited the way through the filter, which ends no sooner: nobody waits for that, or leaves it behind."""
    script = """
import os, threading
from styled.tensorflow_import import load_tensorflow
load_tensorflow()
print("loaded")
import tensorflow
tensorflow.other.stdin.close()
tensorflow.other.wait()
for thread in set(threading.enumerate()) - {threading.current_thread()}:
    thread.join()
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child is left")
"""
    output, errors = run_with(STARTS_ANOTHER_PROGRAM, script, tmp_path)
    assert output == "loaded\nno child is left\n"
    assert errors == "a real error\nthe last words of another program\n"


WAITS_FOR_THE_OTHER_CALL = """
import __main__
__main__.loading.set()
__main__.both_replaced.wait(1.0)  # nor does this
"""


def test_two_threads_that_call_at_once_leave_standard_error_as_it_was(tmp_path: Path) -> None:
    """The second one took the first one's way through the filter for standard error, and put that back for good."""
    script = """
import os, subprocess, threading
from styled import tensorflow_import
loading, both_replaced, has_looked, restored = (threading.Event() for _ in range(4))
replace, start, replacing = os.dup2, subprocess.Popen, []

def dup2(source, target):
    thread = threading.current_thread()
    if thread is second and thread in replacing:
        restored.wait()
    replace(source, target)
    if thread is not second and thread in replacing:
        restored.set()
    replacing.append(thread)
    if len(replacing) == 2:
        both_replaced.set()

def popen(*arguments, **options):
    if threading.current_thread() is second:
        has_looked.set()
        loading.wait()
    else:
        second.start()
        has_looked.wait(1.0)  # which never comes where one call waits for the other
    return start(*arguments, **options)

second = threading.Thread(target=tensorflow_import.load_tensorflow)
os.dup2, subprocess.Popen = dup2, popen
before = os.fstat(2)
tensorflow_import.load_tensorflow()
second.join()
print(os.path.samestat(before, os.fstat(2)))
"""
    assert run_with(WAITS_FOR_THE_OTHER_CALL, script, tmp_path) == ("True\n", "")


@pytest.mark.parametrize(("backend", "loaded"), [("theano", False), ("jax", False), ("jax", True)])
def test_a_backend_in_the_users_profile_is_for_other_programs(tmp_path: Path, backend: str, loaded: bool) -> None:
    """With one that Keras does not know each job failed. A Keras that the caller has loaded stays as it is."""
    stand_in = "import os; print(os.environ['KERAS_BACKEND'])"
    before = "import types; sys.modules['keras'] = types.ModuleType('keras'); " if loaded else ""
    script = f"import os; os.environ['KERAS_BACKEND'] = {backend!r}; {before}import styled.tensorflow_import as t; t.load_tensorflow()"
    assert run_with(stand_in, script, tmp_path)[0] == (f"{backend}\n" if loaded else "tensorflow\n")
