"""Each screen and state as text, compared with ``tests/golden``. STYLED_GOLDEN=write keeps new ones: read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.job import JobState
from styled.memory import MemorySample
from styled.root import Root
from styled.store.status import Incomplete
from tests.tui.conftest import FOUR_GPUS, HOST, NOW, SETTINGS, Desk, check_golden, make_app, screen_text, settled, until

pytestmark = pytest.mark.screens


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    """A root with the same short path everywhere, since paths are on the screen."""
    monkeypatch.chdir(tmp_path)
    root = Root(Path("root"))
    for folder in (root.inbox, root.evolution, root.state):
        folder.mkdir(parents=True)
    return root


@pytest.fixture
def desk(root: Root) -> Iterator[Desk]:
    desk = Desk(root)
    yield desk
    desk.store.close()


async def shot(
    root: Root, size: tuple[int, int], *keys: str, memory: MemorySample | None = HOST, now: float = NOW, **options
) -> str:
    """Start the app, press keys, and return the screen."""
    app = make_app(root, memory, now=now, **options)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
            await settled(pilot)
        await until(pilot, lambda: app.snapshot is not None and "reading" not in screen_text(app))
        await pilot.pause()
        return screen_text(app)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 50), (80, 50), (160, 24)])
async def test_running(desk: Desk, root: Root, size) -> None:
    desk.usual()
    check_golden(f"main-running-{size[0]}x{size[1]}", await shot(root, size))


@pytest.mark.parametrize("size", [(60, 16), (80, 24)])
async def test_ascii(desk: Desk, root: Root, size) -> None:
    desk.usual()
    text = await shot(root, size, ascii=True)
    assert text.isascii()
    check_golden(f"main-ascii-{size[0]}x{size[1]}", text)


async def test_empty(root: Root) -> None:
    check_golden("main-empty", await shot(root, (80, 24)))


async def test_stale_daemon(desk: Desk, root: Root) -> None:
    desk.usual()
    check_golden("main-stale", await shot(root, (80, 24), now=NOW + 42.0))


async def test_failed_job(desk: Desk, root: Root) -> None:
    desk.usual()
    check_golden("main-failed", await shot(root, (80, 24), *"jjjjj"))


async def test_nan(desk: Desk, root: Root) -> None:
    """A diverged job: losses.jsonl cannot hold NaN, so it says so by its reason and the last good numbers."""
    job = desk.run(desk.add("harbour"), upto=25)
    desk.end(job, JobState.FAILED, "the loss became NaN at step 26; the last good picture is kept")
    desk.publish()
    check_golden("main-nan", await shot(root, (80, 24)))


async def test_five_hundred_jobs(desk: Desk, root: Root) -> None:
    with desk.store.batch():
        for number in range(500):
            name = f"many-{number}"
            desk.store.add(id=f"20260101-000000-{name}", name=name, content="c", styles=("s",), settings=SETTINGS)
    desk.publish()
    check_golden("main-500-jobs", await shot(root, (80, 24), "pagedown", "pagedown"))


HOSTILE = ("[red]x[/red]", "\x1b[31mred\x1b]52;c;eA==\x07", "日本の城" * 12, "a\nb", "\u202eabc", "ŷ̶̢a")


async def test_hostile_names(desk: Desk, root: Root) -> None:
    for number, name in enumerate(HOSTILE):
        desk.add(name, job_id=f"20260101-000000-{number}")
    desk.publish(
        state="degraded",
        note="note \x1b[5m[blink]",
        incomplete=[Incomplete(name="[b]\x1b[1m", missing="\x07", since=NOW)],
        incomplete_count=1,
    )
    text = await shot(root, (80, 24), "j")
    assert "\x1b" not in text
    assert "\x07" not in text
    check_golden("main-hostile", text)


async def test_four_gpus(desk: Desk, root: Root) -> None:
    desk.usual()
    check_golden("main-four-gpus-80x24", await shot(root, (80, 24), memory=FOUR_GPUS))
    check_golden("main-four-gpus-160x50", await shot(root, (160, 50), memory=FOUR_GPUS))


async def test_help(desk: Desk, root: Root) -> None:
    desk.usual()
    check_golden("help", await shot(root, (80, 62), "question_mark"))


async def test_question(desk: Desk, root: Root) -> None:
    desk.usual()
    check_golden("question", await shot(root, (80, 24), "x"))


@pytest.mark.parametrize("page", ["1", "2", "3", "5"])
async def test_detail(desk: Desk, root: Root, page: str) -> None:
    desk.usual()
    check_golden(f"detail-{page}", await shot(root, (80, 24), *"jjjj", "enter", page))


async def test_detail_of_a_failed_job_begins_with_the_whole_reason(desk: Desk, root: Root) -> None:
    job = desk.run(desk.add("harbour"), upto=25)
    reason = "it needs 1.4 GiB and may use 0.3 GiB. " * 4 + "Lower size to 448, or raise memory_limit."
    desk.end(job, JobState.FAILED, reason)
    desk.publish()
    text = await shot(root, (80, 24), "enter")
    assert reason in " ".join(text.split())
    check_golden("detail-failed", text)


async def test_detail_wide(desk: Desk, root: Root) -> None:
    desk.usual()
    check_golden("detail-wide", await shot(root, (160, 50), "enter"))


async def test_palette(desk: Desk, root: Root) -> None:
    desk.usual()
    check_golden("palette", await shot(root, (80, 24), "ctrl+p", "p", "i", "c"))


async def test_compare(desk: Desk, root: Root) -> None:
    for name, weight in (("one", 100.0), ("two", 2000.0)):
        desk.end(desk.run(desk.add(name, settings={**SETTINGS, "style_weight": weight})), JobState.DONE)
    desk.publish()
    check_golden("compare", await shot(root, (80, 24), "c", "j", "c"))
