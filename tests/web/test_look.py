"""What the page shows of a root, and that names stay names."""

from __future__ import annotations

import shutil
from pathlib import Path

from styled.daemon.control.seen import DaemonSeen
from styled.evolution import JobFolder
from styled.job import JobState
from styled.root import Root
from styled.store.status import DaemonStatus, Incomplete, PartTrouble
from styled.store.store import Store
from styled.web.look import QUEUE_MOST, Look
from styled.web.page import PARTS, gallery_policy, live_page, live_policy, parts_of
from tests.gallery.conftest import HOSTILE, write_job
from tests.gallery.reader import Reader
from tests.web.conftest import add_job


def test_a_job_is_shown_where_it_stands(root: Root, store: Store) -> None:
    job = add_job(store, "harbour")
    look = Look(root)
    assert "harbour" in parts_of(look())["queue"]
    store.move(job.id, JobState.RUNNING)
    write_job(root.evolution, "harbour", job_id=job.id, result=False)
    parts = parts_of(look())
    assert "harbour" not in parts["queue"]
    assert f"./evolution/{job.id}/frames/000040.jpg" in parts["now"]
    assert "step 40/40" in parts["now"]
    assert "polyline" in parts["now"]
    (JobFolder(root.evolution / job.id).result).write_bytes(b"png")
    store.move(job.id, JobState.DONE)
    parts = parts_of(look())
    assert "harbour" not in parts["now"]
    assert f"./evolution/{job.id}/result.png" in parts["results"]
    look.close()


def test_a_job_without_frames_on_this_side_has_its_losses(root: Root, store: Store) -> None:
    """One that a cluster paints has no folder for them before the first one comes over, and its losses come before."""
    job = add_job(store, "harbour")
    store.move(job.id, JobState.RUNNING)
    folder = write_job(root.evolution, "harbour", job_id=job.id, result=False)
    shutil.move(folder.frames, root.evolution / "frames")
    look = Look(root)
    now = parts_of(look())["now"]
    assert "step 40/40" in now
    assert "polyline" in now
    assert "frames/" not in now
    shutil.move(root.evolution / "frames", folder.frames)
    assert "frames/000040.jpg" in parts_of(look())["now"]
    shutil.rmtree(folder.frames)
    assert "frames/" not in parts_of(look())["now"]
    look.close()


def test_a_result_leads_to_the_gallery_once_that_has_it(root: Root, store: Store) -> None:
    job = add_job(store, "harbour")
    store.move(job.id, JobState.RUNNING)
    write_job(root.evolution, "harbour", job_id=job.id)
    store.move(job.id, JobState.DONE, finished_at=1_000_000_000.0)
    (root.evolution / "index.html").write_text("<p>")
    look = Look(root)
    assert look().results[0].url == f"./evolution/index.html#{job.id}"
    look.close()


def test_hostile_names_stay_text(root: Root, store: Store) -> None:
    """In every part: as a job's name, as its reason, as a name in the inbox, as what the daemon notes."""
    waiting, running, failed, done = (add_job(store, HOSTILE, job_id=f"20261122-20150{n}-x") for n in range(4))
    store.move(running.id, JobState.RUNNING)
    write_job(root.evolution, "x", job_id=running.id, result=False)
    for job, state in ((failed, JobState.FAILED), (done, JobState.DONE)):
        store.move(job.id, JobState.RUNNING)
        store.move(job.id, state, reason=HOSTILE)
    store.change(waiting.id, reason=HOSTILE)
    part = PartTrouble(part="intake", trouble=HOSTILE, since=0.0)
    told = DaemonStatus(
        pid=1, version="0", started_at=0.0, beat_at=0.0, state="degraded", note="n", parts=[part],
        incomplete=[Incomplete(name=HOSTILE, missing=HOSTILE, since=0.0)],
    )  # fmt: skip
    seen = DaemonSeen(state="degraded", note="n", parts=[part], pid=1, version="0", started_at=0.0, beat_at=0.0)
    look = Look(root, see=lambda _root, _left: (seen, told))
    parts = parts_of(look())
    look.close()
    for name in PARTS:
        reader = Reader()
        reader.feed(parts[name])
        reader.close()
        assert "script" not in [tag for tag, _ in reader.tags]
        assert not [value for _, given in reader.tags for key, value in given.items() if key.startswith("on")]
        assert HOSTILE in reader.text, name


def test_a_long_queue_is_cut_and_counted(root: Root, store: Store) -> None:
    with store.batch():
        for number in range(QUEUE_MOST + 7):
            add_job(store, f"j{number}", job_id=f"20261122-000000-j{number}")
    look = Look(root)
    assert "and 7 more" in parts_of(look())["queue"]
    look.close()


def test_a_root_without_a_queue_and_one_that_cannot_be_read_are_shown(tmp_path: Path) -> None:
    look = Look(Root(tmp_path))
    assert "No daemon runs" in parts_of(look())["state"]
    look.close()
    (tmp_path / ".styled").mkdir()
    (tmp_path / ".styled" / "queue.db").write_bytes(b"no database" * 1000)
    look = Look(Root(tmp_path))
    seen = look()
    assert seen.trouble
    assert seen.trouble.partition("'")[0] in parts_of(seen)["state"].replace("&#39;", "'")
    look.close()


def test_the_policies_allow_the_own_script_and_style_only() -> None:
    for policy in (live_policy(), gallery_policy()):
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert "frame-ancestors 'none'" in policy
    assert "http" not in live_page().replace("http-equiv", "")
