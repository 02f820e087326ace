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

from ghn.analysis.correlation import Ranking, difference, rank
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting, open_checkpoint
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.model import IMAGES, ghn_member
from ghn.scoring.readouts import Sample
from ghn.scoring.score_files import score_to_file
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces.candidates import known_benchmark
from ghn.spaces.members import live_stats
from ghn.types import Estimator, Readable, Trial
from studies.ranking import part_of, read_accuracies
from studies.readings import KEYS, TITLES
from studies.run import run_study, write_json

Floats = NDArray[np.float64]
SIZE, MACS, PROXY = "live parameters", "multiply-adds", "meco"
PRESENT = "a vote a reading"  # what `rank` does
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
    sample = Sample(val=min(IMAGES, len(images.val)), batch=IMAGES)
    variants = space.reading_variants() if isinstance(space, Readable) else [{}]
    made: dict[str, Estimator[Any]] = {}
    for variant in variants:
        name = ghn_member(0, variant)
        made[f"{name} loss"] = model.estimator(task=images, sample=sample, skeletons=[variant])
        for seed in range(1, plan["image_samples"]):
            made[f"{name} loss, images {seed}"] = model.estimator(
                task=images, sample=replace(sample, seed=seed), skeletons=[variant]
            )
        made[f"{name} norm"] = WeightedEstimator(
            model.net, space, images, setting.fabric, readout="norm", skeletons=[variant], weights_id=model.digest
        )
    for name in dict.fromkeys((PROXY, *plan["proxies"])):
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
    few, all_votes = [SIZE, PROXY, *losses], [name for name in names if name != MACS]

    def former(scores: Mapping[str, Floats]) -> Floats:
        mean: Floats = np.mean([scores[name] for name in losses], axis=0)
        return scores[SIZE] + 2 * mean + 2 * scores[PROXY]

    def votes(chosen: list[str]) -> Rule:
        return lambda scores: np.sum([scores[name] for name in chosen], axis=0)

    def weighed(chosen: list[str], weights: Callable[[Floats], Floats]) -> Rule:
        def order(scores: Mapping[str, Floats]) -> Floats:
            each = np.array([scores[name] for name in chosen if np.ptp(scores[name])])  # that say anything
            total: Floats = weights(np.corrcoef(each)) @ each
            return total

        return order

    def agreeing(weigh: Callable[[float], float]) -> Rule:
        """The losses, and of other readings as much as how they correlate with these says."""

        def order(scores: Mapping[str, Floats]) -> Floats:
            loss: Floats = np.mean([scores[name] for name in losses], axis=0)
            others = [scores[name] for name in few if name not in losses and np.ptp(scores[name])]
            return len(losses) * loss + sum(weigh(float(np.corrcoef(one, loss)[0, 1])) * one for one in others)

        return order

    def shared(counts: Sequence[str], of_losses: float | None = None) -> Rule:
        """A vote for MeCo, one that ways of counting share, and so many that the losses share; None: one each."""

        def order(scores: Mapping[str, Floats]) -> Floats:
            size: Floats = np.mean([scores[name] for name in counts], axis=0)
            loss: Floats = np.mean([scores[name] for name in losses], axis=0)
            return size + scores[PROXY] + (len(losses) if of_losses is None else of_losses) * loss

        return order

    return {
        PRESENT: votes(few),
        FORMER: former,
        "a vote a reading, multiply-adds too": votes([*few, MACS]),
        "one vote for both counts": shared([SIZE, MACS]),
        "two votes for all losses": shared([SIZE], 2),
        "two votes for all losses, one for both counts": shared([SIZE, MACS], 2),
        "three votes for all losses, one for both counts": shared([SIZE, MACS], 3),
        "a vote a reading, no size": votes([name for name in few if name != SIZE]),
        "a vote a reading, all image samples": votes([SIZE, PROXY, *samples]),
        "a vote a reading, norms too": votes([*few, *norms]),
        "a vote a reading, of everything": votes(all_votes),
        "no vote against the losses": agreeing(lambda r: float(r > 0)),
        "votes by agreement with the losses": agreeing(lambda r: max(0.0, r)),
        "votes by twice the agreement with the losses": agreeing(lambda r: min(1.0, max(0.0, 2 * r))),
        "the losses alone": agreeing(lambda r: 0.0),
        "logarithms of ranks": lambda scores: np.sum([norm.logcdf(scores[name]) for name in few], axis=0),
        "weights by agreement": weighed(few, agreement),
        "weights by agreement, of everything": weighed(all_votes, agreement),
        "weights of one factor": weighed(few, one_factor),
    }


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
