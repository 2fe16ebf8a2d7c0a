"""From a prepared pair to a claim: its settings resolved, its id and number given, duplicates found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec

from styled.evolution.folder import job_id
from styled.evolution.job_file import JobFile, versions
from styled.inbox import job_toml
from styled.inbox.checking import Prepared
from styled.inbox.claiming.claim_record import Claim, encoded
from styled.root import Root
from styled.settings import Settings
from styled.store.adoption import file_digest
from styled.store.store import Store


class Admission(NamedTuple):
    """A claim to be made."""

    claim: Claim
    digest: str
    """By which duplicates of it are known."""
    same_as: str
    """The earlier job with the same bytes and settings, such as ``job 0012 (20261122-201500-harbour)``; or empty."""


def admit(
    root: Root, store: Store, prepared: Prepared, defaults: Mapping[str, Any], now: datetime, *, warn: bool
) -> Admission:
    """Plan the claim of a prepared pair. Nothing is moved or stored.

    Args:
        root: whose inbox.
        store: for the number, and to find duplicates.
        prepared: the pair.
        defaults: the root's settings, as plain values; the pair's own win over them.
        now: local time, for the id.
        warn: note a duplicate among the job's remarks.

    Raises:
        SettingsError: each setting is allowed, but not together.
    """
    pair = prepared.task.pair
    settings = job_toml.resolve(defaults, prepared.own.settings, source=pair.settings or "styled.toml")
    job = _job_file(root, store, prepared, settings, now)
    digest = file_digest(job)
    seen = store.first_seen(digest)
    same_as = f"job {seen[0]:04d} ({seen[1]})" if seen else ""
    if same_as and warn:
        job = msgspec.structs.replace(job, remarks=(*job.remarks, f"same images and settings as {same_as}"))
    claim = Claim(
        job=job,
        members=prepared.members,
        folder=pair.folder,
        extras=tuple(encoded(name) for name in prepared.task.extras),
    )
    return Admission(claim, digest, same_as)


def _job_file(root: Root, store: Store, prepared: Prepared, settings: Settings, now: datetime) -> JobFile:
    pair = prepared.task.pair
    digests = {f"input/{member.target}": member.digest for member in prepared.members}
    target = {member.source: f"input/{member.target}" for member in prepared.members}
    return JobFile(
        id=job_id(pair.name, now, evolution=root.evolution),
        number=store.next_number(),
        name=pair.name,
        content=target[pair.content],
        styles=tuple(target[style] for style in pair.styles),
        mask=target[pair.mask] if pair.mask else None,
        settings=settings,
        digests=digests,
        weights_digest=prepared.weights_digest,
        versions=_versions(),
        created_at=now.timestamp(),
        priority=prepared.own.priority,
    )


@cache
def _versions() -> dict[str, str]:
    return versions()
