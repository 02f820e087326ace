"""What reports and surveys hold, as plain frozen data: pages and figures are all drawn from their JSON."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from ghn.analysis.bias import Bias
from ghn.analysis.comparison import Comparison
from ghn.analysis.correlation import Statistic
from ghn.analysis.sets import Combinations
from ghn.analysis.stability import Stability
from ghn.arguments import check_path
from ghn.display import brief, card, named, paragraph, table
from ghn.files import Stored, plain
from ghn.reading import is_folder, read_json, reading


@dataclass(frozen=True, slots=True, repr=False)
class Report(Stored):
    """One or more comparisons and everything needed to repeat them; `docs/report.md` documents every key.

    Attributes:
        comparisons: for instance one against own trainings and one against a published table.
        title: heading of the page.
        protocol: paragraphs that say how estimates and references came about.
        warnings: what the reader must know first, such as "trained for five minutes: expect a bad order".
        metadata: machine, date, versions, command, checkpoint card; JSON-able, shown as it is.
        created: ISO 8601, UTC.
    """

    SCHEMA: ClassVar[str] = "ghn.report/1"

    comparisons: tuple[Comparison, ...]
    title: str = "How well is the order of networks known without training them?"
    protocol: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        # Lists are what callers have at hand; tuples are what compares equal after a round trip.
        for name in ("comparisons", "protocol", "warnings"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "metadata", plain(self.metadata))

    def __repr__(self) -> str:
        return named(self, title=self.title, comparisons=self.comparisons)

    def _repr_html_(self) -> str:
        """What came out, for a notebook; `write_report` makes the page."""
        from ghn.report.sentences import headline, row_sentences  # which are of what is here

        found = []
        for one in self.comparisons:
            said = table(("", ""), row_sentences(one).items, words=(0, 1))
            found += [paragraph(headline(one)), said, one._repr_html_()]
        return card(self.title, *map(paragraph, self.warnings), *found)


def read_report(path: str | Path) -> Report:
    """Reads a `report.json`, or the one in a folder.

    Raises:
        DataError: no such file, not JSON, or another schema.
        ConfigError: `path` is none.
    """
    path = check_path("a report", path)
    path = path / "report.json" if is_folder(path) else path
    with reading(f"there is no readable report at {path}", expected="a report.json that ghn wrote"):
        return Report.from_json(read_json(path))


# --- surveys ---

BETWEEN_SEEDS = "between seeds"


@brief
@dataclass(frozen=True, slots=True)
class Cost:
    """What an estimator is and costs."""

    key: str  # of the line in the config
    label: str  # the row's name in the comparisons
    estimator: str | None  # its name in the registry; None for scores from elsewhere
    source: str  # the paper
    options: dict[str, Any]  # that differ from the defaults, JSON-able
    seconds: float | None  # mean wall-clock seconds a network; None when unknown
    macs: float | None  # mean multiply-adds a network; None when unknown
    one_off_seconds: float | None  # paid before the first network; None when unknown or nothing
    replicates: int  # seeds and checkpoints that were run
    failed: int  # networks of the first that could not be judged
    warning: str | None  # what a reader must know


@brief
@dataclass(frozen=True, slots=True)
class Part:
    """All that was found against one reference: the comparison of all estimators, and where they err.

    `spread` has label -> statistic -> one value a replicate, for lines with several; `between seeds` is Kendall of the
    scores of each two replicates.
    """

    comparison: Comparison
    spread: dict[str, dict[str, list[float]]]
    bias: Bias


@dataclass(frozen=True, slots=True)
class Advice:
    """What to use for a budget, chosen on the development networks and told on others."""

    budget_seconds: float  # for all candidates and what is paid once
    candidates: int  # to be judged
    label: str | None  # the estimator; None where none is fast enough
    total_seconds: float | None  # that it would take
    chosen_by: float | None  # its Kendall on the networks chosen on
    kendall: Statistic  # on the networks told on
    best_half: Statistic  # the same in the best half
    regret: Statistic  # regret@10 there, in the reference's unit
    fooled: str | None  # its strongest bias there, in words; None where none is certain
    told_on: str  # the reference there


@brief
@dataclass(frozen=True, slots=True)
class Survey(Stored):
    """What estimators of all families cost, how well they order the same networks, and where they err."""

    SCHEMA: ClassVar[str] = "ghn.survey/1"

    report: Report  # title, protocol, warnings and metadata; its comparisons are in `parts`
    costs: tuple[Cost, ...]  # one an estimator, in the config's order
    parts: tuple[Part, ...]  # one a reference
    stability: Stability | None  # of references over epochs and seeds; None where there are no curves
    trainings: tuple[Stability, ...]  # stability of scores over the snapshots of trainings
    combinations: Combinations | None  # sets of estimators; None where there are too few networks or costs
    advice: tuple[Advice, ...]  # by budget
    notes: tuple[str, ...]  # why a part is missing, and other remarks

    def cost(self, label: str) -> Cost | None:
        """What the estimator of that label is and costs; None for a baseline."""
        return next((cost for cost in self.costs if cost.label == label), None)


def read_survey(path: str | Path) -> Survey:
    """Reads a `survey.json`, or the one in a folder.

    Raises:
        DataError: no such file, not JSON, or another schema.
    """
    path = Path(path)
    path = path / "survey.json" if is_folder(path) else path
    with reading(f"there is no readable survey at {path}", expected="a survey.json that ghn wrote"):
        return Survey.from_json(read_json(path))


# --- estimators in words, which stand in `about.toml` ---

HYPERNETWORK, SHARED, ZERO_COST = "hypernetwork", "shared weights", "zero cost"
SHORT, REGRESSION, SEVERAL, ELSEWHERE = "short training", "regression", "several together", "from elsewhere"
FAMILIES = (HYPERNETWORK, SHARED, ZERO_COST, SHORT, REGRESSION, SEVERAL, ELSEWHERE)


@dataclass(frozen=True, slots=True)
class About:
    """An estimator in words: what it is, in two sentences, and when it is worth using, in one."""

    family: str  # one of `FAMILIES`; pictures tell them apart by marker
    what: str
    when: str
    needs: str | None = None  # trained networks whose training its cost leaves out, as a noun


_WORDS = tomllib.loads(resources.files("ghn.report").joinpath("about.toml").read_text(encoding="utf-8"))
ABOUT = {name: About(**words) for name, words in _WORDS.items()}
UNKNOWN = ABOUT.pop("unknown")


def about(estimator: str | None) -> About:
    """The words for an estimator of the registry, or for scores from elsewhere (None)."""
    return ABOUT.get(estimator or "", UNKNOWN)
