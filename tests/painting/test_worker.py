"""The worker as a real process: its messages, its log, how it stops and how it fails."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from styled import evolution, images, messages
from styled.errors import DiskFull
from styled.evolution import JobFile, JobFolder
from styled.messages import Checkpointed, Failure, Noted, Progress, Result, Started, Stopped
from styled.painting import paint_job as painting
from styled.painting import worker as worker_module
from styled.settings import settings_from
from tests.deadlines import patience
from tests.faults.daemon_process import synthetic

pytestmark = [
    pytest.mark.painting,
    pytest.mark.timeout(150),  # a worker that does not stop would else hold the suite for long
]
SAMPLES = Path(__file__).parents[2] / "styled" / "data" / "samples"
FAST = {"size": 64, "steps": 4, "frame_every": 2, "optimizer": "adam", "scales": []}


@pytest.fixture
def job_of(job: JobFolder) -> Any:
    """Fill a job's folder with the packaged pair and the given settings."""

    def make(**settings: Any) -> JobFolder:
        shutil.copy(SAMPLES / "rocket.jpg", job.input / "content.jpg")
        shutil.copy(SAMPLES / "starry_night.jpg", job.input / "style.jpg")
        file = JobFile(
            id=job.id, number=1, name="harbour", content="input/content.jpg", styles=("input/style.jpg",),
            settings=settings_from(FAST | settings), created_at=0.0,
        )  # fmt: skip
        evolution.write_job_file(job, file)
        return job

    return make


