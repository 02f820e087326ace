"""ghn.ranking: by hand, against scipy, by property, and with wrong input."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ghn.analysis import correlation as ranking
from ghn.analysis.weighted import MIN_PART, PARTS, Ties, evaluate
from ghn.errors import ConfigError, DataError

TEN = np.arange(10.0)
FUNCTIONS = {"kendall": stats.kendalltau, "spearman": stats.spearmanr, "pearson": stats.pearsonr}


def precision_at(estimate: object, reference: object, k: int) -> float | None:
    return ranking.rank(estimate, reference, ks=(k,), bootstrap=0)[f"precision@{k}"].value


def regret_at(estimate: object, reference: object, k: int) -> float | None:
    return ranking.rank(estimate, reference, ks=(k,), bootstrap=0)[f"regret@{k}"].value


def within_groups(estimate: object, reference: object, groups: object, min_size: int = 15) -> float | None:
    found = ranking.rank(estimate, reference, groups=groups, ks=(), min_level=min_size, bootstrap=0)
    return found["kendall_within_groups"].value


def noisy(n: int, seed: int = 0, digits: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A correlated pair with many ties."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n).round(digits)
    return (y + rng.normal(size=n)).round(digits), y


class TestByHand:
    def test_one_swap_costs_two_pairs(self) -> None:
        swapped = [1, 0, 2, 3, 4, 5, 6, 7, 8, 9]
        assert ranking.kendall(swapped, TEN) == pytest.approx((44 - 1) / 45)
        assert ranking.rank(swapped, TEN, bootstrap=0)["spearman"].value == pytest.approx(1 - 6 * 2 / 990)

    def test_concordance_counts_pairs_that_have_a_better_one(self) -> None:
        swapped = [1, 0, 2, 3, 4, 5, 6, 7, 8, 9]
        assert ranking.concordance(swapped, TEN) == pytest.approx(44 / 45)
        x, y = noisy(80)
        pairs = [(x[i] - x[j], y[i] - y[j]) for i in range(80) for j in range(i) if y[i] != y[j]]
        expected = np.mean([0.5 if dx == 0 else dx * dy > 0 for dx, dy in pairs])
        assert ranking.concordance(x, y) == pytest.approx(expected)
        tied = (1 + ranking.kendall(x, y)) / 2
        assert abs(tied - expected) > 1e-3  # the formula that is right without ties alone
        found = ranking.rank(x, y, bootstrap=200)["concordance"]
        assert found.low < expected < found.high
        assert ranking.concordance(np.ones(10), TEN) is None

    def test_best_half_looks_at_the_references_best(self) -> None:
        top_reversed = [0, 1, 2, 3, 4, 9, 8, 7, 6, 5]
        found = ranking.rank(top_reversed, TEN, bootstrap=0)
        assert found["kendall"].value == pytest.approx((45 - 2 * 10) / 45)
        assert found["kendall_best_half"].value == pytest.approx(-1)
        assert found["kendall_best_fifth"].value is None  # two items are no order

    def test_ties_at_the_cut_are_all_in(self) -> None:
        reference = np.array([0, 1, 2, 3, 4, 4, 4, 7, 8, 9])  # the fifth best is 4, three times
        found = ranking.rank(TEN, reference, bootstrap=0)
        kept = reference >= 4
        assert kept.sum() == 6
        expected = stats.kendalltau(TEN[kept], reference[kept])[0]
        assert found["kendall_best_half"].value == pytest.approx(expected)

    def test_precision_and_regret(self) -> None:
        estimate = [0, 1, 2, 3, 4, 5, 6, 9, 7, 8]  # its top three hold 9, 8 and 7
        assert precision_at(estimate, TEN, 3) == pytest.approx(1)
        assert regret_at(estimate, TEN, 1) == pytest.approx(2)
        assert regret_at(estimate, TEN, 2) == pytest.approx(0)
        assert precision_at(-TEN, TEN, 5) == pytest.approx(0)
        assert regret_at(-TEN, TEN, 3) == pytest.approx(7)

    def test_tied_estimates_give_the_expectation_of_a_random_choice(self) -> None:
        flat = np.zeros(10)
        assert precision_at(flat, TEN, 4) == pytest.approx(0.4)
        # The expected best of 3 out of 0..9 is 3 * 11 / 4 - 1.
        assert regret_at(flat, TEN, 3) == pytest.approx(9 - (3 * 11 / 4 - 1))

    def test_discounted_gain_of_the_top_tenth(self) -> None:
        """By hand: the top two of twenty, gains (rank - 1/2) / 20."""
        reference = np.arange(20.0)
        ideal = 19.5 + 18.5 / np.log2(3)

        def ndcg(estimate: np.ndarray) -> float:
            return ranking.rank(estimate, reference, bootstrap=0)["ndcg@10%"].value or 0.0

        swapped = reference.copy()
        swapped[[19, 18]] = swapped[[18, 19]]
        assert ndcg(reference) == 1 and ndcg(np.exp(reference)) == 1
        assert ndcg(swapped) == pytest.approx((18.5 + 19.5 / np.log2(3)) / ideal)
        assert ndcg(-reference) == pytest.approx((0.5 + 1.5 / np.log2(3)) / ideal)
        assert ndcg(np.zeros(20)) == pytest.approx(10 * (1 + 1 / np.log2(3)) / ideal)
        half = np.where(reference >= 17, 1.0, 0.0)  # three share the first places
        assert ndcg(half) == pytest.approx(18.5 * (1 + 1 / np.log2(3)) / ideal)

    def test_half_tied_regret_against_all_choices(self) -> None:
        estimate = [5, 9, 1, 5, 5, 0, 0, 5, 0, 0]  # item 1 is sure, two of items 0, 3, 4, 7 are drawn
        pairs = [(0, 3), (0, 4), (0, 7), (3, 4), (3, 7), (4, 7)]
        expected = np.mean([9 - max(1, *pair) for pair in pairs])
        assert regret_at(estimate, TEN, 3) == pytest.approx(expected)

    def test_within_groups_weighs_levels_by_pairs(self) -> None:
        reference = np.r_[np.arange(5.0), np.arange(10.0), [3.0] * 6, [1.0, 2.0]]
        estimate = np.r_[np.arange(5.0), -np.arange(10.0), np.arange(6.0), [2.0, 1.0]]
        groups = np.r_[[1] * 5, [2] * 10, [3] * 6, [4] * 2]  # 3 is constant, 4 is too small
        assert within_groups(estimate, reference, groups, min_size=5) == pytest.approx((10 - 45) / 55)
        assert within_groups(estimate, reference, groups) is None
        assert within_groups(groups, reference, groups, min_size=5) is None
        half_tied = np.where(groups == 2, 0, estimate)
        assert within_groups(half_tied, reference, groups, min_size=5) == pytest.approx(10 / 55)


class TestAgainstScipy:
    @pytest.mark.parametrize("n", [10, 37, 700])
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_all_and_parts(self, name: str, n: int) -> None:
        x, y = noisy(n)
        found = ranking.rank(x, y, bootstrap=0)
        for suffix, share in PARTS.items():
            kept = y >= np.sort(y)[::-1][int(np.ceil(share * n)) - 1]
            if np.ceil(share * n) >= MIN_PART:
                assert found[name + suffix].value == pytest.approx(FUNCTIONS[name](x[kept], y[kept])[0])

    def test_a_resample_is_the_sample_drawn_out_in_full(self) -> None:
        """Multiplicities give exactly what scipy gives for the resampled arrays, duplicates and all."""
        x, y = noisy(40)
        rng = np.random.default_rng(5)
        w = rng.multinomial(40, np.full(40, 1 / 40), size=20).astype(float)
        found = evaluate(Ties(x), Ties(y), w, (7,), None)
        for b in range(20):
            index = np.repeat(np.arange(40), w[b].astype(int))
            xs, ys = x[index], y[index]
            for name, reference in FUNCTIONS.items():
                assert found[name][b] == pytest.approx(reference(xs, ys)[0])
            kept = ys >= np.sort(ys)[::-1][19]
            assert found["kendall_best_half"][b] == pytest.approx(stats.kendalltau(xs[kept], ys[kept])[0])
            drawn = ranking.rank(xs, ys, ks=(7,), bootstrap=0)
            assert found["precision@7"][b] == pytest.approx(drawn["precision@7"].value)
            assert found["regret@7"][b] == pytest.approx(drawn["regret@7"].value)
            assert found["ndcg@10%"][b] == pytest.approx(drawn["ndcg@10%"].value)


class TestProperties:
    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=10, max_size=60))
    def test_monotone_transforms_change_nothing(self, pairs: list[tuple[int, int]]) -> None:
        x, y = np.array(pairs, dtype=float).T
        if np.ptp(y) == 0:
            return
        plain = ranking.rank(x, y, ks=(3,), bootstrap=0)
        bent = ranking.rank(np.exp(x / 10) * 7 - 3, y, ks=(3,), bootstrap=0)
        flipped = ranking.rank(-x, y, ks=(3,), bootstrap=0)
        for key in ("kendall", "spearman", "kendall_best_half", "spearman_best_half"):
            if plain[key].value is None:
                assert bent[key].value is None
                continue
            assert bent[key].value == pytest.approx(plain[key].value)
            assert flipped[key].value == pytest.approx(-plain[key].value)
        assert bent["precision@3"].value == pytest.approx(plain["precision@3"].value)
        assert bent["regret@3"].value == pytest.approx(plain["regret@3"].value)

    def test_perfect_and_reversed(self) -> None:
        y = np.random.default_rng(0).normal(size=50)
        best, worst = ranking.rank(y, y, bootstrap=50), ranking.rank(-y, y, bootstrap=0)
        for name in FUNCTIONS:
            assert best[name].value == pytest.approx(1)
            assert best[name].low == pytest.approx(1)
            assert worst[name].value == pytest.approx(-1)
        assert best["regret@10"] == ranking.Statistic(0, 0, 0)

    def test_order_of_items_does_not_matter(self) -> None:
        x, y = noisy(60)
        shuffle = np.random.default_rng(1).permutation(60)
        one, two = ranking.rank(x, y, bootstrap=0), ranking.rank(x[shuffle], y[shuffle], bootstrap=0)
        for key, found in one.statistics.items():
            assert two[key].value == pytest.approx(found.value), key


class TestIntervals:
    def test_deterministic_and_around_the_value(self) -> None:
        x, y = noisy(80)
        one, two = ranking.rank(x, y, seed=3), ranking.rank(x, y, seed=3)
        assert one == two
        assert one != ranking.rank(x, y, seed=4)
        for key in ("kendall", "spearman_best_half", "precision@10"):
            found = one[key]
            assert found.low <= found.value <= found.high, key

    def test_coverage_on_a_case_with_a_known_answer(self) -> None:
        """A bivariate normal has tau = 2 asin(rho) / pi; about 95 % of the intervals cover it."""
        rho, rng, covered = 0.6, np.random.default_rng(0), 0
        tau = 2 / np.pi * np.arcsin(rho)
        for _ in range(60):
            y = rng.normal(size=60)
            x = rho * y + np.sqrt(1 - rho**2) * rng.normal(size=60)
            found = ranking.rank(x, y, ks=(), bootstrap=200)["kendall"]
            covered += found.low <= tau <= found.high
        assert 52 <= covered <= 60

    def test_chunks_do_not_change_the_resamples(self, monkeypatch: pytest.MonkeyPatch) -> None:
        x, y = noisy(50)
        whole = ranking.rank(x, y, bootstrap=100)
        monkeypatch.setattr("ghn.analysis.correlation._CHUNK", 50 * 7)
        assert ranking.rank(x, y, bootstrap=100) == whole

    def test_difference_is_paired(self) -> None:
        x, y = noisy(100)
        one, same = ranking.rank(x, y, bootstrap=100), ranking.rank(2 * x, y, bootstrap=100)
        assert ranking.difference(one, same) == ranking.Statistic(0, 0, 0)
        other = ranking.rank(-x, y, bootstrap=100)
        assert ranking.difference(one, other).value == pytest.approx(2 * one["kendall"].value)
        with pytest.raises(DataError, match="cannot be paired"):
            ranking.difference(one, ranking.rank(x[:50], y[:50], bootstrap=100))


class TestFailuresAndUndefined:
    def test_failures_are_dropped_and_counted(self) -> None:
        x, y = noisy(50)
        broken = x.copy()
        broken[[3, 7, 40]] = [np.nan, np.inf, -np.inf]
        found = ranking.rank(broken, y, bootstrap=0)
        assert (found.n, found.failed) == (47, 3)
        kept = np.isfinite(broken)
        assert found["kendall"].value == pytest.approx(stats.kendalltau(x[kept], y[kept])[0])

    def test_constant_estimate_is_undefined_not_a_crash(self) -> None:
        found = ranking.rank(np.full(50, 0.1), noisy(50)[1], bootstrap=20)
        for name in FUNCTIONS:
            assert found[name] == ranking.Statistic(None)
        assert found["precision@10"].value is not None

    def test_k_of_everything_is_undefined(self) -> None:
        assert precision_at(TEN, TEN, 10) is None
        assert regret_at(TEN, TEN, 99) is None


class TestCeiling:
    def test_mean_over_pairs_of_seeds(self) -> None:
        rng = np.random.default_rng(0)
        truth = rng.normal(size=30)
        table = truth[:, None] + 0.3 * rng.normal(size=(30, 3))
        found = ranking.ceiling(table, bootstrap=50)
        pairs = [stats.kendalltau(table[:, a], table[:, b])[0] for a, b in ((0, 1), (0, 2), (1, 2))]
        assert found["kendall"].value == pytest.approx(np.mean(pairs))
        assert found["kendall"].low < found["kendall"].value < found["kendall"].high
        assert found["kendall_best_half"].value is not None

    def test_items_missing_a_seed_are_left_out_and_counted(self) -> None:
        table = np.random.default_rng(0).normal(size=(30, 2))
        table[20:, 1] = np.nan
        found = ranking.ceiling(table, bootstrap=0)
        assert (found.n, found.failed) == (20, 10)


class TestWrongInput:
    @pytest.mark.parametrize(
        ("estimate", "reference", "message"),
        [
            (TEN, TEN[:9], r"same length\n  got:      shapes \(10,\) and \(9,\)"),
            (TEN[:9], TEN[:9], "too few items to rank\n  got:      9\n  expected: at least 10"),
            (np.r_[TEN, np.nan][1:], TEN, r"9 \(1 more were dropped as failed\)"),
            (TEN, np.full(10, 0.5), "all references are equal.*\n  got:      10 times 0.5"),
            (TEN, np.r_[TEN[:9], np.nan], "not finite\n  got:      1 of 10, the first at index 9"),
            (TEN[:, None], TEN[:, None], "not two lists"),
        ],
    )
    def test_data(self, estimate: np.ndarray, reference: np.ndarray, message: str) -> None:
        with pytest.raises(DataError, match=message):
            ranking.rank(estimate, reference)

    def test_groups_of_another_length(self) -> None:
        with pytest.raises(DataError, match="groups do not match"):
            within_groups(TEN, TEN, [1, 2])

    def test_one_seed_has_no_ceiling(self) -> None:
        with pytest.raises(DataError, match="a ceiling needs several seeds"):
            ranking.ceiling(TEN[:, None])

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            ({"ks": (0,)}, "at least 1"),
            ({"min_level": 1}, "min_level >= 2"),
            ({"bootstrap": -1}, "0 to 1,000,000"),
        ],
    )
    def test_settings(self, setting: dict, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            ranking.rank(TEN, TEN, **setting)


def test_the_mean_of_rankings_is_that_of_values_and_of_resamples() -> None:
    one, y = noisy(40)
    other = y + np.random.default_rng(9).normal(size=40)
    both = [ranking.rank(x, y, ks=(), bootstrap=60) for x in (one, other)]
    mean = ranking.mean_ranking(both)
    assert mean["kendall"].value == pytest.approx((both[0]["kendall"].value + both[1]["kendall"].value) / 2)
    assert mean.samples["kendall"] == pytest.approx((both[0].samples["kendall"] + both[1].samples["kendall"]) / 2)
    assert ranking.difference(mean, both[0]).value == pytest.approx(mean["kendall"].value - both[0]["kendall"].value)
    assert ranking.mean_ranking([both[0]])["spearman"] == both[0]["spearman"]
    flat = ranking.rank(np.ones(40), y, ks=(), bootstrap=60)
    assert ranking.mean_ranking([both[0], flat])["kendall"] == ranking.Statistic(None)
    with pytest.raises(DataError, match="no mean"):
        ranking.mean_ranking([both[0], ranking.rank(one[:30], y[:30], ks=(), bootstrap=60)])
    with pytest.raises(DataError, match="no mean"):
        ranking.mean_ranking([])


EVERY_MODULE = (
    "import ghn.analysis, importlib, pkgutil; "
    "[importlib.import_module(m.name) for m in pkgutil.walk_packages(ghn.analysis.__path__, 'ghn.analysis.')]"
)


@pytest.mark.parametrize("use", ["ghn.compare", EVERY_MODULE])
def test_a_comparison_loads_no_heavy_library(use: str) -> None:
    heavy = {"torch", "matplotlib", "hydra", "torchvision", "lightning_fabric", "torch_geometric"}
    code = f"import ghn, sys; {use}; sys.exit(' '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")
