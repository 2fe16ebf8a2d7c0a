"""The JPEG that a JPEG XL was made of, where it keeps what is needed to have it back to the byte (ISO/IEC 18181-2, box jbrd).

Others are refused. Their colours are numbers of a profile that only the decoder knows, and no reader at hand gives both right:
imagecodecs gives no profile; pylibjxl 0.5 gives that of the original with numbers of another (55 levels off for a lossy Adobe RGB);
pillow-jxl-plugin is under the GPL. pyjpegxl 0.3 (BSD, 2.7 MB) gives both right: it had four releases in its first half-year.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from PIL import Image

from styled.errors import UnreadableImage
from styled.images.reading.file_kinds import JPEG_XL
from styled.images.reading.isobmff import boxes_of

CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
"""First bytes of a JPEG XL in boxes; one without them keeps no JPEG."""

_CODESTREAM = b"\xff\x0a"
_HEAD_BYTES = 11
"""Of a codestream: its mark, and a size of at most 68 bits; the first of several boxes may have no more than its size takes."""

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height, by number from 1 on (ISO/IEC 18181-1, table D.1)."""


def jpeg_of(file: BinaryIO, name: str) -> BinaryIO:
    """Return the JPEG that a JPEG XL file was made of.

    Args:
        file: begins with :data:`CONTAINER`.
        name: for the errors.

    Raises:
        UnreadableImage: it keeps none, or is damaged.
        EOFError: it is truncated.
        DecompressionBombError: it has more pixels than Pillow's limit.
    """
    width, height = _stream_size(file, name)
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"{width}x{height}")
    import imagecodecs

    file.seek(0)
    try:
        return io.BytesIO(imagecodecs.jpegxl_decode_jpeg(file.read(), numthreads=1))
    except (imagecodecs.JpegxlError, ValueError) as error:
        if "MORE_INPUT" in str(error):
            raise EOFError("truncated") from error
        raise _damaged(name) from error


def size_of(file: BinaryIO) -> tuple[int, int] | None:
    """Return width and height of a JPEG XL that was made of a JPEG, before that is had back; None of what :func:`jpeg_of` refuses.

    Args:
        file: any, read from its start, and left anywhere.
    """
    file.seek(0)
    if file.read(len(CONTAINER)) != CONTAINER:
        return None
    try:
        return _stream_size(file, "")
    except (UnreadableImage, EOFError):
        return None


def _stream_size(file: BinaryIO, name: str) -> tuple[int, int]:
    """Return width and height by the beginning of the codestream; errors as :func:`jpeg_of`."""
    size = file.seek(0, io.SEEK_END)
    boxes = list(boxes_of(file, size))
    if boxes and boxes[-1].end > size:
        raise EOFError("truncated")
    if not any(box.kind == b"jbrd" for box in boxes):
        raise UnreadableImage(f"{name} is {JPEG_XL.what}", JPEG_XL.advice)
    stream = next((box for box in boxes if box.kind in {b"jxlc", b"jxlp"}), None)
    if stream is None:
        raise EOFError("truncated")
    # Of this box alone: what comes behind it is no part of the stream, and could name any size.
    start = stream.start + (4 if stream.kind == b"jxlp" else 0)
    file.seek(start)
    head = file.read(max(0, min(_HEAD_BYTES, stream.end - start)))
    try:
        return _size(head)
    except ValueError as error:
        raise _damaged(name) from error


def _damaged(name: str) -> UnreadableImage:
    return UnreadableImage(
        f"{name} is a JPEG XL image that is damaged", "Copy or download it again, or convert it from the original."
    )


def _size(stream: bytes) -> tuple[int, int]:
    """Return width and height of a codestream (ISO/IEC 18181-1, D.2).

    Raises:
        ValueError: it is none, or ends before them.
    """
    if not stream.startswith(_CODESTREAM):
        raise ValueError("no codestream")
    bits, left = int.from_bytes(stream[2:], "little"), 8 * len(stream[2:])

    def take(count: int) -> int:
        nonlocal bits, left
        left -= count
        if left < 0:
            raise ValueError("the size is cut off")
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    def side(is_small: int) -> int:
        return 8 * (take(5) + 1) if is_small else take((9, 13, 18, 30)[take(2)]) + 1

    is_small = take(1)
    height = side(is_small)
    ratio = take(3)
    if not ratio:
        return side(is_small), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height
