"""The daemon: one process and one thread that decides, around a selector; it waits for nobody.

Each turn of the loop collects what happened (clients, workers, the inbox, signals), acts on it, and sleeps
until the next thing is due. Whatever takes long happens elsewhere: painting and decoding in children.
"""

from __future__ import annotations

import os
import selectors
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from styled.backend.choose import runner_for
from styled.config import Config, RetentionConfig
from styled.daemon.control.requests import Requests
from styled.daemon.control.server import ControlServer
from styled.daemon.dispatch import Dispatcher
from styled.daemon.hooks import Hooks
from styled.daemon.inbox_commands import InboxCommands
from styled.daemon.job_commands import JobCommands
from styled.daemon.process.footing import explain
from styled.daemon.process.lock import RootLock
from styled.daemon.process.logs import start_logging
from styled.daemon.process.service import Notifier
from styled.daemon.process.signals import Signals
from styled.daemon.queue_pause import QueuePause
from styled.daemon.reporting import Reporter
from styled.daemon.supervisor import RETRY_S, Part, Supervisor
from styled.daemon.upkeep.disk import Disk, Room
from styled.daemon.upkeep.evolution_watch import EvolutionWatch
from styled.daemon.upkeep.gallery_refresher import GalleryRefresher
from styled.daemon.upkeep.janitor import Janitor
from styled.daemon.upkeep.record_check import RecordCheck
from styled.daemon.upkeep.trash import Trash
from styled.daemon.wall_clock import WallClock
from styled.errors import DaemonError, StoreError, StoreLocked, StyledError
from styled.files import durable
from styled.inbox.intake import Inbox
from styled.root import Root
from styled.store.status import DaemonStatus
from styled.store.store import Store
from styled.version import __version__

BEAT_S = 1.0
"""Between two reports of the daemon's state."""

_SLOWEST_STOP_S = 10.0
"""Beyond the workers' grace: what keeps the daemon longer than that is a part that does not work."""

_THROTTLE_S = 0.05
"""A turn of the loop takes at least this long while a part waits: what would wake it may be that part's."""


