"""Claims: done whole, undone whole, and mended after a crash at every single step."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from styled.errors import DiskFull, PairChanged
from styled.evolution import JobFile, read_job_file
from styled.files import durable, moves
from styled.files.failpoint import crash_point
from styled.files.printable import encoded
from styled.files.signature import Signature
from styled.inbox.claiming import claim as claiming
from styled.inbox.claiming.claim import clear, forget_plan, take
from styled.inbox.claiming.claim_record import PLAN, PREFIX, Claim, Member, read_plan
from styled.inbox.claiming.recovery import recover
from styled.inbox.claiming.taken import Taken
from styled.root import Root
from styled.settings import Settings
from styled.store.adoption import job_fields
from styled.store.store import Store

ID = "20261122-201500-harbour"
FILES = {"content.png": b"content bytes", "style.png": b"style bytes", "job.toml": b"seed = 4\n"}


def drop(root: Root, folder: str = "harbour", files: dict[str, bytes] = FILES, *, kept: tuple[str, ...] = ()) -> Claim:
    """Put files into a folder of the inbox, and plan their claim."""
    (root.inbox / folder).mkdir(exist_ok=True)
    members = []
    for name, data in files.items():
        path = root.inbox / folder / name
        path.write_bytes(data)
        status = path.stat()
        members.append(
            Member(
                source=f"{folder}/{name}",
                target=name,
                signature=Signature.of(status),
                digest=hashlib.sha256(data).hexdigest(),
                mode=status.st_mode & 0o777,
                kept=name in kept,
            )
        )
    job = JobFile(
        id=ID,
        number=1,
        name=folder,
        content="input/content.png",
        styles=("input/style.png",),
        settings=Settings(),
        digests={f"input/{member.target}": member.digest for member in members},
        created_at=1.0,
    )
    return Claim(job=job, members=tuple(members), folder=None if kept else folder)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_claim_moves_the_files_and_writes_job_json(root: Root):
    claim = drop(root)
    inodes = {name: (root.inbox / "harbour" / name).stat().st_ino for name in FILES}
    folder = take(root, claim)
    assert clear(root, folder, claim) == ({}, "")
    assert list(root.inbox.iterdir()) == []
    assert [path.name for path in root.evolution.iterdir()] == [ID]
    assert {path.name: path.read_bytes() for path in folder.input.iterdir()} == FILES
    assert {name: (folder.input / name).stat().st_ino for name in FILES} == inodes
    assert all((folder.input / name).stat().st_mode & 0o222 == 0 for name in FILES)
    assert read_job_file(folder) == claim.job


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_file_that_its_sender_still_owns_is_copied(root: Root):
    claim = drop(root)
    for name in FILES:
        os.chown(root.inbox / "harbour" / name, 65534, 65534)
    sent = (root.inbox / "harbour" / "content.png").open("r+b")
    folder = take(root, claim)
    assert clear(root, folder, claim) == ({}, "")
    assert list(root.inbox.iterdir()) == []
    with sent:
        sent.write(b"other bytes")
    assert {path.name: path.read_bytes() for path in folder.input.iterdir()} == FILES
    assert {path.stat().st_uid for path in folder.input.iterdir()} == {0}


def test_a_file_that_somebody_opened_for_writing_after_it_was_checked_is_put_back(root: Root):
    claim = drop(root)
    with (root.inbox / "harbour" / "style.png").open("r+b"), pytest.raises(PairChanged, match=r"style\.png was opened"):
        take(root, claim)
    assert {path.name: path.read_bytes() for path in (root.inbox / "harbour").iterdir()} == FILES
    assert all((root.inbox / "harbour" / name).stat().st_mode & 0o200 for name in FILES)
    assert list(root.evolution.iterdir()) == []


def test_what_else_lies_in_the_folder_comes_along_untouched(root: Root):
    claim = drop(root)
    place = root.inbox / "harbour"
    (place / "notes.txt").write_text("mine")
    (place / "link").symlink_to("/etc/passwd")
    os.mkfifo(place / "pipe")
    (place / "deeper").mkdir()
    (place / "deeper" / "file").write_text("too")
    strange = os.fsdecode(b"\xff\x1b")
    (place / strange).write_text("odd")
    claim = Claim(
        job=claim.job,
        members=claim.members,
        folder="harbour",
        extras=tuple(encoded(name) for name in ("notes.txt", "link", "pipe", "deeper", strange)),
    )
    folder = take(root, claim)
    clear(root, folder, claim)
    extra = folder.input / "extra"
    assert names_in(extra) == sorted(["notes.txt", "link", "pipe", "deeper", strange])
    assert (extra / "link").is_symlink()
    assert (extra / "deeper" / "file").read_text() == "too"
    assert not place.exists()


def test_a_file_that_arrives_during_the_claim_stays_with_its_folder(root: Root):
    claim = drop(root)
    folder = take(root, claim)
    (root.inbox / "harbour" / "content.png").write_bytes(b"the next one")
    clear(root, folder, claim)
    assert tree(root.inbox) == {"harbour/content.png": b"the next one"}


def test_what_a_hot_folder_keeps_is_copied(root: Root):
    claim = drop(root, kept=("style.png", "job.toml"))
    folder = take(root, claim)
    assert clear(root, folder, claim) == ({}, "")
    assert {path.name: path.read_bytes() for path in folder.input.iterdir()} == FILES
    assert tree(root.inbox) == {"harbour/style.png": FILES["style.png"], "harbour/job.toml": FILES["job.toml"]}


def replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def rewrite(path: Path) -> None:
    path.write_bytes(b"something else of another length")


def link_twice(path: Path) -> None:
    os.link(path, path.with_name("other name"))


CHANGES = [Path.unlink, replace_by_link, replace_by_pipe, replace_by_folder, rewrite, link_twice]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", ["content.png", "style.png"])
@pytest.mark.parametrize("kept", [(), ("style.png",)], ids=["moved", "kept"])
def test_a_file_changed_between_check_and_claim_undoes_all(
    root: Root, change: Callable[[Path], None], name: str, kept: tuple[str, ...]
):
    claim = drop(root, kept=kept)
    changed = root.inbox / "harbour" / name
    if change is link_twice and name in kept:
        pytest.skip("a copy has no second name")
    change(changed)
    before = names_in(root.inbox / "harbour")
    with pytest.raises(PairChanged):
        take(root, claim)
    assert list(root.evolution.iterdir()) == []
    assert names_in(root.inbox / "harbour") == before
    others = {f"harbour/{other}": data for other, data in FILES.items() if other != name}
    assert others.items() <= tree(root.inbox).items()


def test_a_pairs_folder_swapped_for_a_link_leads_nowhere(root: Root, tmp_path: Path):
    claim = drop(root)
    victim = tmp_path / "victim"
    (root.inbox / "harbour").rename(victim)
    (root.inbox / "harbour").symlink_to(victim)
    with pytest.raises(PairChanged):
        take(root, claim)
    assert names_in(victim) == sorted(FILES)
    assert list(root.evolution.iterdir()) == []


def test_a_race_of_links_against_claims_moves_nothing_from_elsewhere(root: Root, tmp_path: Path):
    """A stranger swaps the pair's folder for a link to a victim's, as fast as possible, while pairs are claimed."""
    victim, aside, place = tmp_path / "victim", tmp_path / "aside", root.inbox / "harbour"
    victim.mkdir()
    for name in FILES:
        (victim / name).write_bytes(b"the victim's")
    taken = 0
    for _ in range(60):
        claim = drop(root)
        stop = threading.Event()

        def swap(stop: threading.Event = stop) -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    place.rename(aside)
                    place.symlink_to(victim)
                with contextlib.suppress(OSError):
                    place.unlink()
                with contextlib.suppress(OSError):
                    aside.rename(place)

        stranger = threading.Thread(target=swap)
        stranger.start()
        try:
            folder = take(root, claim)
        except (PairChanged, OSError):
            pass
        else:
            taken += 1
            assert {path.name: path.read_bytes() for path in folder.input.iterdir()} == FILES
            shutil.rmtree(folder.path)
        finally:
            stop.set()
            stranger.join()
        assert {path.name: path.read_bytes() for path in victim.iterdir()} == dict.fromkeys(FILES, b"the victim's")
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(root.evolution)
        root.evolution.mkdir()
        if place.is_symlink():
            place.unlink()
    assert taken < 60


def test_an_undone_file_whose_folder_became_a_link_goes_to_rejected(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    claim, place = drop(root), root.inbox / "harbour"

    def fail(*_: object) -> None:
        place.rmdir()
        place.symlink_to(tmp_path)
        raise DiskFull("no room")

    monkeypatch.setattr(claiming, "write_job_file", fail)
    with pytest.raises(DiskFull):
        take(root, claim)
    assert names_in(root.rejected / "harbour") == sorted([*FILES, "REASON.txt"])
    assert list(root.evolution.iterdir()) == []
    assert not set(FILES) & set(names_in(tmp_path))


def test_a_style_that_the_user_removed_meanwhile_does_not_come_back(root: Root, monkeypatch: pytest.MonkeyPatch):
    claim = drop(root, kept=("style.png",))

    def fail(*_: object) -> None:
        (root.inbox / "harbour" / "style.png").unlink()
        raise DiskFull("no room")

    monkeypatch.setattr(claiming, "write_job_file", fail)
    with pytest.raises(DiskFull):
        take(root, claim)
    assert names_in(root.inbox / "harbour") == ["content.png", "job.toml"]


def test_modes_come_back_when_a_claim_is_undone(root: Root):
    claim = drop(root)
    (root.inbox / "harbour" / "style.png").write_bytes(b"changed, so that the claim is undone late")
    with pytest.raises(PairChanged):
        take(root, claim)
    assert (root.inbox / "harbour" / "content.png").stat().st_mode & 0o777 == claim.members[0].mode


def test_an_undone_file_whose_place_was_taken_goes_to_rejected(root: Root, monkeypatch: pytest.MonkeyPatch):
    claim = drop(root)

    def fail(*_: object) -> None:
        (root.inbox / "harbour" / "content.png").write_bytes(b"a new one")
        raise DiskFull("no room")

    monkeypatch.setattr(claiming, "write_job_file", fail)
    with pytest.raises(DiskFull):
        take(root, claim)
    assert (root.inbox / "harbour" / "content.png").read_bytes() == b"a new one"
    assert (root.inbox / "harbour" / "style.png").read_bytes() == FILES["style.png"]
    assert (root.rejected / "harbour" / "content.png").read_bytes() == FILES["content.png"]
    assert "was taken" in (root.rejected / "harbour" / "REASON.txt").read_text()
    assert list(root.evolution.iterdir()) == []


@pytest.mark.parametrize("step", ["plan", "copy", "job.json"])
def test_a_full_disk_at_any_step_undoes_all(root: Root, step: str, monkeypatch: pytest.MonkeyPatch):
    claim = drop(root, kept=("style.png",))
    before = tree(root.inbox)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def full(*_: object) -> None:
        raise DiskFull("no room")

    if step == "plan":
        monkeypatch.setattr("styled.files.durable.write_json", full)
    elif step == "copy":
        monkeypatch.setattr(moves, "_copy", fail)
    else:
        monkeypatch.setattr(claiming, "write_job_file", full)
    with pytest.raises(DiskFull):
        take(root, claim)
    assert tree(root.inbox) == before
    assert list(root.evolution.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EACCES, errno.EPERM])
def test_files_that_cannot_be_moved_are_copied_and_then_removed(root: Root, code: int, monkeypatch: pytest.MonkeyPatch):
    claim = drop(root)
    stay_put(monkeypatch, code)
    folder = take(root, claim)
    assert {path.name: path.read_bytes() for path in folder.input.iterdir()} == FILES
    assert tree(root.inbox) == {f"harbour/{name}": data for name, data in FILES.items()}
    assert clear(root, folder, claim) == ({}, "")
    assert tree(root.inbox) == {}


def stay_put(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    real = moves.rename_new

    def rename(source: str, target: str, *, source_folder: int, target_folder: int) -> None:
        if source in FILES:
            raise OSError(code, os.strerror(code))
        real(source, target, source_folder=source_folder, target_folder=target_folder)

    monkeypatch.setattr(claiming, "rename_new", rename)


def test_files_that_can_neither_be_moved_nor_removed_are_told(root: Root, monkeypatch: pytest.MonkeyPatch):
    claim = drop(root)
    stay_put(monkeypatch, errno.EROFS)
    folder = take(root, claim)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "unlink", refuse)
    stuck, problem = clear(root, folder, claim)
    assert stuck == {member.source: Taken.of(member) for member in claim.members}
    assert problem == ""
    assert tree(root.inbox) == {f"harbour/{name}": data for name, data in FILES.items()}


def test_everything_is_flushed_before_the_next_step(root: Root, monkeypatch: pytest.MonkeyPatch):
    """A power loss keeps only what was flushed: the order is plan, its folder's name, files, job.json, final name."""
    claim = drop(root)
    log: list[str] = []
    real_fsync, real_rename = os.fsync, claiming.rename_new

    def fsync(descriptor: int) -> None:
        log.append("sync " + str(Path(f"/proc/self/fd/{descriptor}").readlink()).replace(str(root.path), ""))
        real_fsync(descriptor)

    def rename(source: str, target: str, *, source_folder: int, target_folder: int) -> None:
        log.append(f"rename {source} -> {target}")
        real_rename(source, target, source_folder=source_folder, target_folder=target_folder)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(claiming, "rename_new", rename)
    take(root, claim)
    work = f"/evolution/.claim-{ID}"
    shown = ["temporary" if ".tmp" in entry else entry for entry in log]
    assert shown == [
        "temporary", f"sync {work}", "sync /evolution",
        *(f"rename {name} -> {name}" for name in FILES),
        f"sync {work}/input", "temporary", f"sync {work}",
        f"rename .claim-{ID} -> {ID}", "sync /evolution",
    ]  # fmt: skip


