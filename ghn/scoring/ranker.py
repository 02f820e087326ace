"""The recipe of `Model.rank`: which readings are combined, and with what weights. What led to it: docs/ranking.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ghn.analysis.correction import Population
from ghn.analysis.correlation import kendall
from ghn.errors import CheckpointError, ConfigError
from ghn.scoring.combined import Combined
from ghn.scoring.model import Model
from ghn.scoring.panel import LIVE_PARAMETERS
from ghn.scoring.readouts import Sample
from ghn.scoring.zero_cost import make_zero_cost
from ghn.tasks.images import ImageTask
from ghn.types import Estimator, Readable

IMAGES = 256  # on which generated weights are read
ZERO_COST = "zero_cost"


def ghn_member(number: int, skeleton: Mapping[str, Any]) -> str:
    """The name of a hypernetwork's reading in a skeleton; the first, number 0, has none of its own."""
    return "_".join([f"ghn{number + 1}" if number else "ghn", *(f"{k}{v}" for k, v in skeleton.items())])


def rank_weights(members: Sequence[str]) -> dict[str, float]:
    """Weights of the readings: size 1, the loss of generated weights 2, the proxy 2; of 0: for the regression alone."""
    losses = {f"{member}/loss": 2.0 / len(members) for member in members}
    accuracies = {f"{member}/accuracy": 0.0 for member in members}
    return {LIVE_PARAMETERS: 1.0, **losses, **accuracies, f"{ZERO_COST}/meco": 2.0, f"{ZERO_COST}/swap": 0.0}


def make_ranker(model: Model, *, task: ImageTask | None = None) -> Combined:
    """Makes the combined estimator around a hypernetwork and its companions.

    Generated weights are read in each variant that the space names, a zero-cost proxy with random weights in its own;
    a space that is not `Readable` is read as it is.

    Raises:
        CheckpointError: the population in a checkpoint's card cannot be used, or the task does not fit.
    """
    images, space = model.images(task), model.space
    skeletons = space.reading_variants() if isinstance(space, Readable) else [{}]
    sample = Sample(val=min(IMAGES, len(images.val)), batch=IMAGES, proxy=min(Sample().proxy, len(images.val)))
    models = (model, *model.companions)
    members: dict[str, Estimator[Any]] = {
        ghn_member(number, skeleton): one.estimator(task=images, sample=sample, skeletons=[skeleton])
        for number, one in enumerate(models)
        for skeleton in skeletons
    }
    weights = rank_weights(list(members))
    members[ZERO_COST] = make_zero_cost("meco", space, images, model.fabric, sample=sample)
    try:
        return Combined(space, members, weights, population=_population(models, images.checksum))
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            "the population in a checkpoint's card cannot be used", got=repr(error), fix="train it again"
        ) from None


def measure_population(model: Model, networks: int, *, progress: bool = True) -> dict[str, Any]:
    """What readings are usual in the space, for the card: quantiles over networks drawn at random, distinct ones where
    the space can list them. No trained accuracy is looked at.

    `agreement` is Kendall's tau between the losses of generated weights and the zero-cost proxy. It told good trainings
    from bad ones (docs/ranking.md): of several seeds, keep the one with the highest.

    Raises:
        ConfigError: too few networks, or too few that could be read.
    """
    population, columns = make_ranker(model).usual(networks, progress=progress)
    own = np.mean([population.normal_scores(n, values) for n, values in columns.items() if n.endswith("/loss")], axis=0)
    proxy = columns[f"{ZERO_COST}/meco"]
    read = np.isfinite(own) & np.isfinite(proxy)
    return {
        "task_checksum": model.images().checksum,
        "quantiles": population.describe(),
        "agreement": kendall(own[read], proxy[read]),
    }


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
