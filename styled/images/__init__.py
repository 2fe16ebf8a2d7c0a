"""Pictures in and out: what may be opened, decoding to sRGB, resizing, encoding with how it was made.

Files are 8-bit sRGB once decoded: uint8, shape (H, W, 3), RGB, upright. Pictures being painted are float32,
shape (H, W, 3), RGB, sRGB-encoded, 0..255.
"""

from styled.images.checking import Checker as Checker
from styled.images.checking import check as check
from styled.images.decoding import Loaded as Loaded
from styled.images.decoding import load as load
from styled.images.metadata import read_metadata as read_metadata
from styled.images.opening import MAX_BYTES as MAX_BYTES
from styled.images.opening import MAX_PIXELS as MAX_PIXELS
from styled.images.opening import ImageInfo as ImageInfo
from styled.images.opening import probe as probe
from styled.images.resizing import AnyPicture as AnyPicture
from styled.images.resizing import fit as fit
from styled.images.resizing import resize as resize
from styled.images.saving import save as save
