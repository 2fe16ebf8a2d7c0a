"""The images that a job was made with: their digest is taken before anything decodes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from styled.errors import InputChanged
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
