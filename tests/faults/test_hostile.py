"""What strangers put into an inbox: never followed, never waited for, never printed raw, and rejected with a reason."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import zlib
from pathlib import Path

import psutil
import pytest
from PIL import Image

from styled.evolution import JobFolder
from styled.job import JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, picture

pytestmark = pytest.mark.processes

GOOD_FORMATS = [("cmyk", "grey16"), ("palette", "alpha"), ("rotated", "animated"), ("wrong-suffix", "rotated")]
"""Of the content and of the style of a pair."""


def pair(root: Root, name: str) -> Path:
    """Make the folder of a pair with a good style; return where its content goes."""
    folder = root.inbox / f".{name}"
    folder.mkdir(parents=True)
    picture(folder / "style.png", 200)
    return folder / "content.png"


def appear(root: Root, name: str) -> None:
    """Let a pair appear at once."""
    (root.inbox / f".{name}").rename(root.inbox / name)


def bomb(path: Path) -> None:
    """A PNG that says it has 50,000 x 50,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 10_000_000)))


def truncated(path: Path) -> None:
    """Half a JPEG."""
    picture(path, 3, 200, 200)
    with Image.open(path) as image:
        image.save(path, "JPEG", quality=95)
    path.write_bytes(path.read_bytes()[:-200])


def random_bytes(path: Path) -> None:
    """No image at all."""
    path.write_bytes(random.Random(1).randbytes(5000))


def svg(path: Path) -> None:
    """A drawing under another name."""
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')


def link(path: Path) -> None:
    """A link to somebody's file."""
    path.symlink_to("/etc/passwd")


def link_to_picture(path: Path) -> None:
    """A link to a picture outside the root."""
    path.symlink_to(picture(path.parents[3] / "outside.png"))


def hard_link(path: Path) -> None:
    """A second name of a file that its owner may still change."""
    os.link(picture(path.parents[3] / "other-name.png"), path)


def pipe(path: Path) -> None:
    """Opening it would wait for ever."""
    os.mkfifo(path)


def listening(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def device(path: Path) -> None:
    """A device; needs root."""
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5))


BAD = [bomb, truncated, random_bytes, svg, link, link_to_picture, hard_link, pipe, listening, device]


def test_what_cannot_be_used_is_rejected_with_a_reason_and_the_next_pair_is_painted(daemon: DaemonProcess) -> None:
    root = daemon.root
    made = []
    for make in BAD:
        name = make.__name__.replace("_", "-")
        try:
            make(pair(root, name))
        except pytest.skip.Exception:
            continue
        appear(root, name)
        made.append(name)
    daemon.drop("good", levels=(7, 8))
    daemon.until("good", JobState.DONE)
    rejected = {path.parent.name: path.read_text() for path in wait_for_reasons(root, len(made))}
    assert set(rejected) == set(made)
    assert all(len(reason) > 20 for reason in rejected.values())
    assert (root.path.parent / "outside.png").is_file()
    assert (root.path.parent / "other-name.png").is_file()
    assert psutil.Process(daemon.process.pid).memory_info().rss < 200e6
    assert daemon.end() == 0
    check_invariant(root, {*made, "good"})


def test_control_data_planted_in_the_inbox_is_data_like_any_other(root: Root) -> None:
    """Plans, claims, undo and fences as the daemon itself writes them: a start obeys none of those."""
    root.config.write_text("[queue]\nparallel = 1\n")
    (root.path / "secret").write_text("secret")
    move = {"source": "inbox/evil.toml", "target": "../../../styled.toml"}
    steal = {"source": "secret", "target": "secret"}
    plan = json.dumps({"name": "x", "text": "t", "folder": "", "moves": [move, steal]})
    for place in (".reject-00", "x", ".styled", ".claim-x", "input"):
        for folder in (root.inbox / "rejected" / place, root.inbox / place):
            folder.mkdir(parents=True)
            for name in (".reject.json", "00.json", "claim.json", "job.json", "styled.toml", "config.toml"):
                (folder / name).write_text(plan)
    (root.inbox / "evil.toml").write_text("[hooks]\non_done = ['touch', 'owned']\n")
    with DaemonProcess(root) as daemon:
        daemon.drop("harbour")
        daemon.until("harbour", JobState.DONE)
        daemon.end()
    assert root.config.read_text() == "[queue]\nparallel = 1\n"
    assert (root.path / "secret").read_text() == "secret"
    assert (root.inbox / "rejected" / ".reject-00" / ".reject.json").read_text() == plan
    assert len(list(root.evolution.glob("[!.]*/job.json"))) == 1
    assert not list(root.path.rglob("owned"))


