"""A tiny hypernetwork, saved and loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning_fabric import Fabric
from toy_models import save_toy

from ghn.estimators import Model
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask


@pytest.fixture(scope="session")
def toy_checkpoint(
    tmp_path_factory: pytest.TempPathFactory, toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric
) -> Path:
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    save_toy(path, toy_space, toy_task, fabric)
    return path


@pytest.fixture
def toy_model(toy_checkpoint: Path, fabric: Fabric) -> Model:
    from ghn import load

    return load(toy_checkpoint, fabric=fabric)
