"""What a name in the inbox means: which part of which pair it is, or why it is left alone."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_SUFFIXES = {
    "JPEG": ("jpg", "jpeg", "jpe", "jfif", "mpo", "jxl"), "MPO": ("jpg", "jpeg", "jpe", "jfif", "mpo"), "PNG": ("png",),
    "WEBP": ("webp",), "TIFF": ("tif", "tiff"), "BMP": ("bmp", "dib"), "GIF": ("gif",), "AVIF": ("avif",),
    "HEIF": ("heic", "heif", "hif"), "JPEG2000": ("jp2", "j2k"), "PPM": ("ppm", "pgm", "pbm", "pnm"), "TGA": ("tga",),
    "PCX": ("pcx",), "SGI": ("sgi",), "QOI": ("qoi",), "ICO": ("ico",),
}  # fmt: skip
"""Endings of the formats that are read, by their names in Pillow; the first is the usual one."""

IMAGE_SUFFIXES = frozenset(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)
"""Endings of images that are read. Its bytes decide what the file really is."""

_RAW_SUFFIXES = frozenset({
    "3fr", "arw", "cr2", "cr3", "dng", "erf", "iiq", "kdc", "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "srw", "x3f",
})  # fmt: skip
_OTHER_PICTURES = frozenset({
    "heics", "jxr", "jpx", "jpc", "jps", "apng", "svg", "psd", "psb", "xcf", "kra", "ai", "eps", "exr",
    "hdr", "dds", "cur", "icns", "pfm", "pam", "xbm", "xpm", "ras", "fits", "dcm", "emf", "wmf",
})  # fmt: skip
"""Endings of pictures that may or may not be read: a file of such a name is tried, because its name may be wrong."""

_PICTURE_SUFFIXES = IMAGE_SUFFIXES | _RAW_SUFFIXES | _OTHER_PICTURES

_COMPANIONS = frozenset({
    "toml", "ready", "txt", "md", "rtf", "xmp", "aae", "json", "yaml", "yml", "xml", "csv", "ini", "log", "thm", "pp3", "dop", "cos",
    "on1", "xcu", "sha1", "sha256", "md5", "asc", "sig", "bak", "css",
})  # fmt: skip
"""Endings of files that lie beside pictures and are none, whatever they are called."""
_VIDEOS = frozenset({"mov", "mp4", "m4v", "avi", "mkv", "webm", "3gp", "mts", "m2ts", "wmv", "mpg", "mpeg"})
_LINKS = frozenset({"url", "webloc", "lnk", "desktop", "website"})
_ARCHIVES = frozenset({"zip", "rar", "7z", "tar", "gz", "tgz", "bz2", "xz", "zst"})
_PLACEHOLDERS = {
    "icloud": "iCloud",
    "nextcloud": "Nextcloud",
    "owncloud": "ownCloud",
    "cloud": "odrive",
    "cloudf": "odrive",
}
"""Endings that a synchroniser gives to a file that it has not downloaded."""

_NO_PICTURES = frozenset(_COMPANIONS | _VIDEOS | _LINKS | _ARCHIVES | _PLACEHOLDERS.keys())

_NEAR = 0.8
"""Likeness of two words (``difflib``) from which one is taken for a slip of the other."""

CONTENT_FOLDER = "content"
STYLE_FOLDER = "style"
REJECTED_FOLDER = "rejected"
DISMISSED_FOLDER = "dismissed"
PUT_ASIDE = frozenset({REJECTED_FOLDER, DISMISSED_FOLDER})
"""Folders of the inbox whose contents are no pairs."""
SETTINGS_NAME = "job.toml"
SETTINGS_SUFFIX = ".toml"
READY_SUFFIX = ".ready"
"""Of an empty file that marks a pair as complete."""
READY_NAME = "ready"
"""That it has among a job's inputs."""

_ROLE = r"(?P<role>content|style(?:[-_. ]?0*(?P<position>[1-9][0-9]?))?|mask)"
"""``style-2`` is what is documented; ``style2``, ``style_2`` and ``style-02`` can mean nothing else."""
_WHOLE_ROLE = re.compile(_ROLE, re.IGNORECASE)
_LAST_ROLE = re.compile(rf"[._-]{_ROLE}$", re.IGNORECASE)

_UNFINISHED_SUFFIXES = frozenset({
    "part", "partial", "filepart", "crdownload", "download", "opdownload", "tmp", "temp", "upload",
})  # fmt: skip
_UNFINISHED_HIDDEN = re.compile(
    r"\..+\..+\.[A-Za-z0-9]{6}|\.syncthing\..+|\.~tmp~|\.in\..+|\.goutputstream-.+|\.nfs[0-9a-f]+|\.pureftpd-upload\..+"
    r"|\..+\.~[0-9a-f]+",
    re.IGNORECASE,
)
"""Names that rsync, Syncthing, FTP servers, desktops and Nextcloud give to a file they have not finished."""
_RANDOM_END = re.compile(r"(\..+\..+)\.[A-Za-z0-9]{6}|(\..+)\.~[0-9a-f]+", re.IGNORECASE)
_HASH_END = re.compile(r"\.[0-9a-f]{8}$")
"""Of rclone, before its suffix: ``mask.png.1a2b3c4d.partial``."""
_HIDING_START = re.compile(r"[.~]syncthing[.~]|\.in\.|\.", re.IGNORECASE)

