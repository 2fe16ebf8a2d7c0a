"""The gallery in a real browser: what is seen, keys alone, and nothing asked of the network."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from styled.gallery import write_gallery
from tests.deadlines import patience
from tests.gallery.chromium import PROGRAM, Browser, browser
from tests.gallery.conftest import HOSTILE, write_job

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.processes,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine"),
]

OPEN = "document.querySelector('dialog').open"
TITLE = "document.querySelector('dialog h2')?.textContent"
STEP = "document.querySelector('[data-part=player] output').textContent"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a gallery of four jobs, copied away from where it was written."""
    evolution = tmp_path_factory.mktemp("made") / "evolution"
    for number, (name, fields) in enumerate(
        {
            "harbour": {"styles": 2, "width": 320, "height": 240},
            "tower": {"width": 30, "height": 80, "content": "content.tif", "settings": {"optimizer": "adam"}},
            HOSTILE: {"job_id": "20261122-201503-日本 50% #1"},
            "still": {"frame_steps": ()},
        }.items(),
        start=1,
    ):
        write_job(evolution, name, number=number, at=1_790_000_000.0 + number, **fields)
    write_gallery(evolution)
    copy = tmp_path_factory.mktemp("a copy, 100%") / "evolution"
    shutil.copytree(evolution, copy)
    shutil.rmtree(evolution)
    return f"file://{quote(str(copy))}/index.html"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def tab(running: Browser) -> Iterator[Browser]:
    """A browser whose page must not complain."""
    running.problems.clear()
    running.requested.clear()
    yield running
    assert running.problems == []
    assert {url.partition(":")[0] for url in running.requested} <= {"file", "data", "about"}


def pixels(tab: Browser, selector: str, at: float, tmp_path: Path) -> tuple[int, int, int]:
    """Return the colour seen at a fraction of an element's width, half way down."""
    tab.screenshot(tmp_path / "seen.png")
    box = tab.ask(
        f"(({{x, y, width, height}}) => [x, y, width, height])(document.querySelector('{selector}').getBoundingClientRect())"
    )
    with Image.open(tmp_path / "seen.png") as image:
        red, green, blue = image.convert("RGB").getpixel((box[0] + at * box[2], box[1] + 0.3 * box[3]))
    return red, green, blue


def all_loaded(tab: Browser, scope: str = "document") -> None:
    tab.until(f"[...{scope}.querySelectorAll('img[src]')].every((each) => each.complete && each.naturalWidth > 0)")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 700), (390, 844)])
def test_the_grid_fits_every_window(tab: Browser, page: str, width: int, height: int) -> None:
    """All pictures load, and nothing lies beside the window, in the grid or in a job."""
    tab.open(page, width=width, height=height)
    all_loaded(tab)
    assert tab.ask("document.querySelectorAll('#cards li').length") == 4
    assert tab.ask("document.documentElement.scrollWidth") <= width
    tab.ask("document.querySelectorAll('#cards a')[3].click()")
    tab.until(OPEN)
    all_loaded(tab, "document.querySelector('dialog')")
    assert tab.ask("document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth")
    assert tab.ask("document.querySelector('.pictures').getBoundingClientRect().right") <= width


def test_keys_alone_open_a_job_go_on_and_come_back(tab: Browser, page: str) -> None:
    tab.open(page)
    tab.press("Tab", "Tab", "Tab")  # search, order, first card
    tab.press("Enter")
    tab.until(OPEN)
    assert tab.ask(TITLE) == "still"
    tab.press("ArrowRight")
    assert tab.ask(TITLE) == HOSTILE
    tab.press("ArrowRight")
    assert tab.ask(TITLE) == "tower"
    # Faster than the browser tells of a new address.
    tab.ask(
        "for (let i = 0; i < 3; i++) dialog.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}))"
    )
    assert tab.ask(TITLE) == "still", "there is nothing before the first"
    tab.press("Escape")
    tab.until(f"!{OPEN}")
    tab.until("location.hash === '#/'")
    assert tab.ask("document.activeElement.closest('li').dataset.name") == "still", "focus comes back to the card"


def test_back_closes_a_job_and_a_link_opens_one(tab: Browser, page: str) -> None:
    tab.open(f"{page}#{quote('20261122-201503-日本 50% #1')}")
    tab.until(OPEN)
    assert tab.ask(TITLE) == HOSTILE
    tab.open(page)
    tab.click_until("#cards li:nth-child(3) a", OPEN)
    tab.ask("history.back()")
    tab.until(f"!{OPEN}")
    tab.open(f"{page}#%E0%A4%A")
    assert tab.ask(OPEN) is False, "a damaged link opens the grid"


def test_a_hostile_name_does_nothing(tab: Browser, page: str) -> None:
    tab.open(page)
    assert tab.ask("document.title") == "styled: results"
    assert tab.ask("document.querySelectorAll('script').length") == 1
    assert HOSTILE in tab.ask("[...document.querySelectorAll('.name')].map((each) => each.textContent)")


def test_the_slider_covers_the_result_with_the_content(tab: Browser, page: str, tmp_path: Path) -> None:
    """The content is (200, 90, 90) at its left, the result (250, 90, 90)."""
    tab.open(f"{page}#20261122-201501-harbour")
    tab.until(OPEN)
    all_loaded(tab, "document.querySelector('dialog')")
    assert abs(pixels(tab, ".pictures", 0.2, tmp_path)[0] - 200) < 6
    tab.ask("document.querySelector('.pictures input').focus()")
    tab.press("Home")
    assert abs(pixels(tab, ".pictures", 0.2, tmp_path)[0] - 250) < 6
    tab.press("End")
    assert abs(pixels(tab, ".pictures", 0.2, tmp_path)[0] - 200) < 6
    assert tab.ask(TITLE) == "harbour", "arrows on the slider move the slider only"


