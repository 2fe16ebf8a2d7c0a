"""The VGG19 weights: where they come from, and that they are what they should be.

Three sources. ``builtin`` is the 8-bit copy inside the package: each kernel is a table of 256 levels and
a code per weight (see NOTICE). ``imagenet`` is Keras' own file, taken from Keras' cache or downloaded into
it. Anything else is the path of an ``.h5`` file laid out like Keras' own.

Keras and h5py are imported only by the functions that need them; TensorFlow only for a download.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import socket
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from styled import tensorflow_import, vgg19
from styled.errors import DataDamaged, WeightsDamaged, WeightsError, WeightsUnavailable
from styled.files.decoding import read_file
from styled.files.untrusted import open_regular

Array = npt.NDArray[np.float32]

BUILTIN = "builtin"
IMAGENET = "imagenet"

BUILTIN_PATH = Path(__file__).parent.parent / "data" / "vgg19_q8.npz"
BUILTIN_SHA256 = "efd97b811991acfd7d242f2aabc237c6026bc201c4a4ef0a79eeaf7b5338048a"

# keras/src/applications/vgg19.py of Keras 3: the name, address and MD5 that VGG19(weights="imagenet") uses.
IMAGENET_NAME = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{IMAGENET_NAME}"
IMAGENET_MD5 = "253f8cb515780f3b799900260a226db6"

_MOST_BYTES = 2**31
"""Of a file of weights; Keras' own with its top has 575 MB."""

DOWNLOAD_TIMEOUT_S = 60.0
"""Seconds without a byte after which a download is given up; Keras itself would wait for ever."""


@dataclass(frozen=True)
class Weights:
    """Convolution weights of VGG19, for an input in BGR, 0..255, minus :data:`styled.vgg19.MEAN_BGR`."""

    kernels: dict[str, Array]
    """Layer name to kernel, float32, shape (3, 3, in, out), from the image inwards."""
    biases: dict[str, Array]
    """Layer name to bias, float32, shape (out,)."""
    digest: str
    """SHA-256 of the whole file, hexadecimal."""
    source: str
    """``builtin``, or the path of the file."""


@dataclass(frozen=True)
class WeightsInfo:
    """What :func:`describe` finds out about weights without loading the engine."""

    setting: str
    """The value of the setting ``weights``."""
    path: str
    """The file that is, or would be, read."""
    available: bool
    """The file is there and passes every check."""
    digest: str
    """SHA-256 of the file, hexadecimal; empty when there is no file."""
    cache: str
    """Keras' cache, where ``imagenet`` looks and downloads to."""
    problem: str = ""
    """Why ``available`` is False, with advice."""


def load_weights(spec: str, layers: Sequence[str], *, may_download: bool = True) -> Weights:
    """Load the weights of some layers and check the file they come from.

    Args:
        spec: ``builtin``, ``imagenet``, or the path of an ``.h5`` file (``~`` is expanded).
        layers: names from :data:`styled.vgg19.LAYER_NAMES`.
        may_download: whether ``imagenet`` is fetched where Keras' cache has no good copy.

    Raises:
        WeightsUnavailable: no such file, none and it may not be downloaded, or the download failed.
        WeightsDamaged: wrong digest, a missing layer, a wrong shape, or values that are not finite.
    """
    if spec == BUILTIN:
        return read_builtin(layers)
    if spec == IMAGENET:
        return read_h5(fetch_imagenet(may_download=may_download), layers)
    return read_h5(_path_of(spec), layers)


