"""The keys of what estimators are made from: their types, ranges and meaning; the defaults stand in `ghn/app/conf`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ghn.app.ranges import (
    Count,
    EstimatorName,
    Keys,
    Part,
    Pixels,
    Positive,
    Rate,
    Reads,
    Seed,
    Settings,
    Share,
    Text,
    Texts,
    WeightDecay,
    partly,
)

Epochs = Annotated[int, Field(ge=1, le=1_000_000)]
Shift = Annotated[int, Field(ge=0, le=4096)]
Checkpoints = Text | Annotated[list[Text | Texts], Field(min_length=1)]
Readouts = Text | Texts
Skeletons = Literal["best", "fastest"] | list[Settings]
Features = Literal["space", "graph"] | None

FEATURES = "with which combined learns references: space, its own | graph, of any network | null: both"
SKELETONS = (
    "variants of the space in which generated weights are read: best: those that the space names | "
    "fastest: the first of them | such as [{depth: 1}, {depth: 3}]; []: the space as it is"
)


class SampleKeys(Keys):
    """Items that a read-out sees, drawn once, stratified, the same for every candidate; `combined` has its own."""

    val: Count | None = Field(description="validation items, for loss and accuracy; null: 512, or all there are")
    ridge_train: Count | None = Field(description="training items on which a ridge regression is fitted; null: 1536")
    ridge_val: Count | None = Field(description="validation items on which it is scored; null: 1024")
    penalty: Positive = Field(description="of the ridge regression")
    proxy: Count | None = Field(description="validation items without targets, for meco and swap; null: 16")
    zero_cost: Count | None = Field(
        description="training items with targets, for the other zero-cost proxies; null: 64"
    )
    batch: Count = Field(description="items a forward pass; each has its own batch statistics")
    seed: Seed = Field(description="of the draw")


class FidelityKeys(Keys):
    """How much of a full training is done, for low_fidelity, morphism and curve_*."""

    epochs: Epochs | None = Field(description="of the recipe's schedule; null: all")
    data: Share = Field(description="share of the training images, in (0, 1]")
    size: Pixels | None = Field(description="of the images in pixels; null: as the task has them")
    width: Pixels | None = Field(description="channels of the skeleton's first stage; null: as the space has them")
    anneal: bool = Field(description="let the learning rate fall to zero over these epochs")


class RecipeKeys(Keys):
    """How a candidate is trained: SGD with Nesterov momentum and one cosine from lr to zero."""

    epochs: Epochs = Field(description="passes over the train split")
    batch_size: Count = Field(description="images a step")
    lr: Rate = Field(description="peak learning rate")
    momentum: Part = Field(description="of Nesterov's method")
    weight_decay: WeightDecay = Field(description="on every weight")
    shift: Shift = Field(description="greatest random shift of a training image in pixels, where task.augment shifts")


class SurrogateKeys(Keys):
    """A regression on published accuracies, for estimator=surrogate."""

    model: Literal["ridge", "random_forest", "gradient_boosting", "gaussian_process", "gnn"] = Field(
        description="of the regression"
    )
    inputs: list[Text] | None = Field(
        description="what it reads of a network; null: the space's own features, or graph where it has none"
    )
    given: int = Field(
        ge=10, le=1_000_000, description="published networks to learn from; cross-fitted where it judges these"
    )


class MemberKeys(Keys):
    """A member of an ensemble: an estimator, and its own options."""

    name: EstimatorName = Field(description="of the estimator")
    checkpoint: Checkpoints = Field(description="of generated and shared weights")
    readout: Readouts = Field(description="read off weighted networks")
    skeletons: Skeletons = Field(description=SKELETONS)
    features: Features = Field(description=FEATURES)
    sample: Annotated[dict[str, Any], Reads(partly(SampleKeys))] = Field(description="items that a read-out sees")
    fidelity: Annotated[dict[str, Any], Reads(partly(FidelityKeys))] = Field(description="how much is trained")
    surrogate: Annotated[dict[str, Any], Reads(partly(SurrogateKeys))] = Field(description="of a regression")
    ensemble: Settings = Field(description="of an ensemble")


class EnsembleKeys(Keys):
    """The mean normal score of several estimators, for estimator=ensemble."""

    members: Annotated[
        list[EstimatorName | Annotated[dict[str, Any], Reads(partly(MemberKeys, but=("name",)))]], Field(min_length=2)
    ] = Field(description="names, or {name: NAME, OPTION: VALUE}")
    population: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        description="networks drawn to say which scores are usual; 0: those scored together"
    )


class EntrantKeys(MemberKeys):
    """A line of a survey: an estimator, and its own options."""

    name: EstimatorName = Field(description="of the estimator; the key of the line where it is not given")
    label: Text = Field(description="in tables and pictures")
    seeds: list[Seed] | None = Field(description="the estimator is made once for each")
    ensemble: Annotated[dict[str, Any], Reads(partly(EnsembleKeys))] = Field(description="of an ensemble")


Entrant = Annotated[dict[str, Any], Reads(partly(EntrantKeys))]
