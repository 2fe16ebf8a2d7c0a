from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styled import images
from styled.errors import DecoderKilled, ImageTooLarge, SlowImage, UnreadableImage
from styled.images import Checker, checking

pytestmark = pytest.mark.processes


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (100, 150, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    with Checker() as checker:
        yield checker


def pid(checker: Checker) -> int:
    assert checker._child is not None
    return checker._child.pid


def test_a_good_image_passes_with_what_its_header_says(photo: Path) -> None:
    assert images.check(photo) == images.probe(photo)


def test_a_child_serves_many_images_and_ends_with_the_checker(photo: Path) -> None:
    with Checker() as checker:
        for _ in range(20):
            assert checker.check(photo).width == 150
        child = pid(checker)
        assert (Path("/proc") / str(child)).exists()
    assert not (Path("/proc") / str(child)).exists()


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "bmp", "avif"])
def test_a_truncated_image_is_refused_though_its_header_is_well(
    tmp_path: Path, photo: Path, checker: Checker, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    with Image.open(photo) as image:
        image.save(path)
    checker.check(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UnreadableImage, match=path.name):
        checker.check(path)


def test_an_error_of_one_image_is_not_the_next_ones(tmp_path: Path, photo: Path, checker: Checker) -> None:
    (tmp_path / "bad.png").write_bytes(b"nothing")
    checker.check(photo)
    child = pid(checker)
    with pytest.raises(UnreadableImage, match="is a text, not an image") as caught:
        checker.check(tmp_path / "bad.png")
    assert "image file" in caught.value.advice
    assert checker.check(photo).width == 150
    assert pid(checker) == child


def test_links_pipes_and_folders_are_refused_without_waiting(tmp_path: Path, photo: Path, checker: Checker) -> None:
    (tmp_path / "link.jpg").symlink_to(photo)
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("link.jpg", "pipe.jpg", "folder.jpg"):
        with pytest.raises(UnreadableImage, match=name):
            checker.check(tmp_path / name)


def test_memory_has_a_limit(tmp_path: Path) -> None:
    Image.new("RGB", (5000, 5000)).save(tmp_path / "big.png")
    with (
        Checker(memory_bytes=50_000_000) as checker,
        pytest.raises(ImageTooLarge, match=r"big\.png needs more memory"),
    ):
        checker.check(tmp_path / "big.png")


def test_pixels_and_bytes_have_limits(photo: Path) -> None:
    with Checker(max_pixels=100) as checker, pytest.raises(ImageTooLarge):
        checker.check(photo)
    with Checker(max_bytes=100) as checker, pytest.raises(ImageTooLarge):
        checker.check(photo)


def test_a_decoder_that_hangs_costs_its_time_and_its_child(photo: Path) -> None:
    with Checker(seconds=1.5) as checker:
        checker.check(photo)
        child = pid(checker)
        os.kill(child, signal.SIGSTOP)
        with pytest.raises(UnreadableImage, match=r"within 1\.5 s"):
            checker.check(photo)
        assert not (Path("/proc") / str(child)).exists()
        assert checker.check(photo).width == 150


@pytest.mark.parametrize(
    ("deaths", "error", "reason"),
    [
        ([signal.SIGSEGV], UnreadableImage, r"crashed on photo\.jpg \(SIGSEGV"),
        ([signal.SIGXCPU], SlowImage, "CPU time"),
        ([signal.SIGKILL, signal.SIGKILL], DecoderKilled, "memory ran out"),
        ([signal.SIGKILL, signal.SIGTERM], DecoderKilled, "ended on .* by SIGTERM"),
        ([signal.SIGKILL, signal.SIGSEGV], UnreadableImage, "crashed"),
    ],
)
def test_a_decoder_that_dies_over_an_image_is_told_and_replaced(
    photo: Path,
    checker: Checker,
    monkeypatch: pytest.MonkeyPatch,
    *,
    deaths: list[signal.Signals],
    error: type[Exception],
    reason: str,
) -> None:
    kill_at_requests(checker, deaths, monkeypatch)
    with pytest.raises(error, match=reason):
        checker.check(photo)
    assert deaths == []
    assert checker.check(photo).width == 150


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_one_who_kills_the_decoder_costs_no_image(
    photo: Path, checker: Checker, death: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = [death]
    kill_at_requests(checker, deaths, monkeypatch)
    assert checker.check(photo).width == 150
    assert deaths == []


def kill_at_requests(checker: Checker, deaths: list[signal.Signals], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the child die of these signals at its next requests, with each before it is answered."""
    real = socket.send_fds

    def send(connection: socket.socket, requests: list[bytes], descriptors: list[int]) -> int:
        if not deaths:
            return real(connection, requests, descriptors)
        child = pid(checker)
        os.kill(child, signal.SIGSTOP)
        sent = real(connection, requests, descriptors)
        os.kill(child, deaths.pop(0))
        os.kill(child, signal.SIGCONT)
        return sent

    monkeypatch.setattr(socket, "send_fds", send)


def test_a_child_that_died_between_two_images_costs_neither(photo: Path, checker: Checker) -> None:
    checker.check(photo)
    os.kill(pid(checker), signal.SIGKILL)
    assert checker._child is not None
    checker._child.wait()
    assert checker.check(photo).width == 150


def test_cpu_time_is_limited_for_each_image_anew(photo: Path, checker: Checker) -> None:
    checker.check(photo)
    limits = (Path("/proc") / str(pid(checker)) / "limits").read_text()
    line = next(line for line in limits.splitlines() if line.startswith("Max cpu time"))
    assert 120 <= int(line.split()[3]) <= 125


def test_a_child_is_replaced_after_its_share(photo: Path, checker: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_CHECKS_PER_CHILD", 2)
    children = set()
    for _ in range(5):
        checker.check(photo)
        children.add(pid(checker))
    assert len(children) == 3


def test_a_checker_that_cannot_start_does_not_blame_the_image(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Checker() as checker, pytest.raises(ChildProcessError, match=r"did not start \(exit code 1"):
        checker.check(photo)


def test_nothing_is_left_open(tmp_path: Path, photo: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"nothing")

    def round_trip() -> int:
        with Checker() as checker:
            checker.check(photo)
            with pytest.raises(UnreadableImage):
                checker.check(tmp_path / "bad.png")
            with pytest.raises(UnreadableImage):
                checker.check(tmp_path)
        return len(list(Path("/proc/self/fd").iterdir()))

    assert round_trip() == round_trip()


def test_the_child_loads_neither_tensorflow_nor_numpy() -> None:
    script = "import styled.images.check_child, sys; print({'tensorflow', 'keras', 'numpy'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_a_module_dropped_where_the_daemon_runs_is_not_loaded(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}/nowhere")  # an empty entry: the current folder, to Python
    assert images.check(photo).width == 150


def test_it_works_below_a_hard_limit_on_memory(tmp_path: Path) -> None:
    """Its own limit may not be above that, which would end it at its start."""
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path)
    code = (
        "import resource, sys; from pathlib import Path; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30));"
        "from styled.images import Checker; print(Checker().check(Path(sys.argv[1])).width)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("8\n", "")


def test_it_works_below_a_hard_limit_on_processor_time(tmp_path: Path) -> None:
    """``ulimit -t``, which only root may raise: each image was called damaged, and each pair rejected."""
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path)
    code = (
        "import ctypes, resource, sys; from pathlib import Path; resource.setrlimit(resource.RLIMIT_CPU, (3600, 3600));"
        "ctypes.CDLL(None).prctl(24, 24, 0, 0, 0);"  # PR_CAPBSET_DROP, CAP_SYS_RESOURCE: as a user who is not root
        "from styled.images import Checker; print(Checker().check(Path(sys.argv[1])).width)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("8\n", "")
