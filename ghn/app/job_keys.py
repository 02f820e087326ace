"""The keys of every job of `evaluate.py`: their types, and what they mean; the defaults stand in `ghn/app/conf`.

Nothing here has a default, so that what is written in yaml and what is read here cannot drift apart. No torch is
imported: `--help` and wrong keys are answered at once.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt

OneOrMore = str | list[str]
Variant = dict[str, Any]
GIVE_UP_AFTER = "so many failures in a row that an estimator raised end the run; null: none do"


class Keys(BaseModel):
    """A group of keys, none of which may be missing or unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# --- what estimators are made from ---


class SampleKeys(Keys):
    """Items that a read-out sees, drawn once, stratified, the same for every candidate."""

    val: int | None = Field(description="validation items, for loss and accuracy; null: 512, or all there are")
    ridge_train: int | None = Field(description="training items on which a ridge regression is fitted; null: 1536")
    ridge_val: int | None = Field(description="validation items on which it is scored; null: 1024")
    penalty: float = Field(description="of the ridge regression")
    proxy: int | None = Field(description="validation items without targets, for meco and swap; null: 16")
    zero_cost: int | None = Field(description="training items with targets, for the other zero-cost proxies; null: 64")
    batch: int = Field(description="items a forward pass; each has its own batch statistics")
    seed: int = Field(description="of the draw")


class FidelityKeys(Keys):
    """How much of a full training is done, for low_fidelity, morphism and curve_*."""

    epochs: int | None = Field(description="of the recipe's schedule; null: all")
    data: float = Field(description="share of the training images, in (0, 1]")
    size: int | None = Field(description="of the images in pixels; null: as the task has them")
    width: int | None = Field(description="channels of the skeleton's first stage; null: as the space has them")
    anneal: bool = Field(description="let the learning rate fall to zero over these epochs")


class RecipeKeys(Keys):
    """How a candidate is trained: SGD with Nesterov momentum and one cosine from lr to zero."""

    epochs: int = Field(description="passes over the train split")
    batch_size: int = Field(description="images a step")
    lr: float = Field(description="peak learning rate")
    momentum: float = Field(description="of Nesterov's method")
    weight_decay: float = Field(description="on every weight")
    shift: int = Field(description="greatest random shift of a training image in pixels, where task.augment shifts")


class SurrogateKeys(Keys):
    """A regression on published accuracies, for estimator=surrogate."""

    model: str = Field(description="of the regression, such as gaussian_process or random_forest")
    inputs: list[str] | None = Field(
        description="what it reads of a network; null: the space's own features, or graph where it has none"
    )
    given: int = Field(description="published networks to learn from; cross-fitted where it judges these")


class EnsembleKeys(Keys):
    """The mean normal score of several estimators, for estimator=ensemble."""

    members: list[str | dict[str, Any]] = Field(description="names, or {name: NAME, OPTION: VALUE}")
    population: int = Field(description="networks drawn to say which scores are usual; 0: those scored together")


# --- what several jobs share ---


class JobKeys(Keys):
    """What all jobs share."""

    job: str = Field(description="what is done")
    space: dict[str, Any] = Field(description="of the architectures: a name, and its settings")
    task: dict[str, Any] = Field(description="the data: a name, and its settings")
    out: str = Field(description="folder of the results")
    resume: bool = Field(description="go on with what is in that folder")
    device: str = Field(description="auto | cpu | cuda | mps")
    precision: str = Field(description="float32 | tf32 | bf16")
    threads: int | None = Field(description="CPU threads; null leaves the choice to PyTorch")
    progress: bool = Field(description="show bars")


TWINS = "rows of a .csv that compute one function: mean, one network with their means | first | refuse"
FEATURES = "with which combined learns references: space, its own | graph, of any network | null: the first there is"


class JudgingKeys(JobKeys):
    """What the jobs share that have estimators."""

    checkpoint: str | list[str | list[str]] = Field(
        description="of generated and shared weights: shipped | shipped-SEED | PATH | a list; a list in it is read "
        "together, by combined"
    )
    readout: OneOrMore = Field(description="read off weighted networks: loss | accuracy | ridge | norm | a list")
    skeletons: Literal["best", "fastest"] | list[Variant] = Field(
        description="variants of the space in which generated weights are read: best: those that the space names | "
        "fastest: the first of them | such as [{depth: 1}, {depth: 3}]; []: the space as it is"
    )
    features: Literal["space", "graph"] | None = Field(description=FEATURES)
    sample: SampleKeys
    recipe: RecipeKeys
    fidelity: FidelityKeys
    surrogate: SurrogateKeys
    ensemble: EnsembleKeys
    give_up_after: int | None = Field(description=GIVE_UP_AFTER)


