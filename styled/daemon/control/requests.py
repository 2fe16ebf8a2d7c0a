"""What may be asked over the control socket, by name; checks each request before it touches anything."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from styled.config import RetentionConfig
from styled.daemon.control.peer import Peer
from styled.daemon.control.protocol import Request
from styled.daemon.inbox_commands import InboxCommands
from styled.daemon.job_commands import JobCommands
from styled.errors import ControlError, StyledError
from styled.files.printable import escaped
from styled.job import Job
from styled.settings import nearest
from styled.store.status import DaemonStatus
from styled.store.store import Store
from styled.version import __version__


class _Args(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the arguments."""


class _Nothing(_Args, frozen=True, kw_only=True):
    pass


class _OneJob(_Args, frozen=True, kw_only=True):
    job: str | int


class _JobOrQueue(_Args, frozen=True, kw_only=True):
    job: str | int | None = None


class _OnePair(_Args, frozen=True, kw_only=True):
    pair: str


class _Retry(_Args, frozen=True, kw_only=True):
    job: str | int
    from_start: bool = False


class _Changes(_Args, frozen=True, kw_only=True):
    job: str | int
    settings: dict[str, Any] = {}


class _Priority(_Args, frozen=True, kw_only=True):
    job: str | int
    priority: int | None = None
    by: int | None = None
    to_top: bool = False


class _Stop(_Args, frozen=True, kw_only=True):
    drain: bool = False
    jobs: bool = False


class _Clean(_Args, frozen=True, kw_only=True):
    retention: RetentionConfig


class Owner(Protocol):
    """The daemon, as far as requests concern it."""

    def status(self) -> DaemonStatus:
        """Return how it is now."""

    def hold(self, by: str) -> None:
        """Stop starting jobs, and put running ones back."""

    def release(self) -> None:
        """Start jobs again."""

    def stop(self, *, drain: bool = False, jobs: bool = False) -> None:
        """End, each worker of this machine with a checkpoint; those on a cluster run on.

        Args:
            drain: end when the running jobs have ended by themselves.
            jobs: stop the workers on a cluster too.
        """

    def clean(self, config: RetentionConfig) -> None:
        """Thin and remove ended jobs now."""

    def reload(self) -> None:
        """Read the configuration again; a SettingsError leaves the old one in force."""


_A = TypeVar("_A", bound=_Args)


class Requests:
    """Answers the requests of clients.

    Args:
        owner: the daemon.
        job_commands: what concerns single jobs.
        inbox_commands: what concerns pairs that are no jobs.
        store: answers questions.
        root: path of the root, for ``ping``.
    """

    def __init__(
        self, owner: Owner, job_commands: JobCommands, inbox_commands: InboxCommands, store: Store, root: str
    ) -> None:
        self._owner = owner
        self._job_commands = job_commands
        self._store = store
        self._root = root
        self._log = structlog.get_logger("control")
        self._operations: dict[str, Callable[[Request, str], Mapping[str, Any]]] = {
            "ping": self._ping,
            "status": self._status,
            "pause": self._pause,
            "resume": self._resume,
            "cancel": lambda request, by: _of(job_commands.cancel(_args(request, _OneJob).job, by=by)),
            "retry": self._retry,
            "again": self._again,
            "edit": self._edit,
            "priority": self._priority,
            "remove": lambda request, _: _of(job_commands.remove(_args(request, _OneJob).job)),
            "recheck": lambda request, _: inbox_commands.recheck(_args(request, _OnePair).pair),
            "dismiss": lambda request, by: inbox_commands.dismiss(_args(request, _OnePair).pair, by=by),
            "clean": self._clean,
            "stop": self._stop,
            "reload": self._reload,
        }

    def __call__(self, request: Request, peer: Peer) -> Mapping[str, Any]:
        """Do what is asked.

        Raises:
            StyledError: it is refused.
        """
        operation = self._operations.get(request.op)
        if operation is None:
            known = nearest(request.op, [*self._operations, "subscribe"])
            raise ControlError(f"unknown operation {request.op[:40]!r}", f"Did you mean {known!r}?")
        if operation not in (self._ping, self._status):
            self._log.info("asked", op=request.op, args=repr(request.args)[:200], uid=peer.uid, pid=peer.pid)
        try:
            return operation(request, _user(peer.uid))
        except StyledError:
            raise
        except Exception as error:
            # A mistake of ours in one operation must not end the daemon for everybody.
            self._log.exception("an operation failed", op=request.op)
            raise ControlError(f"{request.op} failed inside the daemon: {error}", "See .styled/daemon.log.") from error

    def _ping(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002  # all operations look alike
        _args(request, _Nothing)
        return {"pid": os.getpid(), "version": __version__, "root": escaped(self._root)}

    def _status(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002
        _args(request, _Nothing)
        counts = {str(state): count for state, count in self._store.counts().items()}
        return {
            "status": msgspec.to_builtins(self._owner.status()),
            "counts": counts,
            "last_event": self._store.last_event(),
        }

    def _pause(self, request: Request, by: str) -> Mapping[str, Any]:
        job = _args(request, _JobOrQueue).job
        if job is not None:
            return _of(self._job_commands.pause(job, by=by))
        self._owner.hold(by)
        return {}

    def _resume(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002
        job = _args(request, _JobOrQueue).job
        if job is not None:
            return _of(self._job_commands.resume(job))
        self._owner.release()
        return {}

    def _retry(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002
        args = _args(request, _Retry)
        return _of(self._job_commands.retry(args.job, from_start=args.from_start))

    def _again(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002
        args = _args(request, _Changes)
        return _of(self._job_commands.again(args.job, args.settings))

    def _edit(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002
        args = _args(request, _Changes)
        return _of(self._job_commands.edit(args.job, args.settings))

    def _priority(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002
        args = _args(request, _Priority)
        if (args.priority is not None) + (args.by is not None) + args.to_top != 1:
            raise ControlError("priority takes one of: priority, by, to_top", "Give exactly one.")
        if args.to_top:
            return _of(self._job_commands.to_top(args.job))
        if args.priority is not None:
            return _of(self._job_commands.prioritise(args.job, args.priority))
        return _of(self._job_commands.prioritise_by(args.job, args.by or 0))

    def _clean(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002
        self._owner.clean(_args(request, _Clean).retention)
        return {}

    def _stop(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002
        args = _args(request, _Stop)
        self._owner.stop(drain=args.drain, jobs=args.jobs)
        return {"pid": os.getpid()}

    def _reload(self, request: Request, by: str) -> Mapping[str, Any]:  # noqa: ARG002
        _args(request, _Nothing)
        self._owner.reload()
        return {}


def _args(request: Request, kind: type[_A]) -> _A:
    try:
        return msgspec.convert(request.args, kind)
    except msgspec.ValidationError as error:
        wanted = ", ".join(kind.__struct_fields__) or "nothing"
        raise ControlError(f"{request.op}: {error}", f"It takes: {wanted}.") from error


def _of(job: Job) -> Mapping[str, Any]:
    return {"job": msgspec.to_builtins(job)}


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
