"""What `Model.rank` combines, and with what weights; what led to it: docs/ranking.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from ghn.analysis.correction import Population
from ghn.analysis.correlation import kendall
from ghn.errors import CheckpointError, ConfigError
from ghn.scoring.combined import Combined
from ghn.scoring.panel import LIVE_PARAMETERS
from ghn.scoring.processes import Pool
from ghn.scoring.proxies import ZERO_COST, judges_input
from ghn.scoring.readouts import Sample
from ghn.scoring.standard_features import StandardFeatures
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import reading_variants
from ghn.types import Estimator, Task

if TYPE_CHECKING:
    from ghn.scoring.model import Model

IMAGES = 256  # on which generated weights are read
PROXY, FLOW = "zero_cost", "synflow"  # members with random weights


def ghn_member(number: int, skeleton: Mapping[str, Any]) -> str:
    """The name of a hypernetwork's reading in a skeleton; the first, number 0, has none of its own."""
    return "_".join([f"ghn{number + 1}" if number else "ghn", *(f"{k}{v}" for k, v in skeleton.items())])


def rank_weights(members: Sequence[str], *, models: int = 1, proxy: bool = True) -> dict[str, float]:
    """A vote for each reading: size, the proxy, and the loss of generated weights in each variant.

    Those that say the same share it (`ghn.analysis.correction.shared_votes`). Several hypernetworks share the vote of a
    variant. Readings of weight 0 are for the regression alone: further proxies, in which references may find what the
    votes lack, and accuracies.
    """
    losses = {f"{member}/loss": 1.0 / models for member in members}
    accuracies = {f"{member}/accuracy": 0.0 for member in members}
    proxies = {f"{PROXY}/meco": 1.0, f"{PROXY}/swap": 0.0} if proxy else {}
    return {LIVE_PARAMETERS: 1.0, **losses, **accuracies, **proxies, f"{FLOW}/value": 0.0}


def make_ranker(model: Model, *, task: Task | None = None, features: str | None = None, workers: int = 1) -> Combined:
    """Makes the combined estimator around a hypernetwork and its companions.

    Generated weights are read in each variant that the space names, a zero-cost proxy with random weights in its own;
    a space that is not `Readable` is read as it is. The proxy is left out where inputs have no positions.
    References are learnt with `features` (`StandardFeatures`; None: of all kinds), and with SynFlow, which has no vote;
    accuracies of generated weights are too coarse for slopes of their own. With several `workers` the members are asked
    in processes.

    Raises:
        ConfigError: unknown features, or such as the space has not.
        CheckpointError: the population in a checkpoint's card cannot be used, or the task does not fit.
    """
    images, space = model.images(task), model.space
    skeletons = reading_variants(space)
    sample = Sample(val=min(IMAGES, len(images.val)), batch=IMAGES)
    models = (model, *model.companions)
    members: dict[str, Estimator[Any]] = {
        ghn_member(number, skeleton): one.estimator(task=images, sample=sample, skeletons=[skeleton])
        for number, one in enumerate(models)
        for skeleton in skeletons
    }
    proxy = judges_input(ZERO_COST["meco"], images)
    weights = rank_weights(list(members), models=len(models), proxy=proxy)
    if proxy:
        members[PROXY] = make_zero_cost("meco", space, images, model.fabric, sample=sample)
    members[FLOW] = make_zero_cost("synflow", space, images, model.fabric, sample=sample)
    if workers > 1:
        members = Pool(members, workers).spread(members)
    learnt = [StandardFeatures(space, features)] if features else None
    slopes = [name for name in weights if not name.endswith("/accuracy")]
    try:
        population = _population(models, images.checksum)
        return Combined(space, members, weights, population=population, features=learnt, slopes=slopes)
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            "the population in a checkpoint's card cannot be used", got=repr(error), fix="train it again"
        ) from None


def measure_population(model: Model, networks: int, *, progress: bool = True) -> dict[str, Any]:
    """What readings are usual in the space, for the card: quantiles over networks drawn at random, distinct ones where
    the space can list them. No trained accuracy is looked at.

    `agreement` is Kendall's tau between the losses of generated weights and the zero-cost proxy. It told good trainings
    from bad ones (docs/ranking.md): of several seeds, keep the one with the highest. None without that proxy.

    Raises:
        ConfigError: too few networks, or too few that could be read.
    """
    population, columns = make_ranker(model).usual(networks, progress=progress)
    own = np.mean([population.normal_scores(n, values) for n, values in columns.items() if n.endswith("/loss")], axis=0)
    known = {"task_checksum": model.images().checksum, "quantiles": population.describe(), "votes": population.votes}
    if (proxy := columns.get(f"{PROXY}/meco")) is None:
        return known
    read = np.isfinite(own) & np.isfinite(proxy)
    return {**known, "agreement": kendall(own[read], proxy[read])}


def _population(models: Sequence[Model], checksum: str) -> Population | None:
    """The populations of all cards, each of which knows its own hypernetwork's readings; None where one is missing."""
    quantiles: dict[str, Sequence[float]] = {}
    votes: dict[str, list[float]] = {}
    for number, model in enumerate(models):
        held = model.card.get("population")
        # it belongs to certain images: on others, readings are not what they were
        if held is None or held["task_checksum"] != checksum:
            return None
        own = ghn_member(number, {})
        names = {name: own + name.removeprefix("ghn") if name.startswith("ghn") else name for name in held["quantiles"]}
        quantiles |= {names[name]: values for name, values in held["quantiles"].items()}
        for name, vote in held.get("votes", {}).items():
            votes.setdefault(names[name], []).append(vote)
    if not all(model.card["population"].get("votes") for model in models):  # else a card of before would outvote others
        votes = {}
    return Population(quantiles, {name: fmean(parts) for name, parts in votes.items()})
