"""What references correct in a sum of readings, and how carefully."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ghn.analysis.correction import (
    Population,
    Settings,
    View,
    confirmed,
    correct,
    effective_number,
    normal_ranks,
    shared_votes,
    trust_of,
    votes_of,
)
from ghn.analysis.correlation import kendall
from ghn.analysis.linear_kernel import LinearKernel
from ghn.errors import ConfigError

N = 400


def planted(seed: int, noise: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Two readings [n, 2], and a truth of which the first alone knows."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=N)
    return np.stack([truth + noise * rng.normal(size=N), rng.normal(size=N)], 1), truth


def corrected(features: np.ndarray, truth: np.ndarray, given: int, settings: Settings | None = None) -> float:
    known, new = features[:given], features[given:]
    sums, new_sums = known.mean(1), new.mean(1)
    settings = settings or Settings().told(sums, normal_ranks(truth[:given]))
    value, std = correct([View(known, new, np.zeros(2))], sums, truth[:given], new_sums, settings)
    assert (std > 0).all()
    return kendall(value, truth[given:]) or 0.0


def independent(k: int, n: int = 200) -> np.ndarray:
    """Columns [n, k] that do not correlate at all."""
    scores = np.random.default_rng(0).normal(size=(n, k))
    return np.linalg.qr(scores - scores.mean(0))[0]


def test_readings_that_say_the_same_share_a_vote() -> None:
    one, other = independent(2).T
    assert shared_votes(np.stack([one, other], 1), [1, 1]) == pytest.approx([1, 1])
    assert shared_votes(np.stack([one, one, other], 1), [1, 1, 1]) == pytest.approx([2 / 3, 2 / 3, 1])
    many = shared_votes(np.stack([*[one] * 50, other], 1), [1.0] * 51)
    assert many[:50].sum() == pytest.approx(2 * 50 / 51) and many[50] == 1
    assert shared_votes(np.stack([one, np.zeros(200), other], 1), [1, 1, 1]) == pytest.approx([1, 1, 1])


def test_halves_of_a_vote_that_agree_are_one() -> None:
    one, other = independent(2).T
    mixed = one + 0.5 * other
    alone = shared_votes(np.stack([mixed, other], 1), [1, 1])
    twice = shared_votes(np.stack([mixed, mixed, other], 1), [0.5, 0.5, 1])
    assert twice == pytest.approx([alone[0], alone[0], alone[1]])


def test_a_mean_has_as_many_votes_as_its_ways_say_something_of_their_own() -> None:
    one, other, third = independent(3).T
    same, alone = np.stack([one, one], 1), other[:, None]
    assert effective_number(same) == pytest.approx(1) and effective_number(independent(3)) == pytest.approx(3)
    assert effective_number(np.zeros((200, 2))) == 1 and effective_number(np.stack([one, -one], 1)) == pytest.approx(2)
    assert votes_of([same, alone], [1, 1]) == pytest.approx([1, 1])
    twice, single = np.stack([one, third], 1), votes_of([one[:, None], alone], [1, 1])
    votes = votes_of([twice, alone], [1, 1])  # before sharing 2 to 1, which is shrunk, of a mean that is narrower
    assert votes[0] / votes[1] == pytest.approx(1.5 * 2**0.5) and single == pytest.approx([1, 1])
    against = votes_of([np.stack([one, 1e-9 * third - one], 1), alone], [1, 1])  # what cancels out is no larger
    assert against[0] / against[1] == pytest.approx(votes[0] / votes[1])
    silent = votes_of([np.stack([one, np.zeros(200)], 1), alone], [1, 1])  # halves the mean, but has no vote
    assert silent[0] / silent[1] == pytest.approx(2)


def test_a_witness_confirms_what_says_more_than_the_others() -> None:
    quality, size, first, second = independent(4).T
    witness = quality + 0.8 * size + 0.5 * first
    for source, trust in ((quality + second, 1.0), (second, 0.0), (size, 0.0), (-quality, 0.0)):
        assert confirmed(source, witness, [size]) == pytest.approx(trust, abs=1e-6)
    # the correlation of columns that have nothing in common with size
    assert confirmed(0.2 * quality + second, witness, [size]) == pytest.approx(2 * 0.2 / (1.04 * 1.25) ** 0.5)
    assert confirmed(0.2 * size, witness, []) == pytest.approx(1) and confirmed(first, witness, []) < 1
    assert confirmed(quality + second, witness, [size, np.zeros(200)]) == pytest.approx(1)
    assert confirmed(quality + size, witness, [size, quality]) == 0
    assert confirmed(np.zeros(200), witness, [size]) == confirmed(quality, np.ones(200), [size]) == 0


def test_who_is_trusted() -> None:
    """Each kind for itself: what only repeats another takes nothing from it, and who is not trusted confirms nobody."""
    quality, size, noise, own, other = independent(5).T
    witness = quality + size + other
    of_counts, of_losses, late = trust_of(witness, size, quality, [quality + own, size + own, other + own, noise])
    assert (of_counts, of_losses) == pytest.approx((1, 1)) and late == pytest.approx([1, 0, 0, 0], abs=1e-6)
    assert trust_of(witness, size, size, [size + own]) == (1, 0, [0])  # losses that repeat size
    assert np.hstack(trust_of(witness, size, noise, [noise])) == pytest.approx([1, 0, 0], abs=1e-6)
    better = trust_of(quality + own, quality + noise, quality)  # losses say it better than size
    assert better[:2] == pytest.approx((0.5, 1), abs=1e-6)  # of which half is believed without a witness
    assert trust_of(witness, None, quality, [quality]) == (1, 1, [1])
    assert trust_of(witness, size, None, [quality])[1:] == (0, [0])
    assert trust_of(np.zeros(200), size, noise, [noise + own])[:2] == (1, 1)
    assert trust_of(np.zeros(200), size, noise, [own], witness) == trust_of(witness, size, noise, [own])
    half = 0.25 * quality + noise  # losses are half trusted, and so is what they confirm
    little = confirmed(half, witness, [size])
    assert 0.3 < little < 0.7
    assert trust_of(witness, size, half, [half])[2] == pytest.approx([little])
    assert trust_of(quality, size, quality, [own + quality], heard=own)[2] == pytest.approx([1])
    assert trust_of(quality, size, quality + own, [own], heard=own)[2] == pytest.approx([0])
    counts = 0.4 * size + half  # confirmed by itself, as far as losses are not trusted, and else beyond them
    part, alone, beyond = (
        confirmed(*x) for x in ((half, witness, [counts]), (counts, witness, []), (counts, witness, [half]))
    )
    assert trust_of(witness, counts, half)[0] == pytest.approx((1 - part) * alone + part * beyond) and alone != beyond


def test_what_has_no_weight_takes_no_vote() -> None:
    one, other, third = (column[:, None] for column in independent(3).T)
    assert votes_of([one, one + other, third], [1, 0, 1]) == pytest.approx([1, 0, 1])


def test_a_mean_below_zero_shares_as_one_above() -> None:
    one, other = independent(2).T
    ways = [np.stack([one, one + other], 1), (one - other)[:, None]]
    turned = [-ways[0], ways[1]]
    assert votes_of(ways, [2, 1]) == pytest.approx(votes_of(turned, [-2, 1]))


def test_nothing_votes_against_itself() -> None:
    """A reading that is the sum of four others: the least variance would subtract it."""
    parts = independent(4)
    votes = shared_votes(np.column_stack([parts, parts.sum(1)]), [1.0] * 5)
    assert votes.min() >= 0 and votes[:4] == pytest.approx([1] * 4) and votes[4] < 0.1


@pytest.mark.parametrize("vote", [-1.0, 1.5, float("nan")])
def test_a_vote_is_a_part_of_one(vote: float) -> None:
    with pytest.raises(ConfigError, match="nothing to one of its vote"):
        Population({"a": [0.0, 1.0]}, {"a": vote})


def test_references_tell_which_reading_to_believe() -> None:
    features, truth = planted(0)
    plain = kendall(features[100:].mean(1), truth[100:]) or 0.0
    assert corrected(features, truth, 100) > plain + 0.03


def test_a_reading_of_its_own_slope_is_unlearnt() -> None:
    """Two readings of three say nothing: with slopes of their own 40 references find out, else hardly."""
    gains = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=N)
        features = np.stack([truth + 0.5 * rng.normal(size=N), *rng.normal(size=(2, N))], 1)
        sums, n = features.mean(1), 40
        values = [
            correct([View(features[:n], features[n:], slopes)], sums[:n], truth[:n], sums[n:], Settings())[0]
            for slopes in (np.zeros(3), np.full(3, Settings().unlearn))
        ]
        gains.append(np.subtract(*[kendall(value, truth[n:]) or 0.0 for value in reversed(values)]))
    assert np.mean(gains) > 0.05


def test_only_features_with_a_slope_have_a_line() -> None:
    from sklearn.gaussian_process.kernels import DotProduct

    features = np.random.default_rng(0).normal(size=(6, 3))
    kernel = LinearKernel(np.array([1.0, 0.0, 1.0]))
    assert kernel(features, features[:2]) == pytest.approx(DotProduct(0.0)(features[:, [0, 2]], features[:2, [0, 2]]))
    assert kernel.diag(features) == pytest.approx(np.diag(kernel(features)))


def seen(sums: np.ndarray, truth: np.ndarray, kinds: list[np.ndarray], settings: Settings, n: int = 40) -> np.ndarray:
    """Values of what was not given, where the sum is all that is read, and there are features of several kinds."""
    reading = sums[:, None]
    views = [
        View(np.hstack([reading[:n], kind[:n]]), np.hstack([reading[n:], kind[n:]]), np.zeros(1)) for kind in kinds
    ]
    return correct(views, sums[:n], truth[:n], sums[n:], settings)[0]


def test_references_tell_which_features_say_something() -> None:
    """Of two kinds of features one makes the truth and one is noise: both together are as good as the right one."""
    orders = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        telling, noise = rng.normal(size=(2, N, 12))
        truth = telling[:, :6].sum(1)
        sums = truth / 6**0.5 + rng.normal(size=N)
        sums /= sums.std()
        kinds = ([telling], [telling, noise], [noise])
        orders.append([kendall(seen(sums, truth, kind, Settings()), truth[40:]) or 0.0 for kind in kinds])
    right, both, wrong = np.mean(orders, axis=0)
    assert both > right - 0.01 and right > wrong + 0.2


def test_lines_and_doubt_are_for_where_they_help() -> None:
    """Truth in lines and a sum that says little: 40 references are worth far more than without either. Else no loss."""
    gains, losses = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        features, truth = rng.normal(size=(N, 12)), rng.normal(size=N)
        weak, good = features.sum(1) / 12**0.5 + 3 * rng.normal(size=N), truth + 0.3 * rng.normal(size=N)
        for found, sums, true in ((gains, weak / weak.std(), features.sum(1)), (losses, good, truth)):
            orders = [
                kendall(seen(sums, true, [features], settings), true[40:]) or 0.0
                for settings in (Settings(), Settings(lines=0.0, doubt=1.0))
            ]
            found.append(orders[0] - orders[1])
    assert np.mean(gains) > 0.1 and np.mean(losses) > -0.01


def test_what_answers_disagree_on_is_unsure() -> None:
    """The variance of a mixture: none is surer than the answers' own variances and their distance say."""
    rng = np.random.default_rng(0)
    truth, kinds = rng.normal(size=N), rng.normal(size=(2, N, 3))
    views = [View(kind[:20], kind[20:], np.full(3, 0.02)) for kind in kinds]
    one = replace(Settings(), lines=0.0, doubt=1.0)
    (first, a), (second, b), (mean, std) = (
        correct(seen, truth[:20], truth[:20], truth[20:], one) for seen in (views[:1], views[1:], views)
    )
    far = np.abs(first - second) > 0.1
    weights = ((mean - second) / (first - second))[far]
    assert weights == pytest.approx(weights[0]) and 0 < weights[0] < 1
    w = weights[0]
    assert std**2 == pytest.approx(w * (a**2 + (first - mean) ** 2) + (1 - w) * (b**2 + (second - mean) ** 2))


