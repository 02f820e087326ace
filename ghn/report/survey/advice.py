"""What to use for a minute, an hour, a day: chosen on some networks, told on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ghn.analysis.bias import Bias
from ghn.analysis.comparison import Comparison
from ghn.analysis.correlation import MIN_ITEMS, Statistic, kendall
from ghn.report.bias import overrates
from ghn.report.survey.model import Advice, Cost


def advise(
    costs: Sequence[Cost],
    chosen_by: Mapping[str, float | None],
    told: Comparison,
    bias: Bias,
    budgets: Sequence[float],
    candidates: int,
) -> tuple[Advice, ...]:
    """For each budget the estimator with the best order among those that judge all candidates in time.

    What was paid once (a hypernetwork's training) is told beside and not counted: it is shared by all searches.

    Args:
        costs: of the estimators; those without known seconds are not advised.
        chosen_by: Kendall by label on the networks chosen on.
        told: comparison on other networks.
        bias: of the same.
        budgets: seconds.
        candidates: to be judged.
    """
    return tuple(_advise(costs, chosen_by, told, bias, budget, candidates) for budget in budgets)


def _advise(
    costs: Sequence[Cost],
    chosen_by: Mapping[str, float | None],
    told: Comparison,
    bias: Bias,
    budget: float,
    candidates: int,
) -> Advice:
    fast = [
        (value, cost)
        for cost in costs
        if cost.seconds is not None
        and cost.seconds * candidates <= budget
        and (value := chosen_by.get(cost.label)) is not None
        and told.row(cost.label).set_aside is None
    ]
    if not fast:
        nothing = Statistic(None)
        return Advice(budget, candidates, None, None, None, nothing, nothing, nothing, None, told.reference_name)
    value, cost = max(fast, key=lambda pair: pair[0])
    row = told.row(cost.label)
    certain = [effect for effect in bias.of(cost.label) if effect.significant]
    return Advice(
        budget,
        candidates,
        cost.label,
        (cost.seconds or 0.0) * candidates,
        value,
        row.get("kendall"),
        row.get("kendall_best_half"),
        row.get(f"regret@{told.settings.ks[0]}"),
        overrates(certain[0]) if certain else None,
        told.reference_name,
    )


def orders_on(scores: Mapping[str, Sequence[float]], reference: Sequence[float]) -> dict[str, float | None]:
    """Kendall of each row on the networks that it could judge; None where these are too few.

    Args:
        scores: [n] by label, NaN where it failed.
        reference: [n].
    """
    enough = {label: int(np.isfinite(values).sum()) >= MIN_ITEMS for label, values in scores.items()}
    return {label: kendall(values, reference) if enough[label] else None for label, values in scores.items()}
