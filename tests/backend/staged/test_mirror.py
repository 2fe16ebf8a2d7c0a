"""What a node sends enters ``evolution/`` only when it has passed: names, kinds, sizes, and pictures that decode."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from styled import images
from styled.backend.staged.mirror import Mirror
from styled.backend.staged.place import Place
from styled.errors import DataDamaged, DiskFull
from styled.evolution import JobFolder, LossLog, frames, load_checkpoint, read_losses
from styled.files import durable
from styled.messages import Checkpointed, Frame, Progress, Result, Started, WorkerMessage
from styled.settings import Settings
from tests.backend.staged.memory_engine import Node, picture, write_slot

SETTINGS = Settings(size=32, steps=20, frame_size=32)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node with an attempt laid out."""
    folder = tmp_path / "spool"
    node = Node("name", "handle", folder)
    JobFolder(folder / "job").create()
    (folder / "order.json").write_text('{"job": "job", "worker": "", "versions": {}}')
    return node


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    """The job's folder, and nothing else in it."""
    folder = JobFolder(tmp_path / "evolution" / "job")
    folder.create()
    return folder


def decode(descriptor: int, _name: str) -> None:
    """Decode without a child: these pictures are the test's own."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        images.load(file)


@pytest.fixture
def mirror(node: Node, folder: JobFolder) -> Iterator[Mirror]:
    """Follows the attempt."""
    with Mirror(Place(node.folder, "job"), folder, SETTINGS, decode) as mirror:
        yield mirror


def content(folder: JobFolder) -> dict[str, bytes]:
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def test_files_are_there_before_the_message_that_tells_of_them(node: Node, folder: JobFolder, mirror: Mirror) -> None:
    node.start()
    node.step(1)
    node.frame(5)
    node.checkpoint(5)
    node.finish()
    seen: list[type[WorkerMessage]] = []
    for message in mirror.turn():
        seen.append(type(message))
        if isinstance(message, Frame):
            assert frames(folder) == [(5, folder.frames / "000005.jpg")]
        if isinstance(message, Checkpointed):
            assert (found := load_checkpoint(folder)) is not None
            assert found.meta["step"] == 5
        if isinstance(message, Result):
            assert folder.result.is_file()
    assert seen == [Started, *seen[1:2], Frame, Checkpointed, Result]
    assert [line.step for line in read_losses(folder).losses] == [1]
    assert not mirror.is_behind


def test_doing_all_again_changes_nothing(node: Node, folder: JobFolder) -> None:
    """A bridge that was killed anywhere leaves its successor to begin at the first message."""
    node.start(step=4)
    for step in (5, 6, 7):
        node.step(step)
    node.frame(5)
    node.checkpoint(6)
    node.place.folder.log.write_text("painted\n")
    picture(folder.frames / "000009.jpg")  # of an earlier attempt, whose steps are painted again
    for _ in range(3):
        with Mirror(Place(node.folder, "job"), folder, SETTINGS, decode) as mirror:
            assert len(list(mirror.turn())) == 6
    assert [step for step, _ in frames(folder)] == [5]
    assert [line.step for line in read_losses(folder).losses] == [5, 6, 7]
    assert folder.log.read_text() == "painted\n"
    assert sorted(path.name for path in folder.checkpoint.iterdir()) == ["a.npz"]


def test_an_older_slot_does_not_replace_a_newer_one(node: Node, folder: JobFolder, mirror: Mirror) -> None:
    node.start()
    node.checkpoint(8, serial=2, slot="b.npz")
    write_slot(node.place.folder.checkpoint / "a.npz", 3, 1)  # what was laid out, and is replaced next
    list(mirror.turn())
    assert [path.name for path in folder.checkpoint.iterdir()] == ["b.npz"]


def test_a_checkpoint_never_comes_before_the_frames_and_losses_of_its_steps(
    node: Node, folder: JobFolder, mirror: Mirror
) -> None:
    """One that has replaced the slot which a message tells of: the node could be lost now."""
    node.start()
    node.step(1)
    node.say(Checkpointed(step=1))
    write_slot(node.place.folder.checkpoint / "a.npz", 3, 3)
    list(mirror.turn())
    assert load_checkpoint(folder) is None
    for step in (2, 3):
        node.step(step)
    node.frame(3)
    node.say(Checkpointed(step=3))
    for message in mirror.turn():
        if load_checkpoint(folder) is not None:
            assert isinstance(message, Checkpointed)
            assert [line.step for line in read_losses(folder).losses] == [1, 2, 3]
            assert [step for step, _ in frames(folder)] == [3]


def test_a_full_disk_leaves_no_hole(
    node: Node, folder: JobFolder, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the losses nor in the log; and no checkpoint comes over before the losses of its steps."""
    node.start()
    for step in (1, 2, 3, 4):
        node.step(step)
    node.checkpoint(4)
    node.place.folder.log.write_text("painted all of it\n")
    append, write, refused = LossLog.append, os.write, []

    def append_two(log: LossLog, progress: Progress) -> None:
        if progress.step == 3:
            refused.append(progress.step)
            raise DiskFull("cannot write losses.jsonl")
        append(log, progress)

    def write_some(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:9])

    with monkeypatch.context() as full:
        full.setattr(LossLog, "append", append_two)
        for _ in range(2):
            with pytest.raises(DiskFull):
                list(mirror.turn())
            assert mirror.is_behind
            assert load_checkpoint(folder) is None
    assert refused == [3, 3]
    node.step(5)
    assert isinstance(list(mirror.turn())[-1], Checkpointed)
    assert [line.step for line in read_losses(folder).losses] == [1, 2, 3, 4, 5]
    assert folder.log.read_text() == "painted all of it\n"
    with node.place.folder.log.open("a") as log:
        log.write("and this is more\n")
    with monkeypatch.context() as nearly:
        nearly.setattr(os, "write", write_some)
        list(mirror.turn())
    assert mirror.is_behind
    assert node.place.taken.read_text() == str(folder.log.stat().st_size)
    list(mirror.turn())
    assert not mirror.is_behind
    assert folder.log.read_text() == node.place.folder.log.read_text()


