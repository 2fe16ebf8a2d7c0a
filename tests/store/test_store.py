from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from styled.errors import IllegalMove, NoSuchJob, StoreError
from styled.job import Job, JobState
from styled.root import Root
from styled.store.status import DaemonStatus
from styled.store.store import Store
from tests.store.conftest import FakeClock

AddJob = Callable[..., Job]


def test_a_job_comes_back_as_it_was_added(store: Store, add_job: AddJob):
    job = add_job(
        mask="input/mask.png", settings={"style_weight": 2.5, "scales": [64, 128]}, priority=3, style_digests=("ab",)
    )
    assert store.get(job.number) == store.get(job.id) == store.jobs()[0] == job
    assert job.state is JobState.WAITING


def test_numbers_are_never_given_twice_not_even_after_a_removal(store: Store, root: Root, add_job: AddJob):
    add_job()
    last = add_job()
    store.move(last.id, JobState.CANCELLED)
    store.remove(last.id)
    store.close()
    with Store.open(root) as again:
        assert again.next_number() == last.number + 1


def test_the_same_id_twice_is_refused_and_leaves_nothing(store: Store, add_job: AddJob):
    job = add_job()
    before = store.last_event()
    with pytest.raises(StoreError, match="already"):
        store.add(id=job.id, name="x", content="c", styles=("s",))
    assert store.last_event() == before
    assert len(store.jobs()) == 1


def test_claim_next_takes_the_highest_priority_then_the_oldest(store: Store, add_job: AddJob):
    for priority in (0, 5, 5, 1):
        add_job(priority=priority)
    claimed = [store.claim_next() for _ in range(5)]
    assert [job and job.number for job in claimed] == [2, 3, 4, 1, None]
    assert all(job.state is JobState.RUNNING and job.attempts == 1 for job in claimed if job)


def test_a_job_put_off_is_not_claimed_before_its_time(store: Store, add_job: AddJob, clock: FakeClock):
    add_job(not_before=clock.now + 10)
    assert store.claim_next() is None
    clock.pass_by(10)
    assert store.claim_next() is not None


def test_a_job_put_off_for_years_is_due_because_the_clock_was_set_back(store: Store, add_job: AddJob, clock: FakeClock):
    add_job(not_before=clock.now + 10 * 365 * 86400)
    assert store.claim_next() is not None


def test_a_move_writes_the_row_and_one_event(store: Store, add_job: AddJob, clock: FakeClock):
    job = add_job()
    store.claim_next()
    store.update_progress(job.id, handle="local:17:3.5", node="n1", step=4)
    clock.pass_by(60)
    done = store.move(job.id, JobState.DONE, loss=1.5)
    assert (done.finished_at, done.loss, done.step, done.handle, done.node) == (clock.now, 1.5, 4, "", "")
    event = store.events(0)[-1]
    assert (event.kind, event.number, event.before, event.after) == ("moved", job.number, "running", "done")


def test_retrying_forgets_attempts_and_end_but_not_the_first_start(store: Store, add_job: AddJob, clock: FakeClock):
    job = add_job()
    started = store.claim_next()
    assert started is not None
    store.move(job.id, JobState.FAILED, reason="it broke", not_before=clock.now + 60)
    again = store.move(job.id, JobState.WAITING)
    assert (again.attempts, again.finished_at, again.not_before, again.reason) == (0, None, 0.0, "")
    assert again.started_at == started.started_at


def test_a_move_the_state_does_not_allow_changes_nothing(store: Store, add_job: AddJob):
    job = add_job()
    before = store.last_event()
    with pytest.raises(IllegalMove, match="waiting cannot become done"):
        store.move(job.id, JobState.DONE)
    assert store.get(job.id) == job
    assert store.last_event() == before


def test_a_move_from_another_state_than_expected_is_refused(store: Store, add_job: AddJob):
    job = add_job()
    with pytest.raises(IllegalMove, match="is not running"):
        store.move(job.id, JobState.CANCELLED, expect=JobState.RUNNING)


