"""Which back end a configuration means."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Sequence

import msgspec

from styled import gpus
from styled.backend.devices import Devices
from styled.backend.local import LocalRunner
from styled.backend.prefix import prefix_of
from styled.backend.runner import Task
from styled.backend.staged.remote import RemoteRunner
from styled.config import BackendConfig, Config
from styled.errors import NoSuchJob, StoreError
from styled.files import durable
from styled.job import JobState
from styled.root import Root
from styled.store.reader import StoreReader


def runner_for(root: Root, config: Config, selector: selectors.BaseSelector) -> LocalRunner | RemoteRunner:
    """Return the runner of ``[backend] kind``.

    Args:
        root: whose jobs.
        config: of its daemon.
        selector: of the daemon's loop.

    Raises:
        StorageRefuses: the root's disk does not take what has to be remembered.
    """
    if config.backend.kind == "local":
        return LocalRunner(selector, config.queue, devices=Devices(gpus.devices, root.state / "cuda"))
    return RemoteRunner(selector, backend_of(root, config), config.queue, prefix_of(root), noted=ends_noted_in(root))


def ends_noted_in(root: Root) -> Callable[[Sequence[Task]], list[Task]]:
    """Return what says which attempts have an end that the root's queue knows of: no later daemon takes them over."""

    def noted(tasks: Sequence[Task]) -> list[Task]:
        if not root.database.is_file():  # it reads as an empty queue
            return []
        try:
            with StoreReader.open(root) as reader:
                return [task for task in tasks if _is_noted(reader, task)]
        except StoreError:  # the daemon's own store says so; it is asked again
            return []

    return noted


def _is_noted(reader: StoreReader, task: Task) -> bool:
    try:
        job = reader.get(task.id)
    except NoSuchJob:
        return True
    is_another = bool(job.attempt) and job.attempt != task.attempt
    return is_another or (job.state is not JobState.RUNNING and not job.handle)


def backend_of(root: Root, config: Config) -> BackendConfig:
    """Return ``[backend]`` with a spool: where no disk is shared it may be the root's own.

    Raises:
        StorageRefuses: it cannot be made.
    """
    if config.backend.kind != "ray" or config.backend.spool:
        return config.backend
    spool = root.state / "spool"
    with durable.waiting_for(spool):
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    return msgspec.structs.replace(config.backend, spool=str(spool))
