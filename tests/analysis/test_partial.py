"""Rank residuals and partial rank correlations: by hand, against the classical formula, and with wrong input."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from ghn.analysis import correlation, partial
from ghn.analysis.partial import degree, partial_ceiling, partial_table, rank_residuals
from ghn.errors import ConfigError, DataError

TEN = np.arange(10.0)


def partial_spearman(one: object, other: object, given: object) -> float | None:
    return partial_table({"one": one, "other": other}, given, [("one", "other")], bootstrap=0)["one", "other"].value


def classical(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    xy, xz, yz = (stats.spearmanr(a, b)[0] for a, b in ((x, y), (x, z), (y, z)))
    return (xy - xz * yz) / sqrt((1 - xz**2) * (1 - yz**2))


class TestByHand:
    def test_three_orders_of_ten(self) -> None:
        # Squared rank differences: x and z 10, y and z 40, x and y 50; so rho is 31/33, 25/33 and 23/33.
        x = [2, 1, 4, 3, 6, 5, 8, 7, 10, 9]
        y = [1, 2, 3, 4, 5, 10, 9, 8, 7, 6]
        expected = (23 * 33 - 31 * 25) / sqrt((33**2 - 31**2) * (33**2 - 25**2))
        assert partial_spearman(x, y, TEN) == pytest.approx(expected)

    def test_ties_share_their_mean_rank(self) -> None:
        rng = np.random.default_rng(0)
        z = rng.normal(size=19).round()
        x, y = (z + rng.normal(size=19)).round(), (z + rng.normal(size=19)).round()
        assert degree(19) == 1  # a straight line: the classical formula
        assert partial_spearman(x, y, z) == pytest.approx(classical(x, y, z))

    def test_a_residual_is_a_share_of_all_items(self) -> None:
        found = rank_residuals([2, 1, 4, 3, 6, 5, 8, 7, 10, 9], TEN)
        assert found.sum() == pytest.approx(0)
        assert found @ TEN == pytest.approx(0)
        fitted = 5.5 + 31 / 33 * (TEN - 4.5)
        assert found == pytest.approx((np.array([2, 1, 4, 3, 6, 5, 8, 7, 10, 9]) - fitted) / 10)

    def test_it_is_the_correlation_of_the_residuals(self) -> None:
        rng = np.random.default_rng(1)
        z = rng.normal(size=120)
        x, y = z + rng.normal(size=120), (z + rng.normal(size=120)).round()
        expected = np.corrcoef(rank_residuals(x, z), rank_residuals(y, z))[0, 1]
        assert partial_spearman(x, y, z) == pytest.approx(expected)


class TestMeaning:
    def test_noise_is_no_bias_and_a_planted_bias_has_its_sign(self) -> None:
        rng = np.random.default_rng(2)
        z = rng.normal(size=600)
        much = (z + rng.normal(size=600)).round()
        columns = {"noisy": z + rng.normal(size=600), "bought": z + 0.5 * much, "averse": z - 0.2 * much}
        found = partial_table({**columns, "much": much}, z, [(name, "much") for name in columns], bootstrap=200)
        noisy = found["noisy", "much"]
        assert noisy.low is not None and noisy.low < 0 < noisy.high
        assert found["bought", "much"].low > 0.5
        assert found["averse", "much"].high < -0.5

    def test_a_random_order_has_no_bias_although_the_property_says_much(self) -> None:
        rng = np.random.default_rng(3)
        z = rng.normal(size=800)
        assert abs(partial_spearman(rng.normal(size=800), z + 0.3 * rng.normal(size=800), z)) < 0.1

    def test_losing_hold_where_the_property_is_saturated_is_no_bias(self) -> None:
        rng = np.random.default_rng(4)
        z = rng.normal(size=2000)
        x, y = (np.minimum(z, 0) + 0.3 * rng.normal(size=2000) for _ in range(2))
        assert classical(x, y, z) > 0.15  # what a straight line leaves
        assert abs(partial_spearman(x, y, z)) < 0.06

    def test_noise_of_the_reference_feigns_a_bias_and_a_second_training_shows_it(self) -> None:
        rng = np.random.default_rng(5)
        truth = rng.normal(size=500)
        useful = truth + 0.5 * rng.normal(size=500)
        seeds = truth[:, None] + 0.5 * rng.normal(size=(500, 3))
        feigned = partial_spearman(truth, useful, seeds[:, 0])
        assert feigned > 0.3  # of a perfect estimate
        second = partial_ceiling(seeds, {"useful": useful, "idle": rng.normal(size=500)}, bootstrap=50)
        assert 0.2 < second["useful"].low < second["useful"].value < feigned
        assert abs(second["idle"].value) < 0.1


class TestResamples:
    def test_a_resample_is_what_its_draws_give(self) -> None:
        rng = np.random.default_rng(6)
        z, x, y = rng.normal(size=(3, 12)).round(1)
        w = rng.multinomial(12, np.full(12, 1 / 12), size=1).astype(float)
        drawn = np.repeat(np.arange(12), w[0].astype(int))
        measured = partial._measure({"x": x, "y": y}, z, [("x", "y")])(w)["x", "y"][0]
        assert measured == pytest.approx(classical(x[drawn], y[drawn], z[drawn]))

    def test_the_interval_does_not_depend_on_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rng = np.random.default_rng(7)
        z, x, y = rng.normal(size=(3, 40))
        arguments = ({"x": x, "y": y}, z, [("x", "y")])
        whole = partial_table(*arguments, bootstrap=60)
        monkeypatch.setattr(partial, "_CHUNK", 500)
        assert partial_table(*arguments, bootstrap=60) == whole
        assert whole["x", "y"].low < whole["x", "y"].value < whole["x", "y"].high
        assert partial_table(*arguments, bootstrap=0)["x", "y"].low is None

    def test_they_are_those_of_rank(self) -> None:
        drawn = []
        rng = np.random.default_rng(8)
        z, x, y = rng.normal(size=(3, 30))
        correlation.resample(lambda w: drawn.append(w) or {"": w[:, 0]}, 30, 50, 9)
        by_hand = partial._measure({"x": x, "y": y}, z, [("x", "y")])(drawn[0])["x", "y"]
        low, high = np.percentile(by_hand, [2.5, 97.5])
        found = partial_table({"x": x, "y": y}, z, [("x", "y")], bootstrap=50, seed=9)["x", "y"]
        assert (found.low, found.high) == pytest.approx((low, high))


class TestUndefined:
    def test_constant_and_perfect_columns(self) -> None:
        rng = np.random.default_rng(10)
        z, y = rng.normal(size=(2, 50))
        assert partial_spearman(np.full(50, 0.3), y, z) is None
        assert partial_spearman(z**3, y, z) is None
        assert partial_spearman(y, z, z) is None

    def test_a_reference_of_two_values_is_fine(self) -> None:
        rng = np.random.default_rng(11)
        z = np.repeat([0.0, 1.0], 30)
        x = rng.normal(size=60)
        assert partial_spearman(x, x + 0.1 * rng.normal(size=60), z) > 0.9

    def test_equal_seeds_leave_nothing(self) -> None:
        column = np.random.default_rng(12).normal(size=30)
        assert partial_ceiling(np.stack([column, column], 1), {"a": column[::-1]}, bootstrap=0)["a"].value is None


class TestWrongInput:
    def test_fewer_than_ten(self) -> None:
        with pytest.raises(DataError, match="too few items to rank\n  got:      9"):
            rank_residuals(np.arange(9), np.arange(9))

    def test_a_failed_estimate_is_named(self) -> None:
        with pytest.raises(DataError, match="'bad' is not known for every item\n  got:      1 of 10"):
            partial_table({"bad": [np.nan, *range(9)]}, TEN, [])

    def test_shapes_settings_and_seeds(self) -> None:
        with pytest.raises(DataError, match="not two lists of the same length"):
            partial_spearman(TEN, np.arange(11), TEN)
        with pytest.raises(ConfigError, match="bootstrap counts resamples"):
            partial_table({"a": TEN}, TEN, [], bootstrap=-1)
        with pytest.raises(ConfigError, match="no column"):
            partial_table({}, TEN, [])
        with pytest.raises(DataError, match="needs several seeds"):
            partial_ceiling(TEN[:, None], {"a": TEN})
        with pytest.raises(DataError, match=r"too few items to rank\n  got:      9 \(1 more"):
            partial_ceiling(np.stack([TEN, [np.nan, *range(9)]], 1), {"a": TEN})
