"""Adding a job from the file browser; no daemon is needed: the pair waits in the inbox."""

from __future__ import annotations

import re
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from textual.widgets import Input

from styled.inbox.names import IMAGE_SUFFIXES
from styled.planning import probing, speeds
from styled.planning.speeds import Speed, Speeds
from styled.root import Root
from styled.tui.reading.files import MOST, list_folder
from styled.tui.screens.add_screen import AddScreen
from styled.tui.screens.main_screen import MainScreen
from styled.tui.widgets.file_list import FileList
from styled.tui.widgets.picture_view import PictureView
from tests.deadlines import patience
from tests.tui.conftest import Desk, make_app, picture, screen_text, settled, until

pytestmark = pytest.mark.screens


@pytest.fixture(autouse=True)
def speeds_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The speeds of this machine, known already: 10 s a megapixel and step."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here = Speeds(
        machine=speeds.machine(),
        measured=(
            Speed(
                width=1000,
                height=1000,
                blocks=0,
                tile=(0, 0),
                precision="float32",
                optimizer="lbfgs",
                step_seconds=10.0,
                prepare_seconds=1.0,
                start_seconds=1.0,
                at=0.0,
            ),
        ),
        default_precision="float32",
        device="cpu",
    )
    speeds.keep(here)
    return tmp_path / "cache" / "styled" / "speeds.json"


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: two images, one that is none, and a folder with one more."""
    album = tmp_path / "album"
    (album / "paintings").mkdir(parents=True)
    image = Image.fromarray(picture(60, 40).astype(np.uint8))
    for name in ("alps.png", "boat.png", "paintings/wave.jpg"):
        image.save(album / name)
    (album / "broken.jpg").write_bytes(b"nothing")
    (album / "notes.txt").write_text("not listed")
    (album / ".hidden.png").write_bytes(b"")
    monkeypatch.chdir(album)
    return album


async def open_add(pilot) -> FileList:
    app = await settled(pilot)
    await pilot.press("a")
    await until(pilot, lambda: isinstance(app.screen, AddScreen))
    files = app.screen.query_one(FileList)
    await until(pilot, lambda: files.listing is not None)
    return files


async def go_to(pilot, files: FileList, name: str) -> None:
    names = [entry.name for entry in files.listing.entries]
    await pilot.press("g", *["j"] * names.index(name))
    assert files.entry.name == name


async def test_every_image_that_can_be_added_is_listed(
    desk: Desk, root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(picture(60, 40).astype(np.uint8)).save(photos / "beach.AVIF")
    for suffix in sorted(IMAGE_SUFFIXES):
        (photos / f"photo.{suffix}").write_bytes(b"x")
    monkeypatch.chdir(photos)
    assert {entry.name for entry in list_folder(photos).entries} == {"..", *(path.name for path in photos.iterdir())}
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        files = await open_add(pilot)
        await go_to(pilot, files, "beach.AVIF")
        assert "photo.heic" in screen_text(pilot.app)
        await until(pilot, lambda: "60x40" in screen_text(pilot.app))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 50)])
async def test_choosing_two_images_and_settings_puts_a_pair_into_the_inbox(
    desk: Desk, root: Root, album: Path, size
) -> None:
    desk.publish()
    async with make_app(root).run_test(size=size) as pilot:
        app = pilot.app
        files = await open_add(pilot)
        assert [entry.name for entry in files.listing.entries] == [
            "..",
            "paintings",
            "alps.png",
            "boat.png",
            "broken.jpg",
        ]
        assert "still needed: a content (c) and a style (s)" in screen_text(app)
        await go_to(pilot, files, "alps.png")
        preview = app.screen.query_one(PictureView)
        await until(pilot, lambda: preview.picture is not None and preview.picture.caption == "alps.png")
        await pilot.press("enter")
        await go_to(pilot, files, "paintings")
        await pilot.press("enter")
        await until(pilot, lambda: files.listing.folder == album / "paintings")
        await go_to(pilot, files, "wave.jpg")
        await pilot.press("s", "z", "n")
        assert "a adds it to the queue" in screen_text(app)
        assert "2048 px" in screen_text(app)
        assert "preset    as configured" in screen_text(app)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert "alps added; it will be queued" in screen_text(app)
    dropped = root.inbox / "alps"
    assert sorted(path.name for path in dropped.iterdir()) == ["content.png", "job.toml", "style.jpg"]
    assert tomllib.loads((dropped / "job.toml").read_text()) == {
        "size": 2048,
        "steps": 500,
        "names": {"content": "alps.png", "styles": ["wave.jpg"]},
    }


async def test_a_preset_a_mask_and_one_setting_more(desk: Desk, root: Root, album: Path) -> None:
    (root.path / "styled.toml").write_text("[job]\npreset = 'draft'\n")
    Image.new("RGB", (60, 40), (200, 200, 200)).save(album / "alps.png")  # a mask has plain colours, one for each style
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        files = await open_add(pilot)
        await until(pilot, lambda: "512 px" in screen_text(app))  # as configured
        await go_to(pilot, files, "alps.png")
        await pilot.press("c", "m")
        await go_to(pilot, files, "boat.png")
        await pilot.press("s", "p", "z", "p", "p", "p", "n")
        shown = screen_text(app)
        assert "preset    print   p: next   for posters" in shown
        assert "4096 px" in shown
        assert "steps  500" in shown
        await until(pilot, lambda: "1 region: orange boat.png 100%   alps.png" in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
    dropped = root.inbox / "alps"
    assert sorted(path.name for path in dropped.iterdir()) == ["content.png", "job.toml", "mask.png", "style.png"]
    assert tomllib.loads((dropped / "job.toml").read_text()) == {
        "preset": "print",
        "steps": 500,
        "names": {"content": "alps.png", "styles": ["boat.png"], "mask": "alps.png"},
    }


def drawn_mask(path: Path) -> None:
    mask = Image.new("L", (60, 40), 0)
    mask.paste(128, (15, 0, 30, 40))
    mask.paste(255, (30, 0, 60, 40))
    mask.save(path)


@pytest.mark.parametrize(
    ("ascii_only", "words"),
    [
        (False, "3 regions: grey the photo 25%, orange boat.png 25%, violet wave.jpg 50%"),
        (True, "3 regions: . the photo 25%, 1 boat.png 25%, 2 wave.jpg 50%"),
    ],
)
async def test_the_preview_of_a_mask_shows_what_was_understood(
    desk: Desk, root: Root, album: Path, ascii_only: bool, words: str
) -> None:
    drawn_mask(album / "where.png")
    (album / "paintings/wave.jpg").rename(album / "wave.jpg")
    async with make_app(root, ascii=ascii_only).run_test(size=(120, 30)) as pilot:
        app = pilot.app
        files = await open_add(pilot)
        await choose_two(pilot, files)
        await go_to(pilot, files, "where.png")
        await pilot.press("m")
        await until(pilot, lambda: "the mask has 3 colours for 1 style" in screen_text(app))
        await go_to(pilot, files, "wave.jpg")
        await pilot.press("s")
        await until(pilot, lambda: words in screen_text(app))
        await go_to(pilot, files, "where.png")
        await until(pilot, lambda: "mask: 3 regions" in screen_text(app))
        preview = app.screen.query_one(PictureView)
        if ascii_only:
            assert re.search(r" \.{5,}1{5,}2{10,} *$", screen_text(app), re.MULTILINE)
        else:
            colours = {run.top for row in preview.picture.blocks for run in row}
            assert {(112, 112, 112), (232, 96, 0), (96, 64, 152)} <= colours
        await pilot.press("m")  # no mask any more: its own picture again
        await until(pilot, lambda: "mask: 3 regions" not in screen_text(app))
        assert "where each style is painted" in screen_text(app)


async def choose_two(pilot, files: FileList) -> None:
    await go_to(pilot, files, "alps.png")
    await pilot.press("c")
    await go_to(pilot, files, "boat.png")
    await pilot.press("s")


async def test_the_plan_follows_what_is_chosen(desk: Desk, root: Root, album: Path) -> None:
    def plan(app) -> str:
        return next(line for line in screen_text(app).splitlines() if line.startswith("plan"))

    async with make_app(root).run_test(size=(80, 24)) as pilot:
        files = await open_add(pilot)
        assert plan(pilot.app).split() == ["plan"]
        await choose_two(pilot, files)
        await until(pilot, lambda: "60x40, memory " in plan(pilot.app))
        first = plan(pilot.app)
        await pilot.press("n")  # 500 steps instead of 300
        await until(pilot, lambda: "60x40" in plan(pilot.app) and plan(pilot.app) != first)
        await go_to(pilot, files, "broken.jpg")
        await pilot.press("c")
        await until(pilot, lambda: "broken.jpg" in plan(pilot.app) and "not an image" in plan(pilot.app))


async def test_a_machine_never_measured_is_measured(
    desk: Desk, root: Root, album: Path, speeds_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = speeds.load()
    speeds_file.unlink()
    measured = threading.Event()

    def probe(precision: str) -> Speeds:
        assert precision == "auto"
        assert measured.wait(patience(60))
        return known

    monkeypatch.setattr(probing, "probe", probe)
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        files = await open_add(pilot)
        await choose_two(pilot, files)
        await until(pilot, lambda: "measuring this machine" in screen_text(pilot.app))
        await pilot.press("n")  # the plan of what is chosen when the measurement ends, not of what was when it began
        assert "measuring" in screen_text(pilot.app)
        measured.set()
        await until(pilot, lambda: "measuring" not in screen_text(pilot.app), seconds=120.0)
        assert "60x40, memory " in screen_text(pilot.app)
    assert speeds_file.is_file()


async def test_a_wrong_configuration_is_said(desk: Desk, root: Root, album: Path) -> None:
    (root.path / "styled.toml").write_text("[job]\nstps = 3\n")
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        await open_add(pilot)
        await until(pilot, lambda: "unknown key job.stps" in screen_text(pilot.app).splitlines()[-2])


async def test_going_up_puts_the_cursor_on_the_folder_left(desk: Desk, root: Root, album: Path) -> None:
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        files = await open_add(pilot)
        await go_to(pilot, files, "paintings")
        await pilot.press("enter")
        await until(pilot, lambda: files.listing.folder == album / "paintings")
        await pilot.press("backspace")
        await until(pilot, lambda: files.listing.folder == album)
        assert files.entry.name == "paintings"


async def test_a_file_that_is_no_image_says_so_and_is_refused(desk: Desk, root: Root, album: Path) -> None:
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        files = await open_add(pilot)
        await go_to(pilot, files, "broken.jpg")
        await until(pilot, lambda: "broken.jpg" in " ".join(screen_text(pilot.app).splitlines()[1:2]))
        await pilot.press("c", "s", "a")
        await until(pilot, lambda: "not an image" in screen_text(pilot.app).splitlines()[-2])
        assert isinstance(pilot.app.screen, AddScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, MainScreen)
    assert list(root.inbox.iterdir()) == []


async def test_s_twice_takes_a_style_back(desk: Desk, root: Root, album: Path) -> None:
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        files = await open_add(pilot)
        await go_to(pilot, files, "boat.png")
        await pilot.press("s")
        assert "style   boat.png" in screen_text(pilot.app)
        await pilot.press("s")
        assert pilot.app.screen.new_job.styles == []


async def test_readonly_adds_nothing(desk: Desk, root: Root, album: Path) -> None:
    async with make_app(root, readonly=True).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("a")
        assert isinstance(pilot.app.screen, MainScreen)
        assert "Read-only" in screen_text(pilot.app)


def test_a_folder_that_cannot_be_read_is_said_in_words(tmp_path: Path) -> None:
    listing = list_folder(tmp_path / "gone")
    assert "No such file" in listing.trouble
    assert [entry.name for entry in listing.entries] == [".."]


def test_a_huge_folder_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styled.tui.reading.files.MOST", 5)
    for number in range(9):
        (tmp_path / f"{number}.jpg").touch()
    assert len(list_folder(tmp_path).entries) == 6
    assert MOST >= 1000


async def test_settings_are_typed_checked_and_completed(desk: Desk, root: Root, album: Path) -> None:
    """A frame interval, layers, a preset, and a job to start from by its name; what is wrong is shown, and not taken."""
    done = desk.usual()[4]
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        files = await open_add(pilot)
        await go_to(pilot, files, "alps.png")
        await pilot.press("c", "e")
        await until(pilot, lambda: pilot.app.screen.query(Input))
        field = pilot.app.screen.query_one(Input)
        assert field.value == "size=1024 steps=300 frame_every=10 init=recolored "
        for typed, words in (
            ("frame_evry=5", "unknown setting"),
            ("frame_every=x", "frame_every"),
            ("init=job:77", "no job is '77'"),
            ("content_layers={block9_conv1=1}", "block9_conv1"),
        ):
            field.value = typed
            await until(pilot, lambda words=words: words in screen_text(pilot.app))
        for start, whole in (("fr", "frame_every="), ("preset=dr", "preset=draft"), ("init=job:br", "init=job:bridge")):
            field.value = f"steps=70 {start}"
            field.cursor_position = len(field.value)
            await until(pilot, lambda whole=whole: field._suggestion == f"steps=70 {whole}")
        await pilot.press("right", *" frame_every=5 preset=draft", "enter")
        assert pilot.app.screen.new_job.settings == {
            "preset": "draft",
            "steps": 70,
            "init": "job:bridge",
            "frame_every": 5,
        }
        assert "steps  70" in screen_text(pilot.app)
        assert "e: init=job:bridge" in screen_text(pilot.app)
        assert "a add  esc back" in screen_text(pilot.app).splitlines()[-1]
        await go_to(pilot, files, "boat.png")
        await pilot.press("s", "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, MainScreen))
    assert 'init = "job:bridge"' in (root.inbox / "alps/job.toml").read_text()
    assert done.name == "bridge"
