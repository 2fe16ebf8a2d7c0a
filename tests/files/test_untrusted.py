from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.files.untrusted import file_at, folder_at, is_being_written, parent_of


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    with folder_at(tmp_path) as descriptor:
        yield descriptor


def errno_of_opening(name: str, folder: int) -> int | None:
    try:
        with file_at(name, folder=folder):
            return None
    except OSError as error:
        return error.errno


def test_a_real_file_opens(tmp_path: Path, folder: int):
    (tmp_path / "a").write_bytes(b"hello")
    with file_at("a", folder=folder) as file:
        assert os.read(file, 10) == b"hello"


def test_links_pipes_sockets_and_folders_do_not_open_and_do_not_block(tmp_path: Path, folder: int):
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert errno_of_opening("link", folder) == errno.ELOOP
        assert errno_of_opening("pipe", folder) == errno.EINVAL
        assert errno_of_opening("socket", folder) == errno.ENXIO
        assert errno_of_opening("folder", folder) == errno.EINVAL
        assert errno_of_opening("nothing", folder) == errno.ENOENT


def test_a_linked_folder_is_not_entered(tmp_path: Path, folder: int):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    with parent_of("real/a", base=folder) as (parent, name):
        assert errno_of_opening(name, parent) is None
    with pytest.raises(OSError, match=r"Not a directory|Too many"), parent_of("link/a", base=folder):
        pass


@pytest.mark.parametrize("path", ["..", ".", "", "../a", "a/../b", "a//b", "/a", "a/.", "a\0b"])
def test_a_path_never_leads_out_of_its_folder(tmp_path: Path, folder: int, path: str):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="not a path of plain names"), parent_of(path, base=folder):
        pass


def test_an_open_folder_stays_the_same_when_a_link_takes_its_place(tmp_path: Path, folder: int):
    (tmp_path / "pair").mkdir()
    (tmp_path / "pair" / "a").write_bytes(b"mine")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a").write_bytes(b"secret")
    with parent_of("pair/a", base=folder) as (parent, name):
        (tmp_path / "pair").rename(tmp_path / "elsewhere")
        (tmp_path / "pair").symlink_to("secret")
        with file_at(name, folder=parent) as file:
            assert os.read(file, 10) == b"mine"


def test_a_file_open_for_writing_is_seen_and_a_closed_one_is_not(tmp_path: Path, folder: int):
    path = tmp_path / "a"
    writer = path.open("wb")
    writer.write(b"half")
    writer.flush()
    with file_at("a", folder=folder) as file:
        assert is_being_written(file)
    writer.close()
    with file_at("a", folder=folder) as file:
        assert not is_being_written(file)
    with path.open("rb"), file_at("a", folder=folder) as file:
        assert not is_being_written(file)


@pytest.mark.processes
def test_a_writer_that_comes_during_the_test_does_not_end_the_daemon(tmp_path: Path):
    """Breaking a lease sends a signal; the default one, SIGIO, would end the process."""
    (tmp_path / "a").write_bytes(b"x")
    script = (
        "import fcntl, os, sys, time, threading\n"
        "from styled.files import untrusted\n"
        "real = fcntl.fcntl\n"
        "def slow(fd, op, arg=0):\n"
        "    done = real(fd, op, arg)\n"
        "    if op == fcntl.F_SETLEASE and arg == fcntl.F_RDLCK: time.sleep(0.5)\n"
        "    return done\n"
        "untrusted.fcntl.fcntl = slow\n"
        "threading.Timer(0.1, lambda: open('a', 'r+b').close()).start()\n"
        "with untrusted.folder_at('.') as folder, untrusted.file_at('a', folder=folder) as file:\n"
        "    untrusted.is_being_written(file)\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
