"""What a synchroniser has not downloaded, by the attributes of a real file."""

from __future__ import annotations

import errno
import io
import os
import struct
from pathlib import Path

import pytest
from PIL import Image

from styled import images
from styled.errors import UnreadableImage
from styled.images.opening import open_image
from styled.images.reading.placeholders import placeholder_at

OFFLINE, ON_OPEN, ON_ACCESS, ARCHIVE = 0x1000, 0x40000, 0x400000, 0x20


def samba(attributes: int, *, text: bool) -> bytes:
    record = struct.pack("<HHI", 5, 5, 0) if not text else struct.pack("<HHI", 3, 3, 0)
    head = b"0x%x\0\0" % attributes if text else b"\0\0"
    return head + (struct.pack("<HIII", 5, 5, 0x11, attributes)[:14] if not text else record)


MARKS = [
    ("user.cifs.dosattrib", struct.pack("<I", ARCHIVE | ON_ACCESS), "OneDrive"),
    ("user.cifs.dosattrib", struct.pack("<I", OFFLINE), "OneDrive"),
    ("user.DOSATTRIB", samba(ARCHIVE | ON_OPEN, text=True), "OneDrive"),
    ("user.DOSATTRIB", samba(ARCHIVE | OFFLINE, text=False), "OneDrive"),
    ("user.nextcloud.hydrate_exec", b"x", "Nextcloud"),
    ("user.com.dropbox.placeholder", b"1", "Dropbox"),
]
NO_MARKS = [
    ("user.cifs.dosattrib", struct.pack("<I", ARCHIVE)),
    ("user.cifs.dosattrib", b""),
    ("user.DOSATTRIB", samba(ARCHIVE, text=True)),
    ("user.DOSATTRIB", samba(ARCHIVE, text=False)),
    ("user.DOSATTRIB", b"\0\0\5"),
    ("user.com.dropbox.attributes", b"1"),
]


def marked(path: Path, data: bytes, name: str, value: bytes) -> Path:
    path.write_bytes(data)
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            pytest.skip("no extended attributes here")
        raise
    return path


@pytest.mark.parametrize("data", [b"", b" ", bytes(5000)])
@pytest.mark.parametrize(("name", "value", "whose"), MARKS)
def test_a_placeholder_is_refused_by_whose_it_is(
    tmp_path: Path, data: bytes, name: str, value: bytes, whose: str
) -> None:
    path = marked(tmp_path / "a.jpg", data, name, value)
    with pytest.raises(UnreadableImage, match=rf"^a\.jpg is a placeholder of {whose}") as caught:
        images.load(path)
    assert "copy it again" in caught.value.advice


@pytest.mark.parametrize(("name", "value"), NO_MARKS)
def test_other_files_are_not(tmp_path: Path, name: str, value: bytes) -> None:
    with pytest.raises(UnreadableImage, match="zeros"):
        images.load(marked(tmp_path / "a.jpg", bytes(5000), name, value))


def test_what_can_be_read_is_a_picture_whatever_is_told_of_it(tmp_path: Path) -> None:
    written = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(written, "PNG")
    name, value, _ = MARKS[0]
    assert images.load(marked(tmp_path / "a.png", written.getvalue(), name, value)).size == (40, 40)


def test_what_can_be_read_and_is_no_picture_is_told_by_what_it_is(tmp_path: Path) -> None:
    name, value, _ = MARKS[0]
    with pytest.raises(UnreadableImage, match=r"^a\.jpg is a PDF document"):
        images.load(marked(tmp_path / "a.jpg", b"%PDF-1.7\n" + bytes(5000), name, value))


def test_one_that_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    """As ntfs3 and cifs give it: the file opens, and reading it fails."""

    class Failing(io.FileIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    name, value, _ = MARKS[0]
    path = marked(tmp_path / "a.jpg", bytes(5000), name, value)
    with (
        Failing(path) as file,
        pytest.raises(UnreadableImage, match="a placeholder of OneDrive"),
        open_image(file, "a.jpg"),
    ):  # type: ignore[arg-type]  # only read() is asked of it
        pass
    os.removexattr(path, name)
    with Failing(path) as file, pytest.raises(OSError, match="not supported"), open_image(file, "a.jpg"):  # type: ignore[arg-type]
        pass


def test_a_file_in_memory_is_none() -> None:
    assert placeholder_at(io.BytesIO(b"")) is None
