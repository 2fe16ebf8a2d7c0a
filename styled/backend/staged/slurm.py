"""Slurm, by its own commands: ``sbatch``, ``squeue``, ``scancel``, and ``sacct`` where there is accounting."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from styled.backend.staged.engine import Outcome, Phase, Seen
from styled.backend.staged.place import Place
from styled.children import python_command
from styled.errors import BackendAway, BackendRefuses
from styled.files.printable import one_line

COMMANDS = ("sbatch", "squeue", "scancel")

_MOST_REASON = 300
"""Characters of what Slurm says that are shown."""

_TIMEOUT_S = 30.0
"""For one command: they wait for the controller by themselves for ten seconds or so."""

_SCRIPT = '#!/bin/sh\nexec "$@"\n'
"""What a node runs: the arguments, as they are. No path or name is ever part of a script."""

_FORMAT = "%i|%T|%j|%N|%r"
"""Id, state, name, node, reason. The reason is last: a scheduler may have any words for it."""

_SECONDS_BEFORE_LIMIT = 120
"""Of SIGTERM before the time limit: for the last step and the last checkpoint."""

_QUEUED = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
)
_RUNNING = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"})
_OUTCOMES = {
    "NODE_FAIL": Outcome.LOST,
    "BOOT_FAIL": Outcome.LOST,
    "PREEMPTED": Outcome.LOST,
    "REVOKED": Outcome.LOST,
    "TIMEOUT": Outcome.TIMED_OUT,
    "DEADLINE": Outcome.TIMED_OUT,
    "OUT_OF_MEMORY": Outcome.OUT_OF_MEMORY,
    "CANCELLED": Outcome.CANCELLED,
    "FAILED": Outcome.FAILED,
    "COMPLETED": Outcome.FAILED,
}


class Slurm:
    """Submits, watches and ends jobs of one root.

    Args:
        prefix: of the names of this root's attempts.
        options: of ``[backend]``, for ``sbatch``.
        python: on the nodes; by default this process's own.
        search: ``$PATH``; by default this process's own.
    """

    name = "Slurm"
    settles_s = 10.0

    def __init__(
        self, prefix: str, options: Sequence[str] = (), *, python: str = "", search: str | None = None
    ) -> None:
        self._prefix = prefix
        self._python = python
        self._options = tuple(options)
        self._search = search

    def submit(
        self, name: str, module: str, folder: Path, *, avoid: frozenset[str] = frozenset(), only: str = ""
    ) -> str:
        """Submit one job; see :class:`~styled.backend.staged.engine.Engine`."""
        arguments = [
            "--parsable",
            # Nothing of the daemon's environment, and no shell of the user's that may hang: SLURM_* and a PATH.
            "--export=NIL",
            *_excluding(self._options, avoid),
            *([f"--nodelist={only}"] if only else []),
            f"--job-name={name}",
            # A job that Slurm started again by itself would paint beside the one that the queue starts.
            "--no-requeue",
            "--dependency=singleton",
            f"--signal=B:TERM@{_SECONDS_BEFORE_LIMIT}",
            f"--output={_literal(folder / 'engine.log')}",
            f"--chdir={folder}",
            "--open-mode=append",
            "--nodes=1",
            "--ntasks=1",
        ]
        script = folder / "run.sh"
        command = python_command(module, str(folder), python=self._python)
        try:
            script.write_text(_SCRIPT)
            said = self._run("sbatch", *arguments, str(script), *command)
        except BackendAway as error:
            raise BackendRefuses(error.message, error.advice) from error
        number = said.strip().partition(";")[0]
        if not number.isdigit():
            raise BackendRefuses(f"sbatch gave no number but {said.strip()[:200]!r}")
        return f"slurm:{number}"

    def look(self) -> dict[str, Seen]:
        """Return all jobs of this root that Slurm still remembers: those that have ended for some minutes."""
        output = self._run(
            "squeue", "--noheader", "--states=all", f"--user={os.geteuid()}", f"--format={_FORMAT}", "--array"
        )
        found: dict[str, Seen] = {}
        for line in output.splitlines():
            number, state, name, node, reason = (*line.split("|", 4), "", "", "", "")[:5]
            if not (name.startswith(self._prefix) and number.isdigit()):
                continue
            if name not in found or int(number) > int(_number(found[name].handle)):  # one may follow on another node
                found[name] = Seen(
                    f"slurm:{number}", _phase(state), node, one_line(reason, _MOST_REASON), _outcome(state)
                )
        return found

    def bring(self, _place: Place) -> None:
        """Nothing: all nodes have the spool."""

    def nodes_to_choose_from(self) -> Sequence[str]:
        """Return none: which node it is, is Slurm's business."""
        return ()

    def close(self) -> None:
        """Nothing: there is no connection."""

    def ask(self, handle: str) -> None:
        """Send SIGTERM to a job that runs, and take one that is queued out of the queue."""
        number = _number(handle)
        # The first does nothing to a job that is queued, the second nothing to one that runs.
        self._cancel("--signal=TERM", "--batch", "--state=RUNNING", number)
        self._cancel("--state=PENDING", number)

    def kill(self, handle: str) -> None:
        """End a job."""
        self._cancel("--signal=KILL", "--full", "--state=RUNNING", _number(handle))
        self._cancel(_number(handle))

    def _cancel(self, *arguments: str) -> None:
        """Run ``scancel``; a job that has ended meanwhile is what was wanted: without a word, or with these."""
        try:
            self._run("scancel", "--quiet", *arguments)
        except BackendAway as error:
            if error.message != "scancel: 1" and not re.search("Invalid job id|already complet", error.message):
                raise

    def last_outcome(self, handle: str) -> Outcome:
        """Return how a job ended that Slurm has forgotten, as its accounting has it; UNKNOWN without accounting."""
        if shutil.which("sacct", path=self._search) is None:
            return Outcome.UNKNOWN
        try:
            output = self._run(
                "sacct", "--noheader", "--parsable2", "--allocations", "--format=State", f"--jobs={_number(handle)}"
            )
        except BackendAway:  # "Slurm accounting storage is disabled"
            return Outcome.UNKNOWN
        words = output.split()
        return _outcome(words[0]) if words else Outcome.UNKNOWN

    def _run(self, program: str, *arguments: str) -> str:
        path = shutil.which(program, path=self._search)
        if path is None:
            raise BackendAway(f"{program} is not installed here", "Install Slurm's commands, or set [backend] kind.")
        try:
            ended = subprocess.run(
                [path, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_S,
                env=_environment(os.environ),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BackendAway(f"{program} gave no answer in {_TIMEOUT_S:.0f} s") from error
        except OSError as error:
            raise BackendAway(f"{program} cannot be run: {error.strerror}") from error
        if ended.returncode:
            printed = ended.stderr.decode(errors="replace") or ended.stdout.decode(errors="replace")
            said = one_line(printed, _MOST_REASON)
            raise BackendAway(f"{program}: {said.removeprefix(f'{program}: error: ') or ended.returncode}")
        return ended.stdout.decode(errors="replace")


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing but ``[backend] options`` decides what Slurm's commands do."""
    prefixes = ("SBATCH_", "SQUEUE_", "SCANCEL_", "SLURM_JOB", "SACCT_")
    return {name: value for name, value in own.items() if not name.startswith(prefixes)} | {"LC_ALL": "C"}


def _excluding(options: Sequence[str], avoid: frozenset[str]) -> list[str]:
    """Return options that also exclude some nodes; those of a second ``--exclude`` alone would count."""
    if not avoid:
        return list(options)
    excluding = [option for option in options if option.partition("=")[0] in ("--exclude", "--exclud")]
    own = [option.partition("=")[2] for option in excluding]
    return [option for option in options if option not in excluding] + [f"--exclude={','.join([*own, *sorted(avoid)])}"]


def _literal(path: Path) -> str:
    """Return a path in which Slurm replaces nothing: ``%j`` would become a number."""
    return str(path).replace("%", "%%")


def _number(handle: str) -> str:
    number = handle.removeprefix("slurm:")
    if not number.isdigit():
        raise ValueError(f"{handle!r} is no job of Slurm")
    return number


def _phase(state: str) -> Phase:
    if state in _QUEUED:
        return Phase.QUEUED
    return Phase.RUNNING if state in _RUNNING else Phase.ENDED


def _outcome(state: str) -> Outcome:
    return _OUTCOMES.get(state.partition(" ")[0].rstrip("+"), Outcome.UNKNOWN)