def test_frames_are_scrubbed_and_played_by_keys(tab: Browser, page: str) -> None:
    tab.open(f"{page}#20261122-201501-harbour")
    tab.until(OPEN)
    assert not [url for url in tab.requested if "/frames/" in url], "frames are fetched when they are wanted"
    tab.press("[")
    assert tab.ask(STEP) == "step 30"
    assert tab.ask("document.querySelector('.cursor').classList.contains('on')")
    tab.press("[", "[", "[", "[")
    assert tab.ask(STEP) == "step 10"
    tab.press("]")
    assert tab.ask(STEP) == "step 20"
    tab.press(" ")
    tab.until(f"{STEP} === 'step 40'")
    tab.until("document.querySelector('[data-act=play]').textContent === 'Play'")
    tab.click("[data-show=compare]")
    assert tab.ask("document.querySelector('[data-part=player]').hidden")
    assert not tab.ask("document.querySelector('.cursor').classList.contains('on')")


def test_a_job_without_frames_has_no_player(tab: Browser, page: str) -> None:
    tab.open(f"{page}#20261122-201504-still")
    tab.until(OPEN)
    tab.press("[", " ", "]")
    assert tab.ask("document.querySelector('[data-part=player]')") is None
    assert tab.ask(OPEN)


def test_the_plot_is_drawn_with_all_its_lines(tab: Browser, page: str) -> None:
    tab.open(f"{page}#20261122-201501-harbour")
    tab.until(OPEN)
    boxes = tab.ask(
        "[...document.querySelectorAll('dialog section > svg polyline')].map((each) => each.getBBox().width)"
    )
    assert len(boxes) == 3
    assert all(width > 300 for width in boxes)


def test_search_and_order(tab: Browser, page: str) -> None:
    tab.open(page)
    shown = "[...document.querySelectorAll('#cards li:not([hidden])')].map((each) => each.dataset.name)"
    tab.press("/")
    tab.press(*"adam")
    assert tab.ask(shown) == ["tower"]
    assert tab.ask("document.querySelector('#count').textContent") == "1 of 4 results"
    tab.press("Escape")
    assert len(tab.ask(shown)) == 4
    tab.ask(
        "document.querySelector('#order').value = 'name'; document.querySelector('#order').dispatchEvent(new Event('change'))"
    )
    names = tab.ask(shown)
    assert names == sorted(names)


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours ``rgb(r, g, b)`` (WCAG 2.1)."""

    def luminance(colour: str) -> float:
        parts = np.array([int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_are_both_readable(tab: Browser, page: str, dark: bool) -> None:
    """Contrast of at least 4.5 for all text, 3 for the lines of the plot."""
    tab.open(f"{page}#20261122-201501-harbour", dark=dark)
    tab.until(OPEN)
    style = "getComputedStyle(document.querySelector('{}')).{}"
    paper = tab.ask(style.format("body", "backgroundColor"))
    sheet = tab.ask(style.format("dialog", "backgroundColor"))
    assert (int(paper[4:7].strip(",")) < 128) == dark
    for selector, below in {
        "body": paper,
        "#count": paper,
        "footer": paper,
        "dialog": sheet,
        ".top p": sheet,
        "th": sheet,
        ".links a": sheet,
    }.items():
        assert contrast(tab.ask(style.format(selector, "color")), below) >= 4.5, selector
    for term in ("loss", "content_loss", "style_loss"):
        assert contrast(tab.ask(style.format(f"section svg .{term}", "stroke")), sheet) >= 3, term


def test_reduced_motion_moves_nothing_by_itself(tab: Browser, page: str) -> None:
    tab.open(page, calm=True)
    duration = "getComputedStyle(document.querySelector('#cards img')).transitionDuration"
    assert tab.ask(duration) == "0s"
    tab.open(page)
    assert tab.ask(duration) == "0.25s"


def test_hundreds_of_jobs_load_only_what_is_seen(tab: Browser, tmp_path: Path) -> None:
    """400 results: the page is there at once, and most pictures are not fetched before they are scrolled to."""
    evolution = tmp_path / "evolution"
    first = write_job(evolution, "job", job_id="20261122-000000-job", frame_steps=(1,))
    buffer = io.BytesIO()
    Image.new("RGB", (480, 320), (80, 20, 20)).save(buffer, "PNG")
    first.result.write_bytes(buffer.getvalue())
    write_gallery(evolution)  # its views are copied too: making them is not what is measured
    for number in range(1, 400):
        shutil.copytree(first.path, evolution / f"20261122-{number:06d}-job")
    assert write_gallery(evolution).shown == 400
    tab.open(f"file://{evolution}/index.html")
    fetched = [url for url in tab.requested if url.endswith("thumbnail.webp")]
    assert 5 < len(fetched) < 200
    took_ms = tab.ask("performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart")
    assert took_ms < 1000 * patience(3)
    tab.ask("scrollTo(0, document.documentElement.scrollHeight)")
    tab.until("[...document.querySelectorAll('#cards img')].at(-1).naturalWidth > 0")
