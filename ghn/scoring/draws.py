"""Which validation images generated weights are read on, in each variant of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from ghn.analysis.correlation import MIN_ITEMS, kendall
from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError
from ghn.scoring.proxies import ZERO_COST, judges_input
from ghn.scoring.readouts import Sample
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import reading_variants
from ghn.types import Estimator, Task, Trial

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
    if len(images.val) <= IMAGES or not judges_input(ZERO_COST["meco"], images):
        return draws_of(None, len(variants))
    witness = _values(make_zero_cost("meco", model.space, images, model.fabric), trials)
    agreement = np.zeros((len(variants), DRAWS))
    with tqdm(total=agreement.size, desc="choosing images", unit="draw", disable=not progress) as bar:
        for (variant, draw), _ in np.ndenumerate(agreement):
            how: dict[str, Any] = {"sample": sample_of(images, draw), "skeletons": [variants[variant]]}
            losses = _values(model.estimator(task=images, **how), trials)
            read = np.isfinite(losses) & np.isfinite(witness)
            told = read.sum() >= MIN_ITEMS and np.ptp(witness[read]) > 0
            agreement[variant, draw] = (kendall(losses[read], witness[read]) or 0.0) if told else 0.0
            bar.update()
    return [int(draw) for draw in agreement.argmax(1)] if agreement.any() else draws_of(None, len(variants))


def _values(estimator: Estimator[Any], trials: Sequence[Trial[Any]]) -> Floats:
    """Scores [n], NaN where one failed."""
    return np.array([score.value if score.ok else np.nan for score in estimator.score(trials)])
