"""``job.json`` follows the store, and what keeps it from that is logged."""

from __future__ import annotations

from structlog.testing import capture_logs

from styled.daemon.job_record import record
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.root import Root


def test_a_damaged_file_of_a_job_with_settings_that_this_styled_does_not_have_stays_and_is_logged(root: Root) -> None:
    job = Job(
        id="a",
        number=1,
        name="a",
        state=JobState.WAITING,
        content="c",
        styles=("s",),
        settings={"of-a-later-styled": 1},
    )
    folder = JobFolder(root.evolution / job.id)
    folder.create()
    folder.job_json.write_text("{")
    with capture_logs() as logged:
        record(root, job)
    assert "of-a-later-styled" in logged[-1]["error"]
    assert folder.job_json.read_text() == "{"
