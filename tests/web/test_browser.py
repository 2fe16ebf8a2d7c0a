"""The live page in a real browser: a job from waiting to done without a reload, and what strangers get."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.evolution import JobFolder
from styled.job import JobState
from styled.root import Root
from styled.store.store import Store
from tests.gallery.chromium import PROGRAM, Browser, browser
from tests.gallery.conftest import HOSTILE, write_job
from tests.web.conftest import TOKEN, Address, add_job

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.processes,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def tab(running: Browser) -> Browser:
    running.problems.clear()
    running.requested.clear()
    return running


def test_a_job_is_seen_from_waiting_to_done_without_a_reload(
    tab: Browser, served: Address, root: Root, store: Store
) -> None:
    job = add_job(store, HOSTILE, job_id="20261122-201501-日本 50% #1")
    tab.open(served.url)
    tab.ask("document.body.dataset.mine = 'the same page'")
    tab.until("document.querySelector('#queue tr')?.dataset.state === 'waiting'")
    store.move(job.id, JobState.RUNNING)
    write_job(root.evolution, HOSTILE, job_id=job.id, result=False, frame_steps=(10,), width=320, height=240)
    tab.until("document.querySelector('#now img')?.naturalWidth === 320")
    assert tab.ask("document.querySelector('#now progress').value") == 10
    assert tab.ask("document.querySelectorAll('#now polyline').length") == 3
    assert tab.ask("document.querySelector('#queue').textContent.trim()") == ""
    shown = "document.querySelector('#now img')"
    tab.ask(f"{shown}.mine = true")
    write_job(root.evolution, HOSTILE, job_id=job.id, result=False, frame_steps=(10, 20), width=320, height=240)
    tab.until(f"{shown}.src.includes('000020.jpg')")
    assert tab.ask(f"{shown}.mine"), "the picture is exchanged, not taken away"
    (JobFolder(root.evolution / job.id)).result.write_bytes(
        (root.evolution / job.id / "input" / "style.png").read_bytes()
    )
    store.move(job.id, JobState.DONE, step=40)
    tab.until("document.querySelector('#results img')?.naturalWidth > 0")
    assert HOSTILE in tab.ask("document.querySelector('#results .name').textContent")
    assert tab.ask("document.querySelector('#now article') === null")
    assert tab.ask("document.body.dataset.mine") == "the same page"
    assert tab.ask("document.title") == "styled: now", "no name has run as a script"
    assert tab.problems == []
    assert {url.split("/")[2] for url in tab.requested if url.startswith("http")} == {f"127.0.0.1:{served.port}"}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[int]:
    """The port of another server on this machine, with an empty page."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<!DOCTYPE html><title>elsewhere</title>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path / "site"))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


_TRY_ALL = """
(async (address, picture) => {
  const got = [];
  const soon = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, 1000))]);
  for (const mode of ["cors", "no-cors"]) {
    const text = await soon(fetch(address, { mode }).then((answer) => answer.text(), () => ""));
    if (text) got.push(text);
  }
  const image = new Image();
  image.src = picture;
  await soon(image.decode().then(() => got.push("picture"), () => {}));
  await soon(new Promise((done) => {
    const source = new EventSource(address + "events");
    source.addEventListener("parts", () => { got.push("events"); source.close(); done(); });
    source.onerror = () => { source.close(); done(); };
  }));
  const frame = document.createElement("iframe");
  await soon(new Promise((done) => {
    frame.onload = done;
    frame.src = address;
    document.body.append(frame);
  }));
  try { if (frame.contentDocument.querySelector("#now")) got.push("frame"); } catch (error) { }
  return got;
})
"""


def test_another_origin_and_another_name_get_nothing_even_with_the_token(
    tab: Browser, served: Address, root: Root, store: Store, elsewhere: int
) -> None:
    add_job(store, "harbour")
    folder = write_job(root.evolution, "harbour", job_id="20261122-201501-harbour")
    picture = f"evolution/{folder.id}/result.png"

    def tried(address: str) -> list[str]:
        return list(tab.ask(f"{_TRY_ALL}('{address}', '{address}{picture}')"))

    tab.open(f"http://127.0.0.1:{elsewhere}/")
    assert tried(served.url) == []
    tab.open(f"http://localhost:{elsewhere}/")
    assert tried(served.url) == []
    # A name of a stranger that leads to this machine, first of his page and then of this one.
    rebound = served.url.replace("127.0.0.1", "rebound.test")
    tab.open(f"http://rebound.test:{elsewhere}/")
    assert tried(rebound) == []
    tab.open(rebound)
    assert tab.ask("document.body.textContent") == "This page is served to 127.0.0.1 and localhost only.\n"
    # The page's own origin does get all of it: the tries themselves are right.
    tab.open(served.url)
    assert {"picture", "events"} <= set(tried(served.url))
    own = tab.ask(f"fetch('./{picture}').then((answer) => answer.status)")
    assert own == 200


def test_a_wrong_token_gets_words_and_nothing_else(tab: Browser, served: Address, store: Store) -> None:
    add_job(store, "harbour")
    tab.open(served.url.replace(TOKEN, TOKEN[::-1]))
    assert "styled web has printed" in tab.ask("document.body.textContent")
    assert "harbour" not in tab.ask("document.documentElement.outerHTML")


def test_it_fits_a_phone_and_a_wide_window_in_light_and_dark(
    tab: Browser, served: Address, root: Root, store: Store
) -> None:
    job = add_job(store, "harbour" * 20, job_id="20261122-201501-h")
    store.move(job.id, JobState.RUNNING)
    write_job(root.evolution, "harbour", job_id=job.id, result=False)
    for width, dark in ((1440, False), (390, True)):
        tab.open(served.url, width=width, dark=dark)
        tab.until("document.querySelector('#now img')?.naturalWidth > 0")
        assert tab.ask("document.documentElement.scrollWidth") <= width
