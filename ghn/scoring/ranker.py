"""What `Model.rank` combines, and with what weights; what led to it: docs/ranking.md."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np

from ghn.analysis.correction import Population
from ghn.errors import CheckpointError, ConfigError
from ghn.scoring.combined import Combined
from ghn.scoring.draws import JUDGES, agreement_of, choose_draws, sample_of, samples_of
from ghn.scoring.panel import SIZE, check_usual, draw_members, members_of
from ghn.scoring.processes import Pool
from ghn.scoring.proxies import ZERO_COST, judges_input
from ghn.scoring.readouts import Sample
from ghn.scoring.standard_features import StandardFeatures
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import reading_variants
from ghn.types import Estimator, Task

if TYPE_CHECKING:
    from ghn.scoring.model import Model

PROXY, FLOW, NASWOT = "zero_cost", "synflow", "naswot"  # members with random weights
MECO, SWAP = f"{PROXY}/meco", f"{PROXY}/swap"  # of one forward pass
RANDOM = f"{MECO}+{SWAP}"
FURTHER = f"{FLOW}/value", f"{NASWOT}/value"  # which losses have to confirm
# what mends a card that says not what is usual
MEASURE = 'model.card["population"] = measure_population(model, 300), of ghn.scoring.ranker, and model.save'


def ghn_member(number: int, skeleton: Mapping[str, Any]) -> str:
    """The name of a hypernetwork's reading in a skeleton; the first, number 0, has none of its own."""
    return "_".join([f"ghn{number + 1}" if number else "ghn", *(f"{k}{v}" for k, v in skeleton.items())])


def rank_weights(
    members: Sequence[str], *, models: int = 1, proxy: bool = True, further: Collection[str] = FURTHER
) -> dict[str, float]:
    """A vote for each reading: size, random weights, and the loss of generated weights in each variant.

    Size is counted in two ways and random weights are asked in two ways, of which the means vote. Readings that say the
    same share a vote, MeCo has to confirm size and losses, and losses any `further` reading of random weights
    (`Combined.population_of`): SWAP and NASWOT count units, so that in them size would confirm itself. Several
    hypernetworks share the vote of a variant. Readings of weight 0 are for the regression alone, in which references
    may find what the votes lack: what the vote of random weights is made of, accuracies, and SynFlow where it has no
    vote.
    """
    losses = {f"{member}/loss": 1.0 / models for member in members}
    accuracies = {f"{member}/accuracy": 0.0 for member in members}
    proxies = {RANDOM: 1.0, MECO: 0.0, SWAP: 0.0} if proxy else {}
    return {SIZE: 1.0, **losses, **accuracies, **proxies, f"{FLOW}/value": 0.0, **dict.fromkeys(further, 1.0)}


def make_ranker(
    model: Model,
    *,
    task: Task | None = None,
    features: str | None = None,
    workers: int = 1,
    draws: Sequence[int] | None = None,
) -> Combined:
    """Makes the combined estimator around a hypernetwork and its companions.

    Generated weights are read in each variant that the space names, on the draw of images that the card names for it,
    proxies with random weights in their own variant; a space that is not `Readable` is read as it is. Proxies are left
    out where inputs have no positions.
    References are learnt with `features` (`StandardFeatures`; None: of all kinds); accuracies of generated weights are
    too coarse for slopes of their own. With several `workers` the members are asked in processes. Where `draws` of
    images are given, one a variant, nothing of what cards say is usual counts.

    Raises:
        ConfigError: unknown features, or such as the space has not.
        CheckpointError: the population in a checkpoint's card cannot be used, or the task does not fit.
    """
    images, space = model.images(task), model.space
    skeletons = reading_variants(space)
    models = (model, *model.companions)
    members: dict[str, Estimator[Any]] = {}
    population = None
    if draws is None:
        with _usable():
            population = _population(models, images.checksum)
            samples = [reading_samples(one, images) for one in models]
    else:
        samples = [samples_of(images, {"draws": draws}, len(skeletons))] * len(models)
    for number, one in enumerate(models):
        for skeleton, sample in zip(skeletons, samples[number], strict=True):
            members[ghn_member(number, skeleton)] = one.estimator(task=images, sample=sample, skeletons=[skeleton])
    proxy = judges_input(ZERO_COST["meco"], images)
    learnt = [StandardFeatures(space, features)] if features else None
    # NASWOT without a vote is not read, whether losses did not confirm it or the card is of before
    further = [name for name in FURTHER if proxy and (population is None or population.votes.get(name))]
    weights = rank_weights(list(members), models=len(models), proxy=proxy, further=further)
    for name, asked in {PROXY: "meco", FLOW: FLOW, NASWOT: NASWOT}.items():
        if name in members_of(*weights):
            members[name] = make_zero_cost(asked, space, images, model.fabric, sample=sample_of(images, 0))
    if workers > 1:
        members = Pool(members, workers).spread(members)
    # of random weights MeCo, SWAP and SynFlow have slopes
    slopes = [name for name in weights if not name.endswith("/accuracy") and name not in (RANDOM, f"{NASWOT}/value")]
    how: dict[str, Any] = {"features": learnt, "slopes": slopes, "further": further}
    with _usable():
        return Combined(space, members, weights, population=population, witness=MECO if proxy else None, **how)


