"""The images that a job was made with: their digest is taken before anything decodes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from styled.errors import DiskFull, InputChanged, InputOutOfReach, StorageRefuses, UnreadableImage
from styled.files.durable import passing_trouble
from styled.images.opening import open_file


@contextmanager
def open_input(path: Path, digest: str) -> Iterator[BinaryIO]:
    """Open an input of a job, at its start, if its bytes are those that the job was made with.

    They were checked in a child process when the pair was taken; others may be anything, made to harm a decoder.

    Args:
        path: of the image.
        digest: the SHA-256 in ``job.json``, hexadecimal; empty: not known, and not compared.

    Raises:
        UnreadableImage: it does not exist, may not be read, is empty, or is no regular file.
        ImageTooLarge: more bytes than an image may have.
        InputChanged: other bytes.
    """
    with open_file(path) as file:
        if digest and hashlib.file_digest(file, "sha256").hexdigest() != digest:
            raise InputChanged(
                f"{path.parent.name}/{path.name} is not the file that the job was made with",
                "Drop the pair again as a new job.",
            )
        file.seek(0)
        yield file


@contextmanager
def reading_input(what: str) -> Iterator[None]:
    """Say of errors of the disk inside the block that they are this input's: the disk may be well otherwise.

    Args:
        what: the input: ``input/content.png``.

    Raises:
        InputOutOfReach: a disk or a file server does not give it.
        OutOfResources: the system gives no more.
    """
    try:
        yield
    except (OSError, UnreadableImage) as error:
        cause = error.__cause__ if isinstance(error, UnreadableImage) else error
        trouble = passing_trouble(cause, f"{what} cannot be read") if isinstance(cause, OSError) else None
        if trouble is None or isinstance(trouble, DiskFull):
            raise
        if isinstance(trouble, StorageRefuses):
            raise InputOutOfReach(trouble.message) from error
        raise trouble from error
