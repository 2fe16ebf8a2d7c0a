"""A scheduler in memory, whose nodes do what the test says: they write into the spool what a real one would."""

from __future__ import annotations

import itertools
import os
import signal
import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from styled.backend.staged.engine import Outcome, Phase, Seen
from styled.backend.staged.place import End, Heartbeat, Order, Place
from styled.errors import BackendAway, BackendRefuses
from styled.files.decoding import read_json
from styled.messages import Checkpointed, Failure, Frame, Progress, Result, Started, Stopped, WorkerMessage, encode


class Node:
    """One command on one node."""

    def __init__(self, name: str, handle: str, folder: Path) -> None:
        self.name, self.handle, self.folder = name, handle, folder
        self.phase, self.node, self.reason, self.outcome = Phase.QUEUED, "", "Priority", Outcome.UNKNOWN
        self.asked = self.killed = False
        self.beats = 0
        self.avoid: frozenset[str] = frozenset()

    @property
    def place(self) -> Place:
        """Where it paints."""
        return Place(self.folder, read_json(self.folder / "order.json", Order).job)

    def run(self, node: str = "node1") -> None:
        """Begin."""
        self.phase, self.node, self.reason = Phase.RUNNING, node, ""
        self.beat()

    def beat(self) -> None:
        """Live."""
        self.beats += 1
        heartbeat = Heartbeat(beats=self.beats, cpu_seconds=0.0)
        self.place.heartbeat.write_bytes(msgspec.json.encode(heartbeat))

    def say(self, *messages: WorkerMessage | bytes) -> None:
        """Send messages, or bytes that are none."""
        with self.place.messages.open("ab") as file:
            for message in messages:
                file.write(message if isinstance(message, bytes) else encode(message))

    def start(self, step: int = 0, steps: int = 20) -> None:
        """Say that the worker has started."""
        self.say(Started(step=step, steps=steps, width=32, height=24, device="cpu"))

    def step(self, step: int) -> None:
        """Paint a step."""
        progress = Progress(
            scale=1, scales=1, width=32, height=24, step=step, steps=20, loss=1.0, content_loss=0.5, style_loss=0.5,
            tv_loss=0.0, seconds=1.0, step_seconds=0.01, left_seconds=None, memory_bytes=1,
        )  # fmt: skip
        with self.place.folder.losses.open("ab") as file:
            file.write(encode(progress))
        self.say(progress)

    def frame(self, step: int) -> None:
        """Write a frame."""
        name = f"frames/{step:06d}.jpg"
        picture(self.place.folder.path / name, step)
        self.say(Frame(step=step, path=name))

    def checkpoint(self, step: int, *, serial: int = 1, slot: str = "a.npz") -> None:
        """Write a checkpoint."""
        write_slot(self.place.folder.checkpoint / slot, step, serial)
        self.say(Checkpointed(step=step))

    def finish(self, step: int = 20) -> None:
        """Write the result, and end."""
        picture(self.place.folder.result_as(".png"), step)
        self.say(Result(path="result.png", step=step, loss=1.0, seconds=1.0))
        self.end(0)

    def obey(self, step: int) -> None:
        """Write a checkpoint and end, as a worker does that was asked to."""
        self.checkpoint(step, serial=7, slot="b.npz")
        self.say(Stopped(step=step))
        self.end(75)

    def fail(self, failure: Failure) -> None:
        """End with an error."""
        self.say(failure)
        self.end(1)

    def be_unfit(self, why: str) -> None:
        """End before anything was begun: what is installed is another version."""
        self.say(Failure(kind="installation-broken", message=f"node {self.node} is not fit: {why}"))
        self.end(1, unfit=why)

    def end(self, returncode: int, *, signalled: bool | None = None, unfit: str = "") -> None:
        """Write down how it ended, and be gone."""
        end = End(
            returncode=returncode,
            signalled=self.asked if signalled is None else signalled,
            killed_by_kernel=False,
            host=self.node,
            unfit=unfit,
        )
        self.place.end.write_bytes(msgspec.json.encode(end))
        self.phase, self.outcome = Phase.ENDED, Outcome.FAILED

    def lose(self) -> None:
        """Be gone with the node."""
        self.phase, self.outcome = Phase.ENDED, Outcome.LOST


def picture(path: Path, level: int = 0) -> None:
    """Write a small image."""
    Image.fromarray(np.full((24, 32, 3), level, np.uint8)).save(path)


def write_slot(path: Path, step: int, serial: int) -> None:
    """Write a slot of a checkpoint."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        head = {"serial": serial, "arrays": {"picture": "float32"}, "meta": {"step": step, "fingerprint": ""}}
        archive.writestr("meta.json", msgspec.json.encode(head))
        with archive.open("picture.npy", "w") as member:
            np.lib.format.write_array(member, np.zeros(4, np.float32))


class MemoryEngine:
    """A scheduler of which the test is the nodes."""

    name = "Memory"
    settles_s = 10.0

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.away = self.refuses = ""
        self.all_nodes: frozenset[str] = frozenset()
        self._numbers = itertools.count(1)

    def submit(
        self, name: str, module: str, folder: Path, *, avoid: frozenset[str] = frozenset(), only: str = ""
    ) -> str:
        if self.refuses:
            raise BackendRefuses(self.refuses)
        if self.all_nodes and self.all_nodes <= avoid:
            raise BackendRefuses("no other node is there")
        assert name not in self.nodes or self.nodes[name].phase is Phase.ENDED, "submitted twice"
        handle = f"memory:{next(self._numbers)}"
        self.nodes[name] = Node(name, handle, folder)
        self.nodes[name].avoid = avoid
        return handle

    def bring(self, place: Place) -> None:
        pass

    def nodes_to_choose_from(self) -> Sequence[str]:
        return ()

    def close(self) -> None:
        pass

    def look(self) -> dict[str, Seen]:
        self._answer()
        return {
            name: Seen(node.handle, node.phase, node.node, node.reason, node.outcome)
            for name, node in self.nodes.items()
        }

    def last_outcome(self, handle: str) -> Outcome:
        return Outcome.UNKNOWN

    def ask(self, handle: str) -> None:
        node = self._node(handle)
        if node.phase is Phase.QUEUED:
            node.phase, node.outcome = Phase.ENDED, Outcome.CANCELLED
        node.asked = True

    def kill(self, handle: str) -> None:
        node = self._node(handle)
        node.killed = True
        if node.phase is not Phase.ENDED:
            node.phase, node.outcome = Phase.ENDED, Outcome.CANCELLED
            if node.beats and node.folder.exists():
                node.end(-signal.SIGKILL)

    def of(self, job: str) -> Node:
        """Return the latest command of a job that runs or waits."""
        return next(
            node
            for node in reversed(self.nodes.values())
            if (node.folder / job).exists() or not os.path.lexists(node.folder)
        )

    def _node(self, handle: str) -> Node:
        self._answer()
        return next(node for node in self.nodes.values() if node.handle == handle)

    def _answer(self) -> None:
        if self.away:
            raise BackendAway(self.away)
