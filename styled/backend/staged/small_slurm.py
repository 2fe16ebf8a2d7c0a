"""A throw-away Slurm of two nodes on this machine, to try it and to test it: ``styled demo --backend slurm``.

Real programs of Slurm's packages, with a configuration, a key and a state of their own in one folder; nothing listens
beyond the loopback. The nodes are host names of their own (UTS namespaces), which needs root. Tests give each node a
network namespace too.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from styled.backend.staged.host import Host
from styled.errors import BackendAway

PROGRAMS = ("munged", "slurmctld", "slurmd", "sinfo", "sbatch", "squeue", "scancel", "unshare")

SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

_START_S = 60.0

_CONFIGURATION = """\
ClusterName=styled
SlurmctldHost={host}({address})
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout={timeout}
SlurmctldTimeout=30
MessageTimeout=4
TCPTimeout=2
InactiveLimit=0
KillWait=5
OverTimeLimit=0
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Return why there can be no such cluster here, or an empty text."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=SEARCH) is None]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: apt install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "it needs root, for host names of its nodes"


class SmallSlurm:
    """Two nodes, each with one processor, for the length of a block.

    Args:
        folder: a new one, whose path is short: sockets lie in it.
        timeout_s: after which a node that is silent is down.
        hosts: of the controller, and of each node; by default the loopback.
    """

    def __init__(self, folder: Path, *, timeout_s: int = 20, hosts: Sequence[Host] = ()) -> None:
        self.folder = folder
        self._timeout_s = timeout_s
        self._controller, *nodes = hosts or (Host("127.0.0.1"),) * 3
        self._hosts = {f"node{number}": host for number, host in enumerate(nodes, 1)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to use this cluster."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": SEARCH}

    def __enter__(self) -> Self:
        if why := missing():
            raise BackendAway(f"there can be no Slurm here: {why}")
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in ("state", *(f"spool-{name}" for name in self._hosts)):
            (self.folder / name).mkdir()
        ports = _free_ports(len(self._hosts) + 1)
        nodes = "\n".join(
            f"NodeName={name} NodeHostname={name} NodeAddr={host.address} Port={port} CPUs=1 State=UNKNOWN"
            for (name, host), port in zip(self._hosts.items(), ports[1:], strict=True)
        )
        (self.folder / "slurm.conf").write_text(
            _CONFIGURATION.format(
                host=socket.gethostname(),
                address=self._controller.address,
                port=ports[0],
                folder=self.folder,
                nodes=nodes,
                timeout=self._timeout_s,
            )
        )
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        try:
            self._start(
                "munged",
                "munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", f"--key-file={key}",
                f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
                f"--seed-file={self.folder}/munged.seed",
            )  # fmt: skip
            self._wait_until((self.folder / "munge.socket").exists, "munged did not start")
            self.start_controller()
            for name in self._hosts:
                self.start_node(name)
            self._wait_until(self._all_idle, f"the nodes did not become idle; see {self.folder}")
        except BaseException:
            self.close()
            raise
        return self

    def start_controller(self) -> None:
        """Start the controller, or start it again."""
        self._start("slurmctld", *self._controller.through, "slurmctld", "-D")

    def start_node(self, name: str) -> None:
        """Start a node, or start it again."""
        command = ("unshare", "--uts", "sh", "-c", f"hostname {name} && exec slurmd -D -N {name}")
        self._start(name, *self._hosts[name].through, *command)

    def kill(self, name: str) -> None:
        """Kill a part, ``node1`` or ``slurmctld``, as a power loss would; of a node all that it runs too."""
        process = self._processes.pop(name)
        processes = _in_namespace_of(process.pid)
        for number in (signal.SIGSTOP, signal.SIGKILL):  # all at one moment: none reports the death of another
            for pid in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        process.wait()

    def close(self) -> None:
        """End all parts, and what the nodes run."""
        for name in list(self._processes)[::-1]:
            self.kill(name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, *command: str) -> str:
        """Run a command of Slurm; return what it prints."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, capture_output=True, check=True, text=True, timeout=60).stdout

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _wait_until(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + _START_S
        while not condition():
            for name, process in self._processes.items():
                if process.poll() is not None:
                    said = (self.folder / f"{name}.out").read_text(errors="replace").strip().splitlines()
                    raise BackendAway(
                        f"{name} ended: {said[-1] if said else 'it printed nothing'}", "Is its folder's path short?"
                    )
            if time.monotonic() > until:
                raise BackendAway(what)
            time.sleep(0.1)

    def _all_idle(self) -> bool:
        try:
            states = self.run("sinfo", "--noheader", "--Node", "--format=%T").split()
        except subprocess.CalledProcessError:
            return False
        return len(states) == len(self._hosts) and set(states) == {"idle"}


def _in_namespace_of(pid: int) -> list[int]:
    """Return the processes of a node: those that have its host name, whoever their parent is by now."""
    own, here = _host_name_of(pid), _host_name_of(os.getpid())
    if own in ("", here):
        return [pid]
    return [each for each in psutil.pids() if _host_name_of(each) == own]


def _host_name_of(pid: int) -> str:
    """Return the UTS namespace of a process; an empty text if it has ended."""
    try:
        return str(Path(f"/proc/{pid}/ns/uts").readlink())
    except OSError:
        return ""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