_JUNK = frozenset({
    "thumbs.db", "desktop.ini", "@eadir", "__macosx", "icon\r",
    # Recycle bins, snapshots and databases of NAS systems, Windows and synchronisers: what lies there was thrown away.
    "#recycle", "@recycle", "@recycle.bin", "$recycle.bin", "recycler", "system volume information", "lost+found",
    "recycled", "@sharebin", "@__thumb", "@transcode", "~snapshot", "network trash folder", "temporary items", "thevolumesettingsfolder",
    "found.000", "#snapshot", "@snapshots", "@recently-snapshot", "@tmp", "_gsdata_",
})  # fmt: skip
_JUNK_SUFFIXES = frozenset({"swp", "swo", "swn", "swx"})


class Part(NamedTuple):
    """What a file is within its pair."""

    name: str
    """The pair's, empty if the folder gives it."""
    role: str
    """``content``, ``style`` or ``mask``."""
    position: int
    """Of a style among the styles, from 1; 1 for the others."""
    suffix: str
    """In lower case, without the dot; empty if there is none."""

    @property
    def is_image(self) -> bool:
        """Whether the name's ending is that of an image, so that it goes before another that only might be one."""
        return self.suffix in IMAGE_SUFFIXES


def part_in_folder(file_name: str) -> Part | None:
    """Read a name inside a pair's own folder: ``content.jpg``, ``style-2.png``, ``mask.png``.

    Any ending will do but one that is never a picture's, and none at all: its bytes decide what the file is.
    """
    for stem, suffix in _splits(file_name):
        match = _WHOLE_ROLE.fullmatch(stem.strip())
        if match:
            return _part("", match, suffix)
    return None


def named_part(file_name: str) -> Part | None:
    """Read a name that carries the pair's: ``harbour.content.jpg``, ``harbour-style.png``, ``harbour_mask``."""
    for stem, suffix in _splits(file_name):
        match = _LAST_ROLE.search(stem.strip())
        if match and match.start():
            return _part(stem[: match.start()], match, suffix)
    return None


def image_stem(file_name: str) -> str | None:
    """Return the name of a file that may be a picture without its ending, None if the ending is no picture's."""
    stem, suffix = _ending(file_name)
    if suffix in _PICTURE_SUFFIXES or _image_within(suffix):
        return stem or None
    if suffix.isdecimal() and stem:  # of a second download: photo.jpg.1
        return image_stem(stem)
    return None


def bare_stem(file_name: str) -> str | None:
    """Return what :func:`image_stem` does, and the name itself where a file has no ending at all."""
    return file_name if "." not in file_name else image_stem(file_name)


def nearly_a_role(file_name: str, *, cutoff: float = _NEAR) -> str | None:
    """Return the role that a picture's name nearly is: ``contents.jpg``, ``style (2).png``, ``stlye.jpg``; None if none."""
    stem = image_stem(file_name)
    words = re.split(r"[^a-z]+", (stem or "").strip().lower(), maxsplit=1)
    if not stem or part_in_folder(file_name) is not None:
        return None
    near = difflib.get_close_matches(words[0], ("content", "style", "mask"), n=1, cutoff=cutoff)
    return near[0] if near else None


def is_settings_in_folder(file_name: str) -> bool:
    """Return whether a file in a pair's own folder is its settings: ``job.toml``, in either case."""
    return key(file_name.strip()).casefold() == SETTINGS_NAME


def nearly_settings(file_name: str) -> bool:
    """Return whether a name is nearly that of settings, so that its writer may think it is used: ``job.toml.txt``, ``job.txt``."""
    parts = file_name.strip().casefold().split(".")
    return not is_settings_in_folder(file_name) and (
        "toml" in parts[1:] or parts[-1] == "tml" or (parts[0] == "job" and image_stem(file_name) is None)
    )


def companion(file_name: str) -> tuple[str, str] | None:
    """Split a file beside a pair, ``NAME.toml`` or ``NAME.ready``, into name and ending (lower case); None if it is neither."""
    stem, suffix = _ending(file_name.strip())
    return (stem, f".{suffix}") if stem and f".{suffix}" in (SETTINGS_SUFFIX, READY_SUFFIX) else None


def is_ready(file_name: str) -> bool:
    """Return whether a file beside a pair marks it as complete."""
    return file_name.strip().lower().endswith(READY_SUFFIX)


def companion_suffix(file_name: str) -> str:
    """Return the ending of a file that :func:`companion` splits, as it is written."""
    return f".{file_name.strip().rpartition('.')[2]}"


