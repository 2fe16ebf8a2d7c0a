"""All figures about one result, with VGG19 as it is, at 64 px; and the command that prints them."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

from styled import images, vgg19
from styled.cli.main import styled
from styled.engine.network.features import FeatureExtractor
from styled.engine.objective import held_out, losses
from styled.engine.objective.objective import Objective
from styled.errors import ImageTooLarge, SettingsError
from styled.score import scoring
from styled.score.scoring import Score, score, score_pixels
from styled.settings import Settings
from styled.vgg19.weights import Weights, load_weights
from tests.engine.pictures import SAMPLES

pytestmark = pytest.mark.tensorflow

SETTINGS = Settings(size=64)


@pytest.fixture(autouse=True)
def _networks_are_freed() -> Iterator[None]:
    """Each scoring builds two networks, which refer to themselves: all at once they would be a gigabyte."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A result, its photo and its painting."""
    tmp_path = tmp_path_factory.mktemp("judged")
    for name, source in (("photo", "rocket"), ("painting", "starry_night"), ("result", "rocket-starry-night")):
        Image.open(SAMPLES / f"{source}.jpg").save(tmp_path / f"{name}.png")
    return [tmp_path / f"{name}.png" for name in ("result", "photo", "painting")]


@pytest.fixture(scope="module")
def painted(files: list[Path]) -> Score:
    """What is found about the result."""
    found = score(*files[:2], files[2:], SETTINGS)
    gc.collect()
    return found


def test_a_painting_is_nearer_to_its_style_and_the_photo_to_the_photo(files: list[Path], painted: Score) -> None:
    plain = score(files[1], files[1], files[2:], SETTINGS)
    assert (painted.width, painted.height) == (64, 43)
    assert plain.luminance_ssim == plain.gradient_ssim == pytest.approx(1.0)
    assert plain.objective["content"] == pytest.approx(0.0, abs=1.0)
    assert painted.luminance_ssim < 0.9
    assert painted.objective["style"] < 0.5 * plain.objective["style"]
    assert painted.texture < plain.texture
    assert painted.colour < plain.colour
    assert sum(painted.held_out.values()) < 0.8 * sum(plain.held_out.values())


def test_the_objective_is_the_engines(rocket: np.ndarray, starry_night: np.ndarray, vgg: Weights) -> None:
    found = score_pixels(rocket[::-1], rocket, [starry_night], SETTINGS).objective
    extractor = FeatureExtractor(vgg, {*SETTINGS.content_layers, *SETTINGS.style_layers})
    batches = [tf.constant(image[None].astype(np.float32)) for image in (rocket[::-1], rocket, starry_night)]
    expected = Objective(extractor, batches[1], [batches[2]], SETTINGS).terms(batches[0]).numpy()
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-4)
    assert list(found)[:5] == ["total", "content", "style", "tv", "content.block4_conv2"]


def test_held_out_layers_are_compared_by_their_gram_matrices(rocket: np.ndarray, starry_night: np.ndarray) -> None:
    """Not those that are optimised; two styles by their weights."""
    vgg = load_weights("builtin", vgg19.LAYER_NAMES)  # also below block5_conv1
    layers = {"block1_conv2": 1.0, "block3_conv1": 1.0}
    settings = Settings(style_layers=layers, style_weights=(1.0, 3.0))
    found = held_out.held_out_distances(rocket, [starry_night, rocket[::-1]], settings, vgg)
    assert list(found) == ["block2_conv2", "block3_conv3", "block4_conv3", "block5_conv2"]
    extractor = FeatureExtractor(vgg, ["block2_conv2"])
    ours, one, other = (
        losses.gram_matrix(extractor(tf.constant(image[None].astype(np.float32)))["block2_conv2"]).numpy().astype(float)
        for image in (rocket, starry_night, rocket[::-1])
    )
    target = (one + 3 * other) / 4
    expected = np.sqrt(np.sum((ours - target) ** 2) / np.sum(target**2))
    assert found["block2_conv2"] == pytest.approx(expected, rel=1e-4)
    same = held_out.held_out_distances(rocket, [rocket], Settings(), vgg)
    assert list(same.values()) == [0.0] * 5


def test_a_result_of_another_photo_or_too_small_is_refused(files: list[Path], tmp_path: Path) -> None:
    result, photo, painting = files
    Image.open(photo).resize((40, 64)).save(tmp_path / "tall.png")
    with pytest.raises(SettingsError, match="the result has 64x43 px, the content 40x64: another shape"):
        score(result, tmp_path / "tall.png", [painting], SETTINGS)
    Image.open(photo).resize((60, 31)).save(tmp_path / "small.png")
    with pytest.raises(SettingsError, match="at least 32 px"):
        score(tmp_path / "small.png", photo, [painting], SETTINGS)
    with pytest.raises(ImageTooLarge, match=r"result\.png has more than"):
        score(result, photo, [painting], msgspec.structs.replace(SETTINGS, max_pixels=100))


