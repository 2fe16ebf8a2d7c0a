"""Adam and L-BFGS in float64 against plain NumPy and against SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

from styled.engine.optimise.adam import Adam
from styled.engine.optimise.lbfgs import LBFGS
from styled.engine.optimise.optimizers import optimizer_for
from styled.engine.optimise.preconditioner import FrequencyPreconditioner, Identity, Preconditioner
from styled.settings import Settings

pytestmark = pytest.mark.tensorflow

SHAPE = (1, 4, 5, 3)
SIZE = 60

# A step's graphs are kept for a shape, dtype, preconditioner and history: here mostly 10, so that tests take them over.
HISTORY = 10

Objective = Callable[[tf.Tensor], tf.Tensor]


def start(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(60.0, 200.0, SHAPE)


def quadratic(condition: float = 1e3, outside: float = 0.0) -> tuple[Objective, np.ndarray]:
    """Return a badly scaled bowl in rotated axes, and where its bottom is: outside of 0..255 in a share of the values."""
    generator = np.random.default_rng(1)
    axes, _ = np.linalg.qr(generator.normal(size=(SIZE, SIZE)))
    matrix = tf.constant(axes @ np.diag(np.geomspace(1.0, condition, SIZE)) @ axes.T)
    bottom = generator.uniform(50.0, 200.0, SHAPE)
    bottom += 205.0 * generator.choice([-1.0, 1.0], SHAPE) * (generator.random(SHAPE) < outside)

    def value(image: tf.Tensor) -> tf.Tensor:
        away = tf.reshape(image - bottom, [SIZE, 1])
        return tf.reduce_sum(away * (matrix @ away)) / 2

    return value, bottom


def valley(image: tf.Tensor) -> tf.Tensor:
    """Rosenbrock's function of the neighbouring pairs, ten levels to the unit, its bottom at 110."""
    x = (tf.reshape(image, [-1]) - 100.0) / 10.0
    return tf.reduce_sum(10.0 * tf.square(x[1::2] - tf.square(x[::2])) + tf.square(1.0 - x[::2]))


