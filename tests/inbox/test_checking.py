from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled import images
from styled.config import InboxConfig
from styled.files.signature import Signature
from styled.images import ImageInfo
from styled.inbox.checking import Changed, NotYet, PairChecker, Prepared, Task, Unusable
from styled.inbox.group import Pair
from tests.store.conftest import png

pytestmark = pytest.mark.processes


class CountingCheck:
    """The real check, in a child; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.checker = images.Checker()

    def check_open(self, descriptor: int, name: str, *, mask_styles: int = 0) -> ImageInfo:
        self.asked.append(name)
        self.before_decoding(name)
        return self.checker.check_open(descriptor, name, mask_styles=mask_styles)

    def before_decoding(self, name: str) -> None:
        """For a test to do something at that moment."""


@pytest.fixture(scope="module")
def check() -> Iterator[CountingCheck]:
    found = CountingCheck()
    yield found
    found.checker.close()


@pytest.fixture
def pairs(tmp_path: Path, check: CountingCheck) -> PairChecker:
    check.asked.clear()
    return PairChecker(tmp_path, InboxConfig(max_bytes=100_000), check, weights=str(tmp_path / "own.h5"))


PAIR = Pair("a", "a.content.png", ("a.style.PNG",), mask="a.mask.png", settings="a.toml")


def task(folder: Path, pair: Pair = PAIR, **data: bytes) -> Task:
    for number, path in enumerate(pair.paths):
        place = folder / path
        place.parent.mkdir(exist_ok=True)
        default = b"seed = 3\npriority = 2\n" if path.endswith(".toml") else png(number)
        place.write_bytes(data.get(path.rpartition("/")[2].partition(".")[2].replace(".", "_"), default))
    return Task(pair, {path: Signature.of((folder / path).stat()) for path in pair.paths})


def test_a_good_pair_is_prepared_with_digests_names_and_settings(
    pairs: PairChecker, tmp_path: Path, check: CountingCheck
):
    (tmp_path / "own.h5").write_bytes(b"weights")
    verdict = pairs.check(task(tmp_path))
    assert isinstance(verdict, Prepared)
    assert [(member.source, member.target) for member in verdict.members] == [
        ("a.content.png", "content.png"), ("a.style.PNG", "style.png"), ("a.mask.png", "mask.png"), ("a.toml", "job.toml")
    ]  # fmt: skip
    assert [member.digest for member in verdict.members[:3]] == [hashlib.sha256(png(n)).hexdigest() for n in range(3)]
    assert (verdict.own.settings, verdict.own.priority) == ({"seed": 3}, 2)
    assert verdict.weights_digest == hashlib.sha256(b"weights").hexdigest()
    assert check.asked == ["a.content.png", "a.style.PNG", "a.mask.png"]


def test_a_changed_file_is_noticed_before_and_after_reading_it(
    pairs: PairChecker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = task(tmp_path)
    os.utime(tmp_path / "a.style.PNG")
    assert isinstance(pairs.check(found), Changed)
    found = task(tmp_path)
    real = hashlib.file_digest
    read: list[int] = []

    def slowly(file: object, name: str) -> object:
        digest = real(file, name)  # type: ignore[arg-type]
        read.append(1)
        if len(read) == 2:  # the style itself, right after its last byte
            os.utime(tmp_path / "a.style.PNG")
        return digest

    monkeypatch.setattr(hashlib, "file_digest", slowly)
    assert isinstance(pairs.check(found), Changed)


def test_the_file_that_was_opened_is_decoded_whatever_has_its_name_by_then(
    pairs: PairChecker, tmp_path: Path, check: CountingCheck, monkeypatch: pytest.MonkeyPatch
):
    found = task(tmp_path, content_png=b"no image")
    (tmp_path / "good.png").write_bytes(png(1))

    def exchange(name: str) -> None:
        if name == "a.content.png":
            (tmp_path / "good.png").replace(tmp_path / name)

    monkeypatch.setattr(check, "before_decoding", exchange)
    verdict = pairs.check(found)
    assert isinstance(verdict, NotYet)
    assert isinstance(verdict.afterwards, Unusable)
    assert "not an image" in verdict.afterwards.reason


def test_a_style_that_stays_is_decoded_once_and_again_when_it_changes(
    pairs: PairChecker, tmp_path: Path, check: CountingCheck
):
    kept = frozenset({"hot/style.png"})
    for name in ("x", "y"):
        pair = Pair(name, f"hot/{name}.png", ("hot/style.png",), kept=kept)
        (tmp_path / "hot").mkdir(exist_ok=True)
        (tmp_path / "hot" / f"{name}.png").write_bytes(png(5))
        if name == "x":
            (tmp_path / "hot" / "style.png").write_bytes(png(6))
        verdict = pairs.check(Task(pair, {path: Signature.of((tmp_path / path).stat()) for path in pair.paths}))
        assert isinstance(verdict, Prepared)
        assert [member.kept for member in verdict.members] == [False, True]
    assert check.asked == ["x.png", "style.png", "y.png"]
    (tmp_path / "hot" / "style.png").write_bytes(b"no image")
    verdict = pairs.check(Task(pair, {path: Signature.of((tmp_path / path).stat()) for path in pair.paths}))
    assert isinstance(verdict, NotYet)
    assert verdict.path == "hot/style.png"
    assert isinstance(verdict.afterwards, Unusable)


@pytest.mark.parametrize(
    ("which", "data", "words"),
    [
        ("content_png", b"no image", "waits for a.content.png to become readable: "),
        ("style_PNG", png(1, side=64)[:-30], "waits for a.style.PNG to become readable: a.style.PNG is truncated"),
        ("mask_png", b"", "waits for a.mask.png to become readable: a.mask.png is empty"),
        ("content_png", b"x" * 100_001, "never: a.content.png has 0 MB, the limit is 0 MB"),
        ("toml", b"sise = 3", "never: a.toml: unknown setting 'sise'. Did you mean 'size'"),
    ],
)
def test_the_file_at_fault_is_named(pairs: PairChecker, tmp_path: Path, which: str, data: bytes, words: str):
    verdict = pairs.check(task(tmp_path, **{which: data}))
    assert isinstance(verdict, NotYet | Unusable)
    assert verdict.path == "a." + which.replace("_", ".")
    said = f"waits for {verdict.missing}" if isinstance(verdict, NotYet) else f"never: {verdict.reason}"
    assert said.startswith(words)


def test_more_pixels_than_allowed_are_refused(tmp_path: Path):
    with images.Checker(max_pixels=1000) as checker:
        verdict = PairChecker(tmp_path, InboxConfig(), checker, "builtin").check(
            task(tmp_path, content_png=png(0, side=40))
        )
    assert isinstance(verdict, Unusable)
    assert "inbox.max_pixels" in verdict.reason


def test_nothing_outside_the_inbox_is_ever_read_in_a_race_with_a_link(
    pairs: PairChecker, tmp_path: Path, check: CountingCheck
):
    """A stranger swaps the pair's folder, and the file in it, for links to a secret, as fast as possible."""
    inbox, secret = tmp_path / "inbox", tmp_path / "secret"
    pairs.inbox = inbox
    pair = Pair("a", "p/content.png", ("p/style.png",), folder="p")
    for folder in (inbox / "p", secret):
        folder.mkdir(parents=True)
    for name in ("content.png", "style.png"):
        (inbox / "p" / name).write_bytes(png(1))
        (secret / name).write_bytes(png(99))
    found = Task(pair, {path: Signature.of((inbox / path).stat()) for path in pair.paths})
    mine = hashlib.sha256(png(1)).hexdigest()
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (inbox / "p").rename(inbox / "q")
            (inbox / "p").symlink_to(secret)
            (inbox / "p").unlink()
            (inbox / "q").rename(inbox / "p")
            (inbox / "p" / "content.png").rename(inbox / "p" / "c")
            (inbox / "p" / "content.png").symlink_to(secret / "content.png")
            (inbox / "p" / "content.png").unlink()
            (inbox / "p" / "c").rename(inbox / "p" / "content.png")

    stranger = threading.Thread(target=swap)
    stranger.start()
    try:
        verdicts = [pairs.check(found) for _ in range(300)]
    finally:
        stop.set()
        stranger.join()
    for verdict in verdicts:
        assert isinstance(verdict, Prepared | Changed | NotYet)
        if isinstance(verdict, Prepared):
            assert [member.digest for member in verdict.members] == [mine, mine]
    assert any(isinstance(verdict, Changed | NotYet) for verdict in verdicts)
