"""A step on a GPU: it runs there, in each way to paint, and its numbers are the processor's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from styled.settings import Settings, settings_from
from styled.sizing.memory_use import TilingChoice
from tests.gpu.place import Place, Table

pytestmark = [pytest.mark.gpu, pytest.mark.tensorflow]

WAYS: dict[str, tuple[dict[str, Any], int]] = {
    "untiled": ({"tv_weight": 1.0}, 0),
    "front": ({"pooling": "average"}, 2),
    "full": ({"padding": "zero"}, 5),
    "adam": ({"optimizer": "adam", "strength": 0.3}, 0),
    "wasserstein": ({"statistic": "wasserstein"}, 0),
}
"""Settings, and blocks in tiles."""

LEAST_COSINE = {"float32": 0.999999, "bfloat16": 0.98, "float16": 0.98}
"""Of a gradient and the processor's in float32."""

SIDE = 224


def _image(seed: int) -> Any:
    """Return a smooth picture with some noise, shape (1, SIDE, SIDE, 3)."""
    import tensorflow as tf

    generator = np.random.default_rng(seed)
    coarse = tf.image.resize(generator.uniform(0, 255, (1, 9, 9, 3)), (SIDE, SIDE), "bicubic")
    return tf.clip_by_value(coarse + generator.normal(0, 8, coarse.shape), 0, 255)


def _gradient(device: str, settings: Settings, blocks: int) -> tuple[Any, Any]:
    """Return loss terms and gradient, as tensors, of a picture that is neither of the images."""
    import tensorflow as tf

    from styled.engine.objective.gradient import extractor_for, gradient_for

    tiling = TilingChoice(blocks, (112, 112), 5, wanted=5, bytes=0, network_bytes=0, cost=0.0)
    with tf.device(device):
        gradient = gradient_for(extractor_for(settings), _image(0), [_image(1)], settings, tiling=tiling)
        found: tuple[Any, Any] = gradient(_image(2))
    return found


@pytest.fixture(autouse=True)
def _networks_are_built_anew() -> None:
    """What is kept for the next picture lies on the device of the last one."""
    from styled.engine.network import device

    device.prepare()
    _leave_networks()


def _leave_networks() -> None:
    from styled.engine.objective import gradient

    gradient._extractors = type(gradient._extractors)(kept=2)


def _precisions(place: Place) -> list[str]:
    return ["float32", "bfloat16", *(["float16"] if place.is_gpu else [])]


@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_the_processors(place: Place, table: Table, way: str) -> None:
    changes, blocks = WAYS[way]
    _, wanted = _gradient("/CPU:0", settings_from({"precision": "float32", **changes}), blocks)
    cosines = {}
    for precision in _precisions(place):
        _leave_networks()
        terms, found = _gradient(place.device, settings_from({"precision": precision, **changes}), blocks)
        assert np.isfinite(terms.numpy()).all()
        assert found.device.endswith(place.device.strip("/")), found.device
        a, b = found.numpy().ravel().astype(np.float64), wanted.numpy().ravel().astype(np.float64)
        cosines[precision] = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    table.add(
        f"gradient against the processor's, {way}", ", ".join(f"{key} {each:.6f}" for key, each in cosines.items())
    )
    assert {key: each for key, each in cosines.items() if each < LEAST_COSINE[key]} == {}


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_pictures_get_better_and_stay_on_the_device(place: Place, table: Table, optimizer: str) -> None:
    """With as few numbers read back as on the processor: each one stops the device."""
    import tensorflow as tf

    from styled.engine.objective.gradient import extractor_for, gradient_for
    from styled.engine.optimise.optimizers import optimizer_for

    settings = settings_from({"optimizer": optimizer})
    tiling = TilingChoice(0, (0, 0), 5, wanted=5, bytes=0, network_bytes=0, cost=0.0)
    with tf.device(place.device):
        gradient = gradient_for(extractor_for(settings), _image(0), [_image(1)], settings, tiling=tiling)
        run = optimizer_for(settings, _image(0), gradient, history=5)
        losses = [float(run.step()[0]) for _ in range(12)]
    assert run.image.device.endswith(place.device.strip("/"))
    assert np.isfinite(losses).all()
    if optimizer == "lbfgs":  # Adam climbs for its first steps: all pixels move alike
        assert losses[-1] < 0.7 * losses[0]
    table.add(f"loss after 12 steps of {optimizer}, of the first", f"{losses[-1] / losses[0]:.3f}")


def test_two_runs_of_one_picture(place: Place, table: Table) -> None:
    """Reported, not asked for: sums on a GPU may be added up in any order."""
    changes = {"precision": "float32"}
    (_, first), (_, second) = (_gradient(place.device, settings_from(changes), 0) for _ in range(2))
    apart = float(np.abs(first.numpy() - second.numpy()).max() / np.abs(first.numpy()).max())
    table.add("largest difference of two runs of a gradient", "none" if apart == 0 else f"{apart:.1e}")
    assert apart < 1e-3
