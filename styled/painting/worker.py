"""The child process that paints jobs, one after another: ``python -m styled.painting.worker [FOLDER] [--stay]``.

Only here and in the engine does TensorFlow live, so that its memory is back when the process ends and a crash
costs one job. With ``--stay`` it waits for another job when one is done, with TensorFlow imported, and the network and
the graphs of some shapes kept; after anything but a result it exits. Without a folder it makes itself ready and waits. The parent reads messages (:mod:`styled.messages`) from standard output, one JSON object a
line; everything else that is printed, TensorFlow's chatter included, goes to the job's ``log.txt``.

To stop: SIGTERM, SIGINT, or the end of standard input where that is a pipe, so that a worker never outlives
its parent. It then writes a checkpoint between two steps, sends ``Stopped`` and exits with 75.

Exit codes: 0 after ``Result``; 75 after ``Stopped``; after ``Failure`` that of the error tree (65 for
unusable input, 137 for memory, 1 otherwise).
"""

from __future__ import annotations

import faulthandler
import gc
import os
import queue
import re
import signal
import stat
import sys
import threading
import traceback
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import BinaryIO, TextIO

import structlog

from styled import signals
from styled.errors import InstallationBroken, OutOfMemory, StorageRefuses, StyledError
from styled.evolution import JobFolder
from styled.files.durable import passing_trouble
from styled.memory import forget_peak, process_bytes
from styled.messages import (
    STOPPED_EXIT_CODE,
    Checkpointed,
    Failure,
    Idle,
    Noted,
    Progress,
    Result,
    Started,
    Stopped,
    WorkerMessage,
    encode,
)

STAY = "--stay"
"""Wait for another job when one is done."""

_OUT_OF_MEMORY = {
    "AbortedError": re.compile(r"Status: 1,"),  # dnnl_out_of_memory, of oneDNN
    "": re.compile(
        r"RESOURCE_EXHAUSTED|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|out of memory"
        r"|(CUDNN|CUBLAS|CUSOLVER|CUSPARSE)_STATUS\w*ALLOC\w*FAILED|CUFFT_ALLOC_FAILED"
        # Of cuFFT, cuDNN, cuBLAS: what TensorFlow makes of their errors.
        r"|failed to create cuFFT|failed to allocate|resource allocation failed|No algorithm worked"
        r"|failed to create (cublas|cudnn|cusolver)\w* handle",
        re.IGNORECASE,
    ),
}
"""What an error says where memory ran out, by its class; "" is any of :data:`_TENSORFLOWS`."""

_TENSORFLOWS = frozenset({"InternalError", "UnknownError", "NotFoundError", "FailedPreconditionError", "AbortedError"})
"""Classes of errors in which TensorFlow wraps those of NVIDIA's libraries."""


class StopRequest:
    """Whether this worker was asked to stop: by a signal, or by the end of standard input."""

    def __init__(self) -> None:
        # Not an Event: its lock is no reentrant one, and a second signal may come inside the first one's handler.
        # It does when the daemon is killed: the kernel signals a child for each of its parent's threads that ends.
        self._made = False
        # Its put() may be interrupted by another, from a signal's handler.
        self._folders: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def listen(self) -> None:
        """Install the signal handlers and watch standard input if it is a pipe or a socket.

        A terminal or ``/dev/null`` is not watched: a worker started by hand shall run.
        """
        signals.handle((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), self._on_signal)
        mode = os.fstat(0).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            threading.Thread(target=self._watch_input, daemon=True).start()

    def made(self) -> bool:
        """Return whether to stop."""
        return self._made

    def make(self) -> None:
        """Ask to stop."""
        self._made = True
        self._folders.put(None)

    def next_folder(self) -> Path | None:
        """Wait until the parent names another job's folder, and return it; None if this worker is to stop."""
        name = None if self._made else self._folders.get()
        return None if name is None or self._made else Path(name)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.make()

    def _watch_input(self) -> None:
        # os.read, not sys.stdin: a thread inside a buffered read makes the interpreter abort on exit.
        received = b""
        while chunk := os.read(0, 4096):
            *lines, received = (received + chunk).split(b"\0")
            for line in lines:
                self._folders.put(os.fsdecode(line))
        self.make()


class Outlet:
    """Where messages go: the standard output this process was started with, and the log."""

    def __init__(self, stream: BinaryIO, log: TextIO, stop: StopRequest) -> None:
        self._stream, self._stop = stream, stop
        self._log = structlog.wrap_logger(
            structlog.WriteLogger(log),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S%z", utc=False),
                structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
            ],
        )
        self._gone = False
        self.step = 0

    def send(self, message: WorkerMessage) -> None:
        """Send one message and log it. A parent that is gone is a request to stop."""
        # On a disk that takes nothing the message is what counts.
        with suppress(OSError):
            self._write_log(message)
        if isinstance(message, Progress | Started):
            self.step = message.step
        if self._gone:
            return
        try:
            self._stream.write(encode(message))
            self._stream.flush()
        except BrokenPipeError:
            self._gone = True
            self._stop.make()
            self._log.warning("the parent is gone; stopping")

    def fail(self, error: StyledError) -> int:
        """Send the failure and return the exit code."""
        # On a node messages go to a file, whose disk may be what is full: the exit code tells it too.
        with suppress(OSError):
            self.send(Failure(kind=error.kind, message=error.message, advice=error.advice, step=self.step))
        return error.exit_code

    def _write_log(self, message: WorkerMessage) -> None:
        match message:
            case Started():
                self._log.info(
                    "started",
                    after_step=message.step,
                    steps=message.steps,
                    size=f"{message.width}x{message.height}",
                    device=message.device,
                )
                for remark in message.remarks:
                    self._log.warning(remark)
            case Checkpointed():
                self._log.info("checkpoint written", step=message.step)
            case Noted():
                self._log.warning(message.note, step=message.step)
            case Result():
                self._log.info(
                    "result written",
                    step=message.step,
                    loss=message.loss,
                    seconds=round(message.seconds, 1),
                    stopped_by=message.stopped_by,
                )
            case Stopped():
                self._log.info("stopped on request", step=message.step)
            case Failure():
                self._log.error(message.message, kind=message.kind, advice=message.advice, step=message.step)


