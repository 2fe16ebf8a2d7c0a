"""Pictures that are transparent everywhere: programs that know no alpha write it as 0, and hide the picture from others."""

from __future__ import annotations

from PIL import Image, ImageFile

from styled.errors import UnreadableImage


def is_invisible(image: ImageFile.ImageFile) -> bool:
    """Return whether every pixel of a decoded image is transparent."""
    plane: Image.Image | None = getattr(image, "alpha_plane", None)
    if plane is not None:
        return plane.getextrema() == (0, 0)
    if image.mode[-1:] in {"A", "a"}:
        return image.getchannel(len(image.getbands()) - 1).getextrema() == (0, 0)
    transparent = image.info.get("transparency")
    if transparent is None:
        return False
    if image.mode == "P":
        alpha = transparent if isinstance(transparent, bytes) else None
        used = (index for index, count in enumerate(image.histogram()[:256]) if count)
        if alpha is None:
            return all(index == transparent for index in used)
        return all(index < len(alpha) and alpha[index] == 0 for index in used)
    extremes = image.getextrema()
    if isinstance(transparent, tuple):
        return extremes == tuple((level, level) for level in transparent)
    return extremes == (transparent, transparent)


def refuse_blank(image: ImageFile.ImageFile, name: str) -> None:
    """Refuse an invisible image that has one colour below its transparency.

    Raises:
        UnreadableImage: there is nothing to see either way.
    """
    extremes = image.getextrema()
    pairs = extremes if isinstance(extremes[0], tuple) else (extremes,)
    colours = pairs[:-1] if image.mode[-1:] in {"A", "a"} else pairs
    if all(low == high for low, high in colours):
        raise UnreadableImage(
            f"{name} is wholly transparent, and of one colour below", "Export it once more, with what shall be seen."
        )