def test_a_move_cannot_change_what_identifies_a_job(store: Store, add_job: AddJob):
    job = add_job()
    with pytest.raises(TypeError, match="number"):
        store.move(job.id, JobState.CANCELLED, number=7)
    assert store.get(job.id).state is JobState.WAITING


def test_progress_leaves_a_job_alone_that_no_longer_runs(store: Store, add_job: AddJob):
    job = add_job()
    store.update_progress(job.id, step=9)
    assert store.get(job.id).step == 0


def test_progress_makes_no_event_but_a_new_version(store: Store, add_job: AddJob, root: Root):
    add_job()
    job = store.claim_next()
    assert job is not None
    before, version = store.last_event(), store.meta("revision")
    store.update_progress(job.id, step=9, loss=3.0)
    assert store.get(job.id).step == 9
    assert store.last_event() == before
    assert store.meta("revision") != version


def test_running_jobs_are_queued_again_after_a_crash(store: Store, add_job: AddJob):
    for _ in range(3):
        add_job()
    store.claim_next()
    store.claim_next()
    assert [job.number for job in store.requeue_running("the daemon ended")] == [1, 2]
    assert {job.state for job in store.jobs()} == {JobState.WAITING}
    assert store.get(1).reason == "the daemon ended"


def test_a_job_that_ran_while_the_clock_was_set_back_is_due_at_once(store: Store, clock: FakeClock, add_job: AddJob):
    """Found by chaos: it kept the time when it had been due last, and waited until the clock was there again."""
    clock.now = 1_000_000.0
    job = add_job()
    store.change(job.id, not_before=clock.now)
    assert store.claim_next() is not None
    clock.now -= 80_000.0
    store.requeue_running("the daemon ended")
    again = store.claim_next()
    assert again is not None
    assert again.id == job.id


def test_only_an_ended_job_can_be_removed(store: Store, add_job: AddJob):
    job = add_job()
    with pytest.raises(IllegalMove):
        store.remove(job.id)
    store.move(job.id, JobState.CANCELLED)
    store.remove(job.id)
    with pytest.raises(NoSuchJob):
        store.get(job.id)


def test_a_batch_is_all_or_nothing(store: Store, add_job: AddJob):
    def add_and_fail() -> None:
        with store.batch():
            add_job()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        add_and_fail()
    assert store.jobs() == []
    assert store.events(0) == []


def test_a_change_that_fails_inside_a_batch_undoes_only_itself(store: Store, add_job: AddJob):
    with store.batch():
        job = add_job()
        with pytest.raises(IllegalMove):
            store.move(job.id, JobState.DONE)
        add_job()
    assert [job.number for job in store.jobs()] == [1, 2]


def test_priority_is_an_event_with_both_values(store: Store, add_job: AddJob):
    job = add_job(priority=1)
    assert store.set_priority(job.number, -4).priority == -4
    event = store.events(0)[-1]
    assert (event.kind, event.before, event.after) == ("priority", "1", "-4")