def test_a_log_is_kept_up_to_a_limit_and_holds_up_nothing(node: Node, folder: JobFolder, mirror: Mirror) -> None:
    node.place.folder.log.touch()
    os.truncate(node.place.folder.log, 10**9)
    node.place.taken.write_text(str(64 * 2**20))
    with Mirror(Place(node.folder, "job"), folder, SETTINGS, decode) as later:
        list(later.turn())
        assert not later.is_behind
    list(mirror.turn())
    assert mirror.is_behind
    assert folder.log.stat().st_size == 2**20


def test_a_file_that_grows_while_it_is_copied_is_refused(
    node: Node, folder: JobFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size was checked: a node must not fill the disk with what follows."""
    node.frame(1)
    node.checkpoint(1)
    monkeypatch.setattr(durable, "require_space", lambda _path, _size: _grow(node))
    before = content(folder)
    for _ in range(2):
        with (
            Mirror(Place(node.folder, "job"), folder, SETTINGS, decode) as mirror,
            pytest.raises(DataDamaged, match=r"000001\.jpg, which had \d+ bytes and grew"),
        ):
            list(mirror.turn())
    assert content(folder) == before


def _grow(node: Node) -> None:
    with (node.place.folder.frames / "000001.jpg").open("ab") as file:
        file.write(b"more")


def as_frame(name: str) -> Callable[[Node], None]:
    return lambda node: node.say(Frame(step=1, path=name))


def put(name: str, make: Callable[[Path], object], message: WorkerMessage) -> Callable[[Node], None]:
    def send(node: Node) -> None:
        path = node.place.folder.path / name
        path.unlink(missing_ok=True)
        make(path)
        node.say(message)

    return send


FRAME = Frame(step=1, path="frames/000001.jpg")
RESULT = Result(path="result.png", step=20, loss=1.0, seconds=1.0)


def _touched(path: Path) -> Path:
    path.touch()
    return path


def write_torn(path: Path) -> None:
    write_slot(path, 1, 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


REFUSED = {
    "a name that leads out": as_frame("../../../etc/passwd"),
    "an absolute name": as_frame("/etc/passwd"),
    "another name": as_frame("frames/../job.json"),
    "settings for a result": lambda node: node.say(Result(path="job.json", step=1, loss=1.0, seconds=1.0)),
    "a frame that does not decode": put("frames/000001.jpg", lambda path: path.write_bytes(b"\xff\xd8rubbish"), FRAME),
    "an empty frame": put("frames/000001.jpg", lambda path: path.write_bytes(b""), FRAME),
    "a frame far too large": put("frames/000001.jpg", lambda path: os.truncate(_touched(path), 10**9), FRAME),
    "a result that does not decode": put("result.png", lambda path: path.write_bytes(b"\x89PNG"), RESULT),
    "a checkpoint that is none": put("checkpoint/a.npz", lambda path: path.write_bytes(b"PK"), Checkpointed(step=1)),
    "a torn checkpoint": put("checkpoint/a.npz", write_torn, Checkpointed(step=1)),
}


@pytest.mark.parametrize("send", REFUSED.values(), ids=REFUSED.keys())
def test_what_a_node_may_not_send_changes_nothing(
    node: Node, folder: JobFolder, mirror: Mirror, send: Callable[[Node], None]
) -> None:
    before = content(folder)
    send(node)
    with pytest.raises(DataDamaged, match=r"a node sent|is no checkpoint"):
        list(mirror.turn())
    assert content(folder) == before


@pytest.mark.parametrize("name", ["frames/000001.jpg", "frames"])
def test_links_and_pipes_are_not_followed(
    node: Node, folder: JobFolder, mirror: Mirror, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    picture(secret / "000001.jpg")
    target = node.place.folder.path / name
    if target.is_dir():
        target.rmdir()
    target.symlink_to(secret if name == "frames" else secret / "000001.jpg")
    node.say(FRAME)
    before = content(folder)
    with pytest.raises(DataDamaged, match="no file"):
        list(mirror.turn())
    assert content(folder) == before


def test_rubbish_between_messages_is_passed_over(node: Node, folder: JobFolder, mirror: Mirror) -> None:
    node.say(b"hello\n", b"\xff" * 200_000, b"\n")
    node.frame(1)
    assert [type(message) for message in mirror.turn()] == [Frame]
    assert mirror.garbled
    with Image.open(folder.frames / "000001.jpg") as frame:
        assert frame.size == (32, 24)