def test_the_command_prints_a_table_or_json(files: list[Path], painted: Score) -> None:
    arguments = ["score", *map(str, files), "--size", "64", "--set", "style_weight=500"]
    table = CliRunner().invoke(styled, arguments)
    assert table.exit_code == 0, table.output
    for words in ("scored at 64x43 px", "loss style.block5_conv1", "Gram distance block5_conv2", "black specks"):
        assert words in table.output
    gc.collect()
    found = json.loads(CliRunner().invoke(styled, [*arguments, "--json"]).output)
    assert {"haze", "black_specks", "border_bands", "lattice"} < set(found["artefacts"])
    assert table.output.splitlines()[-1] == found["verdict"]
    assert found["remarks"] == []
    assert found["objective"]["style"] == pytest.approx(painted.objective["style"] / 2, rel=1e-4)


def test_that_a_result_is_smaller_than_the_size_to_score_at_is_said(files: list[Path], tmp_path: Path) -> None:
    """Figures depend on the size: a draft was ranked wrongly beside a larger picture, without a word."""
    Image.open(files[0]).resize((48, 32)).save(tmp_path / "draft.png")
    arguments = ["score", str(tmp_path / "draft.png"), *map(str, files[1:]), "--size", "64"]
    table = CliRunner().invoke(styled, arguments).output.splitlines()
    gc.collect()
    found = json.loads(CliRunner().invoke(styled, [*arguments, "--json"]).output)
    assert table[:2] == ["scored at 48x32 px", *found["remarks"]]
    assert found["remarks"] == [
        "the result is smaller than --size 64, and figures depend on the size: "
        "to compare it with larger ones, score those with --size 48"
    ]
    assert table[-1] == found["verdict"]


@pytest.mark.parametrize(
    ("inputs", "is_said"),
    [
        ({"input/content.png": "1", "input/mask.png": "2"}, True),
        ({"input/content.png": "1", "input/style.png": "2"}, False),
        ("of another version", False),
        (None, False),
    ],
)
def test_that_a_result_was_painted_with_a_mask_is_said(
    tmp_path: Path, painted: Score, monkeypatch: pytest.MonkeyPatch, inputs: object, is_said: bool
) -> None:
    """Its objective was another one, region by region: its figures were compared with others without a word."""
    monkeypatch.setattr(scoring, "score_pixels", lambda *_: painted)
    pixels = np.random.default_rng(0).integers(0, 256, (43, 64, 3)).astype(np.uint8)
    images.save(pixels, tmp_path / "result.png", metadata=None if inputs is None else {"inputs": inputs})
    found = score(tmp_path / "result.png", tmp_path / "result.png", [tmp_path / "result.png"], SETTINGS)
    said = "the result was painted with a mask: losses, and distances to the style, are measured as if without one"
    assert found.remarks == ((said,) if is_said else ())


def test_what_is_transparent_counts_as_more_of_what_is_seen(files: list[Path], tmp_path: Path) -> None:
    """Half of both in its mean colour was half of the picture without a texture, and wholly like the photo."""
    for path in files[:2]:
        with Image.open(path) as image:
            alpha = Image.new("L", image.size, 255)
            alpha.paste(0, (0, 0, image.width, image.height // 2))
            image.putalpha(alpha)
            image.save(tmp_path / path.name)
            image.convert("RGB").crop((0, image.height // 2, *image.size)).save(tmp_path / f"seen-{path.name}")
    half, seen = (
        score(tmp_path / f"{which}result.png", tmp_path / f"{which}photo.png", files[2:], Settings(size=128))
        for which in ("", "seen-")
    )
    assert half.texture < 2.0 * seen.texture, "it was five times that"
    assert half.luminance_ssim == pytest.approx(seen.luminance_ssim, abs=0.05)


def test_where_the_photo_alone_has_no_texture_to_be_filled_with_both_are_laid_on_white(
    files: list[Path], tmp_path: Path
) -> None:
    """The photo's hole would be its mean colour, and the result's more of its strokes."""
    with Image.open(files[1]) as image:
        alpha = Image.new("L", image.size, 255)
        alpha.paste(0, (0, 0, image.width, image.height // 2))
        flat = Image.new("RGB", image.size, (90, 120, 150))
        for name, picture in (("photo", flat), ("result", image.convert("RGB"))):
            laid = Image.composite(picture, Image.new("RGB", image.size, "white"), alpha)
            laid.save(tmp_path / f"laid-{name}.png")
            picture.putalpha(alpha)
            picture.save(tmp_path / f"{name}.png")
    odd, laid_both = (
        score(tmp_path / f"{which}result.png", tmp_path / f"{which}photo.png", files[2:], Settings(size=128))
        for which in ("", "laid-")
    )
    assert odd.luminance_ssim == pytest.approx(laid_both.luminance_ssim, abs=0.02)


def test_a_result_that_lost_its_transparency_is_compared_with_the_photo_on_white(
    files: list[Path], tmp_path: Path
) -> None:
    with Image.open(files[1]) as image:
        alpha = Image.linear_gradient("L").resize(image.size)
        image.putalpha(alpha)
        image.save(tmp_path / "photo.png")
        Image.composite(image.convert("RGB"), Image.new("RGB", image.size, "white"), alpha).save(tmp_path / "laid.png")
    found = score(tmp_path / "laid.png", tmp_path / "photo.png", files[2:], Settings(size=64))
    assert found.luminance_ssim > 0.98
