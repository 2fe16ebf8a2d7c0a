"""The machines of a cluster as text: what each paints, and what was learned of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from styled.store.status import NodeSeen
from styled.tui.cells.glyphs import STATE_TONES, Glyphs
from styled.tui.cells.lines import Line, Tone, cut, inert, left, right

_COUNT, _STATE = 5, 8


def node_lines(
    nodes: Sequence[NodeSeen], numbers: Mapping[str, int], version: str, cells: int, glyphs: Glyphs
) -> list[Line]:
    """Return a table of machines.

    Args:
        nodes: as the daemon has seen them.
        numbers: of the jobs, by id.
        version: of the daemon: a machine with another one is refused, and so has this one if it paints.
        cells: the pane's width.
        glyphs: of the terminal.
    """
    ascii_only = not glyphs.unicode
    name_cells, device_cells = max(4, min(24, cells // 5)), max(6, min(20, cells // 6))
    job_cells = max(4, cells - name_cells - device_cells - 2 * (_COUNT + 1) - _STATE - 3)
    head = (
        f"{left('NODE', name_cells)} {left('STATE', _STATE)} {left('JOBS', job_cells)} {left('DEVICE', device_cells)} "
    )
    lines: list[Line] = [((head + f"{right('ENDED', _COUNT)} {right('LOST', _COUNT)}", "muted"),)]
    for node in nodes:
        state = "running" if node.jobs else "idle"
        tone: Tone = STATE_TONES["running"] if node.jobs else "muted"
        # A filter may hide a job, and its number with it.
        named = (f"{numbers[job]:04d}" if job in numbers else job.split("-", 2)[-1] for job in node.jobs)
        jobs = inert(" ".join(named), ascii_only=ascii_only)
        device = inert(node.device, ascii_only=ascii_only)
        lines.append(
            (
                (left(cut(inert(node.name, ascii_only=ascii_only), name_cells), name_cells) + " ", ""),
                (left(state, _STATE) + " ", tone),
                (left(cut(jobs, job_cells), job_cells) + " ", ""),
                (left(cut(device, device_cells), device_cells) + " ", "muted"),
                (right(str(node.ended), _COUNT) + " ", ""),
                (right(str(node.lost), _COUNT), "warn" if node.lost else ""),
            )
        )
    words = f"styled {inert(version)} on each: nodes with another version are refused."
    return [*lines, ((cut(words, max(0, cells)), "muted"),)]
