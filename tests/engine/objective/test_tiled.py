"""Tiled gradients are the untiled ones: same loss, same gradient, whatever the tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from styled import vgg19
from styled.engine.network.features import FeatureExtractor, Padding, Pooling
from styled.engine.objective import regions, tiled
from styled.engine.objective.objective import Objective
from styled.engine.objective.tiled import TiledObjective
from styled.settings import Settings, settings_from
from styled.sizing import tiles
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def extractor(narrow: Weights) -> FeatureExtractor:
    """A narrow random VGG19 in float64."""
    return _extractor(narrow)


def _extractor(narrow: Weights, pooling: Pooling = "max", padding: Padding = "replicate") -> FeatureExtractor:
    settings = _settings()
    layers = {*settings.style_layers, *settings.content_layers}
    return FeatureExtractor(narrow, layers, precision=tf.float64, pooling=pooling, padding=padding)


def _settings(**changes: Any) -> Settings:
    content = {"block2_conv2": 0.5, "block4_conv2": 1.0}
    return settings_from({"tv_weight": 3.0, "content_weight": 50.0, "content_layers": content} | changes)


WASSERSTEIN = {"statistic": "wasserstein", "style_weight": 1e4, "strength": 0.7, "normalize": "energy"}


def _image(height: int, width: int, seed: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(0, 255, (1, height, width, 3)))


def _relative_error(got: tf.Tensor, wanted: tf.Tensor) -> float:
    return float(tf.norm(got - wanted) / tf.norm(wanted))


@pytest.mark.parametrize(
    ("blocks", "sides", "tile", "pooling", "padding"),
    [
        (2, (65, 70), 40, "max", "zero"),
        (3, (65, 70), 40, "average", "replicate"),
        (3, (65, 70), 40, "l2", "replicate"),
        (5, (209, 211), 110, "max", "replicate"),
    ],
)
@pytest.mark.usefixtures("one_by_one")
def test_tiled_equals_untiled(
    narrow: Weights, *, blocks: int, sides: tuple[int, int], tile: int, pooling: Pooling, padding: Padding
) -> None:
    """In float64, on odd sizes, cut both ways, the loss terms and the gradient agree to 1e-10."""
    extractor = _extractor(narrow, pooling, padding)
    content, style, image = _image(*sides, 1), _image(65, 31, 2), _image(*sides, 3)
    whole = Objective(extractor, content, [style], _settings())
    parts = TiledObjective(extractor, content, [style], _settings(), blocks=blocks, tile=(tile, tile))
    _assert_equal(parts, whole, image)
    margin = tiles.halo(tiles.tiled_by(extractor.convolutions, blocks), is_pooled=blocks < 5)
    cut = tiles.tiles(*sides, tile=(tile, tile), halo=margin)
    assert len({place.rows for place in cut}) > 1 < len({place.columns for place in cut}), "it was not cut both ways"


def _assert_equal(parts: TiledObjective, whole: Objective, image: tf.Tensor) -> None:
    wanted_terms, wanted = whole.value_and_gradient(image)
    terms, gradient = parts.value_and_gradient(image)
    np.testing.assert_allclose(terms.numpy(), wanted_terms.numpy(), rtol=1e-10)
    assert _relative_error(gradient, wanted) < 1e-10


@pytest.mark.usefixtures("one_by_one")
def test_what_tiles_give_adds_up_on_the_device_as_on_the_host(extractor: FeatureExtractor) -> None:
    """As on a GPU, here in a variable of this process."""
    content, style, image = _image(65, 70, 1), _image(65, 31, 2), _image(65, 70, 3)
    ways = [
        TiledObjective(extractor, content, [style], _settings(), blocks=2, tile=(40, 40), on_host=on_host)
        for on_host in (True, False)
    ]
    (_, on_host), (_, on_device) = (way.value_and_gradient(image) for way in ways)
    assert _relative_error(on_device, on_host) < 1e-12


@pytest.mark.parametrize(("blocks", "width", "tile"), [(2, 70, 40), (5, 225, 76)])
def test_graphs_are_built_in_the_first_step_only_and_know_nothing_of_its_picture(
    extractor: FeatureExtractor, monkeypatch: pytest.MonkeyPatch, *, blocks: int, width: int, tile: int
) -> None:
    """Each is kept while the scale is painted: built again every step, they fill the memory."""
    content, style = _image(33, width, 1), _image(32, 31, 2)
    whole = Objective(extractor, content, [style], _settings())
    parts = TiledObjective(extractor, content, [style], _settings(), blocks=blocks, tile=(tile, 40))
    run, traced = extractor.run, []
    monkeypatch.setattr(extractor, "run", lambda *args, **rest: traced.append(args) or run(*args, **rest))
    parts.value_and_gradient(_image(33, width, 3))
    assert traced, "the first step builds them"
    traced.clear()
    second = _image(33, width, 4)
    parts.value_and_gradient(second)
    assert not traced
    _assert_equal(parts, whole, second)


@pytest.mark.parametrize(
    ("blocks", "width", "way"),
    [(2, 145, {"normalize": "energy"}), (3, 145, {"normalize": "energy"}), (5, 231, WASSERSTEIN)],
    ids=str,
)
@pytest.mark.usefixtures("one_by_one")
def test_tiled_equals_untiled_with_a_mask(
    extractor: FeatureExtractor, blocks: int, width: int, way: dict[str, Any]
) -> None:
    """Two styles, each in its own region, and a part that is not painted: terms and gradient agree to 1e-10.

    Three tiles of a row: the middle one has two halos.
    """
    height = 33
    mask = np.zeros((height, width, 3), np.uint8)
    mask[:, width // 8 : width // 2], mask[16:, width // 2 :] = 120, 255
    painted = regions.at_size(regions.read_regions(mask, 2), width, height)
    content, image, *styles = (_image(height, width, seed) for seed in range(4))
    settings = _settings(**way)
    whole = Objective(extractor, content, styles, settings, regions=painted)
    tile = (32, 64)
    parts = TiledObjective(extractor, content, styles, settings, blocks=blocks, tile=tile, regions=painted)
    _assert_equal(parts, whole, image)
    margin = tiles.halo(tiles.tiled_by(extractor.convolutions, blocks), is_pooled=blocks < 5)
    assert len(tiles.tiles(height, width, tile=tile, halo=margin)) >= 3


@pytest.mark.usefixtures("one_by_one")
def test_a_halo_one_stride_too_small_is_seen(extractor: FeatureExtractor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above would notice a halo that is 16 px short."""
    honest = tiles.halo
    monkeypatch.setattr(
        tiled, "halo", lambda convolutions, **pooled: honest(convolutions, **pooled) - convolutions[-1].stride
    )
    content, style, image = _image(209, 32, 1), _image(32, 32, 2), _image(209, 32, 3)
    _, wanted = Objective(extractor, content, [style], _settings()).value_and_gradient(image)
    parts = TiledObjective(extractor, content, [style], _settings(), blocks=5, tile=(32, 105))
    assert _relative_error(parts.value_and_gradient(image)[1], wanted) > 1e-8


