"""A service around a hypernetwork that was never trained, with all that a trained one has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import toy
from fastapi.testclient import TestClient
from lightning_fabric import Fabric
from toy_models import save_toy

from ghn.adapters.service import Access, Limits, Served, Service, make_app
from ghn.scoring.proxies import ZERO_COST

LIMITS = Limits(networks=6, body=100_000, string=200, nodes=400, depth=200, values=500_000)
ARCH = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
OTHER = "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
USUAL = {  # made up
    **{f"ghn_depth{depth}/{name}": [-2.0, 2.0] for depth in (1, 3, 5) for name in ("loss", "accuracy")},
    "graph/params": [0.0, 20_000.0],
    "zero_cost/meco": [0.0, 2.0],
    "zero_cost/swap": [0.0, 20_000.0],
}
NONE = "|fft~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def make_served(folder: Path, fabric: Fabric, limits: Limits | None = None) -> Served:
    """The toy hypernetwork, ready to be asked."""
    task = toy.make_task()
    known = {"task_checksum": task.normalised_as(task.describe()).checksum, "meco": ZERO_COST["meco"].version}
    population = {**known, "quantiles": USUAL}
    model = save_toy(folder / "toy.safetensors", toy.SPACE, task, fabric, population=population)
    return Served(toy.SPACE.name, model, "toy", task=task, limits=limits or LIMITS)


@contextmanager
def client(served: Served, folder: Path, access: Access | None = None, **options: Any) -> Iterator[TestClient]:
    """A client of a running application; what it observes is kept in the folder."""
    service = Service([served], folder, served.limits, pool=4, **options)
    with TestClient(make_app(service, access), raise_server_exceptions=False) as found:
        found.service = service  # type: ignore[attr-defined]
        yield found
