"""Putting a pair into an inbox: whole, under a free name, or not at all."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from styled.config import Config, InboxConfig
from styled.errors import DiskFull, PairRejected, SettingsError, StyledError, UnreadableImage
from styled.inbox import add as dropping
from styled.inbox.add import add_pair
from styled.inbox.group import Kind
from styled.inbox.job_toml import parse_job_toml
from styled.inbox.pairs import pair_up
from styled.root import Root
from tests.store.conftest import png


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A content and a style outside the root."""
    paths = tmp_path / "harbour.PNG", tmp_path / "waves.png"
    for number, path in enumerate(paths):
        path.write_bytes(png(number))
    return paths


@pytest.fixture
def empty(tmp_path: Path) -> Root:
    """A root of which nothing is there yet."""
    return Root.at(tmp_path / "new" / "root")


def test_a_pair_appears_with_its_bytes_order_and_settings(empty: Root, pair: tuple[Path, Path]) -> None:
    name = add_pair(empty, pair[0], [pair[1], pair[0]], settings={"steps": 9, "style_weights": [1.0, 2.5]}, priority=3)
    folder = empty.inbox / name
    assert sorted(path.name for path in folder.iterdir()) == ["content.png", "job.toml", "style-2.png", "style.png"]
    assert (folder / "content.png").read_bytes() == (folder / "style-2.png").read_bytes() == pair[0].read_bytes()
    own = parse_job_toml((folder / "job.toml").read_bytes(), "job.toml")
    assert (own.settings, own.priority) == ({"steps": 9, "style_weights": [1.0, 2.5]}, 3)
    assert [path.name for path in empty.inbox.iterdir()] == ["harbour"]


def test_a_taken_name_is_counted_on(empty: Root, pair: tuple[Path, Path]) -> None:
    names = [add_pair(empty, pair[0], [pair[1]], name="../har bour") for _ in range(3)]
    assert names == ["har-bour", "har-bour-2", "har-bour-3"]


