"""The names of a root's attempts: the same for the same root, and others for a copy of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from styled.backend import prefix as prefix_module
from styled.backend.prefix import prefix_of
from styled.root import Root


@pytest.fixture
def started(tmp_path: Path) -> Root:
    """A root on which a daemon has run."""
    root = Root.at(tmp_path / "root")
    root.make_state()
    return root


@pytest.fixture(autouse=True)
def _on_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is no container, though the tests may run in one."""
    monkeypatch.setattr(prefix_module, "_FIRST_NAMESPACE", Path("/proc/self/ns/pid").stat().st_ino)


@pytest.fixture
def contained(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is a container: its host name is its own."""
    monkeypatch.setattr(prefix_module, "_FIRST_NAMESPACE", 0)


def renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine, or this container, another name."""
    monkeypatch.setattr(socket, "gethostname", lambda: "another")


@pytest.mark.usefixtures("contained")
def test_a_container_that_is_made_again_finds_its_attempts(started: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prefix_of(started)
    renamed(monkeypatch)
    assert prefix_of(started) == before


@pytest.mark.parametrize("keeps_birth", [True, False])
def test_a_root_finds_its_attempts_however_its_path_is_written(
    started: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keeps_birth: bool
) -> None:
    if not keeps_birth:
        monkeypatch.setattr(prefix_module, "folder_identity", lambda _path: "")
    before = prefix_of(started)
    link = tmp_path / "link"
    link.symlink_to(started.path)
    assert prefix_of(Root.at(link)) == before


def test_a_root_that_was_renamed_finds_its_attempts(started: Root, tmp_path: Path) -> None:
    before = prefix_of(started)
    assert prefix_of(Root.at(started.path.rename(tmp_path / "new name"))) == before


@pytest.mark.root
@pytest.mark.processes
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a namespace")
def test_a_service_with_its_own_namespace_of_host_names_is_on_the_machine(started: Root) -> None:
    """As ``ProtectHostname`` of the unit that styled writes makes it: started by hand it is the same root."""
    look = f"from styled.backend.prefix import prefix_of; from styled.root import Root; print(prefix_of(Root.at({str(started.path)!r})))"
    by_hand, as_service = (
        subprocess.run([*around, sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout
        for around in ((), ("unshare", "--uts"))
    )
    assert as_service == by_hand


def test_a_machine_with_another_name_may_be_a_clone_of_the_first(
    started: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prefix_of(started)
    renamed(monkeypatch)
    assert prefix_of(started) != before


@pytest.mark.usefixtures("contained")
@pytest.mark.parametrize("in_place", [True, False])
def test_a_copy_of_a_root_leaves_the_attempts_of_the_first_alone(
    started: Root, tmp_path: Path, *, in_place: bool
) -> None:
    before = prefix_of(started)
    first, second = started.path, tmp_path / "copy"
    if in_place:
        first, second = started.path.rename(tmp_path / "first"), started.path
    shutil.copytree(first, second)
    with structlog.testing.capture_logs() as logs:
        copied = prefix_of(Root.at(second))
    assert copied != before
    assert [entry["other"] for entry in logs] == [before]
    assert prefix_of(Root.at(second)) == copied
    assert prefix_of(Root.at(first)) == before


def test_attempts_of_an_older_styled_are_found(started: Root) -> None:
    (started.state / "token").write_bytes(b"0" * 32)
    place = f"{socket.gethostname()}\0{started.path}".encode()
    assert prefix_of(started) == f"styled-{hashlib.sha256(b'0' * 32 + place).hexdigest()[:12]}-"


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"prefix": "", "place": ""}', b'{"prefix": "../x-", "place": ""}'])
def test_a_damaged_note_is_written_again(started: Root, damage: bytes) -> None:
    before = prefix_of(started)
    (started.state / "attempts.json").write_bytes(damage)
    assert prefix_of(started) == before
    assert (started.state / "attempts.json").read_bytes() != damage
