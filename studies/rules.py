"""Which rule makes one order of several readings without a trained accuracy, in any space whose accuracies are known.

Every reading is taken once of the networks of a table; rules that know no accuracy weigh them, and the table says how
well each rule orders them, beside the readings themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import norm, rankdata

from ghn.analysis.correction import correlations, shared_votes, trust_of, votes_of
from ghn.analysis.correlation import Ranking, difference, rank
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting, open_checkpoint
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.ranker import ghn_member, reading_samples
from ghn.scoring.score_files import score_to_file
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import reading_variants
from ghn.spaces.candidates import known_benchmark
from ghn.spaces.members import live_stats
from ghn.types import Estimator, Trial
from studies.ranking import part_of, read_accuracies
from studies.readings import KEYS, TITLES
from studies.run import run_study, write_json

Floats = NDArray[np.float64]
SIZE, MACS, BOTH, PROXY, SWAP = "live parameters", "multiply-adds", "size", "meco", "swap"
FURTHER = "synflow", "naswot"  # which losses have to confirm
PRESENT = "confirmed"  # what `rank` does
FORMER = "size 1, losses 2, MeCo 2"  # the weights that were chosen on accuracies of NAS-Bench-201


def rules_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Reads the networks of a table with everything, and judges each reading and each rule.

    Raises:
        ConfigError: no table is given, and the space has none.
        DataError: the table cannot be used.
        ExistsError: the folder holds results.
    """
    folder, space, plan = Path(options["out"]), setting.space, options["rules"]
    check_folder(folder, resume=options["resume"])
    if plan["table"]:
        accuracy = dict(part_of(read_accuracies(plan["table"], space), plan["n"]).values)
    else:
        accuracy = {trial.id: score.value for trial, score in known_benchmark(space, "no table").history(plan["n"])}
    trials = [Trial(text, space.parse(text)) for text in accuracy]
    columns: dict[str, Floats] = {}
    for name, estimator in members(setting, plan).items():
        file = folder / "readings" / f"{name.replace(' ', '_')}.jsonl"
        read = score_to_file(estimator, trials, file, estimator.identity, progress=options["progress"], label=name)
        columns[name] = np.array([score.value for score in read])
    stats = [live_stats(space, trial.arch) for trial in trials]
    columns[SIZE] = np.array([float(s.params) for s in stats])
    columns[MACS] = np.array([float(s.macs) for s in stats])
    scores = {name: normal(values) for name, values in columns.items()}
    orders = {**scores, **{name: rule(scores) for name, rule in rules(list(scores)).items()}}
    values = np.array(list(accuracy.values()))
    how: dict[str, Any] = {"groups": columns[SIZE], "bootstrap": options["bootstrap"]}
    found = {name: rank(order, values, **how) for name, order in orders.items()}
    write_json(folder / "rules.json", {"made": machine(), "n": len(values), "rows": told(found)})
    print_rules(found, len(scores))
    print(f"wrote {folder}/rules.json")


def members(setting: Setting, plan: Mapping[str, Any]) -> dict[str, Estimator[Any]]:
    """Every reading by name: of generated weights in each variant that the space names, and of random ones."""
    _, model = open_checkpoint(setting, setting.checkpoints[0])
    space, images = model.space, model.images(setting.task)
    made: dict[str, Estimator[Any]] = {}
    for variant, sample in zip(reading_variants(space), reading_samples(model, images), strict=True):
        name = ghn_member(0, variant)
        made[f"{name} loss"] = model.estimator(task=images, sample=sample, skeletons=[variant])
        for seed in range(1, plan["image_samples"]):
            made[f"{name} loss, images {seed}"] = model.estimator(
                task=images, sample=replace(sample, seed=sample.seed + seed), skeletons=[variant]
            )
        made[f"{name} norm"] = WeightedEstimator(
            model.net, space, images, setting.fabric, readout="norm", skeletons=[variant], weights_id=model.digest
        )
    for name in dict.fromkeys((PROXY, SWAP, *plan["proxies"])):
        made[name] = make_zero_cost(name, space, images, setting.fabric)
    return made


def normal(values: Floats) -> Floats:
    """Normal scores of readings among themselves; what failed stands lowest."""
    ranks = rankdata(np.nan_to_num(values, nan=-np.inf))
    scores: Floats = norm.ppf((ranks - 0.5) / len(values))
    return scores


Rule = Callable[[Mapping[str, Floats]], Floats]


