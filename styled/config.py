"""What the daemon may be told: ``styled.toml`` < environment < flags, in validated sections."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class InboxConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[inbox]``: when a dropped file counts as complete, and what is taken."""

    settle_s: Annotated[float, Meta(ge=0.1, le=3600.0, description="seconds a file must stay unchanged")] = 5.0
    rescan_s: Annotated[float, Meta(ge=0.5, le=3600.0, description="seconds between full looks at the inbox")] = 30.0
    watch: Annotated[
        Literal["auto", "native", "poll"],
        Meta(description="how changes are noticed; auto polls network filesystems"),
    ] = "auto"
    max_bytes: Annotated[int, Meta(ge=1024, description="largest file taken, bytes")] = 2 * 1024**3
    max_pixels: Annotated[int, Meta(ge=1024, description="largest image taken, pixels")] = 250_000_000
    truncated_grace_s: Annotated[
        float, Meta(ge=0.0, le=86400.0, description="seconds a truncated image is given to grow before it is rejected")
    ] = 120.0
    duplicates: Annotated[
        Literal["run", "warn", "skip"], Meta(description="what to do with a pair whose bytes were seen before")
    ] = "warn"