def test_what_is_likely_beforehand_counts() -> None:
    """Nothing beside the sum is as good as ruled out by odds of zero; the number of the answers follows from them."""
    features, truth = planted(3)
    views = [View(features[:20], features[20:], np.zeros(1))]
    sums, rest = features[:20].mean(1), features[20:].mean(1)
    plain, never, hardly, mostly = (
        correct(views, sums, truth[:20], rest, settings)[0]
        for settings in (
            Settings(lines=0.0, doubt=1.0),
            *(replace(Settings(), odds=odds) for odds in (0.0, 1e-6, 0.9)),
        )
    )
    assert never == pytest.approx(plain) and hardly == pytest.approx(plain, abs=1e-3)
    assert np.abs(mostly - plain).max() > 0.1
    assert [len(Settings(odds=odds).answers(3)) for odds in (0.0, 0.3, 1.0)] == [1, 4, 1]
    assert sum(likely for *_, likely in Settings().answers(3)) == pytest.approx(1)


def test_what_is_told_of_errors_without_references() -> None:
    """The spread of truth around the sum, where truth is drawn as the settings say."""
    settings, rng, n = Settings(), np.random.default_rng(0), 40_000
    sums, lines = rng.normal(size=n), rng.normal(size=n) * (rng.random(n) < settings.odds) * settings.lines**0.5
    slope = np.where(rng.random(n) < settings.odds, settings.slope * settings.doubt, settings.slope)
    assert np.mean((slope * sums + lines - settings.slope * sums) ** 2) == pytest.approx(settings.unknown, rel=0.05)


