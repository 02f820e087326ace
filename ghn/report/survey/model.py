"""What a survey found, as plain frozen data: page, Markdown and figures are all drawn from its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ghn.analysis.bias import Bias
from ghn.analysis.comparison import Comparison, Report
from ghn.analysis.correlation import Statistic
from ghn.analysis.sets import Combinations
from ghn.analysis.stability import Stability
from ghn.files import check_schema, damaged, plain

SURVEY_SCHEMA = "ghn.survey/1"
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
class Survey:
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

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict in which NaN never appears (null does)."""
        return {
            "schema": SURVEY_SCHEMA,
            "report": self.report.to_json(),
            "costs": plain([asdict(cost) for cost in self.costs]),
            "parts": [
                {"comparison": p.comparison.to_json(), "spread": plain(p.spread), "bias": p.bias.to_json()}
                for p in self.parts
            ],
            "stability": self.stability and self.stability.to_json(),
            "trainings": [one.to_json() for one in self.trainings],
            "combinations": self.combinations and self.combinations.to_json(),
            "advice": plain([asdict(one) for one in self.advice]),
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Survey:
        """The inverse of `to_json`.

        Raises:
            DataError: another schema, or keys missing.
        """
        check_schema(data, SURVEY_SCHEMA)
        try:
            return cls(
                Report.from_json(data["report"]),
                tuple(Cost(**cost) for cost in data["costs"]),
                tuple(
                    Part(Comparison.from_json(p["comparison"]), p["spread"], Bias.from_json(p["bias"]))
                    for p in data["parts"]
                ),
                data["stability"] and Stability.from_json(data["stability"]),
                tuple(Stability.from_json(one) for one in data["trainings"]),
                data["combinations"] and Combinations.from_json(data["combinations"]),
                tuple(_advice(one) for one in data["advice"]),
                tuple(data["notes"]),
            )
        except (KeyError, TypeError) as error:
            raise damaged(error) from error


def _advice(data: Mapping[str, Any]) -> Advice:
    statistics = {key: Statistic(**data[key]) for key in ("kendall", "best_half", "regret")}
    return Advice(**{**data, **statistics})