def with_gradient(value: Objective) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return the function in the form of :meth:`Objective.value_and_gradient`."""

    def gradient(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = value(image)
        zero = tf.zeros_like(loss)
        return tf.stack([loss, loss, zero, zero]), tape.gradient(loss, image)

    return gradient


def lbfgs(
    value: Objective, image: np.ndarray, history: int = HISTORY, preconditioner: Preconditioner | None = None
) -> LBFGS:
    gradient = tf.function(with_gradient(value))
    return LBFGS(tf.constant(image), gradient, history=history, preconditioner=preconditioner or Identity())


def losses_of(
    optimizer: Adam | LBFGS, steps: int, until: Callable[[float, float], bool] = lambda loss, first: False
) -> list[float]:
    """Return the loss before each of so many steps, or of fewer.

    Args:
        optimizer: at its first step, or later.
        steps: at most.
        until: given a loss and the first one, says whether that was the last step needed.
    """
    losses: list[float] = []
    while len(losses) < steps and not (losses and until(losses[-1], losses[0])):
        losses.append(float(optimizer.step()[0]))
    return losses


def scipys(
    value: Objective, image: np.ndarray, bounds: list[tuple[float, float]] | None = None, **options: float
) -> tuple[list[float], np.ndarray]:
    """Return the losses that SciPy's L-BFGS-B sees, one for each gradient, and where it ends."""
    gradient = tf.function(with_gradient(value))
    seen: list[float] = []

    def flat(x: np.ndarray) -> tuple[float, np.ndarray]:
        terms, slope = gradient(tf.constant(x.reshape(SHAPE)))
        seen.append(float(terms[0]))
        return seen[-1], slope.numpy().ravel()

    best = scipy.optimize.minimize(flat, image.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return seen, best.x.reshape(SHAPE)


class TestLBFGSAgainstSciPy:
    def test_it_reaches_the_bottom_of_a_quadratic(self) -> None:
        value, bottom = quadratic(30.0)
        optimizer = lbfgs(value, start())
        losses_of(optimizer, 90, until=lambda loss, first: loss < 1e-9)
        np.testing.assert_allclose(optimizer.image.numpy(), bottom, atol=1e-4)

    def test_it_is_about_as_fast_as_scipys_on_a_quadratic(self) -> None:
        """Without a line search it may take more evaluations of the gradient, but not twice as many."""
        value, _ = quadratic()
        seen, _ = scipys(value, start(), maxcor=HISTORY, maxfun=40, gtol=0, ftol=0)
        assert seen[29] < 1e-3 * seen[0]
        ours = losses_of(lbfgs(value, start()), 60, until=lambda loss, first: loss <= min(seen[:30]))
        assert ours[-1] <= min(seen[:30])

    def test_it_reaches_scipys_optimum_along_a_curved_valley(self) -> None:
        begin = np.random.default_rng(3).uniform(104.0, 118.0, SHAPE)
        seen, best = scipys(valley, begin, maxiter=1000, gtol=1e-12, ftol=1e-16)
        optimizer = lbfgs(valley, begin)
        ours = losses_of(optimizer, 300, until=lambda loss, first: loss < min(seen) + 1e-9)
        assert ours[0] == seen[0] > 100
        assert ours[-1] < min(seen) + 1e-9
        np.testing.assert_allclose(optimizer.image.numpy(), best, atol=1e-3)


def two_loop(
    gradient: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray]], guess: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Nocedal & Wright, "Numerical Optimization", algorithm 7.4; pairs oldest first.

    ``guess`` applies H0 up to a factor; for the identity the factor is gamma of equation 7.20.
    """
    q, factors = gradient.copy(), []
    for s, y in reversed(pairs):
        factors.append((s @ q) / (s @ y))
        q -= factors[-1] * y
    s, y = pairs[-1]
    q = guess(q) * (s @ y) / (y @ guess(y))
    for (s, y), alpha in zip(pairs, reversed(factors), strict=True):
        q += (alpha - (y @ q) / (s @ y)) * s
    return -q


class TestDirection:
    """The move of every step against the two-loop recursion over the same pairs."""

    @pytest.mark.parametrize(
        ("history", "kind", "learned"),
        [
            (1, "quadratic", False),
            (3, "quadratic", True),
            (HISTORY, "valley", False),
            (HISTORY, "valley", True),
        ],
    )
    def test_every_move_is_the_two_loop_recursions_also_after_the_history_wraps(
        self, history: int, kind: str, learned: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(LBFGS, "largest_move", 1e9)
        preconditioner: Preconditioner = FrequencyPreconditioner(4, 5) if learned else Identity()

        @tf.function(autograph=False)
        def guessed(image: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
            return preconditioner.image(preconditioner.apply(preconditioner.coordinates(image), factors))

        def guess(vector: np.ndarray) -> np.ndarray:
            return guessed(tf.constant(vector.reshape(SHAPE)), tf.constant(preconditioner.factors)).numpy().ravel()

        value, steps = (quadratic(50.0)[0], 18) if kind == "quadratic" else (valley, 25)
        begin = start() if kind == "quadratic" else start() / 4 + 75
        optimizer = lbfgs(value, begin, history=history, preconditioner=preconditioner)
        gradient = tf.function(with_gradient(value))
        pairs: list[tuple[np.ndarray, np.ndarray]] = []
        compared = refused = 0
        for _ in range(steps):
            before = optimizer.image.numpy()
            slope = gradient(tf.constant(before))[1].numpy().ravel()
            if float(optimizer.step()[0]) > LBFGS.tolerated_growth * best_of(optimizer):
                pairs.clear()
                continue
            move = (optimizer.image.numpy() - before).ravel()
            if pairs:
                pairs[-1] = (pairs[-1][0], slope - pairs[-1][1])  # the change is known one step later
                s, y = pairs[-1]
                if s @ y <= 1e-8 * np.linalg.norm(s) * np.linalg.norm(y):
                    pairs.pop()
                    refused += 1
            del pairs[:-history]
            if pairs:
                flat = before.ravel()
                expected = np.clip(flat + two_loop(slope, pairs, guess), 0.0, 255.0) - flat
                assert np.linalg.norm(move - expected) <= 1e-6 * np.linalg.norm(expected)
                compared += 1
            pairs.append((move, slope))
        assert compared > min(history, steps) / 2
        assert compared > 10
        assert refused == 0 or kind == "valley"

    def test_the_first_move_is_two_levels_down_the_gradient(self) -> None:
        value, _ = quadratic()
        optimizer = lbfgs(value, start())
        slope = with_gradient(value)(tf.constant(start()))[1].numpy()
        optimizer.step()
        move = optimizer.image.numpy() - start()
        assert np.sqrt(np.mean(move**2)) == pytest.approx(2.0)
        assert np.sum(move * slope) == pytest.approx(-np.linalg.norm(move) * np.linalg.norm(slope))

    def test_with_a_coarser_scales_curvature_the_first_move_goes_by_it(self) -> None:
        """Learned at 4x5 px of a quadratic, taken to 8x10: the same bands, the factor times the pixels."""
        coarser = lbfgs(quadratic()[0], start(), preconditioner=FrequencyPreconditioner(4, 5))
        losses_of(coarser, 8)
        large = (1, 8, 10, 3)
        slope = np.random.default_rng(5).normal(0.0, 1e-3, large)
        preconditioner = FrequencyPreconditioner(8, 10)
        gradient = lambda image: (tf.ones(1, tf.float64), tf.constant(slope))  # noqa: E731
        optimizer = LBFGS(tf.constant(np.full(large, 128.0)), gradient, history=1, preconditioner=preconditioner)
        optimizer.expect(coarser.curvature())
        optimizer.step()
        factors = 4.0 * coarser.scale * coarser.preconditioner.factors
        wanted = preconditioner.image(
            preconditioner.apply(preconditioner.coordinates(tf.constant(slope)), tf.constant(factors))
        )
        assert np.ptp(coarser.preconditioner.factors) > 0
        np.testing.assert_allclose(optimizer.image.numpy(), 128.0 - wanted.numpy(), rtol=1e-12)

    def test_a_coarser_scale_that_learned_nothing_changes_nothing(self) -> None:
        value, _ = quadratic()
        first, second = (lbfgs(value, start(), preconditioner=FrequencyPreconditioner(4, 5)) for _ in range(2))
        second.expect(lbfgs(value, start(), preconditioner=FrequencyPreconditioner(4, 5)).curvature())
        assert losses_of(first, 5) == losses_of(second, 5)

    def test_no_move_is_larger_than_the_limit(self) -> None:
        optimizer = lbfgs(lambda image: tf.reduce_sum(tf.sqrt(tf.square(image - 5000.0) + 1.0)), start())
        moves = []
        for _ in range(8):
            before = optimizer.image.numpy()
            optimizer.step()
            moves.append(np.sqrt(np.mean((optimizer.image.numpy() - before) ** 2)))
        assert max(moves) == pytest.approx(LBFGS.largest_move)

    def test_a_pair_of_negative_curvature_is_not_kept(self) -> None:
        optimizer = lbfgs(lambda image: 1e6 - tf.reduce_sum(tf.square(image - 300.0)), start())
        for _ in range(3):
            optimizer.step()
        assert not optimizer.state()["order"].any()

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_at_a_minimum_it_stays(self, dtype: type) -> None:
        begin = start().astype(dtype)
        optimizer = lbfgs(lambda image: tf.reduce_sum(tf.square(image - begin)), begin)
        losses_of(optimizer, 3)
        np.testing.assert_array_equal(optimizer.image.numpy(), begin)


class TestInsideWhatAFileHolds:
    def test_the_picture_stays_there_and_the_rest_of_it_goes_to_the_bottom(self) -> None:
        """A bowl whose bottom is outside in every third value; the best point inside is the bottom, clipped."""
        bottom = start(4)
        bottom[..., 0] = 300.0
        bottom[..., 2] = -20.0
        optimizer = lbfgs(lambda image: tf.reduce_sum(tf.square(image - bottom)), start())
        for _ in range(40):
            optimizer.step()
            image = optimizer.image.numpy()
            assert image.min() >= 0.0
            assert image.max() <= 255.0
        np.testing.assert_allclose(image, np.clip(bottom, 0.0, 255.0), atol=0.1)

    @pytest.mark.parametrize("preconditioner", [Identity, lambda: FrequencyPreconditioner(4, 5)])
    def test_where_values_lean_on_each_other_it_ends_where_scipys_does(
        self, preconditioner: Callable[[], Preconditioner]
    ) -> None:
        """Two thirds of the bottom are outside: the best point inside is not the bottom, clipped."""
        value, _ = quadratic(50.0, outside=0.7)
        seen, best = scipys(value, start(), bounds=[(0.0, 255.0)] * SIZE, maxiter=1000, gtol=1e-12, ftol=1e-16)
        assert min(np.mean(best == 0.0), np.mean(best == 255.0)) > 0.1
        optimizer = lbfgs(value, start(), preconditioner=preconditioner())
        losses_of(optimizer, 100, until=lambda loss, first: loss < min(seen) * (1.0 + 1e-9))
        np.testing.assert_allclose(optimizer.image.numpy(), best, atol=0.02)


class TestPairs:
    def single(self) -> LBFGS:
        """Return an optimiser in float32 after some steps."""
        bottom = start(4).astype(np.float32)
        bowl = tf.constant(np.geomspace(1.0, 30.0, SIZE).reshape(SHAPE).astype(np.float32))
        image = tf.constant(start().astype(np.float32))
        objective = with_gradient(lambda image: tf.reduce_sum(bowl * tf.square(image - bottom)))
        optimizer = LBFGS(image, objective, history=3, preconditioner=Identity())
        losses_of(optimizer, 5)
        return optimizer

    def test_they_take_half_the_memory_and_come_back_from_a_checkpoint_as_they_were(self) -> None:
        optimizer, other = self.single(), self.single()
        state = {name: np.array(value) for name, value in optimizer.state().items()}
        assert state["moves.0"].dtype == state["changes.2"].dtype == np.uint16
        losses_of(other, 2)
        other.restore(state)
        other.image.assign(optimizer.image)
        for _ in range(4):
            optimizer.step()
            other.step()
            np.testing.assert_array_equal(other.image.numpy(), optimizer.image.numpy())


def best_of(optimizer: LBFGS) -> float:
    return float(optimizer.state()["best_loss"][0])


class TestGoingBack:
    def test_after_an_explosion_it_is_back_at_the_best_picture_with_nothing_remembered(self) -> None:
        wall = tf.Variable(0.0, dtype=tf.float64)
        optimizer = lbfgs(lambda image: tf.reduce_sum(tf.square(image - 100.0)) + wall, start())
        optimizer.step()
        best = optimizer.image.numpy()
        optimizer.step()
        assert not np.array_equal(optimizer.image.numpy(), best)
        wall.assign(1e12)
        optimizer.step()
        np.testing.assert_array_equal(optimizer.image.numpy(), best)
        assert not optimizer.state()["order"].any()
        assert optimizer.state()["caution"] == [0.5], "a checkpoint knows it"
        wall.assign(0.0)
        optimizer.step()
        move = optimizer.image.numpy() - best
        assert np.sqrt(np.mean(move**2)) == pytest.approx(LBFGS.first_move / 2), "half the first step's length"

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_a_loss_that_is_no_number_is_an_explosion(self, bad: float) -> None:
        poison = tf.Variable(0.0, dtype=tf.float64)
        optimizer = lbfgs(lambda image: tf.reduce_sum(tf.square(image - 100.0)) + poison, start())
        optimizer.step()
        best = optimizer.image.numpy()
        optimizer.step()
        poison.assign(bad)
        assert not np.isfinite(float(optimizer.step()[0]))
        np.testing.assert_array_equal(optimizer.image.numpy(), best)

    def test_growth_within_the_tolerance_is_none(self) -> None:
        wall = tf.Variable(0.0, dtype=tf.float64)
        optimizer = lbfgs(lambda image: tf.reduce_sum(tf.square(image - 100.0)) + wall, start())
        first = float(optimizer.step()[0])
        before = optimizer.image.numpy()
        wall.assign(2.0 * first)
        optimizer.step()
        assert not np.array_equal(optimizer.image.numpy(), before)
        assert optimizer.state()["order"].any()

    def test_it_gets_down_a_slope_that_ends_in_a_wall(self) -> None:
        """The slope is so even that moves are as long as allowed, into the wall: only by going back does it get down."""

        def steep(image: tf.Tensor) -> tf.Tensor:
            slope = tf.sqrt(1.0 + tf.square(image - 130.0)) - 1.0
            return tf.reduce_sum(slope + 1e3 * tf.nn.relu(125.0 - image) ** 4)

        optimizer = lbfgs(steep, np.full(SHAPE, 180.0) + start() / 100)
        losses = losses_of(optimizer, 60, until=lambda loss, first: loss < 1e-6 * first)
        assert max(losses) > LBFGS.tolerated_growth * losses[0], "it never met the wall"
        assert losses[-1] < 1e-6 * losses[0]


class TestAdam:
    def test_every_step_is_that_of_plain_numpy(self) -> None:
        value, _ = quadratic()
        gradient = with_gradient(value)
        optimizer = Adam(tf.constant(start()), gradient, learning_rate=9.0)
        x, m, v = start(), np.zeros(SHAPE), np.zeros(SHAPE)
        for t in range(1, 31):
            terms, g = gradient(tf.constant(x))
            m = 0.9 * m + 0.1 * g.numpy()
            v = 0.99 * v + 0.01 * g.numpy() ** 2
            m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.99**t)
            x = np.clip(x - 9.0 * m_hat / (np.sqrt(v_hat) + 0.1 * np.sqrt(v_hat.mean())), 0, 255)
            assert float(optimizer.step()[0]) == pytest.approx(float(terms[0]), rel=1e-9)
            np.testing.assert_allclose(optimizer.image.numpy(), x, rtol=1e-9, atol=1e-9, err_msg=f"step {t}")

    def test_it_converges(self) -> None:
        value, _ = quadratic(30.0)
        gradient = tf.function(with_gradient(value))
        optimizer = Adam(tf.constant(start()), gradient, learning_rate=2.0)
        losses = losses_of(optimizer, 200, until=lambda loss, first: loss < 1e-3 * first)
        assert losses[-1] < 1e-3 * losses[0]

    def test_the_picture_stays_inside_0_to_255(self) -> None:
        downhill = with_gradient(lambda image: tf.reduce_sum(image[:, :2]) - tf.reduce_sum(image[:, 2:]))
        optimizer = Adam(tf.constant(start()), downhill, learning_rate=40.0)
        losses_of(optimizer, 10)
        assert set(optimizer.image.numpy().ravel()) == {0.0, 255.0}

    def test_where_the_gradient_is_zero_nothing_moves(self) -> None:
        optimizer = Adam(
            tf.constant(start()), with_gradient(lambda image: 0.0 * tf.reduce_sum(image)), learning_rate=8.0
        )
        losses_of(optimizer, 3)
        np.testing.assert_array_equal(optimizer.image.numpy(), start())


@pytest.mark.parametrize("preconditioner", ["frequency", "none"])
@pytest.mark.parametrize(("name", "steps"), [("adam", 4), ("lbfgs", 1), ("lbfgs", 6)])
def test_restored_it_goes_on_bit_for_bit(name: str, steps: int, preconditioner: str) -> None:
    """From inside the history, and after it has wrapped; the state passes through plain arrays."""
    value = lambda image: tf.cast(valley(tf.cast(image, tf.float64)), image.dtype)  # noqa: E731
    settings = Settings(optimizer=name, learning_rate=1.0, preconditioner=preconditioner)
    gradient = tf.function(with_gradient(value))
    begin = (start() / 4 + 75).astype(np.float32)
    first = optimizer_for(settings, tf.constant(begin), gradient, history=3)
    losses_of(first, steps)
    state = {key: array.copy() for key, array in first.state().items()}
    picture = first.image.numpy()
    second = optimizer_for(settings, tf.constant(picture), gradient, history=3)
    second.restore(state)
    for key, variable in vars(first).items():
        if isinstance(variable, tf.Variable):
            np.testing.assert_array_equal(variable, vars(second)[key], err_msg=key)
    assert losses_of(first, 5) == losses_of(second, 5)
    np.testing.assert_array_equal(first.image.numpy(), second.image.numpy())
    for key, array in first.state().items():
        np.testing.assert_array_equal(array, second.state()[key], err_msg=key)
        assert array.ndim >= 1, "a checkpoint holds arrays"


def test_settings_choose_the_optimiser() -> None:
    image = tf.zeros((1, 2, 3, 3))
    gradient = with_gradient(tf.reduce_sum)
    adam = optimizer_for(Settings(optimizer="adam", learning_rate=3.0), image, gradient, history=0)
    assert isinstance(adam, Adam)
    assert float(adam.numbers.learning_rate) == 3.0
    quasi_newton = optimizer_for(Settings(optimizer="lbfgs"), image, gradient, history=7)
    assert isinstance(quasi_newton, LBFGS)
    assert quasi_newton.state()["order"].shape == (7,)


@pytest.mark.parametrize("name", ["adam", "lbfgs"])
def test_the_move_is_traced_once(name: str) -> None:
    value, _ = quadratic()
    optimizer = optimizer_for(Settings(optimizer=name), tf.constant(start()), with_gradient(value), history=10)
    losses_of(optimizer, 5)
    applied = optimizer.method.move
    assert applied.experimental_get_tracing_count() == 1
