"""What a dropped pair may ask for: limits that the owner of the root sets, because anybody may write the inbox."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from styled.config import InboxConfig
from styled.errors import SettingsError
from styled.inbox.checking import Prepared
from styled.inbox.job_toml import resolve
from styled.settings import Settings
from styled.sizing.scales import plan_scales
from styled.vgg19.weights import IMAGENET


def settings_within(
    config: InboxConfig, defaults: Mapping[str, Any], prepared: Prepared, *, source: str
) -> tuple[Settings, Settings]:
    """Return the settings of a pair, and those of the root by itself.

    Args:
        config: the limits.
        defaults: the root's settings, as plain values; the pair's own win over them.
        prepared: the pair.
        source: where its own settings come from, for the error.

    Raises:
        ContentTooThin: nothing is wrong with the settings by themselves, but with this content.
        SettingsError: each setting is allowed, but not together, or the pair asks for more than it may.
    """
    settings = resolve(defaults, prepared.own.settings, source=source)
    own = resolve(defaults, {}, source="styled.toml")
    styles = len(prepared.task.pair.styles)
    check_limits(config, settings, own, styles=styles, weights_are_here=bool(prepared.weights_digest))
    plan_scales(*prepared.content_size, settings)  # last: what is wrong whatever the content is the settings' fault
    return settings, own


def check_limits(config: InboxConfig, asked: Settings, own: Settings, *, styles: int, weights_are_here: bool) -> None:
    """Refuse a pair that asks for more than it may. What the root itself is set to is never too much.

    Args:
        config: the limits.
        asked: the pair's settings, over those of the root.
        own: those of the root.
        styles: how many the pair has.
        weights_are_here: those it asks for need no download.

    Raises:
        SettingsError: which limit binds, and who can raise it.
    """
    if asked.weights == IMAGENET != own.weights and not (config.allow_download or weights_are_here):
        raise SettingsError(
            "weights = 'imagenet' would be downloaded, which a dropped pair may not have done (inbox.allow_download = false)",
            f"Leave weights out, or have allow_download set under [inbox] of {_WHERE}.",
        )
    _check("size", _longest(asked), "max_size", max(config.max_size, _longest(own)))
    _check("steps", asked.steps, "max_steps", max(config.max_steps, own.steps))
    if styles > config.max_styles:
        raise SettingsError(
            f"{styles} styles are more than a pair may have here (inbox.max_styles = {config.max_styles})",
            f"Leave some out, or have max_styles raised under [inbox] of {_WHERE}.",
        )


def priority_within(config: InboxConfig, asked: int) -> tuple[int, str]:
    """Return the priority that a pair gets, and a note for its job if that is not the one it asked for."""
    low, high = config.priorities
    given = min(max(asked, low), high) if asked else asked
    if given == asked:
        return asked, ""
    bounds = f"inbox.priorities = [{low}, {high}]"
    return given, f"it asked for priority {asked} and has {given}: dropped pairs may have no other ({bounds})"


def memory_within(asked: Settings, own: Settings) -> tuple[Settings, str]:
    """Return the settings that a pair gets, and a note for its job if it asked for more memory than the root's jobs may use.

    It is no reason to refuse the pair: the picture does not depend on it.

    Args:
        asked: the pair's settings, over those of the root.
        own: those of the root.
    """
    if _gib(asked) <= _gib(own):
        return asked, ""
    given = msgspec.structs.replace(asked, memory_limit=own.memory_limit)
    bound = f"dropped pairs may have no more than [job] of {_WHERE} says"
    return given, f"it asked for memory_limit = {_shown(asked)} and has {_shown(own)}: {bound}"


def _gib(settings: Settings) -> float:
    """Return the limit on memory, GiB; infinite without one."""
    return math.inf if settings.memory_limit == "auto" or not settings.memory_limit else settings.memory_limit


def _shown(settings: Settings) -> str:
    limit = _gib(settings)
    return "auto" if limit == math.inf else f"{limit:g}GiB"


_WHERE = "the daemon's styled.toml"


def _check(name: str, asked: int, limit_name: str, limit: int) -> None:
    if asked > limit:
        raise SettingsError(
            f"{name} = {asked} is more than a dropped pair may ask for (inbox.{limit_name} = {limit})",
            f"Ask for {limit} or less, or have {limit_name} raised under [inbox] of {_WHERE}.",
        )


def _longest(settings: Settings) -> int:
    """Return the long side of the largest picture that is painted on the way, px."""
    return max([settings.size, *(settings.scales if isinstance(settings.scales, tuple) else ())])
