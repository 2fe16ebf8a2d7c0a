from __future__ import annotations

import pytest

from styled.errors import Superseded
from styled.evolution import Fence, JobFolder


def test_of_two_workers_only_the_later_may_write(job: JobFolder) -> None:
    earlier = Fence(job)
    earlier.check()
    later = Fence(job)
    later.check()
    with pytest.raises(Superseded, match="harbour"):
        earlier.check()


def test_a_folder_cleared_for_a_new_start_stops_its_old_worker(job: JobFolder) -> None:
    fence = Fence(job)
    job.attempt.unlink()
    with pytest.raises(Superseded):
        fence.check()