def test_a_name_taken_in_between_is_counted_on(
    empty: Root, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def somebody_was_faster(self: Path, target: Path) -> Path:
        if target.name == "harbour":
            target.mkdir()
            (target / "content.png").touch()
        return real(self, target)

    monkeypatch.setattr(Path, "rename", somebody_was_faster)
    assert add_pair(empty, pair[0], [pair[1]]) == "harbour-2"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stps": 1}, "Did you mean 'steps'"),
        ({"weights": "/x.h5"}, "is not allowed"),
        ({"seed": object()}, "not a value"),
    ],
)
def test_a_setting_that_the_inbox_would_refuse_is_refused_here(
    empty: Root, pair: tuple[Path, Path], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        add_pair(empty, pair[0], [pair[1]], settings=settings)
    assert not empty.path.exists()


def test_what_is_no_image_is_refused_here(empty: Root, pair: tuple[Path, Path]) -> None:
    pair[1].write_text("hello")
    with pytest.raises(UnreadableImage):
        add_pair(empty, pair[0], [pair[1]])
    with pytest.raises(StyledError):
        add_pair(empty, pair[0], [pair[0].with_name("missing.png")])
    with pytest.raises(PairRejected, match="100 styles"):
        add_pair(empty, pair[0], [pair[0]] * 100)
    assert not empty.path.exists()


@pytest.mark.parametrize(
    "name",
    [
        "content.png", "style.png", "Style.png", "rejected.png", "thumbs.db.png", "desktop.ini.png", "@eaDir.png", "#recycle.png",
        "lost+found.png", "photo.tmp.png", "IMG.part.png", "a.ready.png", "a.crdownload.png", ".hidden.png", "~.png", "mask.png",
        "a.content.png", "a-style.png", "style-2.png", "job.toml.png", "a~.png", "x.swp.png", "bare", "photo.jpg_large",
        "photo.heic", "photo.JPEG", "写真.png", "-.png", "...png",
    ],
)  # fmt: skip
def test_whatever_the_files_are_called_the_pair_is_exactly_these_two(
    empty: Root, pair: tuple[Path, Path], name: str
) -> None:
    content, style = pair[0].rename(pair[0].with_name(name)), pair[1].rename(pair[1].with_name(f"other {name}"))
    taken = add_pair(empty, content, [style])
    files = {path.relative_to(empty.inbox).as_posix() for path in empty.inbox.rglob("*") if path.is_file()}
    pairing = pair_up({**dict.fromkeys(files, Kind.FILE), taken: Kind.FOLDER})
    [found] = pairing.pairs
    assert {found.content, *found.styles, found.settings} == files
    names = parse_job_toml((empty.inbox / str(found.settings)).read_bytes(), "job.toml").names
    assert (names.content, names.styles) == (content.name, (style.name,))
    assert (empty.inbox / found.content).read_bytes() == content.read_bytes()
    assert [(empty.inbox / path).read_bytes() for path in found.styles] == [style.read_bytes()]
    assert not pairing.ignored


def test_names_that_do_not_fit_into_a_job_toml_are_left_out(empty: Root, pair: tuple[Path, Path]) -> None:
    style = pair[1].rename(pair[1].with_name("n" * 240 + ".png"))
    folder = empty.inbox / add_pair(empty, pair[0], [style] * 99, settings={"size": 64})
    own = parse_job_toml((folder / "job.toml").read_bytes(), "job.toml")
    assert (own.settings, own.names.styles) == ({"size": 64}, ())


@pytest.mark.processes
def test_what_is_too_thin_for_the_network_is_refused_at_once(empty: Root, pair: tuple[Path, Path]) -> None:
    Image.new("RGB", (3000, 2), "red").save(pair[0])
    with pytest.raises(StyledError, match="too thin"):
        add_pair(empty, pair[0], [pair[1]], config=Config())
    assert list(empty.inbox.iterdir()) == []


@pytest.mark.parametrize(("code", "error"), [(28, DiskFull), (13, PairRejected)])
def test_a_copy_that_fails_leaves_nothing(
    empty: Root, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, code: int, error: type[StyledError]
) -> None:
    real = dropping._copy

    def fail_at_the_style(source: Path, target: Path) -> None:
        if target.name == "style.png":
            raise OSError(code, "no", str(target))
        real(source, target)

    monkeypatch.setattr(dropping, "_copy", fail_at_the_style)
    with pytest.raises(error):
        add_pair(empty, pair[0], [pair[1]])
    assert list(empty.inbox.iterdir()) == []


_PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc-é \"\\", min_size=1), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(value=_PLAIN)
def test_any_plain_value_is_written_as_toml_that_reads_the_same(value: Any) -> None:
    assert tomllib.loads(f"key = {dropping._toml(value)}")["key"] == value


@pytest.mark.processes
@pytest.mark.parametrize(
    ("spoil", "settings", "words"),
    [
        ("cut off", {}, "truncated"),
        ("large", {}, "the limit is 0 MB"),
        ("", {"size": 20_000}, "inbox.max_size = 16384"),
        ("", {"style_weight": 0.0}, "both 0"),
    ],
)
def test_what_the_daemon_would_reject_is_refused_at_once(
    empty: Root, pair: tuple[Path, Path], spoil: str, settings: dict[str, Any], words: str
) -> None:
    data = png(1, side=64)
    pair[1].write_bytes(data[:-40] if spoil == "cut off" else data)
    config = Config(inbox=InboxConfig(max_bytes=1024 if spoil == "large" else 100_000), job={"content_weight": 0.0})
    if spoil == "large":
        pair[1].write_bytes(data + b"\0" * 2000)
    with pytest.raises((PairRejected, SettingsError), match=words) as refused:
        add_pair(empty, pair[0], [pair[1]], settings=settings, config=config)
    assert not spoil or str(pair[1]) in refused.value.message
    assert not empty.inbox.exists() or list(empty.inbox.iterdir()) == []


@pytest.mark.processes
def test_what_the_daemon_would_take_is_added_with_its_check(empty: Root, pair: tuple[Path, Path]) -> None:
    assert add_pair(empty, pair[0], [pair[1]], mask=pair[1], settings={"seed": 1}, config=Config()) == "harbour"
