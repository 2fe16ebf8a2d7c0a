"""The VGG19 weights: the packaged file, Keras' file and its download, and everything that can be wrong with them."""

from __future__ import annotations

import errno
import functools
import hashlib
import http.server
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from styled import vgg19
from styled.errors import WeightsDamaged, WeightsUnavailable
from styled.vgg19 import weights

pytestmark = pytest.mark.tensorflow

FIRST = ("block1_conv1", "block1_conv2")


def write_h5(path: Path, layers: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    """Write kernels and biases the way Keras' own file is laid out."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, (kernel, bias) in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}_W_1:0".encode(), f"{name}_b_1:0".encode()]
            group.create_dataset(f"{name}_W_1:0", data=kernel)
            group.create_dataset(f"{name}_b_1:0", data=bias)
    return path


def layers_of(source: weights.Weights) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {name: (source.kernels[name], source.biases[name]) for name in source.kernels}


@pytest.fixture(scope="module")
def first() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The first two layers of the packaged weights."""
    return layers_of(weights.load_weights("builtin", FIRST))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[bytes], str]]:
    """Serve bytes over HTTP on this machine; gives the address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Keep the test's output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()

    def publish(content: bytes) -> str:
        (folder / "vgg19.h5").write_bytes(content)
        return f"http://127.0.0.1:{server.server_port}/vgg19.h5"

    yield publish
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "models"


class TestBuiltin:
    def test_every_layer_has_vgg19s_shape_in_float32(self) -> None:
        loaded = weights.load_weights("builtin", vgg19.LAYER_NAMES)
        for layer in vgg19.CONVOLUTIONS:
            assert loaded.kernels[layer.name].shape == (3, 3, layer.inputs, layer.outputs)
            assert loaded.biases[layer.name].shape == (layer.outputs,)
            assert loaded.kernels[layer.name].dtype == loaded.biases[layer.name].dtype == np.float32

    def test_the_digest_is_that_of_the_file_in_the_package(self) -> None:
        loaded = weights.load_weights("builtin", FIRST)
        assert loaded.digest == hashlib.sha256(weights.BUILTIN_PATH.read_bytes()).hexdigest()
        assert loaded.digest == "efd97b811991acfd7d242f2aabc237c6026bc201c4a4ef0a79eeaf7b5338048a"
        assert loaded.source == "builtin"

    def test_only_the_layers_asked_for_are_loaded_in_network_order(self) -> None:
        loaded = weights.load_weights("builtin", ("block3_conv1", "block1_conv1"))
        assert list(loaded.kernels) == list(loaded.biases) == ["block1_conv1", "block3_conv1"]

    def test_a_changed_byte_is_found(self, tmp_path: Path) -> None:
        content = bytearray(weights.BUILTIN_PATH.read_bytes())
        content[len(content) // 2] ^= 1
        copy = tmp_path / "weights.npz"
        copy.write_bytes(content)
        with pytest.raises(WeightsDamaged, match="Install styled again"):
            weights.read_builtin(FIRST, path=copy)

    @pytest.mark.parametrize("content", [b"", b"not a zip file"])
    def test_something_else_with_the_right_digest_is_still_refused(self, tmp_path: Path, content: bytes) -> None:
        copy = tmp_path / "weights.npz"
        copy.write_bytes(content)
        with pytest.raises(WeightsDamaged, match="not an archive of VGG19 weights"):
            weights.read_builtin(FIRST, path=copy, sha256=hashlib.sha256(content).hexdigest())

    def test_an_archive_without_a_layer_is_refused(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, **{"block1_conv1/codes": np.zeros((3, 3, 3, 64), np.uint8)})
        copy = tmp_path / "weights.npz"
        copy.write_bytes(buffer.getvalue())
        with pytest.raises(WeightsDamaged, match="block1_conv1/table"):
            weights.read_builtin(FIRST, path=copy, sha256=hashlib.sha256(buffer.getvalue()).hexdigest())

    def test_a_missing_file_is_unavailable(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnavailable, match="No such file"):
            weights.read_builtin(FIRST, path=tmp_path / "gone.npz")


class TestFile:
    def test_keras_and_styled_read_the_same_numbers(self, tmp_path: Path) -> None:
        """The format is Keras' own: its VGG19 loads the same file and holds the same kernels in the same order."""
        keras = pytest.importorskip("keras")
        builtin = weights.load_weights("builtin", vgg19.LAYER_NAMES)
        path = write_h5(tmp_path / "vgg19.h5", layers_of(builtin))
        model = keras.applications.VGG19(include_top=False, weights=str(path))
        loaded = weights.load_weights(str(path), vgg19.LAYER_NAMES)
        assert loaded.source == str(path)
        for name in vgg19.LAYER_NAMES:
            kernel, bias = model.get_layer(name).get_weights()
            np.testing.assert_array_equal(loaded.kernels[name], kernel)
            np.testing.assert_array_equal(loaded.biases[name], bias)

    def test_a_tilde_means_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        write_h5(tmp_path / "mine.h5", first)
        assert list(weights.load_weights("~/mine.h5", FIRST).kernels) == list(FIRST)

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnavailable, match=r"gone\.h5: No such file"):
            weights.load_weights(str(tmp_path / "gone.h5"), FIRST)

    def test_a_missing_layer_is_named(self, tmp_path: Path, first) -> None:
        path = write_h5(tmp_path / "vgg19.h5", {"block1_conv1": first["block1_conv1"]})
        with pytest.raises(WeightsDamaged, match="lacks the layer block1_conv2"):
            weights.load_weights(str(path), FIRST)

    def test_a_wrong_shape_is_named(self, tmp_path: Path, first) -> None:
        kernel, bias = first["block1_conv1"]
        path = write_h5(tmp_path / "vgg19.h5", {"block1_conv1": (kernel[..., :32], bias)})
        with pytest.raises(WeightsDamaged, match=r"block1_conv1 has a kernel of shape \(3, 3, 3, 32\)"):
            weights.load_weights(str(path), FIRST[:1])

    def test_values_that_are_not_finite_are_refused(self, tmp_path: Path, first) -> None:
        kernel, bias = first["block1_conv1"]
        path = write_h5(tmp_path / "vgg19.h5", {"block1_conv1": (kernel, bias * np.nan)})
        with pytest.raises(WeightsDamaged, match="not finite"):
            weights.load_weights(str(path), FIRST[:1])

    def test_a_truncated_file_is_refused(self, tmp_path: Path, first) -> None:
        path = write_h5(tmp_path / "vgg19.h5", first)
        path.write_bytes(path.read_bytes()[:5000])
        with pytest.raises(WeightsDamaged, match="not an HDF5 file of VGG19 weights"):
            weights.load_weights(str(path), FIRST)

    def test_an_hdf5_file_of_something_else_is_refused(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file.create_dataset("block1_conv1", data=np.zeros(3))
        with pytest.raises(WeightsDamaged, match="not an HDF5 file of VGG19 weights"):
            weights.load_weights(str(tmp_path / "other.h5"), FIRST)


class TestImagenet:
    def test_what_may_not_be_downloaded_is_not(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(weights, "_download", lambda *_: pytest.fail("the network was used"))
        with pytest.raises(WeightsUnavailable, match="may not have it downloaded") as caught:
            weights.load_weights("imagenet", FIRST, may_download=False)
        assert "allow_download" in caught.value.advice

    def test_a_good_copy_in_keras_cache_is_used_without_network(self, cache: Path, first) -> None:
        cache.mkdir(parents=True)
        path = write_h5(cache / weights.IMAGENET_NAME, first)
        md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        assert weights.fetch_imagenet(url="http://127.0.0.1:9/nobody-listens", md5=md5) == path

    def test_it_is_downloaded_into_keras_cache(
        self, cache: Path, tmp_path: Path, serve, first, capsys: pytest.CaptureFixture[str]
    ) -> None:
        content = write_h5(tmp_path / "vgg19.h5", first).read_bytes()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        path = weights.fetch_imagenet(url=serve(content), md5=md5)
        assert path == cache / weights.IMAGENET_NAME
        assert path.read_bytes() == content
        assert [entry.name for entry in cache.iterdir()] == [weights.IMAGENET_NAME]
        assert capsys.readouterr().out == "", "standard output belongs to the caller"

    def test_a_damaged_copy_in_the_cache_is_replaced(self, cache: Path, tmp_path: Path, serve, first) -> None:
        content = write_h5(tmp_path / "vgg19.h5", first).read_bytes()
        cache.mkdir(parents=True)
        (cache / weights.IMAGENET_NAME).write_bytes(content[:1000])
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        assert weights.fetch_imagenet(url=serve(content), md5=md5).read_bytes() == content

    def test_a_damaged_download_is_refused_and_not_kept(self, cache: Path, serve) -> None:
        with pytest.raises(WeightsDamaged, match="damaged"):
            weights.fetch_imagenet(url=serve(b"half a file"))
        assert list(cache.iterdir()) == []

    def test_no_network_says_what_to_do(self, cache: Path) -> None:
        with pytest.raises(WeightsUnavailable, match="weights = 'builtin'"):
            weights.fetch_imagenet(url="http://127.0.0.1:9/nobody-listens")

    def test_a_page_that_is_not_there_is_unavailable(self, cache: Path, serve) -> None:
        with pytest.raises(WeightsUnavailable, match="404"):
            weights.fetch_imagenet(url=serve(b"") + "-gone")

    def test_a_cache_that_cannot_be_made_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
        with pytest.raises(WeightsUnavailable, match="KERAS_HOME"):
            weights.fetch_imagenet(url="http://127.0.0.1:9/nobody-listens")


class TestDescribe:
    def test_builtin(self, cache: Path) -> None:
        info = weights.describe("builtin")
        assert (info.available, info.problem) == (True, "")
        assert info.digest == weights.BUILTIN_SHA256
        assert Path(info.path) == weights.BUILTIN_PATH
        assert Path(info.cache) == cache

    def test_imagenet_not_in_the_cache(self, cache: Path) -> None:
        info = weights.describe("imagenet")
        assert not info.available
        assert info.digest == ""
        assert "not in Keras' cache" in info.problem

    def test_imagenet_damaged_in_the_cache(self, cache: Path) -> None:
        cache.mkdir(parents=True)
        (cache / weights.IMAGENET_NAME).write_bytes(b"half a file")
        info = weights.describe("imagenet")
        assert not info.available
        assert "damaged" in info.problem
        assert info.digest == hashlib.sha256(b"half a file").hexdigest()

    def test_a_path(self, tmp_path: Path, first) -> None:
        info = weights.describe(str(write_h5(tmp_path / "vgg19.h5", first)))
        assert not info.available
        assert "lacks the layer block2_conv1" in info.problem


def test_the_digest_is_of_the_file_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.h5"
    assert weights.digest_of(str(own)) == ""
    for content in (b"first", b"second"):
        (tmp_path / "new").write_bytes(content)
        (tmp_path / "new").replace(own)
        assert weights.digest_of(str(own)) == hashlib.sha256(content).hexdigest()
    own.unlink()
    assert weights.digest_of(str(own)) == ""
    assert weights.digest_of("builtin") == hashlib.sha256(weights.BUILTIN_PATH.read_bytes()).hexdigest()

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    cached = weights.keras_cache() / weights.IMAGENET_NAME
    assert weights.digest_of("imagenet") == ""
    cached.parent.mkdir()
    cached.write_bytes(b"cut off")
    assert weights.digest_of("imagenet") == "", "it will be downloaded again"
    monkeypatch.setattr(weights, "IMAGENET_MD5", hashlib.md5(b"cut off", usedforsecurity=False).hexdigest())
    assert weights.digest_of("imagenet") == hashlib.sha256(b"cut off").hexdigest()


def test_a_file_that_could_not_be_read_once_is_read_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was: its missing digest was kept for as long as the file stayed the same."""
    own = tmp_path / "own.h5"
    own.write_bytes(b"weights")

    def too_many(*_: object, **__: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(weights, "open_regular", too_many)
        assert weights.digest_of(str(own)) == ""
    assert weights.digest_of(str(own)) == hashlib.sha256(b"weights").hexdigest()


class TestWhatIsNoFile:
    def test_a_pipe_a_device_or_a_folder_neither_blocks_nor_fills_the_memory(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.h5")
        for path in (tmp_path / "pipe.h5", Path("/dev/zero"), tmp_path, "~nobody-of-that-name/a.h5", tmp_path / "a\0b"):
            with pytest.raises((WeightsDamaged, WeightsUnavailable)):
                weights.load_weights(str(path), FIRST)
            assert weights.describe(str(path)).problem
            weights.identity(str(path))
