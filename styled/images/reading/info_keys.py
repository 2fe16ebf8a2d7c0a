"""Keys under which readers leave in Pillow's ``image.info`` what Pillow has no place for."""

from __future__ import annotations

REMARKS = "styled.remarks"
"""A list of remarks for the user."""

CICP = "styled.cicp"
"""Of the chunk cICP: primaries and transfer function, by the numbers of ITU-T H.273; it goes before a profile."""

NCLX = "styled.nclx"
"""The same of HEIF and AVIF, where there is no profile."""
CALIBRATED = "styled.calibrated"
"""x and y of red, green and blue, and the gamma, seven numbers, where a BMP's header names them."""

FROM_JPEG_XL = "styled.from_jpeg_xl"
"""True for a JPEG that a JPEG XL file gave back."""