class Daemon:
    """Owns a root for as long as it runs.

    Args:
        root: whose inbox, queue and jobs.
        load: reads the configuration; called at the start and at each reload.
        terminal: write the log to standard error as well.
    """

    def __init__(self, root: Root, load: Callable[[], Config], *, terminal: bool = True) -> None:
        self._root = root
        self._load = load
        self._config = load()
        self._terminal = terminal
        self._log = structlog.get_logger("daemon")
        self._beat_due = 0.0
        self._stopping = False
        self._draining = False
        self._last_event = 0
        self._took_some = False
        self._served = False
        self._stop_by = float("inf")
        self._supervisor = Supervisor(refused=self._no_room)

    def run(self) -> None:
        """Run until asked to stop; everything is in order when it returns.

        Raises:
            DaemonAlreadyRunning: another daemon holds the root.
            DaemonError: the root's file system is none that a daemon can live on; there is no /proc.
            StoreError: the queue's record cannot be opened.
            SettingsError: the socket's group does not exist, or a reload before the start found a wrong configuration.
        """
        if not Path("/proc/self/fd").is_dir():
            raise DaemonError("/proc is not mounted, and the daemon needs it", "Mount it: mount -t proc proc /proc.")
        os.umask(os.umask(0o077) | stat.S_IWOTH)  # job.json, say, is obeyed: not everybody shall write it
        try:
            self._run()
        except Exception as error:
            if not self._served:
                raise
            self._log.warning("not all could be closed", exc_info=error)

    def _run(self) -> None:
        with ExitStack() as stack:
            self._notifier = Notifier()
            self._selector = stack.enter_context(selectors.DefaultSelector())
            self._signals = stack.enter_context(Signals(self._selector))
            if not self._open_when_possible(stack):
                return
            try:
                self._serve()
            except Exception:
                self._log.exception("the daemon crashed")
                raise
            self._served = True
            self._log.info("stopped")

    # -- setting up ----------------------------------------------------------------------------------------

    def _open_when_possible(self, stack: ExitStack) -> bool:
        """Open everything; while a disk, another program or the system does not let it, try until it can be done.

        Return False if asked to stop meanwhile.
        """
        logged = ""
        lock = self._lock = RootLock(self._root)
        stack.callback(lock.release)
        while True:
            with ExitStack() as attempt:
                try:
                    lock.acquire()
                    with durable.waiting_for(self._root.log):
                        self._log_file = start_logging(self._root.log, self._config.log, terminal=self._terminal)
                    while lock.warnings:
                        self._log.warning(lock.warnings.pop(0))
                    self._open_queue(attempt)
                    self._open_doors(attempt)
                    # Last: what ends the daemon from here on is a crash, and having to wait until here was none.
                    self._queue_pause.note_start(self._config.queue.pause_after_crashes)
                except Exception as error:  # noqa: BLE001  # raised again unless waiting may mend it
                    reason = self._why_wait(error)
                    if logged != reason:
                        self._log.error("the daemon waits to begin; trying again", reason=reason)
                        lock.note(reason)
                    logged = reason
                else:
                    lock.note("")
                    stack.push(attempt.pop_all())
                    return True
            self._notifier.waiting(f"waits to begin: {logged}")
            self._signals.wait(RETRY_S)
            signals = set(self._signals.received())
            if signals & Signals.STOP:
                return False
            if signals & Signals.RELOAD:
                self._config = self._load()

    def _why_wait(self, error: Exception) -> str:
        """Return for what the start has to wait; raise what no waiting mends."""
        if isinstance(error, OSError | StoreError) and not isinstance(error, StoreLocked):
            explained = explain(self._root.state)
            if explained is not None:
                raise explained from error
        if isinstance(error, OSError):
            error = durable.passing_trouble(error, "the daemon cannot begin") or error
        if isinstance(error, StyledError) and error.may_pass:
            return error.message
        if isinstance(error, RuntimeError) and "thread" in str(error):
            return f"the system gives no thread: {error}"
        raise error

    def _open_queue(self, stack: ExitStack) -> None:
        """Open what jobs are kept in and painted by, and mend what the last daemon left."""
        root, config = self._root, self._config
        for folder in (root.path / "inbox", root.path / "evolution"):
            # Whatever is there is not looked at: the file server of a mounted one may be dead, or hang the caller.
            # A link that leads nowhere is waited for: its disk may be mounted late.
            with durable.waiting_for(folder), suppress(FileExistsError):
                if not root.link_to_nothing(folder.name):
                    folder.mkdir()
        self._store = stack.enter_context(Store.open(root))
        for note in self._store.notes:
            self._log.warning("opening the queue", note=note)
        self._last_event = self._store.last_event()
        self._evolution_watch = EvolutionWatch(root, self._store)
        stack.callback(self._evolution_watch.close)
        self._evolution_watch.look()
        self._wall_clock = WallClock.after(self._store.status())
        self._disk = Disk((root.state, root.evolution), config.disk)
        self._hooks = Hooks(root, config.hooks)
        stack.callback(self._hooks.close)
        self._gallery_refresher = GalleryRefresher(
            root,
            config.gallery,
            is_stale=self._last_event > 0,
            may_write=lambda: self._disk.room is Room.ENOUGH and not self._evolution_watch.trouble,
        )
        stack.callback(self._gallery_refresher.close)
        self._runner = runner_for(root, config, self._selector)
        stack.callback(self._runner.close)
        self._dispatcher = Dispatcher(
            root,
            self._store,
            self._runner,
            config.queue,
            may_start=self._may_start,
            wake=self._signals.wake,
            ended=self._hooks.ended,
            disk_full=self._no_room,
            is_away=self._is_evolution_away,
            clock=self._wall_clock.steady,
        )
        stack.callback(self._dispatcher.close)
        self._store.follow(self._dispatcher.busy)
        self._dispatcher.recover()
        self._queue_pause = QueuePause(self._store, root.hold)

    def _open_doors(self, stack: ExitStack) -> None:
        """Open the inbox, the control socket and what reports."""
        root, config, store, wake = self._root, self._config, self._store, self._signals.wake
        self._inbox = stack.enter_context(Inbox(root, store, config.inbox, defaults=config.job, wake=wake))
        self._trash = stack.enter_context(Trash(root))
        if not self._evolution_watch.trouble:  # a mount point without its disk holds nothing that is left
            self._trash.empty()
        job_commands = JobCommands(root, store, self._dispatcher, self._runner, self._trash)
        self._janitor = stack.enter_context(
            Janitor(root, store, job_commands, config.retention, wake=wake, doubt=self._wall_clock.doubt)
        )
        self._record_check = stack.enter_context(RecordCheck(root, store, wake=wake))
        self._reporter = Reporter(
            root,
            store,
            inbox=self._inbox,
            disk=self._disk,
            dispatcher=self._dispatcher,
            notifier=self._notifier,
            wall_clock=self._wall_clock,
            troubles=self._supervisor.troubles,
        )
        inbox_commands = InboxCommands(root, store, self._inbox)
        stack.callback(inbox_commands.close)
        requests = Requests(self, job_commands, inbox_commands, store, str(root.path))
        self._server = ControlServer(root.socket, config.control, requests, self._events, self._selector)
        self._supervisor.watch(Part.INTAKE, lambda: self._inbox.trouble or self._inbox.warning)
        self._supervisor.watch(Part.DISPATCH, lambda: self._evolution_watch.trouble or self._dispatcher.trouble)
        self._supervisor.watch(Part.RETENTION, lambda: self._janitor.trouble)
        self._supervisor.watch(Part.LOG, lambda: self._log_file.trouble)
        self._supervisor.watch(Part.SOCKET, lambda: self._server.trouble)
        self._server.open()
        stack.callback(self._server.close)

    # -- the loop ------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        self._log.info("started", root=self._root.path, pid=os.getpid(), version=__version__)
        self._beat()
        self._notifier.ready()
        do = self._supervisor.turn
        while not self._may_end():
            if self._supervisor.any_waits:
                time.sleep(_THROTTLE_S)
            for key, _ in self._selector.select(self._sleep_s()):
                self._hear(key.data)
            self._obey_signals()
            do(Part.SOCKET, self._server.turn)
            do(Part.DISPATCH, self._dispatcher.turn)
            do(Part.INTAKE, self._take_pairs)
            do(Part.HOOKS, self._hooks.turn)
            do(Part.GALLERY, self._gallery_refresher.turn)
            if not self._evolution_watch.trouble:
                do(Part.RETENTION, self._janitor.turn)
                do(Part.RECORDS, self._record_check.turn)
            do(Part.EVENTS, self._follow_events)
            if time.monotonic() >= self._beat_due:
                self._beat()
        self._supervisor.hasten()
        self._beat()
        do(Part.STATUS, self._queue_pause.note_clean_end)

    def _hear(self, callback: Callable[[], None]) -> None:
        """Take what came from a client, a worker or a signal; also while a part waits."""
        try:
            callback()
        except Exception as error:  # noqa: BLE001  # logged with its traceback, and shown
            self._supervisor.failed(Part.SOCKET, error)

    def _may_end(self) -> bool:
        """Whether the daemon was asked to stop and all is in order, or cannot be brought in order in time."""
        if not (self._stopping or self._draining):
            return False
        if not self._dispatcher.awaited():
            self._stopping = True
            return True
        if not self._stopping:
            return False
        if time.monotonic() >= self._stop_by:
            return True
        # The workers have ended, and it cannot be noted: the next daemon finds that out.
        return not self._runner.running() and self._supervisor.fails(Part.DISPATCH)

    def _sleep_s(self) -> float:
        """Return how long nothing is due."""
        if self._server.backlog:
            return 0.0
        wake_after = self._supervisor.wake_after
        waits = [
            self._beat_due - time.monotonic(),
            wake_after(Part.DISPATCH, self._dispatcher.wake_after()),
            wake_after(Part.HOOKS, self._hooks.wake_after()),
            wake_after(Part.GALLERY, self._gallery_refresher.wake_after()),
        ]
        if not self._evolution_watch.trouble:
            waits.append(wake_after(Part.RETENTION, self._janitor.wake_after()))
            waits.append(wake_after(Part.RECORDS, self._record_check.wake_after()))
        if self._may_take():
            waits.append(wake_after(Part.INTAKE, 0.0 if self._took_some else self._inbox.due_in()))
        return max(0.0, min(wait for wait in waits if wait is not None))

    def _take_pairs(self) -> None:
        """Have the inbox claim what is complete; a bounded number of pairs each turn."""
        self._took_some = False
        if self._inbox.turn(may_take=self._may_take(), may_mend=not self._evolution_watch.trouble):
            self._took_some = True
        if self._inbox.found.next_s is not None and self._may_start():  # what was dropped is not quiet yet
            self._runner.prepare()

    def _may_take(self) -> bool:
        """Whether pairs are taken from the inbox: also while the queue is held, but not onto a full or a wrong disk."""
        has_room = self._disk.room is Room.ENOUGH and not self._evolution_watch.trouble
        return has_room and not (self._stopping or self._draining or self._supervisor.fails(Part.ROOT))

    def _may_start(self) -> bool:
        return self._may_take() and not self._queue_pause.reason

    def _is_evolution_away(self) -> bool:
        """Look whether ``evolution/`` is there; what a job's folder was missed for may be that it is not."""
        if self._evolution_watch.look():
            self._go_on()
        return bool(self._evolution_watch.trouble)

    def _go_on(self) -> None:
        """Do what waited for ``evolution/``, which has just come back."""
        self._dispatcher.changed()
        self._trash.empty()

    def _no_room(self, reason: str) -> bool:
        """Take a part's or a worker's word that a disk is full; return whether it takes other files all the same."""
        if self._disk.room is Room.ENOUGH:
            self._log.error("nothing starts until the disk takes what is written", reason=reason)
        return self._disk.reported_full(reason)

    def _obey_signals(self) -> None:
        for number in self._signals.received():
            if number in Signals.STOP:
                if self._stopping:
                    self._log.warning("asked to stop again; not waiting any more")
                    self._dispatcher.stop_running(0.0)
                    self._stop_by = time.monotonic() + _SLOWEST_STOP_S
                self.stop()
            elif number in Signals.RELOAD:
                self._supervisor.hasten()
                self._supervisor.turn(Part.CONFIGURATION, self._reload_or_keep)

    def _reload_or_keep(self) -> None:
        try:
            self.reload()
        except StyledError as error:
            self._log.error("the configuration is wrong; the old one stays", error=str(error))

    def _beat(self) -> None:
        """Once a second: look at the disk, report the state."""
        self._beat_due = time.monotonic() + BEAT_S
        self._notifier.alive()
        if self._supervisor.fails(Part.CONFIGURATION):  # a reload that was cut off
            self._supervisor.turn(Part.CONFIGURATION, self._reload_or_keep)
        self._supervisor.turn(Part.ROOT, self._keep_state)
        self._supervisor.turn(Part.STATUS, self._look_and_tell)

    def _keep_state(self) -> None:
        """Make again what somebody has removed from ``.styled/`` under the running daemon: all of it is still open."""
        with durable.waiting_for(self._root.state):
            made = self._lock.keep()
        known = len(self._store.notes)
        if self._store.is_damaged and (self._evolution_watch.trouble or not self._evolution_watch.answers):
            raise StoreError("the queue's database is damaged, and evolution/, from which it is filled, is away")
        if self._store.restore():
            for note in self._store.notes[known:]:
                self._log.warning("the queue's database", note=note)
            made = True
        if self._server.keep() or made:
            self._queue_pause.keep()
            self._log.warning("files of .styled/ that were removed or damaged were made again")

    def _look_and_tell(self) -> None:
        if self._evolution_watch.turn():
            self._go_on()
        before = self._disk.room
        # Not while a look at evolution/ has not come back: its file server would hang this one too.
        if self._evolution_watch.answers and self._disk.look() is not before:
            room = self._disk.room.name.lower()
            self._log.warning("room on the disk", room=room, free=self._disk.free, note=self._disk.note)
        if self._disk.room is Room.NONE:
            self._dispatcher.stop_running(self._config.queue.stop_grace_s)
        self._reporter.beat(*self._state())

    def _follow_events(self) -> None:
        """Send new events of the queue to subscribers; a job may have become due."""
        last = self._store.last_event()
        if last != self._last_event:
            self._gallery_refresher.note(self._store.events(self._last_event))
            self._last_event = last
            self._dispatcher.changed()
            self._server.publish()

    def _events(self, since: int, limit: int) -> Sequence[Mapping[str, Any]]:
        return [msgspec.to_builtins(event) for event in self._store.events(since, limit=limit)]

    # -- what clients ask ----------------------------------------------------------------------------------

    def status(self) -> DaemonStatus:
        """Return how the daemon is now."""
        return self._reporter.status(*self._state())

    def _state(self) -> tuple[str, str]:
        if self._stopping or self._draining:
            return "stopping", "waiting for the running jobs" if self._draining else "writing checkpoints"
        if self._queue_pause.reason:
            return "paused", self._queue_pause.reason
        if self._disk.room is not Room.ENOUGH:
            return "degraded", self._disk.note
        if troubles := self._supervisor.troubles():
            return "degraded", f"{troubles[0].part}: {troubles[0].trouble}"
        return "running", ""

    def hold(self, by: str) -> None:
        """Hold the queue: nothing starts, running jobs write a checkpoint and wait."""
        self._queue_pause.hold(f"paused by {by}")
        self._dispatcher.stop_running(self._config.queue.stop_grace_s)

    def release(self) -> None:
        """Let the queue run again."""
        self._queue_pause.release()
        self._dispatcher.changed()

    def stop(self, *, drain: bool = False, jobs: bool = False) -> None:
        """End; see :class:`~styled.daemon.control.requests.Owner`."""
        if drain:
            self._draining = True
            self._log.info("stopping when the running jobs have ended")
            return
        if self._stopping:
            return
        self._stopping = True
        self._supervisor.hasten()
        grace_s = self._config.queue.stop_grace_s
        self._stop_by = time.monotonic() + grace_s + _SLOWEST_STOP_S
        self._log.info("stopping", seconds=grace_s)
        self._notifier.stopping(grace_s + _SLOWEST_STOP_S)
        if jobs:
            self._dispatcher.stop_running(grace_s)
        else:
            self._dispatcher.detach(grace_s)

    def clean(self, config: RetentionConfig) -> None:
        """Thin and remove ended jobs now, by settings other than the usual ones."""
        self._janitor.clean(config)

    def reload(self) -> None:
        """Read the configuration again.

        Raises:
            SettingsError: it is wrong; the old one stays in force.
        """
        self._notifier.reloading()
        try:
            config = self._load()
        finally:
            self._notifier.ready()
        self._disk.reconfigure(config.disk)
        self._runner.reconfigure(config.queue)
        self._dispatcher.reconfigure(config.queue)
        self._hooks.reconfigure(config.hooks)
        self._janitor.reconfigure(config.retention)
        self._gallery_refresher.reconfigure(config.gallery)
        self._inbox.reconfigure(config.inbox, config.job)
        self._log_file = start_logging(self._root.log, config.log, terminal=self._terminal)
        for section in ("control", "backend"):
            if getattr(config, section) != getattr(self._config, section):
                self._log.warning(f"[{section}] takes effect when the daemon is started again")
        self._config = config
        self._log.info("the configuration was read again")