# --- a job each ---


class EngineKeys(JobKeys):
    """What the jobs share that have workers."""

    engine: Literal["local", "ray"] = Field(
        description="where workers run: local, processes of this machine | ray, a cluster (extra ray, docs/scaling.md)"
    )
    address: str | None = Field(description="of a Ray cluster: HOST:PORT | auto; null: one of its own on this machine")


class RankKeys(JudgingKeys):
    """Score candidates with estimators, and compare their order with trained references."""

    estimator: OneOrMore = Field(description="what judges: a name or a list of names, below")
    n: int = Field(description="candidates")
    candidates: str = Field(description="sample of distinct networks that they come from: development | report")
    references: str = Field(
        description="embedded, the name of a benchmark, all (those that know the candidates), or the path of a table: "
        "yours (.csv), or of job=references"
    )
    twins: Literal["mean", "first", "refuse"] = Field(description=TWINS)
    bootstrap: int = Field(description="resamples behind the intervals")


class RankAllKeys(JobKeys):
    """Rank all distinct networks of the space by the best that is known, into a file."""

    checkpoint: str | list[str | list[str]] = Field(
        description="of the hypernetwork: shipped | shipped-SEED | PATH | [[PATH, PATH]], read together"
    )
    given: int = Field(description="published references to learn from, of the development sample")
    features: Literal["space", "graph"] | None = Field(description=FEATURES)
    limit: int | None = Field(description="only the first so many networks; null: all")
    workers: int | Literal["auto"] = Field(
        description="processes that score, of a thread each; auto: one a core, for 128 networks or more on a CPU"
    )
    best: int | None = Field(
        ge=1,
        description="look for so many of the best alone: the others leave as soon as they are unlikely to be among "
        "them, which costs a fraction; null: all are read",
    )
    risk: float = Field(gt=0, lt=1, description="with best: share of these that may be missed, as estimated")
    references: str | None = Field(
        description="compare with: published (all of the benchmark's), or the path of a table, such as .jsonl or .csv"
    )
    twins: Literal["mean", "first", "refuse"] = Field(description=TWINS)
    bootstrap: int = Field(description="resamples behind the intervals")


class ScoreKeys(JudgingKeys, EngineKeys):
    """Score any number of architectures, each distinct network once, into a table."""

    estimator: str = Field(description="what judges: a name, below")
    archs: str | int = Field(
        description="a file of architectures: one a line, a .json list of them, or a .py file of genotypes; a number: "
        "so many drawn at random; all: the distinct networks of the space"
    )
    workers: int = Field(ge=1, description="processes that score at once")
    chunk: int = Field(ge=1, description="networks that a process is handed at once")


class ReferencesKeys(EngineKeys):
    """Train candidates in full, into a table of references."""

    archs: str | int = Field(
        description="a file of architectures: one a line, a .json list of them, or a .py file of genotypes; or a "
        "number: so many at random"
    )
    seeds: list[int] = Field(description="the first for all; the others too, in a .json for its three_seeds")
    workers: int = Field(ge=1, description="processes that train at once")
    give_up_after: int | None = Field(description=GIVE_UP_AFTER)
    recipe: RecipeKeys


class LimitKeys(Keys):
    """What a search may spend; null: no limit."""

    trials: int | None = Field(description="finished trials; each rung counts")
    seconds: float | None = Field(description="on the clock, of this call alone")
    cost_seconds: float | None = Field(description="of estimators, summed")
    epochs: float | None = Field(description="of training; kept exactly")


class LatencyKeys(Keys):
    """How latency is measured: the median of forward passes, on the device that is set, kept in latency.jsonl."""

    batch: int = Field(description="items a pass")
    warmup: int = Field(description="passes that are not counted")
    repeats: int = Field(description="passes that are")
    threads: int = Field(description="of the CPU")


class BoundKeys(Keys):
    """What a network may cost that is proposed."""

    max_params: float | None = Field(description="live parameters that a network may have; null: any number")
    max_macs: float | None = Field(description="multiply-adds an image that it may take; null: any number")
    max_latency: float | None = Field(description="milliseconds a pass that it may take; null: any number")
    latency: LatencyKeys