@contextmanager
def worker(
    folder: JobFolder, *, module: str = "styled.painting.worker", stdin: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker with pipes on both sides; it is dead at the end, whatever the test did."""
    command = [sys.executable, "-m", module, str(folder.path)]
    environment = {**os.environ, **synthetic()}
    process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_folder_may_be_named_from_the_current_one(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def painted(folder: JobFolder, stream: BinaryIO, _stop: object) -> int:
        stream.close()
        os.chdir("/")  # as painting a job changes it
        assert folder.path == job.path
        return 7

    monkeypatch.chdir(job.path.parent)
    monkeypatch.setattr(sys, "argv", ["worker", job.path.name])
    monkeypatch.setattr(worker_module.StopRequest, "listen", lambda _self: None)
    monkeypatch.setattr(worker_module, "_paint_one", painted)
    assert worker_module.main() == 7


def read_until(process: subprocess.Popen[bytes], kind: type[Any]) -> Any:
    assert process.stdout is not None
    for line in process.stdout:
        message = messages.decode(line)
        if isinstance(message, kind):
            return message
    raise AssertionError(f"the worker ended without {kind.__name__}")


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "end of standard input"])
def test_it_stops_with_a_checkpoint_when_asked(job_of: Any, how: str) -> None:
    """Exit code 75 after ``Stopped``, and the checkpoint is of the step it names."""
    folder = job_of(steps=100_000, frame_every=0, checkpoint_s=1000.0)
    with worker(folder, module="synthetic_worker") as process:
        assert process.stdin is not None
        read_until(process, Progress)
        if how == "end of standard input":
            process.stdin.close()
            process.stdin = None
        else:
            process.send_signal(getattr(signal, how))
        stops_with_a_checkpoint(process, folder)


def stops_with_a_checkpoint(process: subprocess.Popen[bytes], folder: JobFolder) -> None:
    """Check that a worker that was asked to stop does."""
    assert process.stdout is not None
    saved = []  # one may have been written just before it was asked
    for line in process.stdout:
        message = messages.decode(line)
        if isinstance(message, Checkpointed):
            saved.append(message.step)
        if isinstance(message, Stopped):
            stopped = message
    assert process.wait(patience(60)) == 75
    assert stopped.step == saved[-1]
    checkpoint = evolution.load_checkpoint(folder)
    assert checkpoint is not None
    assert checkpoint.meta["step"] == stopped.step


@pytest.mark.faults
def test_with_tensorflow_it_goes_on_after_kill_9_stops_when_asked_and_says_only_messages(job_of: Any) -> None:
    """Every line on standard output is a message, nothing is on standard error, and TensorFlow speaks to the log."""
    folder = job_of(steps=100_000, frame_every=0, checkpoint_s=1.0)
    with worker(folder) as process:
        saved = read_until(process, Checkpointed)
        process.kill()
    with worker(folder, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        started = messages.decode(process.stdout.readline())
        assert isinstance(started, Started)
        assert started.step >= saved.step
        read_until(process, Progress)
        process.send_signal(signal.SIGTERM)
        stops_with_a_checkpoint(process, folder)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert "event=started" in folder.log.read_text()


def test_started_by_hand_it_paints_to_the_end(job_of: Any) -> None:
    """Its input may then be /dev/null, which is always at its end, and is no parent that has gone."""
    folder = job_of()
    with worker(folder, module="synthetic_worker", stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        said = [messages.decode(line) for line in process.stdout]
        assert process.wait(patience(60)) == 0
    assert isinstance(said[0], Started)
    assert isinstance(said[-1], Result)
    assert images.load(folder.result).info.width == 64
    assert "result written" in folder.log.read_text()


def test_it_ends_when_its_parent_no_longer_listens(job_of: Any) -> None:
    """A broken pipe on standard output is a request to stop."""
    folder = job_of(steps=100_000, frame_every=0)
    with worker(folder, module="synthetic_worker") as process:
        assert process.stdout is not None
        read_until(process, Started)
        process.stdout.close()
        process.stdout = None
        assert process.wait(patience(60)) == 75
    assert evolution.load_checkpoint(folder) is not None


@pytest.mark.parametrize(
    ("settings", "break_it", "kind", "code"),
    [
        ({}, lambda job: (job.input / "content.jpg").write_bytes(b"no image"), "unreadable-image", 65),
        ({}, lambda job: (job.input / "style.jpg").unlink(), "unreadable-image", 65),
        ({}, lambda job: job.job_json.write_text("{"), "job-file-damaged", 1),
        ({"init": "job:gone"}, lambda job: None, "settings-error", 78),
        ({"weights": "/no/such/file.h5"}, lambda job: None, "weights-unavailable", 66),
    ],
)
def test_what_cannot_be_painted_is_a_failure_with_its_kind(
    job_of: Any, settings: dict[str, Any], break_it: Any, kind: str, code: int
) -> None:
    folder = job_of(**settings)
    break_it(folder)
    with worker(folder) as process:
        failure = read_until(process, Failure)
        assert (failure.kind, process.wait(patience(60))) == (kind, code)
    assert failure.message
    assert f"kind={kind}" in folder.log.read_text()


@pytest.mark.faults
def test_out_of_memory_is_told_apart(job_of: Any) -> None:
    """Under a real limit on its memory the worker says out-of-memory and exits with 137."""
    # So large that the photo itself does not fit: where TensorFlow's CPU kernels get no memory, some of them crash.
    folder = job_of(size=40000, upscale=True, frame_every=0, precision="float32", scales=[], tiling="off")
    limited = [
        "bash",
        "-c",
        'ulimit -v 3500000; exec "$0" "$@"',
        sys.executable,
        "-m",
        "styled.painting.worker",
        folder.path,
    ]
    done = subprocess.run(limited, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False, timeout=patience(60))
    failure = messages.decode(done.stdout.splitlines()[-1])
    assert isinstance(failure, Failure)
    assert (failure.kind, done.returncode) == ("out-of-memory", 137)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("ResourceExhaustedError", "OOM when allocating tensor with shape[1,64,99,99] and type float", "out-of-memory"),
        ("AbortedError", "Status: 1, message: could not create a primitive", "out-of-memory"),
        ("AbortedError", "Status: 3, message: could not create a primitive", "styled-error"),
        ("InternalError", "Failed to create cuFFT batched plan with scratch allocator", "out-of-memory"),
        ("InternalError", "failed to allocate the scratch space requested", "out-of-memory"),
        ("NotFoundError", "No algorithm worked!  Error messages:", "out-of-memory"),
        ("InternalError", "CUDA_ERROR_OUT_OF_MEMORY: out of memory", "out-of-memory"),
        ("UnknownError", "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED in cudnn", "out-of-memory"),
        ("InternalError", "CUDNN_STATUS_ALLOC_FAILED", "out-of-memory"),
        ("InternalError", "cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED", "out-of-memory"),
        ("InternalError", "failed to create cublas handle: the resource allocation failed", "out-of-memory"),
        ("InternalError", "cuSolverDN call failed with status =2 CUSOLVER_STATUS_ALLOC_FAILED", "out-of-memory"),
        ("InternalError", "RESOURCE_EXHAUSTED: Failed to allocate request for 3.2GiB", "out-of-memory"),
        ("InternalError", "CUDNN_STATUS_EXECUTION_FAILED", "styled-error"),
        ("NotFoundError", "No registered 'Conv2D' OpKernel for 'GPU' devices", "styled-error"),
        ("ValueError", "a folder named out of memory", "styled-error"),
    ],
)
def test_what_tensorflow_says_when_memory_runs_out_is_understood(name: str, text: str, kind: str) -> None:
    """The messages are TensorFlow's own: on a processor seen under a limit on the address space, on GPUs read in its source."""
    error: Exception = type(name, (Exception,), {})(text)
    told = worker_module._in_the_tree(error)
    assert told.kind == kind
    assert ("for a float tensor of 1x64x99x99" in told.message) == ("tensor" in text)


def test_a_note_is_a_warning_in_the_log() -> None:
    stream, log = io.BytesIO(), io.StringIO()
    noted = Noted(step=7, note="scale 2 of 2 (64x43): untiled, 2 of 5 pairs of L-BFGS, for 7.6 GiB")
    worker_module.Outlet(stream, log, worker_module.StopRequest()).send(noted)
    assert messages.decode(stream.getvalue()) == noted
    assert f'level=warning event="{noted.note}" step=7' in log.getvalue()


class Full(io.BytesIO):
    """A file on a disk without room."""

    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_failure_that_cannot_be_sent_is_told_by_the_exit_code() -> None:
    outlet = worker_module.Outlet(Full(), io.StringIO(), worker_module.StopRequest())
    assert outlet.fail(DiskFull("cannot write losses.jsonl")) == DiskFull.exit_code


def test_when_messages_cannot_be_sent_painting_is_closed_before_the_failure_is_told(
    job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed, it waits for the checkpoint under way: nothing is written any more by a worker that says it failed."""
    ends: list[str] = []

    def paint_job(folder: JobFolder, should_stop: Any) -> Iterator[Any]:
        try:
            yield Checkpointed(step=1)
        finally:
            ends.append("closed")

    monkeypatch.setattr(painting, "paint_job", paint_job)
    stop = worker_module.StopRequest()
    with pytest.raises(OSError, match="No space left") as caught:
        worker_module._paint(job, stop, worker_module.Outlet(Full(), io.StringIO(), stop))
    assert caught.tb is not None  # it keeps the generator from being collected, which would close it too
    assert ends == ["closed"]


def test_an_unexpected_error_leaves_its_traceback_in_the_log(job_of: Any) -> None:
    folder = job_of()
    folder.frames.rmdir()
    folder.frames.write_text("a file where a folder should be")
    with worker(folder) as process:
        failure = read_until(process, Failure)
        assert process.wait(patience(60)) == 1
    assert "FileExistsError" in failure.message
    assert "Traceback" in folder.log.read_text()
