"""Where a part of a throw-away cluster runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Host:
    """An address of this machine, and how programs are started there."""

    address: str
    through: tuple[str, ...] = ()
    """Command that starts them, before their own: ``("nsenter", "--net=/run/netns/a")``."""