def test_only_the_newest_events_are_kept_and_the_gap_shows(
    store: Store, add_job: AddJob, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("styled.store.store.EVENTS_KEPT", 100)
    with store.batch():
        for _ in range(1050):
            store.note_event("rejected", "a pair")
    first = store.events(0)[0]
    assert first.seq > 1
    assert store.last_event() == 1050
    assert store.events(1049)[0].seq == 1050


def test_the_first_job_with_a_digest_is_remembered_until_it_is_removed(store: Store, add_job: AddJob):
    first, second, third = add_job(), add_job(), add_job()
    store.mark_seen("d1", first)
    store.mark_seen("d1", second)
    assert store.first_seen("d1") == (first.number, first.id)
    assert store.first_seen("d2") is None
    store.move(first.id, JobState.CANCELLED)
    assert store.first_seen("d1") == (first.number, first.id)
    store.remove(first.id)
    assert store.first_seen("d1") is None
    store.mark_seen("d1", third)
    assert store.first_seen("d1") == (third.number, third.id)


def test_files_that_could_not_be_moved_are_remembered_by_path(store: Store):
    store.set_taken("a.content.png", "1:2:3:abc")
    assert store.taken() == {"a.content.png": "1:2:3:abc"}
    store.set_taken("a.content.png", None)
    assert store.taken() == {}


def test_the_heartbeat_does_not_count_as_a_change(store: Store):
    version = store.meta("revision")
    store.publish(DaemonStatus(pid=1, version="0", started_at=0, beat_at=1, state="running"))
    assert store.meta("revision") == version
    assert store.meta("status") is not None


def test_progress_and_heartbeat_do_not_wait_for_the_disk_but_moves_do(store: Store, add_job: AddJob):
    job = add_job()
    seen: list[int] = []
    store._db.set_trace_callback(lambda sql: seen.append(1) if "synchronous = NORMAL" in sql else None)
    store.move(job.id, JobState.RUNNING)
    assert seen == []
    store.update_progress(job.id, step=1)
    assert len(seen) == 1
    store._db.set_trace_callback(None)
    assert store._db.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_a_locked_database_becomes_a_store_error(store: Store, root: Root, add_job: AddJob):
    store._db.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(root.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        add_job()
    other.execute("ROLLBACK")
    other.close()
    assert add_job().number >= 1


def test_a_job_does_not_end_before_it_starts_though_the_clock_was_set_back(
    store: Store, add_job: AddJob, clock: FakeClock
):
    add_job()
    store.claim_next()
    started = clock.now
    clock.pass_by(-7200)
    done = store.move(1, JobState.DONE)
    assert (done.started_at, done.finished_at) == (started, started)


def test_a_job_is_due_by_the_clock_that_claims_it(store: Store, add_job: AddJob, clock: FakeClock) -> None:
    """The store's own may have been set back meanwhile: due and not given would be asked for again and again."""
    job = add_job()
    steady = clock() + 10.0
    store.change(job.id, not_before=steady + 60.0)
    clock.now -= 2 * 86_400.0
    assert store.next_due(steady) == steady + 60.0
    assert store.claim_next(steady) is None
    assert store.next_due(steady + 60.0) == steady + 60.0
    assert store.claim_next(steady + 60.0) is not None


def test_jobs_that_are_not_to_be_claimed_are_passed_over(store: Store, add_job: AddJob, clock: FakeClock) -> None:
    first, second, later = add_job(priority=5), add_job(), add_job(not_before=clock() + 60.0)
    but = {first.id}
    assert store.next_due(clock(), but=but) == 0.0
    claimed = store.claim_next(clock(), but=but)
    assert claimed is not None
    assert claimed.id == second.id
    assert store.next_due(clock(), but=but) == later.not_before
    assert store.claim_next(clock(), but=but) is None
    assert store.next_due(clock(), but={first.id, later.id}) is None
    assert store.next_due(clock()) == 0.0


def test_progress_of_a_job_that_is_gone_is_left_alone(store: Store) -> None:
    store.update_progress("20261122-201500-gone", step=3)


def test_pauses_and_waits_are_not_counted_as_work(store: Store, clock: FakeClock) -> None:
    job = store.add(id="a", name="a", content="c", styles=("s",))
    clock.pass_by(100.0)
    for seconds, after in ((5.0, JobState.PAUSED), (7.0, JobState.DONE), (2.0, JobState.FAILED)):
        if job.state is not JobState.WAITING:
            store.move(job.id, JobState.WAITING)
        clock.pass_by(50.0)
        store.move(job.id, JobState.RUNNING)
        clock.pass_by(seconds)
        job = store.move(job.id, after)
        clock.pass_by(1000.0)
    assert store.worked_seconds(job.id) == 14.0
    assert store.worked_seconds("nobody") is None


def test_of_a_job_whose_beginning_is_forgotten_it_is_not_known_how_long_it_ran(store: Store, clock: FakeClock) -> None:
    job = store.add(id="a", name="a", content="c", styles=("s",))
    store.move(job.id, JobState.RUNNING)
    clock.pass_by(5.0)
    store.move(job.id, JobState.DONE)
    store._db.execute("DELETE FROM events WHERE kind = 'added'")
    assert store.worked_seconds(job.id) is None