def main() -> int:
    """Paint the job in the folder named on the command line, and those named later; return the last one's exit code."""
    stays = STAY in sys.argv
    names = [argument for argument in sys.argv[1:] if argument != STAY]
    stop = StopRequest()
    stop.listen()
    # Descriptor 1 is the log's while a job is painted: TensorFlow's C++ prints past sys.stdout.
    stream = os.fdopen(os.dup(1), "wb")
    if names:
        path: Path | None = Path(names[0]).absolute()  # each job is painted in its own folder
    else:
        _make_ready()
        path = stop.next_folder()
    while path is not None:
        code = _paint_one(JobFolder(path), stream, stop)
        if code or not stays or stop.made() or _is_held():
            return code
        stream.write(encode(Idle(memory_bytes=_let_go())))
        stream.flush()
        path = stop.next_folder()
        forget_peak()
    return 0


def _paint_one(folder: JobFolder, stream: BinaryIO, stop: StopRequest) -> int:
    """Paint one job; return its exit code."""
    try:
        os.chdir(folder.path)
        log = _open_log(folder)
    except OSError as error:
        failure = _in_the_tree(error)
        stream.write(encode(Failure(kind=failure.kind, message=failure.message, advice=failure.advice, step=0)))
        stream.flush()
        return failure.exit_code
    outlet = Outlet(stream, log, stop)
    try:
        return _paint(folder, stop, outlet)
    except StyledError as error:
        return outlet.fail(error)
    except Exception as error:  # noqa: BLE001  # the edge of the process: the parent gets a message of every error
        with suppress(OSError):  # the log's disk may be what failed
            traceback.print_exc()
        return outlet.fail(_in_the_tree(error))


def _paint(folder: JobFolder, stop: StopRequest, outlet: Outlet) -> int:
    from styled.painting.paint_job import paint_job  # it will import TensorFlow

    # Closed whatever happens: a failure is sent only when nothing is written any more.
    with closing(paint_job(folder, stop.made)) as messages:
        for message in messages:
            outlet.send(message)
    return STOPPED_EXIT_CODE if isinstance(message, Stopped) else 0


def _open_log(folder: JobFolder) -> TextIO:
    """Send file descriptors 1 and 2, and what Python writes when it crashes, to the job's log.

    On the level of file descriptors, because TensorFlow's C++ prints past ``sys.stderr``.
    """
    log = os.fdopen(folder.open_log(), "a", encoding="utf-8", buffering=1)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    faulthandler.enable(log)
    return log


def _make_ready() -> None:
    """Do what each job needs before there is one. What goes wrong ends this process: the job is given to another."""
    _mute()
    from styled.painting.paint_job import load_engine

    load_engine()


def _mute() -> None:
    """Send what is printed nowhere: there is no job, and so no log."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _is_held() -> bool:
    """Return whether TensorFlow takes no more than the last job's limit from now on: no process for another job."""
    from styled.engine.network import device

    return device.is_held()


def _let_go() -> int:
    """Hold nothing of the job that is done: no file of it, no memory; return the bytes that are resident still."""
    from styled.engine.network import device

    faulthandler.disable()  # it has the log
    _mute()
    os.chdir("/")
    gc.collect()
    device.give_back_freed_memory()
    device.forget_peak()
    return process_bytes() or 0


def _in_the_tree(error: Exception) -> StyledError:
    """Return the error of the tree for what Python and TensorFlow raise."""
    if isinstance(error, OSError):
        trouble = passing_trouble(error, f"cannot use {error.filename or 'the job folder'}")
        if isinstance(trouble, StorageRefuses):
            return trouble
    if isinstance(error, ImportError):
        return InstallationBroken(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    # By name: TensorFlow may not have been imported when memory ran out.
    kind = type(error).__name__
    if (
        isinstance(error, MemoryError)
        or kind == "ResourceExhaustedError"
        or (kind in _OUT_OF_MEMORY and _OUT_OF_MEMORY[kind].search(str(error)))
        or (kind in _TENSORFLOWS and _OUT_OF_MEMORY[""].search(str(error)))
    ):
        tensor = re.search(r"tensor with shape\[([\d,]+)\] and type (\w+)", str(error))
        what = f" for a {tensor[2]} tensor of {tensor[1].replace(',', 'x')}" if tensor else ""
        return OutOfMemory(f"there is not enough memory{what}")
    return StyledError(
        f"unexpected {kind}: {str(error).partition(chr(10))[0]}",
        "The job's log.txt has the details; please report it.",
    )


if __name__ == "__main__":
    sys.exit(main())
