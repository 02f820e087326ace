"""A zero-cost proxy as an estimator: random weights in the scoring engine, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightning_fabric import Fabric

from ghn.errors import ConfigError
from ghn.nets.initial import GaussianInit, RandomInit
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.readouts import Sample
from ghn.types import Readable, Space, Task


def make_zero_cost(
    name: str,
    space: Space[Any],
    task: Task,
    fabric: Fabric,
    *,
    seed: int = 0,
    batch: int | None = None,
    sample: Sample | None = None,
    skeletons: Sequence[Mapping[str, Any]] = (),
    live: bool = True,
    block: int = 64,
) -> WeightedEstimator:
    """Makes the estimator of a proxy.

    Args:
        name: one of `ZERO_COST`.
        space: of the candidates.
        task: its *train* split gives images and labels; of its validation split `meco` and `swap` take images.
        fabric: the device.
        seed: of weights, and of images where no `sample` is given.
        batch: number of images, in one pass; None: 64, and 16 for `meco` and `swap`.
        sample: which images, instead of `batch`.
        skeletons: settings of the space over which the value is a mean; none: the space as it is, but for `meco` and
            `swap` the variant that the space names, where it does.
        live: whether the live part of a candidate is judged; False: all of it, as in most papers.
        block: candidates scored at once: what a kill loses of a long run.

    Raises:
        ConfigError: unknown name.
        DataError: the split has fewer images than are asked for.
    """
    if name not in ZERO_COST:
        raise ConfigError("unknown zero-cost proxy", got=name, expected=" | ".join(ZERO_COST))
    proxy = ZERO_COST[name]
    if sample is None:
        images = {} if batch is None else {"proxy" if proxy.of_activations else "zero_cost": batch}
        sample = Sample(**images, seed=seed)
    if not skeletons and proxy.of_activations and isinstance(space, Readable):
        skeletons = [space.proxy_variant()]
    gaussian = name == "zen"
    return WeightedEstimator(
        (GaussianInit if gaussian else RandomInit)(seed, fabric.device),
        space,
        task,
        fabric,
        readout=name,
        sample=sample,
        skeletons=skeletons,
        live=live,
        block=block,
        weights_id=f"{'gaussian' if gaussian else 'random'}_init/{seed}",
        source=proxy.source,
    )
