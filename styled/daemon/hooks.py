"""Programs of the user's that run when a job has ended: argument lists, a time limit, never a shell."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from styled.children import ends_within, has_ended, kill_group
from styled.config import HooksConfig
from styled.daemon import hook_guard
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.root import Root

AT_ONCE = 4
"""Hooks that run at the same time; more wait for their turn."""

_MAX_WAITING = 1000
"""Beyond that a hook is dropped and logged: it hangs, or fails, for every job."""


_GUARD = (sys.executable, "-I", "-S", hook_guard.__file__)

_KILLED_S = 2.0
"""That closing waits for hooks that were killed."""

_LOOK_S = 0.02
"""Between two looks at hooks that are given a last moment."""


@dataclass(slots=True)
class _Running:
    job: str
    program: str
    process: subprocess.Popen[bytes]
    kill_at: float
    is_killed: bool = False


class Hooks:
    """Starts a hook for each job that is done or has failed, and sees that it ends.

    What a hook prints goes to the job's log. A hook ends with all that it has started, unless that has left its process
    group (``setsid``): when it ends itself, when its time is over, when the daemon ends, also by SIGKILL. A daemon that
    is killed does not run the missed hooks later.

    Args:
        root: whose jobs.
        config: which programs.
        clock: monotonic seconds.
    """

    def __init__(self, root: Root, config: HooksConfig, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._root = root
        self._clock = clock
        self._waiting: deque[tuple[Job, tuple[str, ...]]] = deque()
        self._running: list[_Running] = []
        self._log = structlog.get_logger("hooks")

    def reconfigure(self, config: HooksConfig) -> None:
        """Go on by another configuration."""
        self._config = config

    def ended(self, job: Job) -> None:
        """Have the hook for this job's end run soon, if there is one."""
        command = self._config.on_done if job.state is JobState.DONE else self._config.on_failed
        if not command:
            return
        if len(self._waiting) >= _MAX_WAITING:
            self._log.error("too many hooks are waiting; this one is dropped", job=job.id)
            return
        self._waiting.append((job, filled(command, self._root, job)))

    def turn(self) -> None:
        """Collect hooks that have ended, end those that take too long, start those that wait."""
        for hook in list(self._running):
            if not has_ended(hook.process.pid):
                if self._clock() >= hook.kill_at and not hook.is_killed:
                    self._log.warning("a hook took too long and is killed", job=hook.job)
                    hook.is_killed = True
                    kill_group(hook.process.pid)
                continue  # also one that was killed: it may live on for as long as a disk hangs
            kill_group(hook.process.pid)  # what it has started
            code = hook.process.wait()
            self._running.remove(hook)
            if code == hook_guard.NOT_STARTED:
                self._log.error(
                    "a hook could not be started; the job's log has why", job=hook.job, command=hook.program
                )
            elif code != 0:
                self._log.warning("a hook failed", job=hook.job, exit_code=code)
        while self._waiting and len(self._running) < AT_ONCE:
            self._start(*self._waiting.popleft())

    def wake_after(self) -> float | None:
        """Return in how many seconds a hook may have to be killed; its end wakes the loop by itself."""
        if not self._running:
            return 0.0 if self._waiting else None
        due = [hook.kill_at for hook in self._running if not hook.is_killed]
        return max(0.0, min(due) - self._clock()) if due else None

    def close(self, grace_s: float = 5.0) -> None:
        """Give running hooks a last moment, then end them; waiting ones are dropped and logged."""
        for job, _ in self._waiting:
            self._log.warning("the daemon ends before this hook could run", job=job.id)
        self._waiting.clear()
        until = self._clock() + grace_s
        for hook in self._running:
            while not has_ended(hook.process.pid) and self._clock() < until:
                time.sleep(_LOOK_S)
            kill_group(hook.process.pid)
        until = self._clock() + _KILLED_S
        for hook in self._running:
            if not ends_within(hook.process, max(0.0, until - self._clock())):
                self._log.warning("a hook was killed and does not end", job=hook.job, pid=hook.process.pid)
        self._running.clear()

    def _start(self, job: Job, command: Sequence[str]) -> None:
        folder = JobFolder(self._root.evolution / job.id)
        try:
            log = folder.open_log()
            try:
                process = subprocess.Popen(
                    [*_GUARD, str(os.getpid()), *command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder.path,
                    start_new_session=True,
                )
            finally:
                os.close(log)
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            self._log.error("a hook could not be started", job=job.id, command=command[0], error=str(error))
            return
        self._running.append(_Running(job.id, command[0], process, self._clock() + self._config.timeout_s))


def filled(command: Sequence[str], root: Root, job: Job) -> tuple[str, ...]:
    """Return a hook's arguments with the job's facts in place of ``{id}``, ``{number}``, ``{name}`` and so on."""
    folder = JobFolder(root.evolution / job.id)
    facts: dict[str, str | Path] = {
        "id": job.id,
        "number": f"{job.number:04d}",
        "name": job.name,
        "folder": folder.path,
        "result": folder.result,
        "reason": job.reason,
    }
    arguments = []
    for argument in command:
        # In one pass: a fact that looks like a placeholder stays as it is.
        parts = argument.split("{")
        text = parts[0]
        for part in parts[1:]:
            name, brace, rest = part.partition("}")
            text += f"{facts[name]}{rest}" if brace and name in facts else "{" + part
        arguments.append(text)
    return tuple(arguments)