def is_settings_of_all(file_name: str) -> bool:
    """Return whether a file beside several pairs may be meant as the settings of each: ``job.toml``, ``job.toml.txt``."""
    return f"{key_in_one_case(file_name.strip())}.".startswith(f"{SETTINGS_NAME}.")


def without_job(stem: str) -> str | None:
    """Return the pair's name of settings called ``NAME.job.toml``, from the stem ``NAME.job``; None if it is none."""
    found = re.fullmatch(r"(.+)[._-]job", stem, re.IGNORECASE)
    return found[1] if found else None


def role_of_folder(name: str) -> str | None:
    """Return which half of the pairs across two folders a folder has: ``content/``, ``style/``, in either case."""
    folded = name.strip().casefold()
    return folded if folded in (CONTENT_FOLDER, STYLE_FOLDER) else None


def placeholder_of(name: str) -> tuple[str, str] | None:
    """Return the name of the file that a synchroniser's placeholder stands for, and the synchroniser; None if it is none."""
    stem, suffix = _ending(name)
    if suffix not in _PLACEHOLDERS or not stem:
        return None
    return (stem.removeprefix(".") if suffix == "icloud" else stem), _PLACEHOLDERS[suffix]


def why_not_a_picture(file_name: str) -> str:
    """Return why a file of that name is left alone, and what to do, in words."""
    suffix = _ending(file_name)[1]
    if suffix in _LINKS:
        return "a link, not a picture: save the picture itself here"
    if suffix in _VIDEOS:
        return "a video (of a live photo, perhaps); only pictures are painted"
    if suffix in _ARCHIVES:
        return "an archive: unpack it here"
    if "." not in file_name:
        return "no picture by its name, which has no ending such as .jpg"
    return "not a picture by its name"


def suffix_of_format(file_name: str, image_format: str) -> str:
    """Return the ending for an image by its format as Pillow names it: its own, if that is one of the format's."""
    suffixes = _SUFFIXES.get(image_format, (image_format.lower(),))
    own = file_name.rpartition(".")[2].lower()
    return own if own in suffixes else suffixes[0]


def _ending(file_name: str) -> tuple[str, str]:
    """Split a name at its last dot; the ending in lower case, empty if there is none."""
    stem, dot, suffix = file_name.rpartition(".")
    return (stem, suffix.lower()) if dot else (file_name, "")


def _splits(file_name: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to read a name as stem and ending, the whole name first; none if its ending is never a picture's."""
    stem, suffix = _ending(file_name)
    if suffix in _NO_PICTURES:
        return
    if suffix not in IMAGE_SUFFIXES:
        yield file_name, ""
    if suffix:
        yield stem, suffix
        if suffix.isdecimal():  # of a second download: content.jpg.1
            yield _ending(stem)


def _image_within(suffix: str) -> bool:
    """Return whether an ending begins with an image's: ``jpg_large``, ``jpg!d``, ``jpeg?w=800``, ``jpg (1)``."""
    found = re.match(r"([a-z0-9]+)[^a-z0-9]", suffix)
    return found is not None and found[1] in IMAGE_SUFFIXES


def _part(name: str, match: re.Match[str], suffix: str) -> Part:
    role = "style" if match["role"].lower().startswith("style") else match["role"].lower()
    return Part(name, role, int(match["position"] or 1), suffix)


def is_unfinished(name: str) -> bool:
    """Return whether a program gave this name to a file that it is still writing."""
    stem, _, suffix = name.rpartition(".")
    if stem and suffix.lower() in _UNFINISHED_SUFFIXES:
        return True
    return name.startswith(".") and _UNFINISHED_HIDDEN.fullmatch(name) is not None


def finished_name(name: str) -> str | None:
    """Return what a file that is still being written or downloaded will be called; None where its name does not say."""
    if (placeholder := placeholder_of(name)) is not None:
        return placeholder[0]
    stem, suffix = _ending(name)
    if stem and suffix in _UNFINISHED_SUFFIXES:
        rest = _HASH_END.sub("", stem)
    elif name.lower().startswith(".in."):
        rest = name.removesuffix(".")
    elif found := _RANDOM_END.fullmatch(name):
        rest = found[1] or found[2]
    else:
        return None
    start = _HIDING_START.match(rest)
    return rest[start.end() :] if start else rest


def is_junk(name: str) -> bool:
    """Return whether a name belongs to an editor, a file manager or a NAS, and never to a picture: also all hidden names."""
    if name.startswith(".") or name.endswith("~"):
        return True
    lower = name.lower()
    return lower in _JUNK or lower.rpartition(".")[2] in _JUNK_SUFFIXES


def key(name: str) -> str:
    """Return what two names of one pair share: macOS writes ``é`` as two characters, Linux as one."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def key_in_one_case(name: str) -> str:
    """Return what two names share that differ in upper and lower case too."""
    return key(name).casefold()
