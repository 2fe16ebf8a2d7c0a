"""Each screen and state as text, compared with ``tests/golden``. STYLED_GOLDEN=write keeps new ones: read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from styled.job import JobState
from styled.memory import MemorySample
from styled.root import Root
from styled.store.status import Incomplete, NodeSeen
from styled.tui.app import StyledApp
from tests.store.many import add_copies
from tests.tui.conftest import FOUR_GPUS, HOST, NOW, SETTINGS, SIZES, Desk, check_sizes, make_app, screen_text, settled

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


def still(root: Root, memory: MemorySample | None = HOST, **options) -> StyledApp:
    """An app that looks rarely of itself: nothing changes here but its view, at which it looks at once."""
    return make_app(root, memory, refresh_s=1.0, **options)


async def press(pilot, *keys: str) -> None:
    """Press keys, each after the answer to the one before."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
        await settled(pilot)


async def shots(
    root: Root,
    name: str,
    *keys: str,
    sizes: Sequence[tuple[int, int]] = SIZES,
    memory: MemorySample | None = HOST,
    now: float = NOW,
    **options,
) -> str:
    """Start the app, press keys, compare the screen at each size, and return the last one."""
    app = still(root, memory, now=now, **options)
    async with app.run_test(size=sizes[0]) as pilot:
        await settled(pilot)
        await press(pilot, *keys)
        await check_sizes(pilot, name, sizes)
        return screen_text(app)


async def test_running(desk: Desk, root: Root) -> None:
    desk.usual()
    await shots(root, "main-running", sizes=(*SIZES, (80, 50), (160, 24)))


async def test_ascii(desk: Desk, root: Root) -> None:
    desk.usual()
    assert (await shots(root, "main-ascii", ascii=True)).isascii()


async def test_empty(root: Root) -> None:
    await shots(root, "main-empty")


async def test_stale_daemon(desk: Desk, root: Root) -> None:
    desk.usual()
    await shots(root, "main-stale", now=NOW + 42.0)


async def test_the_row_of_each_state_and_its_job_in_full(desk: Desk, root: Root) -> None:
    """Waiting, paused, failed, cancelled; the screen of a job opens on the page that matters most."""
    desk.usual()
    async with still(root).run_test(size=SIZES[0]) as pilot:
        await settled(pilot)
        for state, keys in (
            ("waiting", "j"),
            ("paused", "jj"),
            ("failed", "jj"),
            ("cancelled", "j"),
            ("incomplete", "j"),
        ):
            await press(pilot, *keys)
            await check_sizes(pilot, f"main-{state}")
        await press(pilot, "g", *"j", "enter")
        for state, keys in (("waiting", ()), ("failed", "JJJJ")):
            await press(pilot, *keys)
            await check_sizes(pilot, f"detail-{state}")


async def test_what_is_selected_and_what_applies(desk: Desk, root: Root) -> None:
    desk.usual()
    desk.publish(state="paused")
    async with still(root).run_test(size=SIZES[0]) as pilot:
        await settled(pilot)
        for name, keys in (
            ("selected", ("j", "space", "j", "space", "j", "j", "space")),
            ("applies", ("escape", "slash", *"fail", "enter", "s")),
        ):
            await press(pilot, *keys)
            await check_sizes(pilot, f"main-{name}")


async def test_rejected(desk: Desk, root: Root) -> None:
    desk.usual()
    text = await shots(root, "main-rejected", "G")
    assert "It is in inbox/rejected/notes/" in text


async def test_a_group(desk: Desk, root: Root) -> None:
    desk.summer()
    async with still(root).run_test(size=SIZES[0]) as pilot:
        await settled(pilot)
        await check_sizes(pilot, "main-group")
        await press(pilot, "enter")
        await check_sizes(pilot, "main-group-open")


async def test_hot_folders_and_nodes(desk: Desk, root: Root) -> None:
    desk.usual()
    jobs = ["20260101-000000-portrait"]
    desk.store.update_progress(jobs[0], node="gpu7")
    desk.publish(
        hot_folders=["starry_night"],
        nodes=[NodeSeen(name="gpu7", device="H100", jobs=jobs, ended=3), NodeSeen(name="gpu8", device="", lost=1)],
    )
    async with still(root).run_test(size=SIZES[0]) as pilot:
        await settled(pilot)
        await press(pilot, "G")
        await check_sizes(pilot, "main-hot-folder")
        await press(pilot, "6")
        await check_sizes(pilot, "main-nodes")


async def test_nan(desk: Desk, root: Root) -> None:
    """A diverged job: losses.jsonl cannot hold NaN, so it says so by its reason and the last good numbers."""
    job = desk.run(desk.add("harbour"), upto=25)
    desk.end(job, JobState.FAILED, "the loss became NaN at step 26; the last good picture is kept")
    desk.publish()
    await shots(root, "main-nan")


async def test_five_hundred_jobs(desk: Desk, root: Root) -> None:
    add_copies(desk.store, 500, settings=SETTINGS)
    desk.publish()
    await shots(root, "main-500-jobs", "pagedown", "pagedown")


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
    text = await shots(root, "main-hostile", "j")
    assert "\x1b" not in text
    assert "\x07" not in text


async def test_four_gpus(desk: Desk, root: Root) -> None:
    desk.usual()
    await shots(root, "main-four-gpus", memory=FOUR_GPUS)


async def test_help(desk: Desk, root: Root) -> None:
    desk.usual()
    await shots(root, "help", "question_mark", sizes=((80, 66),))


async def test_windows_above_the_queue(desk: Desk, root: Root) -> None:
    """A question, the palette, and two results beside each other."""
    for name, weight in (("one", 100.0), ("two", 2000.0)):
        desk.end(desk.run(desk.add(name, settings={**SETTINGS, "style_weight": weight})), JobState.DONE)
    desk.add("three")
    desk.publish()
    async with still(root).run_test(size=SIZES[0]) as pilot:
        await settled(pilot)
        for name, keys in (("question", "x"), ("palette", ("n", "ctrl+p", *"pic")), ("compare", ("escape", *"jcjc"))):
            await press(pilot, *keys)
            await check_sizes(pilot, name)


async def test_detail(desk: Desk, root: Root) -> None:
    """Of a job that is done each page, then of one that runs."""
    desk.usual()
    async with still(root).run_test(size=SIZES[0]) as pilot:
        await settled(pilot)
        await press(pilot, *"jjjj", "enter")
        await check_sizes(pilot, "detail-done")
        for page in "235":
            await press(pilot, page)
            await check_sizes(pilot, f"detail-done-{page}")
        await press(pilot, *"1KKKK")
        await check_sizes(pilot, "detail-running")


async def test_detail_of_a_failed_job_begins_with_the_whole_reason(desk: Desk, root: Root) -> None:
    job = desk.run(desk.add("harbour"), upto=25)
    reason = "it needs 1.4 GiB and may use 0.3 GiB. " * 4 + "Lower size to 448, or raise memory_limit."
    desk.end(job, JobState.FAILED, reason)
    desk.publish()
    text = await shots(root, "detail-failed-long", "enter")
    assert reason in " ".join(text.split())
