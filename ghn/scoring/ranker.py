"""The recipe of `Model.rank`: which readings are combined, and with what weights. What led to it: docs/ranking.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning_fabric import Fabric
from tqdm import tqdm

from ghn.analysis.correlation import kendall
from ghn.analysis.population import Population
from ghn.errors import CheckpointError, ConfigError
from ghn.nets.initial import RandomInit
from ghn.scoring.combined import BLOCK, LIVE_PARAMETERS, CombinedEstimator, column
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.readouts import Sample
from ghn.tasks.images import ImageTask
from ghn.types import Estimator, Space, Trial

if TYPE_CHECKING:
    from ghn.scoring.model import Model

DEPTHS = (1, 3, 5)  # cells a stage in which generated weights are read; the last is the benchmark's own
PROXY_SKELETON = {"width": 16, "depth": 5}  # in which the proxy is: the benchmark's own
IMAGES = 256  # on which generated weights are read
ZERO_COST = "zero_cost"
SOURCES = {"meco": "Jiang, Wang & Bie, MeCo, NeurIPS 2023", "swap": "Peng et al., SWAP-NAS, ICLR 2024"}


def rank_skeletons(space: Space[Any]) -> list[dict[str, Any]]:
    """The skeletons in which generated weights are read: of several depths where the space has them."""
    return [{"depth": depth} for depth in DEPTHS] if "depth" in space.describe() else [{}]


def ghn_member(number: int, skeleton: Mapping[str, Any]) -> str:
    """The name of a hypernetwork's reading in a skeleton; the first, number 0, has none of its own."""
    return "_".join([f"ghn{number + 1}" if number else "ghn", *(f"{k}{v}" for k, v in skeleton.items())])


def rank_weights(members: Sequence[str]) -> dict[str, float]:
    """Weights of the readings: size 1, the loss of generated weights 2, the proxy 2; of 0: for the regression alone."""
    losses = {f"{member}/loss": 2.0 / len(members) for member in members}
    accuracies = {f"{member}/accuracy": 0.0 for member in members}
    return {LIVE_PARAMETERS: 1.0, **losses, **accuracies, f"{ZERO_COST}/meco": 2.0, f"{ZERO_COST}/swap": 0.0}


def zero_cost(
    space: Space[Any], task: ImageTask, fabric: Fabric, proxy: str, sample: Sample | None = None, seed: int = 0
) -> WeightedEstimator:
    """A zero-cost proxy with random weights, in the benchmark's own skeleton where the space has it."""
    settings = space.describe()
    return WeightedEstimator(
        RandomInit(seed, fabric.device),
        space,
        task,
        fabric,
        readout=proxy,
        sample=sample,
        skeletons=[{k: v for k, v in PROXY_SKELETON.items() if k in settings}],
        weights_id=f"random_init/{seed}",
        source=SOURCES[proxy],
    )


def measure_population(model: Model, networks: int, *, progress: bool = True) -> dict[str, Any]:
    """What readings are usual in the space, for the card: quantiles over networks drawn at random, distinct ones where
    the space can list them. No trained accuracy is looked at.

    `agreement` is Kendall's tau between the losses of generated weights and the zero-cost proxy. It told good trainings
    from bad ones (docs/ranking.md): of several seeds, keep the one with the highest.

    Raises:
        ConfigError: too few networks.
    """
    columns = read_usual(make_ranker(model), networks, progress=progress)
    population = Population.of(columns)
    own = np.mean([population.normal_scores(n, values) for n, values in columns.items() if n.endswith("/loss")], axis=0)
    return {
        "task_checksum": model.images().checksum,
        "quantiles": population.describe(),
        "agreement": kendall(own, columns[f"{ZERO_COST}/meco"]),
    }


def read_usual(estimator: CombinedEstimator, networks: int, *, progress: bool = True) -> dict[str, np.ndarray]:
    """What its members say of networks of its space drawn at random, distinct ones where the space can list them.

    Args:
        estimator: whose readings are asked for.
        networks: how many; all of a smaller space.
        progress: whether to show a bar.

    Returns:
        Reading -> [networks], NaN where it failed: what a `Population` is made of.
    """
    space, rng = estimator.space, Random(0)
    every = space.distinct() if hasattr(space, "distinct") else [space.sample(rng) for _ in range(networks)]
    drawn = rng.sample(every, min(networks, len(every)))
    read = []
    for start in tqdm(range(0, len(drawn), BLOCK), desc="population", unit="block", disable=not progress):
        read += estimator.read([Trial(space.format(a), a) for a in drawn[start : start + BLOCK]])
    return {name: column(read, name) for name in estimator.weights}


def make_ranker(model: Model, *, task: ImageTask | None = None) -> CombinedEstimator:
    """Makes the combined estimator around a hypernetwork and its companions.

    Raises:
        CheckpointError: the population in a checkpoint's card cannot be used, or the task does not fit.
    """
    images, skeletons = model.images(task), rank_skeletons(model.space)
    sample = Sample(val=min(IMAGES, len(images.val)), batch=IMAGES, proxy=min(Sample().proxy, len(images.val)))
    models = (model, *model.companions)
    members: dict[str, Estimator[Any]] = {
        ghn_member(number, skeleton): one.estimator(task=images, sample=sample, skeletons=[skeleton])
        for number, one in enumerate(models)
        for skeleton in skeletons
    }
    weights = rank_weights(list(members))
    members[ZERO_COST] = zero_cost(model.space, images, model.fabric, "meco", sample)
    try:
        population = _population(models, images.checksum)
        return CombinedEstimator(model.space, members, weights, population=population)
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            "the population in a checkpoint's card cannot be used", got=repr(error), fix="train it again"
        ) from None


def _population(models: Sequence[Model], checksum: str) -> Population | None:
    """The populations of all cards, each of which knows its own hypernetwork's readings; None where one is missing."""
    quantiles: dict[str, Sequence[float]] = {}
    for number, model in enumerate(models):
        held = model.card.get("population")
        # it belongs to certain images: on others, readings are not what they were
        if held is None or held["task_checksum"] != checksum:
            return None
        own = ghn_member(number, {})
        quantiles |= {
            own + name.removeprefix("ghn") if name.startswith("ghn") else name: values
            for name, values in held["quantiles"].items()
        }
    return Population(quantiles)
