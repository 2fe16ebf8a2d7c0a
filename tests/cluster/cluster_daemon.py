"""``styled daemon`` with the synthetic worker on a cluster, and what must be there when a job is done."""

from __future__ import annotations

from styled.evolution import frames, read_losses
from styled.job import ENDED, Job
from styled.root import Root
from tests.cluster.clusters import Cluster
from tests.cluster.looking import folder_of
from tests.cluster.waiting import wait_until
from tests.faults.daemon_process import DaemonProcess


class ClusterDaemon(DaemonProcess):
    """A daemon with three slots on two nodes."""

    LOOK_S = 0.1

    def __init__(self, root: Root, cluster: Cluster, *flags: str, **environment: str) -> None:
        self.cluster = cluster
        settings = {"STYLED_BACKEND__SLOTS": "3", "STYLED_JOB__FRAME_EVERY": "10"}
        settings |= {**cluster.settings(root), **environment}
        super().__init__(root, *flags, **settings)

    def attempts(self) -> list[str]:
        """Return what the scheduler has not ended."""
        return self.cluster.attempts()

    def left(self) -> list[str]:
        """Return what lies in the spool, and on the nodes."""
        return self.cluster.left(self.root)

    def hurry(self) -> None:
        """Have jobs that are slow take no more time, until the end of the block: what they were slow for has been seen."""
        self.cluster.hurry_file.touch()

    def __exit__(self, *error: object) -> None:
        self.cluster.hurry_file.unlink(missing_ok=True)
        super().__exit__(*error)

    def until_attempt(self, name: str, *, but: str, seconds: float = 90.0) -> Job:
        """Wait until a job is placed that is painted by another attempt."""

        def found() -> bool:
            job = self.job(name)
            return job is not None and job.attempt != but and bool(job.node)

        wait_until(found, "no other attempt", seconds=seconds)
        job = self.job(name)
        assert job is not None
        return job

    def cancel_all(self) -> None:
        """Cancel what has not ended, if the daemon runs; wait until nothing of it is left on the nodes."""
        for job in (job for job in self.jobs() if self.answers() and job.state not in ENDED):
            self.client.request("cancel", job=job.number)
        wait_until(lambda: self.attempts() == [], f"left on the nodes: {self.attempts()}")

    def check_whole(self, job: Job, steps: int = 20) -> None:
        """Check that a job's folder has all that a local one has, and that nothing of it is left elsewhere."""
        folder = folder_of(self, job)
        assert [line.step for line in read_losses(folder).losses] == list(range(1, steps + 1))
        assert [step for step, _ in frames(folder)] == list(range(10, steps + 1, 10))
        assert folder.timelapse.is_file()
        wait_until(lambda: self.left() == [], f"left in the spool: {self.left()}")
        wait_until(lambda: self.attempts() == [], "left on the nodes")
