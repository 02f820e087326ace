"""Which validation images generated weights are read on, in each variant of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ghn.analysis.correlation import MIN_ITEMS, kendall
from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError
from ghn.scoring.proxies import ZERO_COST, judges_input
from ghn.scoring.readouts import Sample
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import reading_variants
from ghn.tasks.inputs import tensors_of
from ghn.types import Estimator, Split, Task, Trial

if TYPE_CHECKING:
    from ghn.scoring.model import Model

IMAGES = 256  # of a draw
DRAWS = 8  # of which one a variant is chosen
JUDGES = 100  # networks by which it is


def sample_of(images: Task, draw: int) -> Sample:
    """The images of a draw: all where there are no more."""
    return Sample(val=min(IMAGES, len(images.val)), batch=IMAGES, seed=draw)


def samples_of(images: Task, held: Mapping[str, Any] | None, variants: int) -> list[Sample]:
    """What each variant is read on: the draws on which a card says what is usual; where there is none, each its own.

    Losses on two draws differ by more than many networks do: where nothing was chosen, one draw for all would decide
    much of the order.

    Raises:
        ConfigError: there is not one for each.
    """
    draws = range(variants) if held is None else held.get("draws", [0] * variants)  # cards of before: on the first
    if len(draws) != variants:
        raise ConfigError("draws of images, one a variant", got=draws, expected=f"{variants} of them")
    return [sample_of(images, draw) for draw in draws]


def choose_draws(model: Model, images: Task, trials: Sequence[Trial[Any]], *, progress: bool = True) -> Sequence[int]:
    """Of each variant the draw on which losses agree best with MeCo of random weights.

    On which images losses order networks well is told so without an accuracy (docs/log.md, 2026-11-30), and not by
    SWAP, which counts units as size does. Where MeCo says nothing, or there are no other images, nothing is chosen.

    Args:
        model: the hypernetwork.
        images: the task.
        trials: networks that stand for the space.
        progress: whether to show a bar.
    """
    variants = reading_variants(model.space)
    if not judges_input(ZERO_COST["meco"], images) or not _differ(images):
        return range(len(variants))
    witness = _values(make_zero_cost("meco", model.space, images, model.fabric), trials)
    agreement = np.zeros((len(variants), DRAWS))
    with tqdm(total=agreement.size, desc="choosing images", unit="draw", disable=not progress) as bar:
        for (variant, draw), _ in np.ndenumerate(agreement):
            how: dict[str, Any] = {"sample": sample_of(images, draw), "skeletons": [variants[variant]]}
            losses = _values(model.estimator(task=images, **how), trials)
            agreement[variant, draw] = agreement_of(losses, witness) or 0.0
            bar.update()
    return [int(draw) for draw in agreement.argmax(1)] if agreement.any() else range(len(variants))


def agreement_of(losses: Floats, witness: Floats) -> float | None:
    """Kendall's tau of losses [n] with a witness [n] where both could be read; None of too few, or of a witness that
    says the same of all, as of networks without a non-linearity.
    """
    read = np.isfinite(losses) & np.isfinite(witness)
    told = read.sum() >= MIN_ITEMS and np.ptp(witness[read]) > 0
    return kendall(losses[read], witness[read]) if told else None


def _differ(images: Task) -> bool:
    """Whether there are other draws: not of few items, nor of an iterable, whose first ones are taken each time."""
    if len(images.val) <= IMAGES:
        return False
    first, other = (sample_of(images, draw).take("val", images) for draw in (0, 1))
    pairs = zip(_tensors(first), _tensors(other), strict=True)
    return not all(torch.equal(one, another) for one, another in pairs)


def _tensors(split: Split) -> list[Tensor]:
    inputs, targets = next(split.batches(len(split)))
    return [*tensors_of(inputs), targets]


def _values(estimator: Estimator[Any], trials: Sequence[Trial[Any]]) -> Floats:
    """Scores [n], NaN where one failed."""
    return np.array([score.value if score.ok else np.nan for score in estimator.score(trials)])
