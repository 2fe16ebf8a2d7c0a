from __future__ import annotations

import msgspec
import pytest

from styled.errors import IllegalMove
from styled.job import ENDED, LEGAL_MOVES, Job, JobState, check_move


def test_every_state_has_a_way_out():
    assert LEGAL_MOVES.keys() == set(JobState)
    assert all(LEGAL_MOVES.values())


@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_ended_job_can_only_be_queued_again(state: JobState):
    assert LEGAL_MOVES[state] == {JobState.WAITING}


def test_only_the_queue_starts_jobs():
    assert [state for state in JobState if JobState.RUNNING in LEGAL_MOVES[state]] == [JobState.WAITING]


def test_a_refused_move_says_what_is_possible():
    with pytest.raises(IllegalMove, match=r"paused cannot become done\. From paused it can become cancelled, waiting"):
        check_move(JobState.PAUSED, JobState.DONE)


def test_a_job_survives_json():
    job = Job(
        id="a", number=1, name="a", state=JobState.PAUSED, content="c", styles=("s", "t"), settings={"scales": [1, 2]}
    )
    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job