def rules(names: list[str]) -> dict[str, Rule]:
    """Rules by name; each makes an order of normal scores [n] by reading."""
    losses = [name for name in names if name.endswith(" loss")]
    samples = [name for name in names if " loss" in name]
    norms = [name for name in names if name.endswith(" norm")]
    few, every = [BOTH, PROXY, *losses], [BOTH, *(name for name in names if name not in (SIZE, MACS))]

    def weighed(chosen: list[str], weights: Callable[[Floats], Floats]) -> Rule:
        """Weights [k] of readings from their scores [k, n]."""

        def order(scores: Mapping[str, Floats]) -> Floats:
            known = {**scores, BOTH: (scores[SIZE] + scores[MACS]) / 2}
            each = np.array([known[name] for name in chosen])
            total: Floats = weights(each) @ each
            return total

        return order

    def by_losses(each: Floats) -> Floats:
        """The losses, which come last, and of other readings as much as how they correlate with these says."""
        others = len(each) - len(losses)
        agreed = [correlations(np.stack([one, each[others:].mean(0)], 1))[0, 1] for one in each[:others]]
        return np.array([*np.maximum(0, agreed), *np.ones(len(losses))])

    def two_for_losses(each: Floats) -> Floats:
        return np.array([1.0] * (len(each) - len(losses)) + [2 / len(losses)] * len(losses))

    def former(each: Floats) -> Floats:
        return np.array([1.0, 2.0, *[2 / len(losses)] * len(losses)])

    def equal(each: Floats) -> Floats:
        return np.ones(len(each))

    def shared(each: Floats) -> Floats:
        votes: Floats = shared_votes(each.T, [1.0] * len(each))
        return votes

    def trusting(scores: Mapping[str, Floats], confirm: Sequence[str] = (), *, ask: bool = False) -> Floats:
        """Size, random weights and losses share votes; if asked for as far as they, and what else, are confirmed."""
        ways = [[SIZE, MACS], [PROXY, SWAP], *([name] for name in (*losses, *confirm))]
        readings = [np.stack([scores[name] for name in names], 1) for names in ways]
        each = np.stack([one.mean(1) for one in readings], 1)
        size, random, generated = each[:, 0], each[:, 1], each[:, 2 : 2 + len(losses)].mean(1)
        more = [scores[name] for name in confirm]
        counts, made, late = trust_of(scores[PROXY], size, generated, more, random) if ask else (1, 1, [])
        before = np.array([1.0] * (2 + len(losses)) + late)
        votes = votes_of(readings, before) * before * [counts, 1, *[made] * len(losses), *[1] * len(confirm)]
        total: Floats = each @ votes
        return total

    further = [name for name in FURTHER if name in names]
    return {
        PRESENT: lambda scores: trusting(scores, further, ask=True),
        "confirmed, no further readings": lambda scores: trusting(scores, ask=True),
        "votes of means": trusting,
        "shared votes, MeCo alone": weighed(few, shared),
        "shared votes, SWAP has its own": weighed([*few, SWAP], shared),
        "a vote a reading": weighed(few, equal),
        "a vote a reading, size in parameters": weighed([SIZE, PROXY, *losses], equal),
        FORMER: weighed([SIZE, PROXY, *losses], former),
        "a vote a reading, no size": weighed([PROXY, *losses], equal),
        "two votes for all losses": weighed(few, two_for_losses),
        "the losses alone": weighed(losses, equal),
        "votes by agreement with the losses": weighed(few, by_losses),
        "shared, all image samples": weighed([BOTH, PROXY, *samples], shared),
        "shared, norms too": weighed([*few, *norms], shared),
        "shared, of everything": weighed(every, shared),
        "one over the correlations": weighed(few, lambda each: 1 / np.maximum(0, correlations(each.T)).sum(1)),
        "equal contributions": weighed(few, lambda each: equal_contributions(correlations(each.T))),
        "logarithms of ranks": lambda scores: np.sum([norm.logcdf(scores[n]) for n in (SIZE, PROXY, *losses)], axis=0),
        "weights by agreement": weighed(few, lambda each: agreement(correlations(each.T))),
        "weights of one factor": weighed(few, lambda each: one_factor(correlations(each.T))),
    }


def equal_contributions(correlations: Floats, steps: int = 2000) -> Floats:
    """Weights with which each reading contributes equally to the variance of the sum.

    Source: Maillard, Roncalli & Teiletche, "The properties of equally weighted risk contribution portfolios", 2010.
    """
    weights: Floats = np.ones(len(correlations))
    for _ in range(steps):
        weights = np.sqrt(weights / np.maximum(correlations @ weights, 1e-9))
    return weights


def agreement(correlations: Floats) -> Floats:
    """Weights of readings: the mean correlation of each with the others, none below zero."""
    n = len(correlations)
    weights: Floats = np.maximum(0.0, (correlations.sum(1) - 1) / (n - 1))
    return weights


def one_factor(correlations: Floats, steps: int = 200) -> Floats:
    """Weights of the best estimate of one common factor: loading over unexplained variance.

    Source: Spearman, "General Intelligence", objectively determined and measured, 1904; by iterated principal axes.
    """
    common = np.max(np.abs(correlations - np.eye(len(correlations))), axis=1)
    for _ in range(steps):
        reduced = correlations.copy()
        np.fill_diagonal(reduced, common)
        values, vectors = np.linalg.eigh(reduced)
        loading = vectors[:, -1] * np.sqrt(max(values[-1], 0.0))
        loading = loading * (1 if loading.sum() >= 0 else -1)
        common = np.minimum(loading**2, 0.98)
    weights: Floats = loading / (1 - common)
    return weights


def told(found: Mapping[str, Ranking]) -> dict[str, Any]:
    """Each row's statistics with intervals, and its difference from the present rule."""
    rows: dict[str, Any] = {}
    for name, ranking in found.items():
        own = {key: (s.value, s.low, s.high) for key in KEYS if (s := ranking.statistics.get(key)) is not None}
        gain = difference(ranking, found[PRESENT])
        rows[name] = {**own, "gain": (gain.value, gain.low, gain.high)}
    return rows


def print_rules(found: Mapping[str, Ranking], readings: int) -> None:
    """A row a reading, then a row a rule."""
    table = Table(title=f"{readings} readings and the rules, difference from '{PRESENT}' [95 %]")
    table.add_column("reading or rule")
    for title in (*TITLES, "difference"):
        table.add_column(title, justify="right")
    for name, ranking in found.items():
        cells = [
            ("-" if (s := ranking.statistics.get(key)) is None or s.value is None else f"{s.value:.3f}") for key in KEYS
        ]
        gain = difference(ranking, found[PRESENT])
        shown = (
            "-" if gain.value is None or gain.low is None else f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
        )
        table.add_row(name, *cells, shown)
    Console(width=170).print(table)


if __name__ == "__main__":
    run_study("rules", rules_study)
