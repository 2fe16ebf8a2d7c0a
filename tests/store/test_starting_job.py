"""``init = "job:9"`` by number, id and name, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.errors import SettingsError
from styled.job import JobState
from styled.root import Root
from styled.store.starting_job import resolved_init, with_resolved_init
from styled.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    root = Root(tmp_path)
    root.make_state()
    with Store.open(root) as store:
        for name in ("harbour", "cat", "cat", "boat"):
            number = store.next_number()
            job = store.add(
                number=number, id=f"2026010{number}-000000-{name}", name=name, content="c", styles=("s",), settings={}
            )
            (root.evolution / job.id).mkdir(parents=True)
            if name != "boat":
                store.move(store.move(job.id, JobState.RUNNING).id, JobState.DONE)
                (root.evolution / job.id / "result.png").write_bytes(b"")
        (root.evolution / "copied").mkdir()
        (root.evolution / "copied" / "result.png").write_bytes(b"")
        yield store


@pytest.mark.parametrize("named", ["1", "#1", "0001", "20260101-000000-harbour", "20260101-00", "harbour", " harbour "])
def test_a_job_is_found_by_number_id_and_name(store: Store, tmp_path: Path, named: str) -> None:
    assert resolved_init(f"job:{named}", store, tmp_path / "evolution") == "job:20260101-000000-harbour"


@pytest.mark.parametrize("init", ["noise", "recolored", "input/init.png", "job:copied"])
def test_what_names_no_job_of_the_queue_stays(store: Store, tmp_path: Path, init: str) -> None:
    """A folder of evolution/ that was copied from elsewhere has its name."""
    assert with_resolved_init({"init": init, "size": 64}, store, tmp_path / "evolution") == {"init": init, "size": 64}
    assert with_resolved_init({"size": 64}, store, tmp_path / "evolution") == {"size": 64}


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ("job:77", "no job is '77'"),
        ("job:gone", "no job is 'gone'"),
        ("job:../evolution/copied", "no job is"),
        ("job:", "no job is ''"),
        ("job:cat", "more than one job is called 'cat'"),
        ("job:boat", "job 0004 (boat) has no result; it is waiting. Wait until it is done"),
    ],
)
def test_others_are_refused_with_what_to_do(store: Store, tmp_path: Path, init: str, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        resolved_init(init, store, tmp_path / "evolution")
    assert words in str(error.value)
    assert str(error.value).startswith(f"init = {init!r}: ")