def test_few_references_do_little_harm() -> None:
    """Where the sum is all there is to know, a correction can only add noise."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=N)
        features = truth[:, None] + rng.normal(size=(N, 3))
        plain = kendall(features[20:].mean(1), truth[20:]) or 0.0
        assert corrected(features, truth, 20) > plain - 0.02


def test_what_references_tell() -> None:
    targets = normal_ranks(np.arange(50.0))
    perfect = Settings().told(targets / 3, targets)
    assert perfect.slope == pytest.approx(3) and perfect.noise[0] < 0.1
    against, flat = Settings().told(-targets, targets), Settings().told(np.ones(50), targets)
    assert against.slope == flat.slope == 0 and against.noise[0] == flat.noise[0] == 1.0
    assert Settings() == Settings(slope=0.93)  # the recipe's own is as it was


def test_the_scale_of_the_sum_does_not_matter() -> None:
    features, truth = planted(1)
    targets = normal_ranks(truth[:50])
    values = [
        correct(
            [View(features[:50], features[50:], np.zeros(2))],
            scale * features[:50].mean(1),
            truth[:50],
            scale * features[50:].mean(1),
            Settings().told(scale * features[:50].mean(1), targets),
        )[0]
        for scale in (1.0, 7.0)
    ]
    assert values[0] == pytest.approx(values[1])
