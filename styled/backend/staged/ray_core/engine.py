"""Ray Core: an attempt is a detached actor, which holds its processors and GPUs, and carries its files.

No disk is shared: the spool is this machine's, and each attempt's folder has a twin on its node. Ray is imported by
whoever uses this class, the bridge or ``styled doctor``, and only then.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from styled.backend.staged.engine import Outcome, Phase, Seen
from styled.backend.staged.place import Place
from styled.backend.staged.ray_core import node as node_code
from styled.backend.staged.ray_core.access import Gate, token_file
from styled.backend.staged.ray_core.carrier import Carrier
from styled.backend.staged.ray_core.node import Piece
from styled.config import BackendConfig
from styled.errors import BackendAway, BackendRefuses
from styled.files.printable import one_line

_NAMESPACE = "styled"

_ROUND_S = 1.0
"""Between two questions to a node for what is new."""

_AT_ONCE_S = 0.3
"""Of one call of :meth:`RayEngine.bring` while there is more to come."""

_REMEMBERED_S = 60.0
"""How an attempt ended is known for so long."""

_UNANSWERED_S = 5.0
"""An attempt that was taken over and has not answered for so long waits for a node."""

_FREED_S = 10.0
"""That Ray has to forget the name of an actor that was ended."""

_NODES_S = 5.0
"""Between two questions for the nodes."""

_LOST = object()
"""In place of an answer that will not come."""


@dataclass(slots=True, eq=False)
class _Held:
    """One attempt, as far as this process knows it."""

    actor: Any
    begun: Any
    """Ray's reference to the actor's first answer, which comes when it runs."""
    phase: Phase = Phase.QUEUED
    node: str = ""
    """Its id in Ray; known when it runs."""
    shown: str = ""
    """Its name for people."""
    adopted_at: float | None = None
    """When it was found in Ray: it may have begun long before it answers this process."""
    wish: bool = False
    """It is to stop, once it is known whether it has begun."""
    started: bool = False
    outcome: Outcome = Outcome.UNKNOWN
    ended_at: float = 0.0
    carrier: Carrier | None = None
    outgoing: Iterator[Piece] | None = None
    waiting: Any = None
    """Ray's reference to the answer that is awaited."""
    resume: Callable[[Any], None] | None = None
    """What is done with it."""
    round_at: float = float("-inf")
    module: str = "styled.backend.staged.attempt"
    asking: Any = None
    """Ray's reference to the answer of an actor that was asked to stop."""


