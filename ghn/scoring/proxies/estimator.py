"""A zero-cost proxy as an estimator: random weights in the scoring engine, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightning_fabric import Fabric

from ghn.errors import ConfigError
from ghn.nets.initial import RandomInit
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.proxies.readout import ZERO_COST
from ghn.scoring.proxies.zen import GaussianInit
from ghn.scoring.readouts import Sample
from ghn.tasks.images import ImageTask
from ghn.types import Space


def make_zero_cost(
    name: str,
    space: Space[Any],
    task: ImageTask,
    fabric: Fabric,
    *,
    seed: int = 0,
    batch: int = 64,
    skeletons: Sequence[Mapping[str, Any]] = (),
    live: bool = True,
    block: int = 64,
) -> WeightedEstimator:
    """Makes the estimator of a proxy.

    Args:
        name: one of `ZERO_COST`.
        space: of the candidates.
        task: its *train* split gives images and labels; validation and test are not looked at.
        fabric: the device.
        seed: of weights and images.
        batch: number of images, in one pass.
        skeletons: settings of the space over which the value is a mean; none: the space as it is.
        live: whether the live part of a candidate is judged; False: all of it, as in most papers.
        block: candidates scored at once: what a kill loses of a long run.

    Raises:
        ConfigError: unknown name.
        DataError: fewer training images than `batch`.
    """
    if name not in ZERO_COST:
        raise ConfigError("unknown zero-cost proxy", got=name, expected=" | ".join(ZERO_COST))
    init = GaussianInit if name == "zen" else RandomInit
    return WeightedEstimator(
        init(seed, fabric.device),
        space,
        task,
        fabric,
        readout=name,
        sample=Sample(zero_cost=batch, seed=seed),
        skeletons=skeletons,
        live=live,
        block=block,
        weights_id=f"{'gaussian' if name == 'zen' else 'random'}_init/{seed}",
        source=ZERO_COST[name].source,
    )
