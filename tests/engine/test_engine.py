"""Whole paintings with the real VGG19, 48 to 96 px and few steps."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import weakref
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import pytest

from styled import images
from styled.engine import engine
from styled.engine.engine import paint
from styled.engine.iterate import Iterate
from styled.engine.objective import gradient
from styled.engine.objective.objective import Loss
from styled.engine.optimise.optimizers import optimizer_for
from styled.engine.optimise.plateau import WINDOW
from styled.engine.upscale_detail import with_detail
from styled.errors import CheckpointMismatch, SettingsError
from styled.settings import Settings
from styled.sizing import memory_use
from styled.sizing.scales import Scale, style_size
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow

SHALLOW = {
    "content_layers": {"block2_conv1": 1.0},
    "style_layers": {"block1_conv1": 1.0, "block2_conv1": 1.0},
}
"""Layers for tests about the order of things, not about the look: a tenth of the time."""

# L-BFGS keeps the graphs of four shapes and histories, and the network those of four shapes: these tests' pictures are
# 16, 32, 48 and 64 px, and 96 where the content must be as it is, and the history is 2.

DEFAULTS = MappingProxyType({"size": 48, "precision": "float32", "optimizer": "adam", "history": 2, **SHALLOW})

Run = Callable[..., list[Iterate]]


@pytest.fixture(scope="module")
def run(vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray) -> Run:
    """Paint the sample pair to the end; keywords are settings, or arguments of ``paint``. Pictures are kept.

    With Adam where the test does not say: it compiles in a fraction of L-BFGS' time.
    """

    def to_the_end(*, content=rocket, styles=None, picture=None, resume=None, weights=vgg, **values) -> list[Iterate]:
        settings = Settings(**(DEFAULTS | values))
        iterates = paint(content, styles or [starry_night], settings, weights=weights, init=picture, resume=resume)
        return [kept(iterate) for iterate in iterates]

    return to_the_end


def kept(iterate: Iterate) -> Iterate:
    """Return the iterate with its picture and snapshot taken now: they are gone when the generator moves on."""
    picture, snapshot = iterate.picture(), {name: array.copy() for name, array in iterate.snapshot().items()}
    return dataclasses.replace(iterate, picture=lambda: picture, snapshot=lambda: snapshot)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB; infinite when equal."""
    error = float(np.mean((first - second) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


class TestLoss:
    @pytest.mark.parametrize(("optimizer", "factor"), [("lbfgs", 6.0), ("adam", 4.0)])
    def test_with_all_default_layers_it_falls_by_a_factor(
        self, vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, optimizer: str, factor: float
    ) -> None:
        settings = Settings(size=48, steps=12, optimizer=optimizer, history=2, precision="float32")
        iterates = list(paint(rocket, [starry_night], settings, weights=vgg))
        assert iterates[0].losses.total > factor * iterates[-1].losses.total
        assert iterates[-1].picture().shape == (32, 48, 3)

    def test_the_terms_add_up_and_start_with_no_content_loss(self, run: Run, rocket: np.ndarray) -> None:
        iterates = run(content=images.resize(rocket, 64, 43), init="content", steps=3, size=64, tv_weight=1.5)
        assert iterates[0].losses.content == pytest.approx(0.0, abs=1e-6)
        for iterate in iterates:
            losses = iterate.losses
            assert losses.total == pytest.approx(losses.content + losses.style + losses.tv, rel=1e-5)
            assert losses.tv > 0
        assert iterates[-1].losses.content > 0


class TestIterates:
    def test_they_count_steps_and_scales_to_the_end(self, run: Run) -> None:
        iterates = run(size=64, scales=(32, 48), steps=6)
        assert [iterate.step for iterate in iterates] == [1, 2, 3, 4, 5, 6]
        assert {iterate.steps for iterate in iterates} == {6}
        assert [iterate.scale for iterate in iterates] == [1, 1, 1, 2, 2, 3]
        assert {iterate.scales for iterate in iterates} == {3}
        assert [iterate.width for iterate in iterates] == [32, 32, 32, 48, 48, 64]
        assert [iterate.last for iterate in iterates] == [False] * 5 + [True]
        assert [iterate.stopped_by for iterate in iterates] == [""] * 5 + ["steps"]
        for iterate in iterates:
            picture = iterate.picture()
            assert picture.shape == (iterate.height, iterate.width, 3)
            assert picture.dtype == np.float32
            assert picture.min() >= 0
            assert picture.max() <= 255

    def test_time_is_measured_and_predicted_from_the_second_step_of_a_scale(self, run: Run) -> None:
        iterates = run(size=64, scales=(32,), steps=6)
        assert all(iterate.step_seconds > 0 for iterate in iterates)
        assert [iterate.left_seconds is None for iterate in iterates] == [True, False, False, False, True, False]
        assert iterates[-1].left_seconds == 0.0
        # Two steps at four times the pixels are left after the fourth: eight of the steps so far.
        middle = float(np.median([iterate.step_seconds for iterate in iterates[1:4]]))
        assert iterates[3].left_seconds == pytest.approx(
            middle * 2 * iterates[4].width * iterates[4].height / (32 * 21)
        )

    def test_stopping_is_not_asking_for_more(self, vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray) -> None:
        settings = Settings(size=48, steps=1000, precision="float32", history=2, **SHALLOW)
        iterates = paint(rocket, [starry_night], settings, weights=vgg)
        assert [iterate.step for iterate in itertools.islice(iterates, 2)] == [1, 2]
        iterates.close()

    def test_a_scale_starts_from_the_picture_of_the_scale_before(self, run: Run, rocket: np.ndarray) -> None:
        """After its first step it is nearer to that than to the content."""
        iterates = run(size=64, scales=(32,), steps=12)
        first_of_the_fine = next(iterate for iterate in iterates if iterate.scale == 2)
        last_of_the_coarse = iterates[first_of_the_fine.step - 2]
        before, after = images.resize(last_of_the_coarse.picture(), 64, 43), first_of_the_fine.picture()
        assert psnr(after, before) > 5 + psnr(after, images.resize(rocket, 64, 43).astype(np.float32))

    def test_a_finer_scale_goes_by_the_curvature_of_the_coarser(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        built, make = [], engine.optimizer_for
        monkeypatch.setattr(
            engine, "optimizer_for", lambda *args, **rest: built.append(make(*args, **rest)) or built[-1]
        )
        run(size=64, scales=(16, 32), steps=6, optimizer="lbfgs")
        # The finest has one step, which learns nothing of its own.
        assert built[2].scale == pytest.approx(built[1].scale * (64 * 43) / (32 * 21))
        np.testing.assert_array_equal(built[2].preconditioner.factors, built[1].preconditioner.factors)
        assert np.ptp(built[1].preconditioner.factors) > 0

    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_of_a_scale_that_is_done_nothing_stays(
        self,
        vgg: Weights,
        rocket: np.ndarray,
        starry_night: np.ndarray,
        monkeypatch: pytest.MonkeyPatch,
        optimizer: str,
    ) -> None:
        """Its arrays are gone before the next one's are made, though its last iterate is still held here."""
        optimizers: list[weakref.ref] = []
        left: list[list[bool]] = []
        make, prepare = engine.optimizer_for, engine.gradient_for

        def optimizer_for(*args, **rest):
            made = make(*args, **rest)
            optimizers.append(weakref.ref(made))
            return made

        def gradient_for(*args, **rest):
            left.append([held() is not None for held in optimizers])
            return prepare(*args, **rest)

        monkeypatch.setattr(engine, "optimizer_for", optimizer_for)
        monkeypatch.setattr(engine, "gradient_for", gradient_for)
        settings = Settings(**DEFAULTS | {"size": 64, "scales": (16, 32), "steps": 6, "optimizer": optimizer})
        for iterate in paint(rocket, [starry_night], settings, weights=vgg):
            assert iterate.picture().shape == (iterate.height, iterate.width, 3)
        assert left == [[], [False], [False, False]]

    @pytest.mark.parametrize(
        ("weight_of", "last"),
        [({90: 1.0}, math.inf), ({40: 1.0}, 256.0), ({40: 1.0, 90: 0.0}, 256.0), ({40: 3.0, 90: 1.0}, math.inf)],
    )
    def test_a_scale_that_has_outgrown_its_styles_leaves_long_waves_alone(
        self, run: Run, starry_night: np.ndarray, monkeypatch: pytest.MonkeyPatch, weight_of, last: float
    ) -> None:
        """As coarser scales painted them; the first paints all, however small its style. One of weight 0 is none."""
        asked = []

        def spy(*args, longest_px: float, **rest):
            asked.append(longest_px)
            return optimizer_for(*args, longest_px=longest_px, **rest)

        monkeypatch.setattr(engine, "optimizer_for", spy)
        styles = [images.resize(starry_night, side, side) for side in weight_of]
        run(styles=styles, size=64, scales=(16, 32), steps=3, style_weights=tuple(weight_of.values()))
        assert asked == [math.inf, math.inf, last]

    def test_the_step_is_compiled_once_for_each_scale(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """And kept: the next picture's is compiled no more, whatever its optimiser."""
        built, make = [], engine.optimizer_for
        monkeypatch.setattr(
            engine, "optimizer_for", lambda *args, **rest: built.append(make(*args, **rest)) or built[-1]
        )
        traced, original = [], Loss.value_and_gradient
        monkeypatch.setattr(
            Loss,
            "value_and_gradient",
            lambda self, image, targets: traced.append(image.shape) or original(self, image, targets),
        )
        # Another weight than the other tests': what they have compiled is kept.
        for optimizer in ("adam", "lbfgs"):
            run(size=64, scales=(32,), steps=8, optimizer=optimizer, tv_weight=2.5)
            assert traced == [(1, 21, 32, 3), (1, 43, 64, 3)], "Python ran again after the first step"
        applied = [each.method.move for each in built]
        assert [each.experimental_get_tracing_count() for each in applied] == [1] * 4


class TestSameSeed:
    @pytest.mark.parametrize(("optimizer", "init"), [("lbfgs", "noise"), ("adam", "content")])
    def test_two_runs_agree_exactly(self, run: Run, optimizer: str, init: str) -> None:
        values = {"steps": 7, "optimizer": optimizer, "init": init, "seed": 3, "scales": (32,)}
        first, second = run(**values), run(**values)
        assert [iterate.losses for iterate in first] == [iterate.losses for iterate in second]
        np.testing.assert_array_equal(first[-1].picture(), second[-1].picture())


class TestImages:
    @pytest.mark.parametrize("shape", [(20, 200, 3), (200, 20, 3), (16, 16, 3), (8, 9, 3)])
    def test_a_style_of_another_size_and_aspect(self, run: Run, shape: tuple[int, int, int]) -> None:
        style = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        (*_, last) = run(styles=[style], steps=2)
        assert last.stopped_by == "steps"
        assert np.isfinite(last.losses.total)

    def test_numbers_of_any_kind_give_the_same_picture(
        self, run: Run, rocket: np.ndarray, starry_night: np.ndarray
    ) -> None:
        pictures = [
            run(steps=2, size=64, content=rocket.astype(dtype), styles=[starry_night.astype(dtype)])[-1].picture()
            for dtype in (np.uint8, np.float32, np.float64)
        ]
        np.testing.assert_array_equal(pictures[1], pictures[2])
        assert psnr(pictures[0], pictures[1]) > 40  # resized in 8 bits or not

    def test_a_panorama_is_painted_with_the_default_layers(self, vgg: Weights, starry_night: np.ndarray) -> None:
        """Its automatic coarse scale would be thinner than one cell of block 5."""
        panorama = np.random.default_rng(0).integers(0, 256, (20, 400, 3), dtype=np.uint8)
        settings = Settings(steps=1, precision="float32", optimizer="adam")
        (last,) = paint(panorama, [starry_night], settings, weights=vgg)
        assert (last.width, last.height, last.stopped_by) == (400, 20, "steps")

    def test_nothing_is_upscaled_past_the_original_unless_asked(self, run: Run, rocket: np.ndarray) -> None:
        small = images.resize(rocket, 48, 32)
        assert run(content=small, size=500, scales=(), steps=1)[0].width == 48
        assert run(content=small, size=64, scales=(), steps=1, upscale=True)[0].width == 64

    def test_style_scale_changes_the_size_the_style_is_seen_at(self, run: Run) -> None:
        small, large = (run(steps=1, style_scale=scale)[0].losses.style for scale in (0.3, 1.0))
        assert small != pytest.approx(large, rel=0.01)

    def test_two_styles_paint_between_them(self, run: Run, starry_night: np.ndarray) -> None:
        red = np.full((40, 40, 3), (230, 20, 20), np.uint8)
        shares = {}
        for weights in ((1.0, 0.0), (0.5, 0.5), (0.0, 1.0)):
            picture = run(styles=[starry_night, red], style_weights=weights, steps=6)[-1].picture()
            shares[weights] = float(np.mean(picture[..., 0]) - np.mean(picture[..., 2]))
        assert shares[1.0, 0.0] < shares[0.5, 0.5] < shares[0.0, 1.0]


class TestStart:
    """The first step moves a pixel by a tenth of a level, so its picture still shows where it started."""

    @pytest.fixture
    def first(self, run: Run) -> Callable[..., np.ndarray]:
        return lambda **values: run(steps=1, size=96, learning_rate=0.1, **values)[0].picture()

    def test_content(self, first: Callable[..., np.ndarray], rocket: np.ndarray) -> None:
        assert psnr(first(init="content"), rocket) > 60

    def test_style_is_cut_to_the_contents_aspect_not_squeezed(
        self, first: Callable[..., np.ndarray], starry_night: np.ndarray
    ) -> None:
        picture = first(init="style")
        height = round(128 * 64 / 96)
        top = (101 - height) // 2
        cut = images.resize(starry_night[top : top + height], 96, 64)
        assert psnr(picture, cut) > 50  # resized in 8 bits here
        assert psnr(picture, images.resize(starry_night, 96, 64)) < 30

    def test_noise(self, first: Callable[..., np.ndarray]) -> None:
        picture = first(init="noise")
        assert picture.mean() == pytest.approx(128, abs=5)
        assert picture.std() == pytest.approx(50, abs=5)
        neighbours = np.corrcoef(picture[:, 1:].ravel(), picture[:, :-1].ravel())[0, 1]
        assert abs(neighbours) < 0.1, "the noise was smoothed"

    def test_another_seed_gives_other_noise(self, first: Callable[..., np.ndarray]) -> None:
        assert psnr(first(init="noise", seed=1), first(init="noise", seed=2)) < 20

    @pytest.mark.parametrize("named", ["job:20261122-201500-harbour", "start.png"])
    def test_a_picture_of_any_size(self, first: Callable[..., np.ndarray], named: str) -> None:
        given = np.zeros((200, 300, 3), np.uint8)
        given[:100] = (250, 200, 20)
        assert psnr(first(init=named, picture=given), images.resize(given, 96, 64)) > 35  # clipped ringing

    def test_a_picture_that_was_not_given_is_an_error(self, vgg: Weights, rocket: np.ndarray) -> None:
        with pytest.raises(SettingsError, match=r"'start\.png' names a picture that was not given"):
            next(paint(rocket, [rocket], Settings(init="start.png"), weights=vgg))


TWO_SCALES = MappingProxyType({"steps": 7, "scales": (32,)})
"""Four steps at 32 px, which wrap the history, and three at 48."""


@pytest.fixture(scope="module")
def whole(run: Run) -> Run:
    """Return the uninterrupted run of an optimiser, painted once."""
    return functools.cache(lambda optimizer: run(**TWO_SCALES, optimizer=optimizer))


class TestResume:
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    @pytest.mark.parametrize("stop", [3, 4, 5], ids=["inside a scale", "at a scale's end", "in the last scale"])
    def test_resumed_is_uninterrupted_bit_for_bit(self, run: Run, whole: Run, optimizer: str, stop: int) -> None:
        iterates = whole(optimizer)
        assert [iterate.scale for iterate in iterates] == [1] * 4 + [2] * 3
        rest = run(**TWO_SCALES, optimizer=optimizer, resume=iterates[stop - 1].snapshot())
        assert [iterate.step for iterate in rest] == list(range(stop + 1, 8))
        assert [iterate.losses for iterate in rest] == [iterate.losses for iterate in iterates[stop:]]
        np.testing.assert_array_equal(rest[-1].picture(), iterates[-1].picture())

    def test_a_checkpoint_of_another_version_is_refused(self, vgg: Weights, rocket: np.ndarray) -> None:
        settings = Settings(**DEFAULTS | {"optimizer": "lbfgs", "steps": 3, "scales": ()})
        snapshot = dict(next(paint(rocket, [rocket], settings, weights=vgg)).snapshot())
        del snapshot["optimizer.order"]
        again = paint(rocket, [rocket], settings, weights=vgg, resume=snapshot)
        with pytest.raises(CheckpointMismatch, match="another version of styled"):
            next(again)

    def test_resumed_with_less_memory_it_is_tiled_and_gives_the_same_picture(
        self, vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Memory ran out after the third step: the rest is painted in two tiles from the same checkpoint."""
        tiles: list[tuple[int, int]] = []
        tiled = gradient.TiledObjective

        def spy(*arguments: object, tile: tuple[int, int], **rest: object) -> object:
            tiles.append(tile)
            return tiled(*arguments, tile=tile, **rest)

        monkeypatch.setattr(gradient, "TiledObjective", spy)
        # So small a picture would not be tiled: its tiles' halos are nearly as large as itself.
        monkeypatch.setattr(memory_use, "SMALLEST_TILE", 32)
        monkeypatch.setattr(memory_use, "TILE_COUNTS", (1, 2))
        monkeypatch.setattr(memory_use, "TILE_FACTOR", {"float32": {5: 0.5}})
        monkeypatch.setattr(memory_use, "SHAPE_BYTES", 0)
        values = Settings(size=96, steps=6, scales=(), history=2, precision="float32", **SHALLOW)
        whole = [kept(iterate) for iterate in paint(rocket, [starry_night], values, weights=vgg)]
        assert tiles == []
        resume = whole[2].snapshot()
        rest = [kept(i) for i in paint(rocket, [starry_night], values, weights=vgg, resume=resume, step_down=1)]
        assert tiles == [(48, 64)]
        assert [iterate.step for iterate in rest] == [4, 5, 6]
        assert psnr(rest[-1].picture(), whole[-1].picture()) > 45.0
        assert psnr(rest[-1].picture(), whole[2].picture()) < 40.0, "it did not paint on"

    def test_a_snapshot_is_plain_arrays(self, run: Run) -> None:
        for array in run(steps=1)[0].snapshot().values():
            assert isinstance(array, np.ndarray)
            assert array.dtype != object

    def test_a_snapshot_of_another_size_is_refused(self, run: Run) -> None:
        snapshot = run(steps=2, size=48)[0].snapshot()
        with pytest.raises(CheckpointMismatch, match="48x32 at scale 1"):
            run(steps=2, size=64, resume=snapshot)


RESTING = MappingProxyType({"steps": 60, "scales": (32,), "stop": "plateau", "learning_rate": 0.01, "average": 0.5})
"""Two scales in which nothing visible ever changes."""


@pytest.fixture(scope="module")
def resting(run: Run) -> list[Iterate]:
    return run(**RESTING)


class TestPlateau:
    def test_each_scale_ends_when_nothing_visible_changes_any_more(self, resting: list[Iterate]) -> None:
        assert [iterate.scale for iterate in resting] == [1] * WINDOW + [2] * WINDOW
        assert [iterate.step for iterate in resting] == list(range(1, 2 * WINDOW + 1))
        assert [resting[place].stopped_by for place in (WINDOW - 1, -2, -1)] == ["", "", "plateau"]
        assert [resting[place].last for place in (WINDOW - 1, -2, -1)] == [False, False, True]
        assert (resting[0].steps, resting[-1].steps, resting[-1].left_seconds) == (60, 2 * WINDOW, 0.0)

    @pytest.mark.parametrize("stop", [WINDOW - 3, WINDOW, WINDOW + 4], ids=["before it", "at it", "after it"])
    def test_resumed_is_uninterrupted_bit_for_bit(self, run: Run, resting: list[Iterate], stop: int) -> None:
        """The average with it: both are in the checkpoint."""
        rest = run(**RESTING, resume=resting[stop - 1].snapshot())
        assert [iterate.step for iterate in rest] == [iterate.step for iterate in resting[stop:]]
        assert [iterate.losses for iterate in rest] == [iterate.losses for iterate in resting[stop:]]
        np.testing.assert_array_equal(rest[-1].picture(), resting[-1].picture())


class TestAverage:
    def test_pictures_are_averages_and_the_next_scale_starts_from_one(
        self, run: Run, rocket: np.ndarray, starry_night: np.ndarray
    ) -> None:
        """By the formula, from what the optimiser's own pictures were."""
        iterates = run(steps=5, scales=(32,), average=0.6)
        own = [iterate.snapshot()["picture"] for iterate in iterates]
        at_first = [index for index, iterate in enumerate(iterates) if iterate.scale == 1]
        weights = np.array([0.6**k for k in reversed(at_first)])
        expected = np.tensordot(weights / weights.sum(), np.stack([own[index] for index in at_first]), 1)
        np.testing.assert_allclose(iterates[at_first[-1]].picture(), expected, rtol=1e-4, atol=1e-3)
        content = images.resize(rocket, 48, 32)
        fine = Scale(48, 32, 1)
        style = images.resize(starry_night, *style_size(*starry_night.shape[1::-1], fine, 1.0))
        enlarged = images.resize(expected.astype(np.float32), 48, 32)
        start, first_of_the_fine = with_detail(enlarged, content, [style], Settings(), 1.5), own[len(at_first)]
        assert np.abs(first_of_the_fine - start).max() < 9.0, "one step of Adam moves a pixel by 8 levels at most"
        assert np.abs(own[at_first[-1]] - expected).max() > 2.0, "the average differs from the newest picture"


class TestDiverged:
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_with_weights_that_are_no_numbers_it_ends_at_once_with_the_start(
        self, run: Run, vgg: Weights, rocket: np.ndarray, optimizer: str
    ) -> None:
        # Infinite, not NaN: a ReLU that oneDNN fuses with its convolution makes 0 of NaN, on some processors.
        biases = vgg.biases | {"block2_conv1": np.full(128, np.inf, np.float32)}
        weights = dataclasses.replace(vgg, biases=biases, digest="no numbers")
        content = images.resize(rocket, 64, 43)
        (only,) = run(content=content, size=64, steps=9, init="content", optimizer=optimizer, weights=weights)
        assert only.last
        assert only.stopped_by == "diverged"
        np.testing.assert_array_equal(only.picture(), content)

    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_later_it_ends_with_the_last_picture_whose_loss_was_a_number(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, optimizer: str
    ) -> None:
        make, started_at = engine.optimizer_for, []

        def sabotaged(settings, image, gradient, **rest):
            def fails_in_the_third_step(image):
                started_at.append(image.numpy()[0])
                bad = np.float32(np.nan if len(started_at) == 3 else 0.0)
                terms, slope = gradient(image)
                return terms + bad, slope + bad

            return make(settings, image, fails_in_the_third_step, **rest)

        monkeypatch.setattr(engine, "optimizer_for", sabotaged)
        iterates = run(steps=9, optimizer=optimizer)
        assert [iterate.stopped_by for iterate in iterates] == ["", "", "diverged"]
        assert np.isnan(iterates[-1].losses.total)
        np.testing.assert_array_equal(iterates[-1].picture(), np.clip(started_at[1], 0, 255))

    def test_a_learning_rate_as_large_as_allowed_still_gives_a_picture(self, run: Run) -> None:
        (*_, last) = run(steps=6, optimizer="adam", learning_rate=255.0)
        assert np.isfinite(last.picture()).all()


class TestErrors:
    @pytest.mark.parametrize(
        ("styles", "weights", "message"),
        [
            (0, (), "there is no style image"),
            (2, (1.0,), "style_weights has 1 values for 2 styles"),
            (1, (1.0, 2.0), "style_weights has 2 values for 1 styles"),
            (2, (0.0, 0.0), "style_weights are all 0"),
        ],
    )
    def test_styles_and_their_weights_must_fit(
        self, vgg: Weights, rocket: np.ndarray, styles: int, weights: tuple[float, ...], message: str
    ) -> None:
        with pytest.raises(SettingsError, match=message):
            next(paint(rocket, [rocket] * styles, Settings(style_weights=weights), weights=vgg))

    def test_a_picture_too_thin_for_the_layers_is_refused(self, vgg: Weights, starry_night: np.ndarray) -> None:
        with pytest.raises(SettingsError, match="too thin for block5_conv1"):
            next(paint(starry_night[:10], [starry_night], Settings(), weights=vgg))

    def test_weights_are_loaded_only_as_deep_as_needed(
        self, rocket: np.ndarray, monkeypatch: pytest.MonkeyPatch, vgg: Weights
    ) -> None:
        asked = []
        monkeypatch.setattr(gradient, "load_weights", lambda spec, layers: asked.append((spec, layers)) or vgg)
        next(paint(rocket, [rocket], Settings(**DEFAULTS | {"size": 32, "steps": 1})))
        assert asked == [("builtin", ["block1_conv1", "block1_conv2", "block2_conv1"])]
