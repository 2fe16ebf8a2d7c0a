"""What changes the queue's looks or holds it, as one line, each with the key that takes it back. Pure."""

from __future__ import annotations

from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, Span, cut, inert, line_width
from styled.tui.model.snapshot import Snapshot

_ORDERS = {"newest": "newest first", "name": "by name"}


def applies_line(
    snapshot: Snapshot | None, filter_text: str, order: str, selected: int, *, ranged: bool, cells: int, glyphs: Glyphs
) -> Line:
    """Return what applies now; an empty line if nothing does.

    Args:
        snapshot: says whether the queue is held, and how many jobs match.
        filter_text: as typed.
        order: of the rows.
        selected: how many jobs and pairs are.
        ranged: a range is being selected.
        cells: width of the line; the keys are left out where they do not fit.
        glyphs: drawing characters.
    """
    parts: list[tuple[Span, str, str]] = []
    if snapshot is not None and snapshot.daemon is not None and snapshot.daemon.state == "paused":
        parts.append((("queue paused: nothing starts", "warn"), "P", "resumes"))
    if selected or ranged:
        words = f"{selected} selected" + (", to the cursor" if ranged else "")
        parts.append(((words, "accent"), "V" if ranged else "esc", "ends" if ranged else "clears"))
    if filter_text:
        count = len(snapshot.index.states) if snapshot is not None else 0
        matching = f" ({count} job{'s' * (count != 1)})" if snapshot is not None else ""
        text = cut(inert(filter_text, ascii_only=not glyphs.unicode), max(8, cells // 3))
        parts.append(((f"filter: {text}{matching}", "warn"), "esc", "clears"))
    if order in _ORDERS:
        parts.append(((f"sorted: {_ORDERS[order]}", "warn"), "s", "changes"))
    if not parts:
        return ()
    whole = _joined(parts, with_keys=True)
    return whole if line_width(whole) <= cells else _joined(parts, with_keys=False)


def _joined(parts: list[tuple[Span, str, str]], *, with_keys: bool) -> Line:
    spans: list[Span] = []
    for words, key, does in parts:
        spans += [(" ", ""), words]
        spans += [(f" {key}", "key"), (f" {does} " if with_keys else " ", "muted")]
    return tuple(spans)
