"""What every test shares: one thread, reproducible random examples, small tasks, and no CUDA tests without CUDA."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, settings
from lightning_fabric import Fabric

from ghn.spaces import NASBench201
from ghn.tasks import ImageTask, from_arrays
from ghn.train.runtime import make_runtime

torch.set_num_threads(1)  # threads that wait for a busy core cost more than they give on small tensors
settings.register_profile(
    "ghn", deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ghn")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what needs CUDA where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    return make_runtime("cpu")


@pytest.fixture(scope="session")
def toy_space() -> NASBench201:
    """The skeleton at its smallest: images 3x8x8, four classes, width 4, one cell a stage."""
    return NASBench201((3, 8, 8), classes=4, width=4, depth=1)


def _split(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with a bright quadrant, which is the class: easy to learn."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(120, (n, 3, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.arange(n) % 4
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, 4 * (label // 2) : 4 * (label // 2) + 4, 4 * (label % 2) : 4 * (label % 2) + 4] += 120
    return images, labels


@pytest.fixture(scope="session")
def make_toy_task() -> Callable[..., ImageTask]:
    """Makes the toy task for `toy_space`; the seeds choose the images of each split."""

    def make(train: int = 0, val: int = 1, test: int = 2, size: int = 80) -> ImageTask:
        return from_arrays("toy", train=_split(size, train), val=_split(40, val), test=_split(40, test), classes=4)

    return make


@pytest.fixture(scope="session")
def toy_task(make_toy_task: Callable[..., ImageTask]) -> ImageTask:
    return make_toy_task()
