"""Messages from a worker to its parent: one JSON object a line on standard output.

The parent can ask the worker to stop: SIGTERM (or SIGINT), or closing its standard input.
The worker then writes a checkpoint between two steps, sends ``Stopped`` and exits.
And it can name another job's folder to a worker that has sent ``Idle``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from styled.errors import ControlError, DataDamaged
from styled.files.decoding import from_json

STOPPED_EXIT_CODE = 75
"""EX_TEMPFAIL: the worker was asked to stop and has written its checkpoint."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all messages; ``event`` in the JSON is the type."""


class Started(Message, frozen=True, tag="started"):
    """The engine is ready for its first step."""

    step: int
    """Step it starts after: 0, or the checkpoint's."""
    steps: int
    """Planned steps, all scales together."""
    width: int
    """Of the result, px."""
    height: int
    device: str
    """``cpu`` or the GPU's name."""
    remarks: tuple[str, ...] = ()
    """What was done to the job's files or settings, or not done with them, that its user may not expect; those of
    ``job.json`` first. Each one printable line."""


LOSS_TERMS = {"loss": "total", "content_loss": "content", "style_loss": "style", "tv_loss": "total variation"}
"""Losses of :class:`Progress`, in the order they are shown, with their names for people."""


class Progress(Message, frozen=True, tag="progress"):
    """One optimiser step is done. Sent at most a few times a second."""

    scale: int
    """From 1."""
    scales: int
    width: int
    """Of this scale, px."""
    height: int
    step: int
    """Over all scales, from 1."""
    steps: int
    loss: float
    content_loss: float
    style_loss: float
    tv_loss: float
    """Weighted terms: they add up to ``loss``."""
    seconds: float
    """Since the worker started painting, including earlier runs of the job."""
    step_seconds: float
    """Of a recent step at this scale."""
    left_seconds: float | None
    """Predicted time to the result, None while unknown."""
    memory_bytes: int
    """Peak resident memory of the worker."""
    gpu_memory_bytes: int | None = None
    """Peak GPU memory of the worker, None without a GPU."""
    layers: dict[str, float] | None = None
    """What each layer adds to ``content_loss`` or ``style_loss``, by names such as ``style.block3_conv1``, to six
    digits; None where an older version painted."""


class Frame(Message, frozen=True, tag="frame"):
    """A frame was written."""

    step: int
    path: str
    """Relative to the job's folder: ``frames/000120.jpg``."""


class Checkpointed(Message, frozen=True, tag="checkpoint"):
    """A checkpoint is durable on disk."""

    step: int


class Noted(Message, frozen=True, tag="note"):
    """Something the user should know came up while painting."""

    step: int
    note: str


class Result(Message, frozen=True, tag="result"):
    """The picture is finished and durable on disk."""

    path: str
    """Relative to the job's folder: ``result.png``, or ``.tif`` or ``.jpg``."""
    step: int
    loss: float
    seconds: float
    stopped_by: str = "steps"
    """Why it ended: ``steps`` or ``plateau``."""


class Stopped(Message, frozen=True, tag="stopped"):
    """The worker was asked to stop and has written its checkpoint."""

    step: int


class Idle(Message, frozen=True, tag="idle"):
    """After ``Result``: nothing of the job is written any more, and the worker waits for another.

    The parent writes its folder and a zero byte to the standard input of the worker, or closes it.
    """

    memory_bytes: int
    """Resident now."""


class Failure(Message, frozen=True, tag="error"):
    """The worker cannot go on. ``kind`` is a word of the error tree (``StyledError.kind``)."""

    kind: str
    message: str
    advice: str = ""
    step: int = 0


WorkerMessage = Started | Progress | Frame | Checkpointed | Noted | Result | Stopped | Idle | Failure

_encoder = msgspec.json.Encoder()
_AnyMessage: Any = WorkerMessage  # a union is a type to msgspec, and to mypy none that can be handed over


def encode(message: WorkerMessage) -> bytes:
    """Encode a message as one line, newline included."""
    return _encoder.encode(message) + b"\n"


def decode(line: bytes) -> WorkerMessage:
    """Decode one line.

    Raises:
        ControlError: the line is not a message of this version.
    """
    try:
        message: WorkerMessage = from_json(line, _AnyMessage)
    except DataDamaged as error:
        raise ControlError(f"a worker's line is not a message: {error.message}") from error
    return message
