"""From a prepared pair to a claim: its settings resolved, its id and number given, duplicates found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec

from styled.config import InboxConfig
from styled.evolution.job_file import JobFile
from styled.files.printable import encoded
from styled.inbox.checking import Prepared
from styled.inbox.claiming.claim_record import Claim
from styled.inbox.limits import memory_within, priority_within, settings_within
from styled.job import joined_remarks
from styled.job_folder import job_id
from styled.root import Root
from styled.settings import Settings
from styled.store.adoption import file_digest
from styled.store.starting_job import resolved_init
from styled.store.store import Store
from styled.version import versions


class Admission(NamedTuple):
    """A claim to be made."""

    claim: Claim
    digest: str
    """By which duplicates of it are known."""
    same_as: str
    """The earlier job with the same bytes and settings, such as ``job 0012 (20261122-201500-harbour)``; or empty."""

    def numbered(self, number: int) -> Admission:
        """Return it with the job's number."""
        job = msgspec.structs.replace(self.claim.job, number=number)
        return self._replace(claim=msgspec.structs.replace(self.claim, job=job))


def admit(
    root: Root, store: Store, prepared: Prepared, defaults: Mapping[str, Any], now: datetime, *, config: InboxConfig
) -> Admission:
    """Plan the claim of a prepared pair. Nothing is moved or stored, none of its files is looked at; a number is given later.

    Args:
        root: where the job is that it starts from, if it does from one.
        store: to find that job, and duplicates.
        prepared: the pair.
        defaults: the root's settings, as plain values; the pair's own win over them.
        now: local time, for the id.
        config: limits, and whether a duplicate is noted among the job's remarks.

    Raises:
        ContentTooThin: its content is too thin for the network.
        SettingsError: each setting is allowed, but not together, or the pair asks for more than it may, or the job that
            it is to start from is not there or has no result.
    """
    pair = prepared.task.pair
    settings, own = settings_within(config, defaults, prepared, source=pair.settings or "styled.toml")
    settings, less_memory = memory_within(settings, own)
    settings = msgspec.structs.replace(settings, init=resolved_init(settings.init, store, root.evolution))
    priority, bound = priority_within(config, prepared.own.priority)
    job = _job_file(prepared, settings, priority, now)
    digest = file_digest(job)
    seen = store.first_seen(digest)
    same_as = f"job {seen[0]:04d} ({seen[1]})" if seen else ""
    same = f"same images and settings as {same_as}" if same_as and config.duplicates == "warn" else ""
    job = msgspec.structs.replace(
        job,
        may_download=config.allow_download or settings.weights == own.weights,
        remarks=(*job.remarks, *filter(None, [same, bound, less_memory])),
    )
    claim = Claim(
        job=job,
        members=prepared.members,
        folder=pair.folder,
        extras=tuple(encoded(name) for name in prepared.task.extras),
    )
    return Admission(claim, digest, same_as)


def _job_file(prepared: Prepared, settings: Settings, priority: int, now: datetime) -> JobFile:
    pair = prepared.task.pair
    digests = {f"input/{member.target}": member.digest for member in prepared.members}
    target = {member.source: f"input/{member.target}" for member in prepared.members}
    return JobFile(
        id=job_id(pair.name, now),
        number=0,
        name=pair.name,
        content=target[pair.content],
        styles=tuple(target[style] for style in pair.styles),
        mask=target[pair.mask] if pair.mask else None,
        settings=settings,
        digests=digests,
        names=_input_names(prepared, target),
        weights_digest=prepared.weights_digest,
        versions=_versions(),
        created_at=now.timestamp(),
        remarks=joined_remarks(pair.remarks, prepared.remarks),
        priority=priority,
    )


def _input_names(prepared: Prepared, target: Mapping[str, str]) -> dict[str, str]:
    """Return what each input was called: its sender's name for it, else its path in the inbox."""
    pair, given = prepared.task.pair, prepared.own.names
    # The settings of a hot folder belong to all its contents, so they name none of them.
    named = {pair.content: "" if pair.settings in pair.kept else given.content}
    named |= dict(zip(pair.styles, given.styles, strict=False))
    if pair.mask:
        named[pair.mask] = given.mask
    images = (pair.content, *pair.styles, *([pair.mask] if pair.mask else []))
    return {target[path]: named.get(path) or path for path in images}


@cache
def _versions() -> dict[str, str]:
    return versions()
