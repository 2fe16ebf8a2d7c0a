"""The table of a cluster's machines."""

from __future__ import annotations

from styled.store.status import NodeSeen
from styled.tui.cells.glyphs import ASCII
from styled.tui.cells.lines import line_width, plain
from styled.tui.panes.node_lines import node_lines


def test_each_machine_has_its_state_its_jobs_and_what_was_learned_of_it() -> None:
    busy = NodeSeen(name="gpu7", device="H100", jobs=["20260101-000000-cat", "20260101-000000-hidden"], ended=3, lost=1)
    idle = NodeSeen(name="a-name-of-more-cells-than-there-are-for-it", device="")
    for cells in (60, 80, 158):
        lines = node_lines([busy, idle], {"20260101-000000-cat": 32}, "0.1.0", cells, ASCII)
        assert max(map(line_width, lines)) <= cells
        assert plain(lines[0]).split() == ["NODE", "STATE", "JOBS", "DEVICE", "ENDED", "LOST"]
        assert plain(lines[1]).split() == ["gpu7", "running", "0032", "hidden", "H100", "3", "1"]
        assert plain(lines[2]).split()[1:] == ["idle", "0", "0"]
        assert "styled 0.1.0 on each" in plain(lines[3])