def identity(spec: str) -> tuple[str | int, ...]:
    """Return what is equal for equal weights and is known without reading them; empty when there is no file yet.

    Args:
        spec: as in :func:`load_weights`.
    """
    if spec == BUILTIN:
        return (BUILTIN_SHA256,)
    path = keras_cache() / IMAGENET_NAME if spec == IMAGENET else _path_of(spec)
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in it
        return ()  # loading them raises the error, or downloads them
    return (str(path), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def digest_of(spec: str) -> str:
    """Return the SHA-256 of the file that ``spec`` names, hexadecimal; empty when there is none that can be read.

    The file is read when it is not the one of the last call. Of a path, whether it holds weights is not checked; Keras'
    own file has no digest where it is damaged, because it will be downloaded again.
    """
    if spec == BUILTIN:
        return BUILTIN_SHA256
    known = identity(spec)
    try:
        return _digest_of_file(known, IMAGENET_MD5 if spec == IMAGENET else "") if known else ""
    except OSError:  # not kept: the file may be read the next time
        return ""


@functools.lru_cache(maxsize=8)
def _digest_of_file(identity: tuple[str | int, ...], md5: str) -> str:
    path = Path(str(identity[0]))
    return _digest(path, "sha256") if not md5 or _has_md5(path, md5) else ""


def describe(spec: str) -> WeightsInfo:
    """Return which file ``spec`` means and whether it is usable. Reads it wholly; never downloads."""
    cache = keras_cache()
    path = {BUILTIN: BUILTIN_PATH, IMAGENET: cache / IMAGENET_NAME}.get(spec) or _path_of(spec)
    problem = ""
    try:
        if spec == BUILTIN:
            read_builtin(vgg19.LAYER_NAMES)
        elif spec == IMAGENET and not path.is_file():
            raise WeightsUnavailable("not in Keras' cache yet", "The first job that needs it downloads it (80 MB).")
        elif spec == IMAGENET and not _has_md5(path, IMAGENET_MD5):
            raise WeightsDamaged("the cached file is damaged", "The next job that needs it downloads it again (80 MB).")
        else:
            read_h5(path, vgg19.LAYER_NAMES)
    except WeightsError as error:
        problem = str(error)
    digest = _digest(path, "sha256") if path.is_file() and os.access(path, os.R_OK) else ""
    return WeightsInfo(spec, str(path), not problem, digest, str(cache), problem)


def _path_of(spec: str) -> Path:
    return Path(os.path.expanduser(spec))  # noqa: PTH111  # Path's own raises for users that do not exist


def keras_cache() -> Path:
    """Return the folder in which Keras keeps weights: ``$KERAS_HOME/models``, else ``~/.keras/models``."""
    return _path_of(os.environ.get("KERAS_HOME") or "~/.keras") / "models"


def read_builtin(layers: Sequence[str], *, path: Path = BUILTIN_PATH, sha256: str = BUILTIN_SHA256) -> Weights:
    """Read the 8-bit weights: per layer ``codes`` uint8 (3, 3, in, out), ``table`` float32 (256,), ``bias``.

    Only the named layers are unpacked. Raises as :func:`load_weights`.
    """
    advice = "Install styled again."
    content = _read_bytes(path, advice)
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise WeightsDamaged(f"{path} has SHA-256 {digest}, expected {sha256}", advice)
    kernels, biases = {}, {}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            for layer in _in_order(layers):
                kernels[layer] = archive[f"{layer}/table"][archive[f"{layer}/codes"]]
                biases[layer] = archive[f"{layer}/bias"]
    except (EOFError, KeyError, IndexError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsDamaged(f"{path} is not an archive of VGG19 weights: {error}", advice) from error
    return _checked(Weights(kernels, biases, digest, BUILTIN), path, advice)


def read_h5(path: Path, layers: Sequence[str]) -> Weights:
    """Read an HDF5 file laid out as Keras' own: a group per layer, whose ``weight_names`` are kernel and bias.

    Raises as :func:`load_weights`.
    """
    import h5py  # comes with Keras; 40 ms that the builtin weights do not need

    advice = f"Give a file laid out like Keras' {IMAGENET_NAME}, or weights = 'builtin'."
    content = _read_bytes(path, advice)
    kernels, biases = {}, {}
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            for layer in _in_order(layers):
                if layer not in file:
                    raise WeightsDamaged(f"{path} lacks the layer {layer}", advice)
                group = file[layer]
                kernel, bias = (group[name] for name in group.attrs["weight_names"])
                kernels[layer] = np.asarray(kernel, np.float32)
                biases[layer] = np.asarray(bias, np.float32)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise WeightsDamaged(f"{path} is not an HDF5 file of VGG19 weights: {error}", advice) from error
    return _checked(Weights(kernels, biases, hashlib.sha256(content).hexdigest(), str(path)), path, advice)


def fetch_imagenet(*, url: str = IMAGENET_URL, md5: str = IMAGENET_MD5, may_download: bool = True) -> Path:
    """Return Keras' own file, downloaded into Keras' cache unless a good copy is there.

    Args:
        url: where to download from.
        md5: what the file must hash to.
        may_download: False only looks into the cache.

    Raises:
        WeightsUnavailable: not to be downloaded, no network, the server refused, or the cache cannot be written.
        WeightsDamaged: the download has a wrong hash.
    """
    cache = keras_cache()
    target = cache / IMAGENET_NAME
    if target.is_file() and _has_md5(target, md5):
        return target
    if not may_download:
        raise WeightsUnavailable(
            f"weights = 'imagenet' is not in Keras' cache {cache}, and a dropped pair may not have it downloaded",
            "Have [inbox] allow_download set in the daemon's styled.toml, or leave weights out.",
        )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Downloaded beside the cache's files and renamed, so that a killed download leaves nothing half.
        with tempfile.TemporaryDirectory(dir=cache, prefix=".styled-") as folder:
            downloaded = _download(url, md5, folder)
            downloaded.replace(target)
    except OSError as error:
        raise WeightsUnavailable(
            f"cannot write Keras' cache {cache}: {error}", "Set KERAS_HOME to a folder you may write, or use 'builtin'."
        ) from error
    return target


def _download(url: str, md5: str, folder: str) -> Path:
    tensorflow_import.load_tensorflow()
    from keras.utils import get_file

    try:
        with contextlib.redirect_stdout(sys.stderr), _socket_timeout(DOWNLOAD_TIMEOUT_S):
            return Path(get_file(IMAGENET_NAME, url, file_hash=md5, cache_dir=folder, cache_subdir=""))
    except ValueError as error:
        raise WeightsDamaged(
            f"the download from {url} is damaged: {error}", "Try again later, or set weights = 'builtin'."
        ) from error
    except Exception as error:  # Keras raises bare Exception for a failed download
        raise WeightsUnavailable(
            f"Keras' weights cannot be downloaded: {error}",
            f"Check the network, put the file into {keras_cache()} by hand, or set weights = 'builtin'.",
        ) from error


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Give every new socket a time-out: the only handle that ``get_file`` leaves us."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _checked(weights: Weights, path: Path, advice: str) -> Weights:
    """Return ``weights`` if every shape is VGG19's and every value finite."""
    for name, kernel in weights.kernels.items():
        layer = vgg19.BY_NAME[name]
        bias = weights.biases[name]
        expected = (3, 3, layer.inputs, layer.outputs)
        if kernel.shape != expected or bias.shape != (layer.outputs,):
            raise WeightsDamaged(
                f"{path}: {name} has a kernel of shape {kernel.shape} and a bias of {bias.shape}, "
                f"expected {expected} and {(layer.outputs,)}",
                advice,
            )
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise WeightsDamaged(f"{path}: {name} holds values that are not finite", advice)
    return weights


def _in_order(layers: Sequence[str]) -> list[str]:
    """Return ``layers`` once each, from the image inwards."""
    return sorted(set(layers), key=vgg19.LAYER_NAMES.index)


def _read_bytes(path: Path, advice: str) -> bytes:
    try:
        return read_file(path, most=_MOST_BYTES)
    except OSError as error:
        raise WeightsUnavailable(f"cannot read the weights {path}: {error.strerror}", advice) from error
    except DataDamaged as error:
        raise WeightsDamaged(f"cannot read the weights {path}: {error.message}", advice) from error


def _digest(path: Path, algorithm: str) -> str:
    with os.fdopen(open_regular(path, follow_links=True), "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _has_md5(path: Path, md5: str) -> bool:
    return _digest(path, "md5") == md5
