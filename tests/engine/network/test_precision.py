"""Which number format is chosen, on machines that this one is not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from styled import images
from styled.engine.network import precision
from styled.engine.network.features import FeatureExtractor
from styled.engine.objective.objective import Objective
from styled.engine.objective.tiled import TiledObjective
from styled.errors import SettingsError
from styled.settings import Settings
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow

INTEL = "processor\t: 0\nmodel name\t: A CPU\nflags\t\t: fpu sse avx2 {flags}\nbugs\t\t: avx512_bf16\n\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd {flags}\nCPU implementer\t: 0x41\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Pretend to be a machine with this /proc/cpuinfo and these GPUs' compute capabilities."""

    def become(cpuinfo: str = "", gpus: tuple[tuple[int, int] | None, ...] = ()) -> None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
        read = precision.cpu_flags
        monkeypatch.setattr(precision, "cpu_flags", lambda: read(tmp_path / "cpuinfo"))
        details = [{} if each is None else {"compute_capability": each} for each in gpus]
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(range(len(gpus))))
        monkeypatch.setattr(tf.config.experimental, "get_device_details", details.__getitem__)

    return become


class TestAuto:
    @pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
    def test_an_x86_cpu_that_multiplies_bfloat16_uses_it(self, machine, flag: str) -> None:
        machine(INTEL.format(flags=flag))
        assert precision.dtype_for("auto") == tf.bfloat16

    def test_an_arm_cpu_that_multiplies_bfloat16_uses_it(self, machine) -> None:
        machine(ARM.format(flags="bf16"))
        assert precision.dtype_for("auto") == tf.bfloat16

    @pytest.mark.parametrize("value", ["0", "False"])
    def test_without_onednn_none_does(self, machine, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        """TensorFlow's own kernels emulate it, in more time than float32 takes and less exactly."""
        machine(INTEL.format(flags="avx512_bf16"))
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", value)
        assert precision.dtype_for("auto") == tf.float32
        assert precision.is_emulated(tf.bfloat16)

    @pytest.mark.parametrize("cpuinfo", [INTEL.format(flags="avx512f avx512_vnni"), ARM.format(flags="asimdhp"), ""])
    def test_other_cpus_do_not(self, machine, cpuinfo: str) -> None:
        machine(cpuinfo)
        assert precision.dtype_for("auto") == tf.float32

    @pytest.mark.parametrize(
        ("capability", "dtype"),
        [
            ((7, 5), tf.float32),
            ((8, 0), tf.bfloat16),
            ((8, 9), tf.bfloat16),
            ((10, 0), tf.bfloat16),
            (None, tf.float32),
        ],
    )
    def test_a_gpu_decides_over_the_cpu(self, machine, capability: tuple[int, int] | None, dtype: tf.DType) -> None:
        machine(INTEL.format(flags="avx512_bf16" if dtype == tf.float32 else ""), (capability,))
        assert precision.dtype_for("auto") == dtype


@pytest.mark.parametrize(("setting", "dtype"), [("float32", tf.float32), ("bfloat16", tf.bfloat16)])
def test_what_is_asked_for_is_used_whatever_the_machine(machine, setting: str, dtype: tf.DType) -> None:
    machine(INTEL.format(flags="" if dtype == tf.bfloat16 else "amx_bf16"))
    assert precision.dtype_for(setting) == dtype


def test_a_system_without_cpuinfo_has_no_known_flags(tmp_path: Path) -> None:
    assert precision.cpu_flags(tmp_path / "gone") == frozenset()


def test_cpuinfo_in_an_odd_encoding_is_read(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_bytes(b"model name\t: \xb5 CPU\nflags\t: sse amx_bf16\n")
    assert precision.cpu_flags(tmp_path / "cpuinfo") == {"sse", "amx_bf16"}


def test_winograd_is_for_float32_on_cpus(machine) -> None:
    machine()
    assert precision.prefers_winograd(tf.float32)
    assert not precision.prefers_winograd(tf.bfloat16)
    machine(gpus=((8, 0),))
    assert not precision.prefers_winograd(tf.float32)


def test_float16_is_for_gpus(machine) -> None:
    machine()
    with pytest.raises(SettingsError, match=r"precision = 'float16' needs a GPU.*'auto'"):
        precision.dtype_for("float16")
    machine(gpus=((7, 5),))
    assert precision.dtype_for("float16") == tf.float16


@pytest.fixture(scope="module")
def extractors(vgg: Weights) -> Callable[[tf.DType], FeatureExtractor]:
    """Return the network of a number format, built once. Two are kept, of 50 and 100 MB: float32's and another."""
    layers = {*Settings().content_layers, *Settings().style_layers}
    return functools.lru_cache(maxsize=2)(lambda dtype: FeatureExtractor(vgg, layers, precision=dtype))


@pytest.mark.parametrize(
    ("way", "blocks"), [({"statistic": "wasserstein"}, 0), ({"normalize": "energy"}, 3), ({}, 5)], ids=str
)
@pytest.mark.usefixtures("one_by_one")
def test_in_float16_the_gradient_points_where_float32s_does(
    extractors: Callable[[tf.DType], FeatureExtractor],
    rocket: np.ndarray,
    starry_night: np.ndarray,
    *,
    way: dict[str, str],
    blocks: int,
) -> None:
    """Emulated by the CPU, at 208 px; nothing overflows, and the losses are the same to 2 %, also by tiles."""
    photo = images.resize(rocket, 208, 16) if blocks else images.resize(rocket, 96, 32)
    content, style = (tf.constant(image[None].astype(np.float32)) for image in (photo, starry_night[:32, :32]))
    settings = Settings(**way, tv_weight=0.0)  # the same in both, whatever the network is

    def found(dtype: tf.DType, blocks: int) -> list[np.ndarray]:
        arguments = (extractors(dtype), content, [style], settings)
        tiled = {"blocks": blocks, "tile": (104, 32)}
        objective = TiledObjective(*arguments, **tiled) if blocks else Objective(*arguments)
        return [each.numpy() for each in objective.value_and_gradient(255.0 - content)]

    terms, gradient = found(tf.float32, 0)
    half_terms, half_gradient = found(tf.float16, blocks)
    np.testing.assert_allclose(half_terms, terms, rtol=0.02)
    assert np.vdot(gradient, half_gradient) / (np.linalg.norm(gradient) * np.linalg.norm(half_gradient)) >= 0.99
    assert np.linalg.norm(half_gradient) == pytest.approx(np.linalg.norm(gradient), rel=0.05)


@pytest.mark.parametrize("start", ["content", "noise"])
@pytest.mark.usefixtures("one_by_one")
def test_in_bfloat16_the_gradient_points_where_float32s_does(
    extractors: Callable[[tf.DType], FeatureExtractor], rocket: np.ndarray, starry_night: np.ndarray, start: str
) -> None:
    """At 96 px, with the network's losses; the angle is below 8 degrees and the lengths agree to 5 %."""
    content, style = (tf.constant(image[None].astype(np.float32)) for image in (rocket, starry_night))
    noise = np.random.default_rng(0).normal(128, 50, content.shape).astype(np.float32)
    image = content if start == "content" else tf.constant(noise)
    settings = Settings(tv_weight=0.0)
    gradients = []
    for dtype in (tf.float32, tf.bfloat16):
        terms, gradient = Objective(extractors(dtype), content, [style], settings).value_and_gradient(image)
        assert terms.dtype == gradient.dtype == tf.float32
        gradients.append(gradient.numpy().ravel())
    lengths = [float(np.linalg.norm(gradient)) for gradient in gradients]
    assert gradients[0] @ gradients[1] / (lengths[0] * lengths[1]) >= 0.99
    assert lengths[1] == pytest.approx(lengths[0], rel=0.05)
    assert not np.array_equal(*gradients), "both ran in the same precision"
