"""What a survey found, as plain frozen data: page, Markdown and figures are all drawn from its JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ghn.analysis.bias import Bias
from ghn.analysis.comparison import Comparison
from ghn.analysis.correlation import Statistic
from ghn.analysis.sets import Combinations
from ghn.analysis.stability import Stability
from ghn.files import Stored
from ghn.report.report import Report

BETWEEN_SEEDS = "between seeds"


@dataclass(frozen=True, slots=True)
class Cost:
    """What an estimator is and costs.

    Attributes:
        key: of the line in the config.
        label: the row's name in the comparisons.
        estimator: its name in the registry; None for scores from elsewhere.
        source: the paper.
        options: that differ from the defaults, JSON-able.
        seconds: mean wall-clock seconds a network; None when unknown.
        macs: mean multiply-adds a network; None when unknown.
        one_off_seconds: paid before the first network; None when unknown or nothing.
        replicates: seeds and checkpoints that were run.
        failed: networks of the first that could not be judged.
        warning: what a reader must know.
    """

    key: str
    label: str
    estimator: str | None
    source: str
    options: dict[str, Any]
    seconds: float | None
    macs: float | None
    one_off_seconds: float | None
    replicates: int
    failed: int
    warning: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """All that was found against one reference.

    Attributes:
        comparison: of all estimators.
        spread: label -> statistic -> one value a replicate, for lines with several; `between seeds`: Kendall of the
            scores of each two replicates.
        bias: where estimators err.
    """

    comparison: Comparison
    spread: dict[str, dict[str, list[float]]]
    bias: Bias


@dataclass(frozen=True, slots=True)
class Advice:
    """What to use for a budget, chosen on the development networks.

    Attributes:
        budget_seconds: for all candidates and what is paid once.
        candidates: to be judged.
        label: the estimator; None where none is fast enough.
        total_seconds: that it would take.
        chosen_by: its Kendall on the networks chosen on.
        kendall: on the networks told on.
        best_half: the same in the best half.
        regret: regret@10 there, in the reference's unit.
        fooled: its strongest bias there, in words; None where none is certain.
        told_on: the reference there.
    """

    budget_seconds: float
    candidates: int
    label: str | None
    total_seconds: float | None
    chosen_by: float | None
    kendall: Statistic
    best_half: Statistic
    regret: Statistic
    fooled: str | None
    told_on: str


@dataclass(frozen=True, slots=True)
class Survey(Stored):
    """A survey.

    Attributes:
        report: title, protocol, warnings and metadata; its comparisons are in `parts`.
        costs: one an estimator, in the config's order.
        parts: one a reference.
        stability: of references over epochs and seeds; None where there are no curves.
        trainings: stability of scores over the snapshots of trainings.
        combinations: sets of estimators; None where there are too few networks or costs.
        advice: by budget.
        notes: why a part is missing, and other remarks.
    """

    SCHEMA: ClassVar[str] = "ghn.survey/1"

    report: Report
    costs: tuple[Cost, ...]
    parts: tuple[Part, ...]
    stability: Stability | None
    trainings: tuple[Stability, ...]
    combinations: Combinations | None
    advice: tuple[Advice, ...]
    notes: tuple[str, ...]

    def cost(self, label: str) -> Cost | None:
        """What the estimator of that label is and costs; None for a baseline."""
        return next((cost for cost in self.costs if cost.label == label), None)
