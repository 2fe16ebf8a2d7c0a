"""Whatever happens to stored or sent bytes, one kind of error comes of it."""

from __future__ import annotations

import os
import random
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from styled import evolution
from styled.config import load_config
from styled.daemon.control import protocol
from styled.daemon.process.lock import Holder, read_holder
from styled.errors import CheckpointDamaged, ControlError, DataDamaged, JobFileDamaged, SettingsError
from styled.evolution import JobFile, JobFolder
from styled.files.decoding import from_json, read_file, read_json
from styled.files.signature import Signature
from styled.inbox.claiming.claim_record import PLAN, Claim, Member, read_plan
from styled.inbox.job_toml import parse_job_toml
from styled.job import Job, JobState
from styled.messages import Progress, decode, encode
from styled.planning import speeds
from styled.root import Root
from styled.settings import Settings
from styled.store import schema
from styled.store.numbers import Numbers
from styled.store.records import to_job, to_row

MUTATIONS = (200, pytest.param(10_000, marks=[pytest.mark.faults, pytest.mark.timeout(600)]))
"""Each takes a file to be written, most of the time."""

HOSTILE = (
    b"\xff", b"\xc3", b'"\xed\xa0\x80"', b"\\ud800", b"\\u0000", b"\0", b"[" * 5000, b'{"a":' * 3000, b"1e999", b"-1e999",
    b"NaN", b"Infinity", b"9" * 20, b"9" * 5000, b"18446744073709551616", b"-9223372036854775809", b"null", b"true", b"[]",
    b"{}", b'""', b"0.5", b"-1", b"",
)  # fmt: skip
"""Pieces that have been put where something else was expected."""


class Nested(msgspec.Struct):
    value: Any


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"nonsense", b'{"value": "\xff"}', b'{"value": ' + b"[" * 100_000, b'{"value": ' + b"9" * 5000 + b"}",
        b'{"value": 9223372036854775808}', b'{"value": -9223372036854775809}', b'{"value": {"deep": [1, 1e999]}}',
        b'{"value": ["a\\u0000b"]}', b'{"value": {"a\\u0000": 1}}', b'{"value": NaN}', b'{"value": "\\ud800"}', b"[]", b"{}",
    ],
    ids=lambda data: data[:24].decode("latin-1"),
)  # fmt: skip
def test_what_is_no_value_is_damaged(data: bytes) -> None:
    with pytest.raises(DataDamaged) as caught:
        from_json(data, Nested)
    assert 0 < len(caught.value.message) <= 200


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 1.7e308, "", "🎨", [None, True, {"a": []}]])
def test_what_is_a_value_comes_back(value: Any) -> None:
    assert from_json(msgspec.json.encode({"value": value}), Nested).value == value


def test_a_pipe_a_device_a_folder_and_what_is_too_long_are_damaged_and_block_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "long").write_bytes(b"1" * 101)
    for path in (tmp_path / "fifo", Path("/dev/zero"), tmp_path / "long", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(DataDamaged):
            read_json(path, int, most=100)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "gone", most=100)


def test_reading_takes_memory_for_what_is_there_and_not_for_what_may_be(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"1" * 1000)
    tracemalloc.start()
    try:
        assert read_file(tmp_path / "short", most=2**30) == b"1" * 1000
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()
    assert read_file(Path("/proc/self/status"), most=2**20).startswith(b"Name:"), "its size is said to be 0"


def job_file() -> JobFile:
    return JobFile(
        id="20261122-201500-harbour", number=7, name="harbour", content="input/content.jpg", styles=("input/style.jpg",),
        settings=Settings(), digests={"input/content.jpg": "00" * 32}, created_at=1795381300.5,
    )  # fmt: skip


def claim() -> Claim:
    member = Member(
        source="a/content.jpg", target="content.jpg", signature=Signature(1, 2, 3, 4, 5), digest="00" * 32, mode=0o644
    )
    return Claim(job=job_file(), members=(member,), folder="a", extras=("note.txt",))


PROGRESS = Progress(
    scale=1, scales=2, width=64, height=48, step=3, steps=10, loss=2e6, content_loss=1e6, style_loss=1e6, tv_loss=0.0,
    seconds=3.5, step_seconds=0.2, left_seconds=None, memory_bytes=10**9,
)  # fmt: skip

TOML = b"""\
# Comments, and values of each kind.
preset = "fine"
size = 0x200
steps = 80
style_weight = 1e3
upscale = true
init = "content"
scales = [128, 256]
content_layers = {block4_conv2 = 1.0}
"""
CONFIG = (
    TOML.replace(b"#", b"[job]\n#").replace(b"0x200", b"512")
    + b"""
[inbox]
settle_s = 0.5
[hooks]
on_done = ["notify", "{name}"]
[tui.keys]
"job.pause" = "space"
"""
)

JOB = Job(
    id="20261122-201500-harbour", number=7, name="harbour", state=JobState.DONE, content="input/content.jpg",
    styles=("input/style.jpg",), settings={"size": 64, "style_layers": {"block1_conv1": 1.0}}, style_digests=("00",),
    created_at=1.5, finished_at=2.5, reason="done", loss=3.0,
)  # fmt: skip

Reader = Callable[[bytes, Path], object]


def _job_json(data: bytes, folder: Path) -> object:
    (folder / "job.json").write_bytes(data)
    return evolution.read_job_file(JobFolder(folder))


def _plan(data: bytes, folder: Path) -> object:
    (folder / PLAN).write_bytes(data)
    return read_plan(folder)


