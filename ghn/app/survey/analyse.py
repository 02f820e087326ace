"""From scores of the same networks to all that is said of the estimators that gave them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ghn.analysis.bias import measure_bias
from ghn.analysis.choose_sets import search_combinations
from ghn.analysis.correlation import MIN_ITEMS, kendall, rank
from ghn.analysis.sets import Combinations, ScoreMatrix
from ghn.analysis.stability import Stability, measure_stability
from ghn.app.evaluation import compare_with
from ghn.app.job_keys import PlanKeys
from ghn.app.survey.score import Scored
from ghn.app.survey.subjects import Subjects
from ghn.errors import ConfigError, DataError
from ghn.report.model import BETWEEN_SEEDS, Advice, Cost, Part
from ghn.report.survey.answers import advise, orders_on
from ghn.spaces.members import live_stats, space_properties
from ghn.tables.curves import stability_of_table
from ghn.tables.references import aligned
from ghn.types import Reference, Score, Space

KEYS = ("kendall", "spearman", "kendall_best_half", "kendall_best_fifth", "kendall_within_groups", "regret@10")


class Analysis:
    """What scores of the same networks say, a method a part of the survey; `notes` say why one is missing."""

    def __init__(
        self,
        scored: Sequence[Scored],
        subjects: Subjects,
        space: Space[Any],
        plan: PlanKeys,
        *,
        bootstrap: int = 1000,
        progress: bool = False,
    ) -> None:
        self.scored, self.subjects, self.space, self.plan = scored, subjects, space, plan
        self.bootstrap, self.progress, self.notes = bootstrap, progress, list(subjects.notes)
        self.rows: dict[str, Sequence[Score]] = {one.line.label: one.scores[0] for one in scored}
        self.rows |= {name: [self._given(name, arch) for arch in subjects.archs] for name in subjects.scores}
        self.stats = [live_stats(space, arch) for arch in subjects.archs]
        self.costs = (*map(_cost, scored), *map(self._cost_of_given, subjects.scores))

    def _given(self, name: str, arch: str) -> Score:
        """A score that the user brought; what is missing is a failure."""
        value = self.subjects.scores[name].get(arch)
        if value is None or not np.isfinite(value):
            return Score.failed("the table has no score of it")
        return Score(value, self.subjects.seconds.get(name, 0.0))

    def _cost_of_given(self, name: str) -> Cost:
        failed, seconds = sum(not score.ok for score in self.rows[name]), self.subjects.seconds.get(name)
        return Cost(name, name, None, "scores in the table", {}, seconds, None, None, 1, failed, None)

    def part(self, reference: Reference) -> Part:
        """Order, spread and bias against a reference."""
        archs = self.subjects.archs
        comparison = compare_with(
            reference,
            archs,
            self.rows,
            self.stats,
            one_off_seconds={c.label: c.one_off_seconds for c in self.costs if c.one_off_seconds is not None},
            unpriced=[name for name in self.subjects.scores if name not in self.subjects.seconds],
            bootstrap=self.bootstrap,
        )
        index, values, seeds = aligned(reference, archs)
        properties = space_properties(self.space, [archs[i] for i in index])
        bias = measure_bias(
            comparison, properties, seeds=seeds, noise=reference.noise, permutations=self.plan.permutations
        )
        params = np.array([self.stats[i].params for i in index], dtype=float)
        spread = {
            one.line.label: _spread([[replicate[i].value for i in index] for replicate in one.scores], values, params)
            for one in self.scored
            if len(one.scores) > 1
        }
        return Part(comparison, spread, bias)

    def stability(self) -> Stability | None:
        """Of the references over epochs and seeds."""
        table, curves = self.subjects.table, self.subjects.curves
        how: dict[str, Any] = {"bootstrap": self.bootstrap, "progress": self.progress}
        try:
            if table is not None:
                return stability_of_table(table, scale=100, unit="points", **how)
            if curves is not None:
                columns = {float(epoch): curves.val_accuracy[:, i] for i, epoch in enumerate(curves.epochs)}
                return measure_stability(columns, name="learning curves of the table", **how)
        except (DataError, ConfigError) as error:
            self.notes.append(f"No stability: {error}")
            return None
        self.notes.append("No stability: the references have no learning curves.")
        return None

    def combinations(self) -> Combinations | None:
        """Sets of estimators, chosen on some networks and told on others."""
        seconds = {cost.label: cost.seconds for cost in self.costs if cost.seconds is not None}
        if unpriced := [cost.label for cost in self.costs if cost.seconds is None]:
            self.notes.append(
                f"Left out of combinations, as their seconds a network are unknown: {', '.join(unpriced)}."
            )
        one_off = {c.label: c.one_off_seconds for c in self.costs if c.one_off_seconds is not None}
        paid_for = {one.line.label: " ".join(sorted(one.trainings)) for one in self.scored if one.trainings}
        try:
            return search_combinations(
                self._matrix(self.subjects.choosing, list(seconds)),
                self._matrix(self.subjects.telling, list(seconds)),
                seconds,
                one_off_seconds={label: one_off[label] for label in seconds if label in one_off},
                paid_for=paid_for,
                sizes=self._sizes(),
                draws=self.plan.draws,
                reference_name=self.subjects.telling.name,
                progress=self.progress,
            )
        except (DataError, ConfigError) as error:
            self.notes.append(f"No combinations: {error}")
            return None

    def _matrix(self, reference: Reference, labels: Sequence[str]) -> ScoreMatrix:
        index, values, _ = aligned(reference, self.subjects.archs)
        scores = {label: [self.rows[label][i].value for i in index] for label in labels}
        return ScoreMatrix(scores, values, [self.subjects.archs[i] for i in index])

    def _sizes(self) -> list[int]:
        """Numbers of references that leave enough networks to choose on."""
        index, _, _ = aligned(self.subjects.choosing, self.subjects.archs)
        judged = [[scores[i].ok for i in index] for scores in self.rows.values()]
        most = int(np.all([ok for ok in judged if np.mean(ok) >= 0.5], axis=0).sum()) - MIN_ITEMS
        if left_out := [size for size in self.plan.sizes if size > most]:
            numbers = ", ".join(map(str, left_out))
            self.notes.append(f"Combinations with {numbers} references need more networks to choose on.")
        return [size for size in self.plan.sizes if size <= most]

    def advice(self, told: Part) -> tuple[Advice, ...]:
        """What to use for each budget, `told` on networks that were not chosen on."""
        index, values, _ = aligned(self.subjects.choosing, self.subjects.archs)
        scores = {label: [row[i].value for i in index] for label, row in self.rows.items()}
        chosen_by = orders_on(scores, values.tolist())
        return advise(self.costs, chosen_by, told.comparison, told.bias, self.plan.budgets, self.plan.candidates)


def _cost(one: Scored) -> Cost:
    failed, line = sum(not score.ok for score in one.scores[0]), one.line
    what = (line.key, line.label, line.estimator, one.source, dict(line.options))
    return Cost(*what, one.seconds, one.macs, one.one_off_seconds, len(one.scores), failed, one.warning)


def _spread(replicates: Sequence[Sequence[float]], values: np.ndarray, params: np.ndarray) -> dict[str, list[float]]:
    """Each statistic of each replicate, where it exists."""
    found: dict[str, list[float]] = {}
    for scores in replicates:
        statistics = rank(scores, values, groups=params, min_level=15 if len(values) >= 200 else 5, bootstrap=0)
        for key in KEYS:
            if (value := statistics[key].value) is not None:
                found.setdefault(key, []).append(value)
    pairs = [(np.array(a), np.array(b)) for a, b in combinations(replicates, 2)]
    shared = [(a[ok], b[ok]) for a, b in pairs if (ok := np.isfinite(a) & np.isfinite(b)).sum() >= MIN_ITEMS]
    agreement = [value for a, b in shared if np.ptp(b) > 0 and (value := kendall(a, b)) is not None]
    return {**found, BETWEEN_SEEDS: agreement} if agreement else found
