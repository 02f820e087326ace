"""The keys of searches and of the ladder: their types, ranges and meaning; the defaults stand in `ghn/app/conf`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ghn.app.ranges import (
    Count,
    CountOrNone,
    EstimatorName,
    Keys,
    Positive,
    ReadsByName,
    Seed,
    Threads,
    Workers,
    partly,
)
from ghn.errors import ConfigError

NATIVE = "lemonade"  # searches for a front by itself
JUDGED = "bayesian"  # takes the estimator that chooses
LEAST_EPOCHS = {"curve_parametric": 4}  # from which an estimator can extrapolate; 1 of all others
CostName = Literal["params", "macs", "latency"]
Eta = Annotated[float, Field(gt=1, le=1_000_000)]


# --- what a searcher takes: search.options, any of which may be left out ---


class RandomKeys(Keys):
    """Options of search=random."""

    budget: Positive | None = Field(description="of every trial; null: as the estimator does")
    distinct: bool = Field(description="propose no function twice")


class EvolutionKeys(RandomKeys):
    """Options of search=evolution."""

    population: int = Field(ge=2, le=1_000_000, description="networks in it")
    sample: Count = Field(description="networks drawn from it, of which the best becomes a parent")

    @model_validator(mode="after")
    def _fits(self) -> EvolutionKeys:
        if None not in (self.population, self.sample) and self.sample > self.population:
            raise ConfigError(
                "search.options.sample is drawn from the population",
                got=f"sample={self.sample}, population={self.population}",
                fix="search.options.sample of at most search.options.population",
            )
        return self


class LocalKeys(Keys):
    """Options of search=local_search."""

    starts: Count = Field(description="random networks of which the best is where a climb begins")
    budget: Positive | None = Field(description="of every trial; null: as the estimator does")


class BayesianKeys(Keys):
    """Options of search=bayesian."""

    batch: Count = Field(description="networks chosen at once")
    first: CountOrNone = Field(description="networks drawn before anything is chosen")
    pool: Count = Field(description="candidates of each choice")
    by: Literal["expected_improvement", "upper_bound", "thompson"] = Field(description="acquisition")
    budget: Positive | None = Field(description="of every trial; null: as the estimator does")

    @model_validator(mode="after")
    def _fits(self) -> BayesianKeys:
        if None not in (self.batch, self.pool) and self.batch > self.pool:
            raise ConfigError(
                "search.options.batch is chosen from the pool",
                got=f"batch={self.batch}, pool={self.pool}",
                fix="search.options.batch of at most search.options.pool",
            )
        return self


class ProgressiveKeys(Keys):
    """Options of search=pnas."""

    beam: Count = Field(description="trainings a level")
    first: Count | None = Field(description="trainings of the first level; null: as many as beam")
    budget: Positive | None = Field(description="of every trial; null: as the estimator does")


class LemonadeKeys(Keys):
    """Options of search=lemonade."""

    founders: Count = Field(description="networks of the first generation")
    proposals: Count = Field(description="children proposed a generation")
    children: Count = Field(description="of these, how many are trained")
    objective: CostName | Annotated[list[CostName], Field(min_length=1)] = Field(description="the cost")
    budget: Positive | None = Field(description="of every trial; null: as the estimator does")

    @model_validator(mode="after")
    def _fits(self) -> LemonadeKeys:
        if None not in (self.children, self.proposals) and self.children > self.proposals:
            raise ConfigError(
                "search.options.children are chosen among the proposals",
                got=f"children={self.children}, proposals={self.proposals}",
                fix="search.options.children of at most search.options.proposals",
            )
        return self


class AshaKeys(Keys):
    """Options of search=asha."""

    max_budget: Positive = Field(description="epochs of the last rung")
    min_budget: Positive = Field(description="epochs of the first rung")
    eta: Eta = Field(description="of each rung, one in so many goes on, to so many times the epochs")

    @model_validator(mode="after")
    def _fits(self) -> AshaKeys:
        if None not in (self.min_budget, self.max_budget) and self.min_budget > self.max_budget:
            raise ConfigError(
                "search.options: the first rung has more epochs than the last",
                got=f"min_budget={self.min_budget:g}, max_budget={self.max_budget:g}",
                fix="search.options.min_budget of at most search.options.max_budget",
            )
        return self


class HyperbandKeys(AshaKeys):
    """Options of search=hyperband."""

    brackets: Count | None = Field(description="the most exploring first; null: all")
    rounds: Count | None = Field(description="how often; null: for ever")


class HalvingKeys(AshaKeys):
    """Options of search=successive_halving."""

    n: Count | None = Field(description="candidates; null: the fewest")
    total: Positive | None = Field(description="epochs of all candidates, in place of n")


OPTIONS: Mapping[str, type[Keys]] = {
    "random": partly(RandomKeys),
    "evolution": partly(EvolutionKeys),
    "local_search": partly(LocalKeys),
    "bayesian": partly(BayesianKeys),
    "pnas": partly(ProgressiveKeys),
    "lemonade": partly(LemonadeKeys),
    "successive_halving": partly(HalvingKeys),
    "hyperband": partly(HyperbandKeys),
    "asha": partly(AshaKeys),
}


# --- searches ---


class LimitKeys(Keys):
    """What a search may spend; null: no limit."""

    trials: Count | None = Field(description="finished trials; each rung counts")
    seconds: Positive | None = Field(description="on the clock, of this call alone")
    cost_seconds: Positive | None = Field(description="of estimators, summed")
    epochs: Positive | None = Field(description="of training; kept exactly")


class LatencyKeys(Keys):
    """How latency is measured: the median of forward passes, on the device that is set, kept in latency.jsonl."""

    batch: int = Field(ge=1, le=1_000_000, description="items a pass")
    warmup: int = Field(ge=1, le=1_000_000, description="passes that are not counted")
    repeats: int = Field(ge=1, le=1_000_000, description="passes that are")
    threads: Threads = Field(description="of the CPU")


class BoundKeys(Keys):
    """What a network may cost that is proposed."""

    max_params: Positive | None = Field(description="live parameters that a network may have; null: any number")
    max_macs: Positive | None = Field(description="multiply-adds an image that it may take; null: any number")
    max_latency: Positive | None = Field(description="milliseconds a pass that it may take; null: any number")
    latency: LatencyKeys


class SearcherKeys(BoundKeys):
    """The searcher and its trials; search=NAME sets them."""

    name: Literal[
        "random",
        "evolution",
        "local_search",
        "bayesian",
        "pnas",
        "lemonade",
        "successive_halving",
        "hyperband",
        "asha",
    ] = Field(description="of the searcher")
    seed: Seed = Field(description="of everything drawn")
    estimator: EstimatorName = Field(description="what judges a trial")
    options: Annotated[dict[str, Any], ReadsByName(OPTIONS)] = Field(description="of the searcher")
    limit: LimitKeys
    workers: Workers = Field(description="processes that judge trials at once")
    screen: int = Field(
        ge=0,
        le=1_000_000,
        description="proposals for each trial, of which the hypernetwork chooses one; 0: none",
    )
    judge: EstimatorName | None = Field(
        description="what chooses for search=bayesian, such as combined, which trainings correct; null: a regression "
        "on the trainings"
    )
    epoch: Literal["last", "best"] = Field(
        description="by which a trial is judged: its last, or the best validation accuracy of its curve"
    )
    objectives: list[CostName] = Field(
        description="what counts beside the score, for a front of trade-offs; []: nothing"
    )
    bands: int = Field(
        ge=2,
        le=1000,
        description="in which the first objective is cut; each is searched by itself, but by lemonade",
    )

    @model_validator(mode="after")
    def _go_together(self) -> SearcherKeys:
        if self.judge is not None and self.name != JUDGED:
            fix = f"search={JUDGED}, or search.screen=16 in front of {self.name}"
            raise ConfigError("search.judge chooses for search=bayesian alone", got=f"search={self.name}", fix=fix)
        if len(set(self.objectives)) < len(self.objectives):
            raise ConfigError("search.objectives: each counts once", got=self.objectives)
        return self

    def check_budgets(self, epochs: int) -> None:
        """Refuses trials of epochs that a training of the recipe does not have, where what judges them trains."""
        for name in ("max_budget", "min_budget", "budget"):
            wanted = self.options.get(name)
            if wanted is not None and self.estimator == "training" and wanted != epochs:
                raise ConfigError(
                    f"search.options.{name}: search.estimator=training trains in full alone",
                    got=wanted,
                    expected=f"recipe.epochs={epochs}",
                    fix="search.estimator=low_fidelity, which trains for any number of epochs",
                )
            least = LEAST_EPOCHS.get(self.estimator, 1)
            if wanted is not None and trains(self.estimator) and not least <= wanted <= epochs:
                later = ", which can be raised later" if name == "max_budget" else ""
                raise ConfigError(
                    f"search.options.{name}: {'more' if wanted > epochs else 'fewer'} epochs than a training has",
                    got=wanted,
                    expected=f"from {least} to recipe.epochs={epochs}",
                    fix="begin with the recipe.epochs of the longest training, whose schedule it is, and a smaller "
                    f"{name}{later}",
                )


class StepKeys(Keys):
    """A step of the ladder."""

    estimator: EstimatorName = Field(description="what judges")
    budget: Positive | None = Field(default=None, description="epochs of a training; null: as the estimator does")


class ClimbKeys(BoundKeys):
    """The ladder: candidates climb from the cheapest estimate to the truth."""

    name: Literal["ladder"] = Field(description="set by search=ladder")
    seed: Seed = Field(description="of everything drawn")
    seconds: Positive = Field(description="the budget, as estimators count it; kept")
    pool: Count | None = Field(description="candidates, drawn from the distinct networks; null: all")
    pilot: int = Field(
        ge=4, le=1_000_000, description="candidates that climb all steps beforehand, to tell what each step is worth"
    )
    steps: Annotated[list[StepKeys], Field(min_length=2)] = Field(
        description="{estimator: NAME, budget: EPOCHS}; trainings go on from each other"
    )

    @model_validator(mode="after")
    def _go_together(self) -> ClimbKeys:
        if self.pool is not None and self.pool <= self.pilot:
            raise ConfigError(
                "search.pool has no more candidates than search.pilot",
                got=f"pool={self.pool}, pilot={self.pilot}",
                fix="a larger pool, or a smaller pilot",
            )
        names = [(step.estimator, step.budget) for step in self.steps]
        if len(set(names)) < len(names):
            raise ConfigError("search.steps: each differs from the others, in estimator or budget", got=names)
        return self

    def check_budgets(self, epochs: int) -> None:
        """Refuses steps of epochs that a training of the recipe does not have, where what judges them trains."""
        for number, step in enumerate(self.steps):
            least = LEAST_EPOCHS.get(step.estimator, 1)
            if step.budget is not None and trains(step.estimator) and not least <= step.budget <= epochs:
                raise ConfigError(
                    f"search.steps.{number}.budget: {'more' if step.budget > epochs else 'fewer'} epochs than a "
                    "training has",
                    got=step.budget,
                    expected=f"from {least} to recipe.epochs={epochs}",
                    fix="another budget, or a larger recipe.epochs",
                )


def trains(estimator: str) -> bool:
    """Whether the budget of an estimator is epochs of a training that goes on, extrapolated or not."""
    return estimator == "low_fidelity" or estimator.startswith("curve_")