def crashed_at(step: int, root: Root, plan: Claim, how: str) -> int | None:
    """Claim in a process that ends at a step, as SIGKILL would end it; return its exit code."""
    claiming_process = multiprocessing.get_context("fork").Process(target=_claim, args=(step, root, plan, how))
    claiming_process.start()
    claiming_process.join()
    return claiming_process.exitcode


def _claim(step: int, root: Root, plan: Claim, how: str) -> None:
    os.environ["STYLED_CRASH_AT"] = f"claim.{step}"
    if how == "copied":
        real = claiming.rename_new

        def rename(source: str, target: str, **folders: int) -> None:
            if source in {member.target for member in plan.members}:
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            real(source, target, **folders)

        claiming.rename_new = rename  # type: ignore[assignment]
    with Store.open(root) as store:
        folder = take(root, plan)
        clear(root, folder, plan)
        store.add(number=store.next_number(), **job_fields(plan.job))
        crash_point("claim.8")
        forget_plan(folder)


@pytest.mark.processes
@pytest.mark.parametrize("how", ["moved", "copied", "kept"])
@pytest.mark.parametrize("step", range(1, 10))
def test_a_crash_at_any_step_leaves_the_pair_in_exactly_one_place(root: Root, step: int, how: str):
    claim = drop(root, kept=("style.png",) if how == "kept" else ())
    (root.inbox / "harbour" / "notes.txt").write_bytes(b"mine")
    claim = Claim(job=claim.job, members=claim.members, folder=claim.folder, extras=("notes.txt",))
    assert crashed_at(step, root, claim, how) == 137
    for _ in range(2):  # a second recovery finds nothing to do
        with Store.open(root) as store:
            recover(root, store)
            jobs = store.jobs()
    everything = {f"harbour/{name}": data for name, data in FILES.items()} | {"harbour/notes.txt": b"mine"}
    hidden = [path.name for path in root.evolution.iterdir() if path.name.startswith(".")]
    assert hidden == []
    if step <= 3:
        assert jobs == []
        assert tree(root.inbox) == everything
        assert list(root.evolution.iterdir()) == []
    else:
        assert [(job.id, job.number) for job in jobs] == [(ID, 1)]
        found = tree(root.evolution / ID / "input")
        assert {name: found[name] for name in FILES} == FILES
        stays = {"harbour/style.png": FILES["style.png"], "harbour/notes.txt": b"mine"} if how == "kept" else {}
        assert tree(root.inbox) == stays
        assert not (root.evolution / ID / PLAN).exists() or step >= 8
    assert not (root.inbox / "rejected").exists()


@pytest.mark.processes
@pytest.mark.parametrize("step", [2, 3])
def test_recovery_goes_on_when_the_users_folder_is_gone(root: Root, step: int):
    claim = drop(root)
    assert crashed_at(step, root, claim, "moved") == 137
    left = tree(root.inbox)
    for path in left:
        (root.inbox / path).unlink()
    (root.inbox / "harbour").rmdir()
    with Store.open(root) as store:
        recover(root, store)
        assert store.jobs() == []
    assert tree(root.inbox) == ({} if step == 2 else {"harbour/content.png": FILES["content.png"]})


@pytest.mark.parametrize("job_id", ["../outside", "a/b", "..", ""])
def test_a_plan_that_leads_out_of_evolution_is_none(root: Root, job_id: str):
    claim = drop(root)
    work = root.evolution / f"{PREFIX}{ID}"
    work.mkdir()
    durable.write_json(work / PLAN, msgspec.structs.replace(claim, job=msgspec.structs.replace(claim.job, id=job_id)))
    assert read_plan(work) is None