class SearcherKeys(BoundKeys):
    """The searcher and its trials; search=NAME sets them."""

    name: str = Field(
        description="random | evolution | local_search | bayesian | pnas | lemonade | successive_halving | hyperband | "
        "asha"
    )
    seed: int = Field(description="of everything drawn")
    estimator: str = Field(description="what judges a trial: a name, below")
    options: dict[str, Any] = Field(description="of the searcher")
    limit: LimitKeys
    workers: int = Field(ge=1, description="processes that judge trials at once")
    screen: int = Field(description="proposals for each trial, of which the hypernetwork chooses one; 0: none")
    judge: str | None = Field(
        description="what chooses for search=bayesian, such as combined, which trainings correct: a name, below; null: "
        "a regression on the trainings"
    )
    epoch: Literal["last", "best"] = Field(
        description="by which a trial is judged: its last, or the best validation accuracy of its curve"
    )
    objectives: list[str] = Field(
        description="what counts beside the score, for a front of trade-offs: params, macs, latency; []: nothing"
    )
    bands: int = Field(description="in which the first objective is cut; each is searched by itself, but by lemonade")


class SearchKeys(JudgingKeys, EngineKeys):
    """Search the space with a searcher and an estimator."""

    search: SearcherKeys


class StepKeys(Keys):
    """A step of the ladder."""

    estimator: str = Field(description="what judges")
    budget: float | None = Field(default=None, description="epochs of a training; null: as the estimator does")


class ClimbKeys(BoundKeys):
    """The ladder: candidates climb from the cheapest estimate to the truth."""

    name: str = Field(description="ladder")
    seed: int = Field(description="of everything drawn")
    seconds: float = Field(description="the budget, as estimators count it; kept")
    pool: int | None = Field(description="candidates, drawn from the distinct networks; null: all")
    pilot: int = Field(description="candidates that climb all steps beforehand, to tell what each step is worth")
    steps: list[StepKeys] = Field(description="{estimator: NAME, budget: EPOCHS}; trainings go on from each other")


class LadderKeys(JudgingKeys):
    """Spend one budget from the hypernetwork's score to full training."""

    search: ClimbKeys


class PlanKeys(Keys):
    """What a survey does beside scoring."""

    workers: int = Field(ge=1, description="processes")
    development: int = Field(description="networks of the development sample: on these is chosen, on the others told")
    runs: list[str] = Field(description="folders of trainings with snapshots, whose order is followed")
    estimators: dict[str, dict[str, Any] | None] = Field(
        description="KEY: {name: ESTIMATOR, label: TEXT, seeds: [0, 1], and any of checkpoint, readout, skeletons, "
        "features, sample, fidelity, surrogate, ensemble}; null takes one out"
    )
    budgets: list[NonNegativeFloat] = Field(min_length=1, description="seconds for which advice is given")
    candidates: int = Field(ge=1, description="networks that these seconds are for")
    sizes: list[NonNegativeInt] = Field(min_length=1, description="references that combinations are given")
    draws: int = Field(ge=1, description="of these references")
    permutations: int = Field(ge=1, description="behind the levels of significance")


class SurveyKeys(JudgingKeys, EngineKeys):
    """Judge every estimator on the same networks: order, bias, cost, combinations, advice."""

    n: int = Field(description="networks")
    references: str = Field(description="all, or the path of a .csv of your own")
    twins: Literal["mean", "first", "refuse"] = Field(description=TWINS)
    bootstrap: int = Field(ge=1, description="resamples behind the intervals")
    survey: PlanKeys


class ServeLimitKeys(Keys):
    """What one request may ask for."""

    body: int = Field(ge=1, description="bytes of a request")
    networks: int = Field(ge=1, description="architectures of a request, references included")
    string: int = Field(ge=1, description="characters of an architecture")
    nodes: int = Field(ge=2, description="operations of a network")
    depth: int = Field(ge=1, description="operations on its longest path")
    params: int = Field(ge=1, description="its weights")
    macs: int = Field(ge=1, description="its multiply-adds for one input")
    values: int = Field(ge=1, description="numbers that it goes through for one input")
    seconds: float = Field(gt=0, description="that a request may take, waiting included")
    waiting: int = Field(ge=1, description="requests that wait or are worked on; others are told to come again")
    joined: int = Field(ge=1, description="networks of several requests that are judged in one call")
    kept: int = Field(ge=1, description="readings that are kept in memory, for each way to read")


class ServeKeys(JobKeys):
    """Serve checkpoints over HTTP, with a page: scores, orders, embeddings, weights, what to train next."""

    checkpoint: str | list[str | list[str]] = Field(
        description="what is served: shipped | PATH | a list of several spaces, the first of the space that is set; a "
        "list in it is read together"
    )
    host: str = Field(description="address to listen on; others than loopback can be reached from other machines")
    port: int = Field(ge=0, le=65535, description="of that address; 0: any that is free")
    token_file: str | None = Field(
        description="file of the token that requests must bring; null: GHN_SERVE_TOKEN in the environment, or none"
    )
    direction: Literal["maximize", "minimize"] = Field(description="what is wanted of observed values")
    pool: int = Field(ge=1, description="candidates that are read for each suggestion")
    limits: ServeLimitKeys
