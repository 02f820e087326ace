"""The keys of every job of `evaluate.py`: their types, ranges and meaning; the defaults stand in `ghn/app/conf`.

Nothing here has a default, so that what is written in yaml and what is read here cannot drift apart. No torch is
imported: `--help` and wrong keys are answered at once.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ghn.app.estimator_keys import (
    FEATURES,
    SKELETONS,
    Checkpoints,
    EnsembleKeys,
    Entrant,
    Features,
    FidelityKeys,
    Readouts,
    RecipeKeys,
    SampleKeys,
    Skeletons,
    SurrogateKeys,
)
from ghn.app.ranges import (
    Amount,
    Count,
    CountOrNone,
    EstimatorName,
    Keys,
    Named,
    Part,
    Positive,
    Resamples,
    Seed,
    Text,
    Threads,
    Workers,
)
from ghn.app.search_keys import ClimbKeys, SearcherKeys
from ghn.errors import ConfigError

Most = Annotated[int, Field(ge=1, le=10**15)]
GIVE_UP_AFTER = "so many failures in a row that an estimator raised end the run; null: none do"

# --- what several jobs share ---


class JobKeys(Keys):
    """What all jobs share."""

    job: Literal["rank", "rank_all", "score", "references", "search", "ladder", "survey", "serve"] = Field(
        description="what is done"
    )
    space: Named = Field(description="of the architectures: a name, and its settings")
    task: Named = Field(description="the data: a name, and its settings")
    out: Text = Field(description="folder of the results")
    resume: bool = Field(description="go on with what is in that folder")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(description="where networks run")
    precision: Literal["float32", "tf32", "bf16"] = Field(description="of what is computed")
    threads: Threads | None = Field(description="CPU threads; null leaves the choice to PyTorch")
    progress: bool = Field(description="show bars")


TWINS = "rows of a .csv that compute one function: mean, one network with their means | first | refuse"


class JudgingKeys(JobKeys):
    """What the jobs share that have estimators."""

    checkpoint: Checkpoints = Field(
        description="of generated and shared weights: shipped | shipped-SEED | PATH | a list; a list in it is read "
        "together, by combined"
    )
    readout: Readouts = Field(description="read off weighted networks: loss | accuracy | ridge | norm | a list")
    skeletons: Skeletons = Field(description=SKELETONS)
    features: Features = Field(description=FEATURES)
    sample: SampleKeys
    recipe: RecipeKeys
    fidelity: FidelityKeys
    surrogate: SurrogateKeys
    ensemble: EnsembleKeys
    give_up_after: Count | None = Field(description=GIVE_UP_AFTER)


# --- a job each ---


class EngineKeys(JobKeys):
    """What the jobs share that have workers."""

    engine: Literal["local", "ray"] = Field(
        description="where workers run: local, processes of this machine | ray, a cluster (extra ray, docs/scaling.md)"
    )
    address: Text | None = Field(description="of a Ray cluster: HOST:PORT | auto; null: one of its own on this machine")

    @model_validator(mode="after")
    def _has_a_cluster(self) -> EngineKeys:
        if self.address is not None and self.engine != "ray":
            raise ConfigError("address is of a Ray cluster", got=f"engine={self.engine}", fix="engine=ray")
        return self


class RankKeys(JudgingKeys):
    """Score candidates with estimators, and compare their order with trained references."""

    estimator: EstimatorName | Annotated[list[EstimatorName], Field(min_length=1)] = Field(
        description="what judges: a name or a list of names, below"
    )
    n: Count = Field(description="candidates")
    candidates: Text | None = Field(
        description="sample of distinct networks that they come from: development | report | all (of few); null: "
        "the usual one of the space, or the networks of the table that is named"
    )
    references: Text = Field(
        description="embedded, the name of a benchmark, all (those that know the candidates), or the path of a table: "
        "yours (.csv), or of job=references"
    )
    twins: Literal["mean", "first", "refuse"] = Field(description=TWINS)
    bootstrap: Resamples = Field(description="resamples behind the intervals; 0: no intervals")


class RankAllKeys(JobKeys):
    """Rank all distinct networks of the space by the best that is known, into a file."""

    checkpoint: Checkpoints = Field(
        description="of the hypernetwork: shipped | shipped-SEED | PATH | [[PATH, PATH]], read together"
    )
    given: CountOrNone = Field(description="published references to learn from, of the development sample")
    features: Features = Field(description=FEATURES)
    limit: Count | None = Field(description="only the first so many networks; null: all")
    workers: Workers | Literal["auto"] = Field(
        description="processes that score, of a thread each; auto: one a core, for 128 networks or more on a CPU"
    )
    best: Count | None = Field(
        description="look for so many of the best alone: the others leave as soon as they are unlikely to be among "
        "them, which costs a fraction; null: all are read",
    )
    risk: Part = Field(description="with best: share of these that may be missed, as estimated")
    references: Text | None = Field(
        description="compare with: published (all of the benchmark's), or the path of a table, such as .jsonl or .csv"
    )
    twins: Literal["mean", "first", "refuse"] = Field(description=TWINS)
    bootstrap: Resamples = Field(description="resamples behind the intervals; 0: no intervals")

    @model_validator(mode="after")
    def _go_together(self) -> RankAllKeys:
        if self.best is not None and self.references is not None:
            raise ConfigError(
                "with best=, only the best are in order, and references= compares the order of all",
                got=f"best={self.best} references={self.references}",
                expected="one of the two",
            )
        return self


class ScoreKeys(JudgingKeys, EngineKeys):
    """Score any number of architectures, each distinct network once, into a table."""

    estimator: EstimatorName = Field(description="what judges: a name, below")
    archs: Text | Count = Field(
        description="a file of architectures: one a line, a .json list of them, or a .py file of genotypes; a number: "
        "so many drawn at random; all: the distinct networks of the space"
    )
    workers: Workers = Field(description="processes that score at once")
    chunk: Count = Field(description="networks that a process is handed at once")


class ReferencesKeys(EngineKeys):
    """Train candidates in full, into a table of references."""

    archs: Text | Count = Field(
        description="a file of architectures: one a line, a .json list of them, or a .py file of genotypes; or a "
        "number: so many at random"
    )
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(
        description="every network is trained with each; of a .json only its three_seeds, others with the first"
    )
    workers: Workers = Field(description="processes that train at once")
    give_up_after: Count | None = Field(description=GIVE_UP_AFTER)
    recipe: RecipeKeys

    @model_validator(mode="after")
    def _trains_each_once(self) -> ReferencesKeys:
        if len(set(self.seeds)) < len(self.seeds):
            raise ConfigError("seeds: each is trained once", got=self.seeds, expected="different whole numbers")
        return self


class SearchKeys(JudgingKeys, EngineKeys):
    """Search the space with a searcher and an estimator."""

    search: SearcherKeys

    @model_validator(mode="after")
    def _go_together(self) -> SearchKeys:
        self.search.check_budgets(self.recipe.epochs)
        return self


class LadderKeys(JudgingKeys):
    """Spend one budget from the hypernetwork's score to full training."""

    search: ClimbKeys

    @model_validator(mode="after")
    def _go_together(self) -> LadderKeys:
        self.search.check_budgets(self.recipe.epochs)
        return self