def _losses(data: bytes, folder: Path) -> object:
    (folder / "losses.jsonl").write_bytes(data)
    return evolution.read_losses(JobFolder(folder)), evolution.last_loss(JobFolder(folder))


def _lock(data: bytes, folder: Path) -> object:
    (folder / "lock").write_bytes(data)
    return read_holder(folder / "lock")


def _speeds(data: bytes, folder: Path) -> object:
    (folder / "speeds").write_bytes(data)
    return speeds.load(folder / "speeds")


def _request(data: bytes, _: Path) -> object:
    return protocol.decode_request(data)


def _message(data: bytes, _: Path) -> object:
    return decode(data)


def _slot(data: bytes, folder: Path) -> object:
    (folder / "checkpoint").mkdir(exist_ok=True)
    (folder / "checkpoint" / "a.npz").write_bytes(data)
    return evolution.load_checkpoint(JobFolder(folder))


def _config(data: bytes, folder: Path) -> object:
    (folder / "styled.toml").write_bytes(data)
    return load_config(folder / "styled.toml", environment={})


def _job_toml(data: bytes, _: Path) -> object:
    return parse_job_toml(data, "job.toml")


def _reply(data: bytes, _: Path) -> object:
    return protocol.Client(Root(Path("/")))._decode(data)


def _row(data: bytes, _: Path) -> object:
    """Cells that were changed, each of a type that SQLite gives."""
    cells = []
    for cell, text in zip(ROW, data.split(b"\x1f"), strict=False):
        kind = type(cell)
        try:
            cells.append(kind(text) if kind in (int, float) else None if text == b"None" else schema._text(text))
        except ValueError:
            cells.append(schema._text(text))
    return to_job([*cells, *[None] * (len(ROW) - len(cells))][: len(ROW)])


ROW = list(to_row(msgspec.structs.asdict(JOB)).values())


def _number(data: bytes, folder: Path) -> object:
    (folder / "numbers").write_bytes(data)
    return Numbers(folder / "numbers", 0, lost=True).last


def slot(folder: Path) -> bytes:
    """A checkpoint's file, with an array of each kind."""
    job = JobFolder(folder / "job")
    job.create()
    arrays = {"picture": np.ones((2, 3, 3), np.float32), "serial": np.arange(3)}
    evolution.save_checkpoint(job, arrays, {"fingerprint": "x", "step": 3, "seconds": 1.5})
    return (job.checkpoint / "a.npz").read_bytes()


@pytest.fixture(autouse=True)
def known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking takes longer than all the rest."""
    monkeypatch.setattr(speeds, "machine", lambda: "m")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where that can be had: ten thousand files take a tenth of the time."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yield Path(path)


@pytest.mark.parametrize("count", MUTATIONS)
@pytest.mark.parametrize(
    ("good", "read", "damage"),
    [
        (msgspec.json.encode(job_file()), _job_json, (JobFileDamaged,)),
        (msgspec.json.encode(claim()), _plan, ()),
        (encode(PROGRESS) * 3, _losses, ()),
        (msgspec.json.encode(Holder(pid=1, host="h", started_at=1.0)), _lock, ()),
        (msgspec.json.encode(speeds.Speeds(machine="m")), _speeds, ()),
        (
            protocol.encode(protocol.Request(v=protocol.VERSION, op="subscribe", args={"since": 3, "job": ["a"]})),
            _request,
            (ControlError,),
        ),
        (encode(PROGRESS), _message, (ControlError,)),
        (slot, _slot, (CheckpointDamaged,)),
        (CONFIG, _config, (SettingsError,)),
        (TOML, _job_toml, (SettingsError,)),
        (
            protocol.encode(protocol.Reply(v=1, id=7, ok=True, result={"job": msgspec.to_builtins(JOB)})),
            _reply,
            (ControlError,),
        ),
        (b"\x1f".join(str(cell).encode() for cell in ROW), _row, (DataDamaged,)),
        (b"107\n", _number, ()),
    ],
    ids=[
        "job.json", "plan", "losses", "lock", "speeds", "request", "message", "checkpoint", "styled.toml", "job.toml",
        "reply", "row", "number",
    ],
)  # fmt: skip
def test_mutations_are_read_or_damaged_and_nothing_else(
    good: bytes | Callable[[Path], bytes],
    read: Reader,
    damage: tuple[type[Exception], ...],
    count: int,
    folder: Path,
) -> None:
    good = good if isinstance(good, bytes) else good(folder)
    assert read(good, folder) is not None
    refused = 0
    for data in mutations(good, count):
        try:
            read(data, folder)
        except damage:
            refused += 1
        except BaseException as error:
            error.add_note(f"on {data[:2000]!r}")
            raise
    assert not damage or refused > count / 10


def mutations(good: bytes, count: int) -> Iterator[bytes]:
    """Flip bits, cut, repeat, and put hostile pieces into the bytes, at random but alike each time."""
    chance = random.Random(1)
    for _ in range(count):
        data = bytearray(good)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(6):
                case 0 | 1:
                    if at < len(data):
                        data[at] ^= 1 << chance.randrange(8)
                case 2:
                    del data[at : at + chance.randrange(1, 20)]
                case 3:
                    data[at:at] = data[max(0, at - chance.randrange(1, 20)) : at]
                case 4:
                    data[at : at + chance.randrange(0, 8)] = chance.choice(HOSTILE)
                case 5:
                    # In the place of a whole value.
                    begin = data.find(b":", at) + 1
                    ends = [end for mark in b",}" if (end := data.find(bytes([mark]), begin)) > 0]
                    if begin and ends:
                        data[begin : min(ends)] = chance.choice(HOSTILE)
        yield bytes(data)
