"""The colours of a JPEG 2000 in boxes (ISO/IEC 15444-1, I.5.3.3; 15444-2, M.11.7.3): of its box colr Pillow knows three numbers.

A profile is given to the picture as those of other formats are. Four channels whose profile is for inks are inks: Pillow
takes the fourth for transparency.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from styled.errors import UnreadableImage
from styled.images.reading.info_keys import REMARKS
from styled.images.reading.isobmff import boxes_in, boxes_of

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
"""First bytes of a JPEG 2000 in boxes; a codestream without them says nothing of its colours."""

_MOST_HEADER = 16 * 2**20
"""Bytes of the box jp2h; the profiles of presses with tables have some millions."""

_ENUMERATED = 1
_PROFILES = frozenset({2, 3})
"""Values of METH for a profile: a restricted one, and any."""

_CMYK = 12
_READ = frozenset({_CMYK, 15, 16, 17, 18})
"""Values of EnumCS that need nothing more: CMYK, black and white, sRGB, grey, and sYCC, which OpenJPEG makes sRGB of."""
_SIMILAR = {20: "e-sRGB", 21: "ROMM RGB"}
"""Red, green and blue of another kind: shown, they look pale or dull."""
_OTHERS = {
    0: "black and white where 0 is white", 1: "YCbCr(1)", 3: "YCbCr(2)", 4: "YCbCr(3)", 9: "PhotoYCC", 11: "CMY", 13: "YCCK",
    14: "CIELab", 19: "CIEJab", 22: "YPbPr(1125/60)", 23: "YPbPr(1250/50)", 24: "e-sYCC",
}  # fmt: skip
"""Numbers that are no red, green and blue: taken for those they are another picture."""

_OTHER_PROFILES = frozenset({b"XYZ ", b"Lab ", b"Luv ", b"YCbr", b"Yxy ", b"HSV ", b"HLS ", b"CMY ", b"3CLR", b"4CLR"})
"""The same by the colour space in a profile's header (ICC.1:2022, table 19)."""


class _Colours(NamedTuple):
    """What a box colr says."""

    number: int | None = None
    """EnumCS, None where there is a profile."""
    profile: bytes = b""

    @property
    def space(self) -> bytes:
        """Of the profile (ICC.1:2022, table 19); empty without one."""
        return self.profile[16:20]

    @property
    def is_read(self) -> bool:
        return self.number is None or self.number in _READ


class InkImage(Jpeg2KImageFile):
    """A JPEG 2000 of four inks that only its profile names: Pillow decodes it as RGBA, mode CMYK is made of that."""

    def _open(self) -> None:
        super()._open()
        self._mode = "CMYK"

    def load(self) -> Any:
        """Decode, and take the four channels for inks."""
        if self.tile:
            # OpenJPEG names no colours where there is a profile, and Pillow then knows of RGBA only.
            self._mode = "RGBA"
            super().load()
            self.im = Image.merge("CMYK", self.split()).im
            self._mode = "CMYK"
        return Image.Image.load(self)


def open_jpeg_2000(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Read the header of a JPEG 2000; ``image.info`` gets its profile, and a remark where colours may be off.

    Args:
        file: at its start.
        name: for the errors, printable.

    Raises:
        UnreadableImage: its numbers are no colours that are read here.
        Exception: what Pillow raises on damaged headers.
    """
    image: ImageFile.ImageFile = Image.open(file, formats=["JPEG2000"])
    at = file.tell()
    colours, remark = _colours(file)
    image.info[REMARKS] = [remark] if remark else []
    _refuse_other_spaces(colours, image.mode, name)
    if colours.space == b"CMYK" and image.mode == "RGBA":
        file.seek(0)
        info = image.info
        image = InkImage(file)
        image.info.update(info)
    else:
        file.seek(at)
    if colours.profile:
        image.info["icc_profile"] = colours.profile
    elif (space := _SIMILAR.get(colours.number or 0)) is not None:
        image.info[REMARKS].append(f"its colours are {space}, which is not converted; colours are taken as sRGB")
    elif not colours.is_read:
        image.info[REMARKS].append(
            f"its colours are of a kind not known here (EnumCS {colours.number}); colours are taken as sRGB"
        )
    return image


def _refuse_other_spaces(colours: _Colours, mode: str, name: str) -> None:
    """Refuse numbers that are no grey, red, green and blue, or inks in four channels: shown as if, they are another picture.

    Raises:
        UnreadableImage: they are.
    """
    space = _OTHERS.get(colours.number, "") if colours.number is not None else ""
    kind = colours.space
    if kind in _OTHER_PROFILES:
        space = kind.decode().strip()
    elif (kind == b"CMYK" or colours.number == _CMYK) and mode in {"P", "PA"}:
        space = "a palette of inks"
    if space:
        raise UnreadableImage(
            f"{name} is a JPEG 2000 whose colours are {space}, which is not read here",
            "Export it as an RGB or CMYK TIFF, or as PNG or JPEG.",
        )


def _colours(file: BinaryIO) -> tuple[_Colours, str]:
    """Return what the first box colr that is read says, or the first at all; and a remark."""
    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return _Colours(16), ""
    found, remark = list[_Colours](), ""
    for kind, start, end in boxes_of(file, file.seek(0, io.SEEK_END)):
        if found or kind not in {b"jp2h", b"jplh"}:
            continue
        if end - start > _MOST_HEADER:
            remark = "its header is too large to look for a colour profile; colours are taken as sRGB"
            break
        file.seek(start)
        boxes = list(boxes_in(file.read(end - start)))
        if kind == b"jplh":  # of a layer, where that of all may have none (15444-2, M.11.7)
            boxes = [inner for box, data in boxes if box == b"cgrp" for inner in boxes_in(data)]
        found = [colours for box, data in boxes if box == b"colr" and (colours := _of_box(data)) is not None]
    first = found[0] if found else _Colours(16)
    chosen = next((colours for colours in found if colours.is_read), first)
    if chosen.number == _CMYK:  # it names the inks only; a profile says what they look like
        chosen = next((colours for colours in found if colours.space == b"CMYK"), chosen)
    return chosen, remark


def _of_box(data: bytes) -> _Colours | None:
    """Return what a box colr says; None where a reader has to pass it over (15444-1, table I.9)."""
    method = data[0] if data else 0
    if method == _ENUMERATED and len(data) >= 7:
        return _Colours(int.from_bytes(data[3:7], "big"))
    if method in _PROFILES:
        return _Colours(None, data[3:])
    return None
