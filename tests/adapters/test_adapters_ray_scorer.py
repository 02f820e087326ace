"""Batches of Ray Data, as its workers hand them to `Scorer`; a run with workers is in test_adapters_ray_workers.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ray.data")
from lightning_fabric import Fabric
from toy_models import CHAIN, EDGE, SAMPLE, cells, save_toy

from ghn.adapters.ray import Scorer
from ghn.errors import CheckpointError, ConfigError, DataError
from ghn.scoring.load import load
from ghn.scoring.model import Model
from ghn.scoring.panel import parts_of
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.ranker import make_ranker


def batch(space: Any, archs: list[Any]) -> dict[str, Any]:
    texts = [a if a is None or isinstance(a, str) else space.format(a) for a in archs]
    return {"architecture": np.array(texts, dtype=object), "number": np.arange(len(archs))}


def test_a_batch_gets_columns(toy_checkpoint: Path, toy_model: Model, toy_task: Any) -> None:
    archs = [*cells(3), CHAIN, EDGE]
    given = batch(toy_model.space, archs)
    found = Scorer(toy_checkpoint, sample=SAMPLE, task=toy_task)(given)
    assert list(found) == ["architecture", "number", "hash", "error", "checkpoint", "value", "std"]
    assert found["architecture"] is given["architecture"] and list(given) == ["architecture", "number"]
    scores = toy_model.score(archs, sample=SAMPLE, task=toy_task)
    assert found["value"].tolist() == [score.value for score in scores] and np.isnan(found["std"]).all()
    assert len(set(found["hash"])) == 4 and found["hash"][3] == found["hash"][4]  # two compute the same
    assert set(found["error"]) == {""} and set(found["checkpoint"]) == {toy_model.digest}


def test_failures_are_rows(toy_checkpoint: Path, toy_model: Model, toy_task: Any) -> None:
    archs = [None, "|fft~0|", *cells(2)]
    found = Scorer(toy_checkpoint, sample=SAMPLE, task=toy_task)(batch(toy_model.space, archs))
    assert np.isnan(found["value"]).tolist() == [True, True, False, False]
    assert found["error"][0] == "there is no architecture" and "fft" in found["error"][1]
    assert [bool(one) for one in found["hash"]] == [False, False, True, True]
    empty = Scorer(toy_checkpoint, sample=SAMPLE, task=toy_task)(batch(toy_model.space, []))
    assert all(len(column) == 0 for column in empty.values()) and empty["value"].dtype == float


def test_rank(toy_space: Any, toy_task: Any, fabric: Fabric, tmp_path: Path, toy_checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match="usual"):
        Scorer(toy_checkpoint, "rank", task=toy_task)
    weights = make_ranker(load(toy_checkpoint, fabric=fabric), task=toy_task).weights
    readings = [part for name in weights for part in parts_of(name)]
    known = {"task_checksum": toy_task.checksum, "meco": ZERO_COST["meco"].version}
    population = {**known, "quantiles": {name: [-2.0, 0.0, 1e4] for name in readings}}
    model = save_toy(path := tmp_path / "whole.safetensors", toy_space, toy_task, fabric, population=population)
    archs = cells(2)
    found = Scorer(path, "rank", task=toy_task)(batch(toy_space, archs))
    scores = model.rank(archs, task=toy_task)
    assert found["value"].tolist() == [score.value for score in scores]
    assert found["std"].tolist() == [score.std for score in scores]


def test_wrong_input(toy_checkpoint: Path, toy_task: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'net' .*\n.*architecture") as caught:
        Scorer(toy_checkpoint, task=toy_task, column="net")({"architecture": np.array(["a"], dtype=object)})
    assert "fn_constructor_kwargs" in str(caught.value.fix)
    with pytest.raises(CheckpointError, match=r"missing\.safetensors"):
        Scorer(tmp_path / "missing.safetensors")
    with pytest.raises(ConfigError, match="unknown read-out"):
        Scorer(toy_checkpoint, "guess", task=toy_task)
