"""What every test shares: one thread, reproducible random examples, small tasks, and no CUDA tests without CUDA."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from hypothesis import HealthCheck, settings
from lightning_fabric import Fabric
from toy_models import save_toy

from ghn.scoring.model import Model
from ghn.scoring.readouts import USUAL_SIZES
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask
from ghn.train.runtime import make_runtime

CACHE = tempfile.TemporaryDirectory(prefix="ghn-tests-", ignore_cleanup_errors=True)
os.environ["GHN_CACHE"] = CACHE.name  # captured graphs are kept in a folder of the tests
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


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws from the generators of all does not depend on the tests before it."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - which libraries draw from


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    return make_runtime("cpu")


@pytest.fixture(scope="session")
def toy_space() -> NASBench201:
    return toy.SPACE


@pytest.fixture(scope="session")
def make_toy_task() -> Callable[..., ImageTask]:
    return toy.make_task


@pytest.fixture(scope="session")
def toy_task() -> ImageTask:
    return toy.make_task()


@pytest.fixture(scope="session")
def toy_checkpoint(
    tmp_path_factory: pytest.TempPathFactory, toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric
) -> Path:
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    save_toy(path, toy_space, toy_task, fabric)
    return path


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is scored looks at few images where no number is given."""
    for size, n in {"val": 64, "ridge_train": 256, "ridge_val": 64}.items():
        monkeypatch.setitem(USUAL_SIZES, size, n)


@pytest.fixture
def toy_model(toy_checkpoint: Path, fabric: Fabric) -> Model:
    from ghn.scoring.load import load

    return load(toy_checkpoint, fabric=fabric)