def wait_for_reasons(root: Root, count: int) -> list[Path]:
    """Wait until so many pairs were rejected: a hidden folder is one that is just being rejected."""
    return wait_until(  # type: ignore[no-any-return]
        lambda: len(found := list(root.rejected.glob("[!.]*/REASON.txt"))) == count and found,
        f"not {count} were rejected",
    )


def make_good(path: Path, kind: str) -> None:
    """Make a picture of an unusual but right kind."""
    image = Image.linear_gradient("L").resize((40, 30))
    match kind:
        case "cmyk":
            image.convert("CMYK").save(path.with_suffix(".jpg"))
        case "grey16":
            image.convert("I;16").save(path)
        case "palette":
            image.convert("P").save(path.with_suffix(".gif"))
        case "alpha":
            image.convert("RGBA").save(path)
        case "rotated":
            exif = Image.Exif()
            exif[0x0112] = 6
            image.convert("RGB").save(path.with_suffix(".jpg"), exif=exif)
        case "animated":
            image.save(path.with_suffix(".gif"), save_all=True, append_images=[image.rotate(90)])
        case "wrong-suffix":
            image.convert("RGB").save(path, "JPEG")


def test_unusual_pictures_are_painted(daemon: DaemonProcess) -> None:
    for kind, of_style in GOOD_FORMATS:
        content = pair(daemon.root, kind)
        content.with_name("style.png").unlink()
        make_good(content, kind)
        make_good(content.with_name("style.png"), of_style)
        appear(daemon.root, kind)
    for kind, _ in GOOD_FORMATS:
        job = daemon.until(kind, JobState.DONE)
        with Image.open(JobFolder(daemon.root.evolution / job.id).result) as result:
            assert result.size == ((24, 32) if kind == "rotated" else (32, 24))
    daemon.end()
    check_invariant(daemon.root, {kind for kind, _ in GOOD_FORMATS})


WRONG_JOB_TOMLS = [
    (b"stps = 3\n", "Did you mean 'steps'?"),
    (b"steps = 0\n", "steps = 0 is not allowed"),
    (b'weights = "/etc/passwd"\n', "is not allowed"),
    (b'init = "../../../etc/passwd"\n', "is not allowed"),
    (b"[" * 100_000, "job.toml is larger than"),
    (b"steps = 3 # \xe4\n", "not UTF-8"),
    (b"steps = " + b"9" * 5000, "not"),
]


def test_a_wrong_job_toml_is_named_in_the_reason(root: Root) -> None:
    names = {f"harbour-{number}": case for number, case in enumerate(WRONG_JOB_TOMLS)}
    for name, (text, _) in names.items():
        picture(pair(root, name))
        (root.inbox / f".{name}" / "job.toml").write_bytes(text)
        appear(root, name)
    with DaemonProcess(root) as daemon:
        reasons = {path.parent.name: path.read_text() for path in wait_for_reasons(root, len(names))}
        daemon.end()
    for name, (_, words) in names.items():
        assert words in reasons[name]
    check_invariant(root, set(names))


HOSTILE_NAMES = [b"esc\x1b[31m", b"line\nbreak", b"not-utf8-\xff\xfe", "right\u202eleft".encode(), b"-rf", b"..."]


def test_names_that_could_harm_reach_no_log_and_no_terminal_raw(daemon: DaemonProcess) -> None:
    inbox = os.fsencode(daemon.root.inbox)
    for number, name in enumerate([*HOSTILE_NAMES, b"x" * 255]):
        folder = os.path.join(inbox, name)  # noqa: PTH118  # names that are no text
        os.mkdir(folder)  # noqa: PTH102
        for role, level in (("content", number), ("style", 200)):
            picture(Path(os.fsdecode(folder)) / f"{role}.png", level)
    daemon.drop("good", levels=(7, 8))
    daemon.until("good", JobState.DONE)
    wait_until(lambda: not daemon.client.request("status")["counts"]["waiting"])
    daemon.end()
    for output in (daemon.root.log, daemon.output):
        data = output.read_bytes()
        assert b"\x1b" not in data
        assert "\u202e".encode() not in data
        data.decode("utf-8")
    for job in daemon.jobs():
        assert job.name.isprintable()
        assert (daemon.root.evolution / job.id).is_dir()