class PlanKeys(Keys):
    """What a survey does beside scoring."""

    workers: Workers = Field(description="processes")
    development: Count = Field(description="networks of the development sample: on these is chosen, on the others told")
    runs: list[Text] = Field(description="folders of trainings with snapshots, whose order is followed")
    estimators: dict[str, Entrant | None] = Field(
        description="KEY: {name: ESTIMATOR, label: TEXT, seeds: [0, 1], and any of checkpoint, readout, skeletons, "
        "features, sample, fidelity, surrogate, ensemble}; null takes one out"
    )
    budgets: Annotated[list[Amount], Field(min_length=1)] = Field(description="seconds for which advice is given")
    candidates: Count = Field(description="networks that these seconds are for")
    sizes: Annotated[list[CountOrNone], Field(min_length=1)] = Field(
        description="references that combinations are given"
    )
    draws: Count = Field(description="of these references")
    permutations: int = Field(ge=1, le=10_000_000, description="behind the levels of significance")


class SurveyKeys(JudgingKeys, EngineKeys):
    """Judge every estimator on the same networks: order, bias, cost, combinations, advice."""

    n: Count = Field(description="networks")
    references: Text = Field(description="all, or the path of a table: yours (.csv), or of job=references")
    twins: Literal["mean", "first", "refuse"] = Field(description=TWINS)
    bootstrap: int = Field(ge=1, le=1_000_000, description="resamples behind the intervals")
    survey: PlanKeys


class ServeLimitKeys(Keys):
    """What one request may ask for."""

    body: Most = Field(description="bytes of a request")
    networks: Most = Field(description="architectures of a request, references included")
    string: Most = Field(description="characters of an architecture")
    nodes: int = Field(ge=2, le=10**15, description="operations of a network")
    depth: Most = Field(description="operations on its longest path")
    params: Most = Field(description="its weights")
    macs: Most = Field(description="its multiply-adds for one input")
    values: Most = Field(description="numbers that it goes through for one input")
    seconds: Positive = Field(description="that a request may take, waiting included")
    waiting: Most = Field(description="requests that wait or are worked on; others are told to come again")
    joined: Most = Field(description="networks of several requests that are judged in one call")
    kept: Most = Field(description="readings that are kept in memory, for each way to read")


class ServeKeys(JobKeys):
    """Serve checkpoints over HTTP, with a page: scores, orders, embeddings, weights, what to train next."""

    checkpoint: Checkpoints = Field(
        description="what is served: shipped | PATH | a list of several spaces, the first of the space that is set; a "
        "list in it is read together"
    )
    host: Text = Field(description="address to listen on; others than loopback can be reached from other machines")
    port: int = Field(ge=0, le=65535, description="of that address; 0: any that is free")
    token_file: Text | None = Field(
        description="file of the token that requests must bring; null: GHN_SERVE_TOKEN in the environment, or none"
    )
    direction: Literal["maximize", "minimize"] = Field(description="what is wanted of observed values")
    pool: Count = Field(description="candidates that are read for each suggestion")
    limits: ServeLimitKeys
