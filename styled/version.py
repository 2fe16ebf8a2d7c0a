"""The version of this package, and of what decides the pixels with it."""

from __future__ import annotations

__version__ = "0.1.0"

_RECORDED = ("styled", "tensorflow", "keras", "numpy", "pillow", "pi-heif", "tifffile", "imagecodecs")


def versions() -> dict[str, str]:
    """Return the installed version of styled and of each library that decides the pixels."""
    from importlib import metadata  # a fifth of the start of a command that asks for none

    found = {}
    for name in _RECORDED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            # tensorflow may be there under another name (tensorflow-cpu); what is unknown is left out.
            continue
    return found
