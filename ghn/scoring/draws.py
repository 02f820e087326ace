"""Which validation images generated weights are read on, in each variant of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from ghn.analysis.correction import normal_ranks
from ghn.analysis.correlation import MIN_ITEMS, kendall
from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError
from ghn.scoring.proxies import ZERO_COST, judges_input
from ghn.scoring.readouts import Sample
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import reading_variants
from ghn.types import Score, Task, Trial

if TYPE_CHECKING:
    from ghn.scoring.model import Model

IMAGES = 256  # of a draw
DRAWS = 8  # of which one a variant is chosen
JUDGES = 100  # networks by which it is


def sample_of(images: Task, draw: int) -> Sample:
    """The images of a draw: all where there are no more."""
    return Sample(val=min(IMAGES, len(images.val)), batch=IMAGES, seed=draw)


def draws_of(held: Mapping[str, Any] | None, variants: int) -> Sequence[int]:
    """A draw a variant: that on which a card says what is usual; where it says nothing of it, each variant its own.

    Losses on two draws differ by more than many networks do, so that one for all would decide much of the order.

    Raises:
        ConfigError: a card has not one for each.
    """
    if held is None:
        return range(variants)
    draws: Sequence[int] = held.get("draws", [0] * variants)  # cards of before were measured on the first
    if len(draws) != variants:
        raise ConfigError("draws of images, one a variant", got=draws, expected=f"{variants} of them")
    return draws


def choose_draws(model: Model, images: Task, trials: Sequence[Trial[Any]], *, progress: bool = True) -> Sequence[int]:
    """A draw a variant, on which losses agree best with what random weights say, the mean of MeCo and SWAP.

    On which images losses order networks well is told so without an accuracy, as it is told of trainings which is good
    (docs/log.md, 2026-11-30). No two variants share a draw, so that what a draw errs by is not in all losses. Where
    random weights say nothing, or there are no other images, nothing is chosen.

    Args:
        model: the hypernetwork.
        images: the task.
        trials: networks that stand for the space.
        progress: whether to show a bar.
    """
    variants = reading_variants(model.space)
    default = draws_of(None, len(variants))
    if len(images.val) <= IMAGES or not judges_input(ZERO_COST["meco"], images):
        return default
    proxies = _proxies(make_zero_cost("meco", model.space, images, model.fabric).score(trials))
    if np.isfinite(proxies).sum() < MIN_ITEMS or np.nanstd(proxies) == 0:
        return default
    draws = range(max(DRAWS, len(variants)))
    agreement = np.zeros((len(variants), len(draws)))
    with tqdm(total=agreement.size, desc="choosing images", unit="draw", disable=not progress) as bar:
        for (variant, draw), _ in np.ndenumerate(agreement):
            how: dict[str, Any] = {"sample": sample_of(images, draw), "skeletons": [variants[variant]]}
            losses = [s.value if s.ok else np.nan for s in model.estimator(task=images, **how).score(trials)]
            agreement[variant, draw] = _agreement(np.array(losses), proxies)
            bar.update()
    return [int(draw) for draw in linear_sum_assignment(-agreement)[1]]


def _agreement(losses: Floats, proxies: Floats) -> float:
    read = np.isfinite(losses) & np.isfinite(proxies)
    return (kendall(losses[read], proxies[read]) or 0.0) if read.sum() >= MIN_ITEMS else 0.0


def _proxies(scores: Sequence[Score]) -> Floats:
    """The mean of MeCo and SWAP [n] as normal scores among those that could be read, NaN for others."""
    out = np.full(len(scores), np.nan)
    if good := [i for i, score in enumerate(scores) if score.ok]:
        each = [normal_ranks(np.array([scores[i].extra[name] for i in good])) for name in ("meco", "swap")]
        out[good] = np.mean(each, axis=0)
    return out