@contextmanager
def _usable() -> Iterator[None]:
    """Turns what is wrong with the population of a card into a CheckpointError."""
    try:
        yield
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            "the population in a checkpoint's card cannot be used", got=repr(error), fix="train it again"
        ) from None


def measure_population(
    model: Model, networks: int, *, task: Task | None = None, progress: bool = True
) -> dict[str, Any]:
    """What readings are usual in the space, for the card: quantiles over networks drawn at random, distinct ones where
    the space can list them. No trained accuracy is looked at. Without a `task` on the checkpoint's own images.

    `agreement` is Kendall's tau between the losses of generated weights and what random weights say, the mean of MeCo
    and SWAP. It told good trainings from bad ones in three spaces (docs/ranking.md): of several seeds and starts, keep
    the one with the highest. It is measured on draws of images that were chosen for their agreement with MeCo
    (`choose_draws`), so that it is higher than in cards of before. None where there are no such proxies or they say the
    same of all, or too few networks.

    Raises:
        ConfigError: too few networks, or too few that could be read.
    """
    check_usual(model.space, networks)
    images = model.images(task)
    draws = choose_draws(model, images, draw_members(model.space, min(networks, JUDGES)), progress=progress)
    population, columns = make_ranker(model, task=task, draws=draws).usual(networks, progress=progress)
    own = np.mean([population.normal_scores(n, values) for n, values in columns.items() if n.endswith("/loss")], axis=0)
    known = {
        "task_checksum": images.checksum,
        "networks": networks,
        "draws": list(draws),
        "quantiles": population.describe(),
        "votes": population.votes,
    }
    if MECO not in columns:
        return known
    known["meco"] = ZERO_COST["meco"].version
    proxies = np.mean([population.normal_scores(name, columns[name]) for name in (MECO, SWAP)], axis=0)
    return {**known, "agreement": agreement_of(own, proxies)}


def usual_of(card: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a card says is usual; None where it holds nothing, or what it holds is of another definition of MeCo."""
    held: Mapping[str, Any] | None = card.get("population")
    if held and MECO in held.get("quantiles", ()) and held.get("meco") != ZERO_COST["meco"].version:
        return None
    return held


def usual_on(model: Model, checksum: str) -> Mapping[str, Any] | None:
    """What a card says is usual on certain images; None on others, where readings are not what they were."""
    held = usual_of(model.card)
    return held if held and held["task_checksum"] == checksum else None


def reading_samples(model: Model, images: Task) -> list[Sample]:
    """The images on which each variant that the space names is read: those that the card names, or a draw each."""
    return samples_of(images, usual_on(model, images.checksum), len(reading_variants(model.space)))


def _population(models: Sequence[Model], checksum: str) -> Population | None:
    """The populations of all cards, each of which knows its own hypernetwork's readings; None where one is missing."""
    quantiles: dict[str, Sequence[float]] = {}
    votes: dict[str, list[float]] = {}
    for number, model in enumerate(models):
        if usual_of(model.card) is None and model.card.get("population"):
            what = "what is usual, in the card of this hypernetwork, is of MeCo as it was read before, and is not used"
            warnings.warn(f"{what}: {MEASURE}", stacklevel=4)
        if (held := usual_on(model, checksum)) is None:
            return None
        quantiles |= {_numbered(name, number): values for name, values in held["quantiles"].items()}
        for name, vote in held.get("votes", {}).items():
            votes.setdefault(_numbered(name, number), []).append(vote)
    if not all(model.card["population"].get("votes") for model in models):  # else a card of before would outvote others
        votes = {}
    # a card that says nothing of a further reading confirms none of it
    of = {name: len(models) if name in FURTHER else len(parts) for name, parts in votes.items()}
    return Population(quantiles, {name: fsum(parts) / of[name] for name, parts in votes.items()})


def _numbered(name: str, number: int) -> str:
    """A reading in a card, by the name that it has where several hypernetworks are read."""
    return ghn_member(number, {}) + name.removeprefix("ghn") if name.startswith("ghn") else name
