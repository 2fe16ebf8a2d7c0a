from __future__ import annotations

from styled.gpus import Gpu
from styled.memory import MemorySample
from styled.tui.cells.glyphs import ASCII, UNICODE
from styled.tui.cells.lines import plain
from styled.tui.panes.job_lines import memory_lines


def sample(used: int, busy: int | None = None) -> MemorySample:
    gpus = (Gpu(index=0, name="H100", used=used, total=100, utilisation=busy, temperature=50),)
    return MemorySample(host_used=used, host_total=100, host_available=100 - used, gpus=gpus)


def test_memory_has_a_history_and_a_colour_where_little_is_left():
    history = [sample(0, 0), sample(50, 100), sample(96, 50)]
    host, gpu, busy = memory_lines(history[-1], history, UNICODE)
    assert plain(host).split()[1] == plain(gpu).split()[2] == "▁▅█"
    assert plain(busy).split() == ["▁█▅", "busy", "50%"]
    assert [line[1][1] for line in (host, gpu, busy)] == ["bad", "bad", "accent"]
    assert memory_lines(sample(85), [sample(85)], ASCII)[0][1][1] == "warn"
    assert memory_lines(None, (), ASCII) == []