def test_halos_are_the_known_ones() -> None:
    """Sums of strides, rounded up to the deepest one."""
    wanted = {"block1_conv2": 2, "block2_conv2": 6, "block3_conv4": 24, "block4_conv2": 40, "block5_conv1": 80}
    assert {name: tiles.halo(vgg19.up_to(name)) for name in wanted} == wanted
    assert tiles.halo(vgg19.up_to("block2_conv2"), is_pooled=True) == 8


@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 300))
def test_every_pixel_is_owned_once(height: int, width: int, tile: int) -> None:
    """Tiles cover the image without overlap, start on the deepest layer's cells, and reach no further than it."""
    owners = np.zeros((height, width), int)
    for place in tiles.tiles(height, width, tile=(tile, tile), halo=80):
        owners[place.rows.own_start : place.rows.own_stop, place.columns.own_start : place.columns.own_stop] += 1
        for span, length in ((place.rows, height), (place.columns, width)):
            assert span.start % 16 == span.own_start % 16 == 0
            assert 0 <= span.start <= span.own_start < span.own_stop <= span.stop <= length
    assert (owners == 1).all()


@given(st.integers(1, 3000), st.integers(32, 1500), st.sampled_from([8, 24, 80]))
def test_cuts_are_equally_long_but_for_the_last(length: int, tile: int, halo: int) -> None:
    """Each length is compiled for itself. Every cut but one at the border has both halos, whole."""
    cut = [place.rows for place in tiles.tiles(length, 40, tile=(40, tile), halo=halo)]
    lengths = [span.stop - span.start for span in cut]
    assert len(set(lengths[:-1])) <= 1
    assert lengths[-1] <= lengths[0]
    assert len(cut) <= -(-length // tile)
    assert all(span.own_start - span.start == halo for span in cut[1:])
    assert all(span.stop - span.own_stop == halo for span in cut[:-1])