@dataclass(slots=True)
class _Cluster:
    """The nodes as Ray has them."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    asked_at: float = 0.0


class RayEngine:
    """Submits, watches, carries and ends the attempts of one root.

    Args:
        prefix: of the names of this root's attempts.
        config: of ``[backend]``.
        clock: monotonic seconds.
    """

    name = "Ray"
    settles_s = 0.0

    def __init__(self, prefix: str, config: BackendConfig, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._prefix, self._config, self._clock = prefix, config, clock
        self._gate: Gate | None = None
        self._held: dict[str, _Held] = {}
        self._cluster = _Cluster()
        self._ray: Any = None

    # -- what an engine does -------------------------------------------------------------------------------

    def submit(
        self,
        name: str,
        module: str,
        folder: Path,  # noqa: ARG002  # bring() is given it, whichever bridge it is then
        *,
        avoid: frozenset[str] = frozenset(),
        only: str = "",
    ) -> str:
        """Have an actor made; its files go there when it runs. See :class:`~styled.backend.staged.engine.Engine`."""
        try:
            self._reach()
        except BackendAway as error:
            raise BackendRefuses(error.message, error.advice) from error
        others = [node for node in self._nodes(fresh=True) if _shown(node) not in avoid]
        fit = [node for node in others if self._could_hold(node)]
        if not fit:
            raise BackendRefuses(
                f"no {'other ' if avoid else ''}node of Ray has {self._wanted()}",
                "Look at: ray status; set [backend] cpus and gpus to what a node has.",
            )
        self._wait_for_name(name)
        selector = {}
        if only or avoid:
            ids = ",".join(node["NodeID"] for node in self._nodes() if _shown(node) in ({only} if only else avoid))
            selector = {"ray.io/node-id": f"in({ids})" if only else f"!in({ids})"}
        options = {
            "name": name,
            "namespace": _NAMESPACE,
            "lifetime": "detached",
            "max_restarts": 0,
            "max_task_retries": 0,
            "num_cpus": 0 if only else self._config.cpus,
            "num_gpus": 0 if only else self._config.gpus,
            **({"label_selector": selector} if selector else {}),
        }
        try:
            actor = self._ray.remote(node_code.Node).options(**options).remote(name)
        except ValueError as error:
            raise BackendRefuses(f"Ray does not take it: {one_line(str(error), 300)}") from error
        self._held[name] = _Held(actor, actor.begin.remote(), module=module)
        return f"ray:{name}"

    def look(self) -> dict[str, Seen]:
        """Return the attempts of this root: those that Ray has, and those whose end is known here."""
        self._reach()
        now = self._clock()
        names = [name for name in self._ray.util.list_named_actors() if name.startswith(self._prefix)]
        for name in names:
            if name not in self._held:
                with contextlib.suppress(ValueError):  # it has ended meanwhile
                    actor = self._ray.get_actor(name, namespace=_NAMESPACE)
                    self._held[name] = _Held(actor, actor.begin.remote(), adopted_at=now)
        for name, held in list(self._held.items()):
            if held.phase is Phase.QUEUED:
                self._feel(held)
            self._heed(name, held)
            if held.phase is not Phase.ENDED and name not in names:
                self._end(held, self._outcome_of(held), dead=True)
            if held.phase is Phase.ENDED and now - held.ended_at > _REMEMBERED_S:
                del self._held[name]
        return {
            name: Seen(
                f"ray:{name}",
                held.phase,
                held.shown,
                self._reason() if held.phase is Phase.QUEUED else "",
                held.outcome,
            )
            for name, held in self._held.items()
        }

    def last_outcome(self, _handle: str) -> Outcome:
        """Return UNKNOWN: nobody knows more than :meth:`look`."""
        return Outcome.UNKNOWN

    def ask(self, handle: str) -> None:
        """Send SIGTERM to what an attempt runs; one that waits, or whose files still go there, is ended."""
        held = self._of(handle)
        if held is None or held.phase is Phase.ENDED:
            return
        if held.started:
            held.asking = held.actor.ask.remote()
        elif held.phase is Phase.QUEUED and held.adopted_at is not None:
            held.wish = True
        else:
            self.kill(handle)

    def kill(self, handle: str) -> None:
        """End an attempt's actor, and with it what it runs."""
        self._reach()
        held = self._of(handle)
        if held is not None and held.phase is not Phase.ENDED:
            self._end(held, Outcome.CANCELLED)

    def bring(self, place: Place) -> None:
        """Bring an attempt's files to its node, then what it paints back; a part of either in each call.

        Raises:
            BackendRefuses: the node does not take them.
            DataDamaged: the node sent what it may not.
            StorageRefuses: this machine's disk does not take it.
        """
        held = self._held.get(place.path.name)
        if held is None or held.phase is not Phase.RUNNING:
            return
        if held.carrier is None:
            held.carrier = Carrier(place)
        until = time.monotonic() + _AT_ONCE_S / max(1, len(self._held))
        while held.phase is Phase.RUNNING:
            if held.waiting is None and not self._go_on(held, place):
                return
            left = max(0.0, until - time.monotonic())
            if held.waiting is None or not self._ray.wait([held.waiting], timeout=left)[0]:
                return
            self._receive(held)

    def nodes_to_choose_from(self) -> list[str]:
        """Return the names of the nodes that can hold an attempt.

        Raises:
            BackendAway: Ray does not answer.
        """
        self._reach()
        return sorted({_shown(node) for node in self._nodes(fresh=True) if self._could_hold(node)})

    def close(self) -> None:
        """Let go of Ray; all attempts go on."""
        if self._gate is not None:
            self._gate.close()
        for held in self._held.values():
            if held.carrier is not None:
                held.carrier.close()
        if self._ray is not None:
            self._ray.shutdown()

    # -- the cluster ---------------------------------------------------------------------------------------

    def _reach(self) -> None:
        """Make sure that the head answers, and connect to it once.

        Raises:
            BackendAway: it does not.
        """
        if self._gate is None:
            gate = Gate(self._config)
            gate.check()
            self._gate = gate
        self._gate.knock()
        if self._ray is None:
            self._connect()

    def _connect(self) -> None:
        for name in [name for name in os.environ if name.startswith("RAY_AUTH_")]:
            del os.environ[name]
        os.environ |= {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token_file(self._config)),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        try:
            import ray
        except ImportError as error:
            raise BackendAway("Ray is not installed here", 'Install it: pip install "styled[ray]".') from error
        try:
            ray.init(
                address=self._config.address,
                namespace=_NAMESPACE,
                log_to_driver=False,
                configure_logging=False,
                logging_level="error",
            )
        except Exception as error:
            ray.shutdown()
            raise BackendAway(
                f"Ray cannot be used from here: {one_line(str(error), 300)}",
                f"This machine must be a node of that Ray, with the same version: ray start --num-cpus=0 --address={self._config.address}",
            ) from error
        # The code goes to the nodes as it is here, whatever version of styled they have.
        ray.cloudpickle.register_pickle_by_value(node_code)
        self._ray = ray

    def _nodes(self, *, fresh: bool = False) -> list[dict[str, Any]]:
        """Return the nodes that live."""
        now = self._clock()
        if fresh or now - self._cluster.asked_at > _NODES_S:
            self._cluster = _Cluster([node for node in self._ray.nodes() if node.get("Alive")], now)
        return self._cluster.nodes

    def _could_hold(self, node: dict[str, Any]) -> bool:
        resources = node.get("Resources", {})
        return bool(
            resources.get("CPU", 0) >= self._config.cpus
            and resources.get("GPU", 0) >= self._config.gpus
            and resources.get("CPU", 0) + resources.get("GPU", 0) > 0
        )

    def _reason(self) -> str:
        """Return why an attempt waits."""
        if not any(self._could_hold(node) for node in self._nodes()):
            return f"no node has {self._wanted()}"
        return f"waits for {self._wanted()}"

    def _wanted(self) -> str:
        return f"{self._config.cpus:g} CPU" + (f" and {self._config.gpus:g} GPU" if self._config.gpus else "")

    # -- one attempt ---------------------------------------------------------------------------------------

    def _of(self, handle: str) -> _Held | None:
        return self._held.get(handle.removeprefix("ray:"))

    def _wait_for_name(self, name: str) -> None:
        """Wait until Ray has forgotten an earlier actor of that name."""
        self._held.pop(name, None)
        until = time.monotonic() + _FREED_S
        while name in self._ray.util.list_named_actors() and time.monotonic() < until:
            time.sleep(0.1)

    def _feel(self, held: _Held) -> None:
        """Find out whether an actor has begun."""
        if not self._ray.wait([held.begun], timeout=0.0)[0]:
            return
        answer = self._answer(held, held.begun)
        if answer is _LOST:
            held.begun = held.actor.begin.remote()
        elif held.phase is Phase.QUEUED:
            held.node, host, held.started = answer
            held.phase = Phase.RUNNING
            held.shown = next((_shown(node) for node in self._nodes(fresh=True) if node["NodeID"] == held.node), host)

    def _heed(self, name: str, held: _Held) -> None:
        """Pass on a wish to stop as soon as it can be; again, where the actor could not be reached."""
        if held.wish and (held.phase is Phase.RUNNING or self._clock() - (held.adopted_at or 0.0) > _UNANSWERED_S):
            held.wish, held.adopted_at = False, None
            self.ask(f"ray:{name}")
        if held.asking is not None and self._ray.wait([held.asking], timeout=0.0)[0]:
            lost = self._answer(held, held.asking) is _LOST
            held.asking = held.actor.ask.remote() if lost and held.phase is Phase.RUNNING else None

    def _answer(self, held: _Held, ref: Any) -> Any:
        """Return what an actor has answered; _LOST if it has died, or could not be reached.

        Raises:
            BackendRefuses: it could not do what it was asked for.
        """
        errors = self._ray.exceptions
        try:
            return self._ray.get(ref)
        except (errors.ActorUnavailableError, errors.ObjectLostError):
            return _LOST
        except errors.RayActorError as error:
            self._end(held, self._outcome_of(held, str(error)), dead=True)
            return _LOST
        except errors.RayTaskError as error:
            raise BackendRefuses(
                f"{held.shown or 'a node'} does not take it: {one_line(str(error.cause), 300)}",
                "Look at its temporary folder: is it full?",
            ) from error

    def _outcome_of(self, held: _Held, said: str = "") -> Outcome:
        """Return why an actor has died."""
        if "memory" in said and "was killed due to" in said:
            return Outcome.OUT_OF_MEMORY
        if "ray.kill" in said or "ray kill" in said:
            return Outcome.CANCELLED
        alive = {node["NodeID"] for node in self._nodes(fresh=True)}
        return Outcome.FAILED if held.node in alive else Outcome.LOST

    def _end(self, held: _Held, outcome: Outcome, *, dead: bool = False) -> None:
        held.phase, held.outcome, held.ended_at = Phase.ENDED, outcome, self._clock()
        held.waiting = held.resume = held.asking = None
        if held.carrier is not None:
            held.carrier.close()
        if not dead:
            self._ray.kill(held.actor, no_restart=True)

    def _go_on(self, held: _Held, place: Place) -> bool:
        """Ask an actor for the next thing; return whether there is one now."""
        assert held.carrier is not None  # noqa: S101  # made by the caller
        if not held.started:
            if held.outgoing is None:
                held.outgoing = held.carrier.outgoing()
            pieces = [piece for _, piece in zip(range(node_code.PIECES), held.outgoing, strict=False)]
            if pieces:
                held.waiting, held.resume = held.actor.put.remote(pieces), None
            else:
                held.waiting = held.actor.start.remote(self._config.python, held.module, place.job)
                held.resume = lambda _: setattr(held, "started", True)
            return True
        if self._clock() - held.round_at < _ROUND_S:
            return False
        held.round_at = self._clock()
        self._take(held, held.carrier.have())
        return True

    def _take(self, held: _Held, have: Any) -> None:
        held.waiting = held.actor.take.remote(have)
        held.resume = lambda answer: self._came(held, answer)

    def _came(self, held: _Held, answer: tuple[list[Piece], bool, bool]) -> None:
        assert held.carrier is not None  # noqa: S101  # made before anything is asked for
        pieces, whole, alive = answer
        for piece in pieces:
            held.carrier.take(piece)
        if not whole:
            self._take(held, None)
        elif not alive or held.carrier.has_end:
            self._end(held, Outcome.FAILED)

    def _receive(self, held: _Held) -> None:
        """Deal with the answer that has come; what is asked for after one that was lost begins again."""
        ref, resume = held.waiting, held.resume
        held.waiting = held.resume = None
        answer = self._answer(held, ref)
        if answer is _LOST:
            held.outgoing = None
        elif resume is not None:
            resume(answer)


def _shown(node: dict[str, Any]) -> str:
    """Return a node's name for people: the one it was given, or its host's."""
    name = str(node.get("NodeName", ""))
    return one_line(name if name and name != node.get("NodeManagerAddress") else str(node["NodeManagerHostname"]), 100)
