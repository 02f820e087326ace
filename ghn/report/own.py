"""How a study does on the project's own references: full trainings in the small skeleton."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ghn.assets import asset
from ghn.estimators.candidates import EMBEDDED
from ghn.estimators.references import ReferenceTable
from ghn.ranking import MIN_ITEMS, ceiling, kendall
from ghn.types import Score, Trial

if TYPE_CHECKING:
    from ghn.report.nasbench201 import Study

GIVEN = 50  # of the 96 own references; the others are ranked


def own_references(runs: Sequence[Study], draws: int) -> dict[str, Any]:
    """Kendall on own references that were not given, beside two ceilings.

    Returns:
        `kendall`: row -> one number a training and draw; `ceiling`: a second training of the same network;
        `small_skeleton`: the own references themselves against the published accuracies, which is as far as anything
        that is right about the small skeleton can come there. Empty where a run has not read enough of them.
    """
    table = ReferenceTable.load(asset(EMBEDDED))
    values, (_, seeds) = table.value("test_accuracy"), table.seeds("test_accuracy")
    found: dict[str, list[float]] = {}
    for run in runs:
        texts = [t for t in values if run.space.parse(t) in next(iter(run.members.values())).scores]
        if len(texts) < GIVEN + MIN_ITEMS:
            return {}
        for draw in range(draws):
            for name, value in _draw(run, texts, values, draw).items():
                found.setdefault(name, []).append(value)
    published = runs[0].development.accuracy
    both = [t for t in values if t in published]
    return {
        "kendall": found,
        "networks": len(values) - GIVEN,
        "ceiling": ceiling(seeds, bootstrap=0)["kendall"].value,
        "small_skeleton": kendall([values[t] for t in both], [published[t] for t in both]),
    }


def _draw(run: Study, texts: Sequence[str], values: Mapping[str, float], draw: int) -> dict[str, float]:
    order = np.random.default_rng([draw, GIVEN]).permutation(len(texts))
    given, rest = (
        [Trial(texts[i], run.space.parse(texts[i])) for i in part] for part in (order[:GIVEN], order[GIVEN:])
    )
    rows = {
        "combined, no references": run.combined(),
        f"combined, {GIVEN} references": run.combined(),
        f"without the hypernetwork, {GIVEN} references": run.combined(hypernetwork=False),
    }
    found = {}
    for name, estimator in rows.items():
        if "no references" not in name:
            estimator.fit([(trial, Score(values[trial.id])) for trial in given])
        tau = kendall([s.value for s in estimator.score(rest)], [values[t.id] for t in rest])
        if tau is not None:
            found[name] = tau
    return found
