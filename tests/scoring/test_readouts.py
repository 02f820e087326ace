"""Read-outs against the same numbers worked out by hand in plain torch and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor
from toy_models import CUT_OFF, EDGE, SAMPLE

from ghn.errors import ConfigError, DataError
from ghn.graph.ir import Graph, GraphBuilder
from ghn.graph.simplify import simplify
from ghn.nets.initial import RandomInit
from ghn.scoring.readouts import Sample, make_readout
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask
from ghn.train.runtime import make_runtime
from ghn.types import Network, WeightDict

UNEVEN = Sample(val=40, ridge_train=80, ridge_val=40, batch=16)  # the last batch has 8 images


@pytest.fixture(scope="module")
def graph() -> Graph:
    b = GraphBuilder((3, 8, 8))
    x = b.add("conv", b.input, name="conv", out=5, kernel=3, padding=1)
    x = b.add("relu", b.add("batch_norm", x, name="norm"), name="relu")
    return b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=4))


@pytest.fixture(scope="module")
def weights(graph: Graph) -> WeightDict:
    generator = torch.Generator().manual_seed(3)
    return {k: v + 0.1 * torch.randn(v.shape, generator=generator) for k, v in RandomInit(1)([graph])[0].items()}


def features(w: WeightDict, x: Tensor) -> Tensor:
    x = F.conv2d(x, w["conv/weight"], padding=1)
    return F.batch_norm(x, None, None, w["norm/weight"], w["norm/bias"], training=True, eps=1e-5).relu()


def test_loss_and_accuracy_are_those_of_plain_torch(graph: Graph, weights: WeightDict, toy_task: ImageTask) -> None:
    x, y = toy_task.val.take(40).batch(slice(None))
    logits = torch.cat(
        [
            F.linear(features(weights, part).mean((2, 3)), weights["head/weight"], weights["head/bias"])
            for part in x.split(16)
        ]
    )
    loss, accuracy = float(F.cross_entropy(logits, y)), float((logits.argmax(1) == y).float().mean())
    assert 0.0 < accuracy < 1.0
    for name, value in (("loss", -loss), ("accuracy", accuracy)):
        reading = make_readout(name, toy_task, UNEVEN)(Network.of(graph), weights)
        assert float(reading["value"]) == pytest.approx(value, abs=1e-6)
        assert float(reading["loss"]) == pytest.approx(loss, abs=1e-6)
        assert float(reading["accuracy"]) == pytest.approx(accuracy, abs=1e-6)


def test_ridge_is_least_squares_on_a_system_with_the_penalty_as_rows(
    graph: Graph, weights: WeightDict, toy_task: ImageTask
) -> None:
    def pooled(n: int, split: str) -> tuple[np.ndarray, np.ndarray]:
        x, y = getattr(toy_task, split).take(n).batch(slice(None))
        maps = torch.cat([F.adaptive_avg_pool2d(features(weights, part), 2).flatten(1) for part in x.split(16)])
        return maps.double().numpy(), np.eye(4)[y.numpy()]

    (x, y), (new, answers) = pooled(80, "train"), pooled(40, "val")
    mean, bias = x.mean(0), y.mean(0)
    penalty = UNEVEN.penalty * ((x - mean) ** 2).sum(0).mean()
    rows = np.vstack([x - mean, np.sqrt(penalty) * np.eye(x.shape[1])])
    solution = np.linalg.lstsq(rows, np.vstack([y - bias, np.zeros((x.shape[1], 4))]), rcond=None)[0]
    predicted = (new - mean) @ solution + bias
    error = ((predicted - answers) ** 2).sum(1).mean()
    reading = make_readout("ridge", toy_task, UNEVEN)(Network.of(graph), weights)
    assert float(reading["value"]) == pytest.approx(-error, rel=1e-4)
    assert float(reading["ridge_error"]) == -float(reading["value"])
    hits = (predicted.argmax(1) == answers.argmax(1)).mean()
    assert float(reading["ridge_accuracy"]) == pytest.approx(hits, abs=1e-6)


def test_ridge_sees_neither_the_scale_of_features_nor_the_class_head(
    graph: Graph, weights: WeightDict, toy_task: ImageTask
) -> None:
    ridge = make_readout("ridge", toy_task, SAMPLE)
    value = float(ridge(Network.of(graph), weights)["value"])
    for scale in (0.01, 1000.0):  # of the last normalisation, which passes through the ReLU
        scaled = {k: v * scale if k.startswith("norm/") else v for k, v in weights.items()}
        assert float(ridge(Network.of(graph), scaled)["value"]) == pytest.approx(value, rel=1e-4)
    other = {k: torch.randn_like(v) if k.startswith("head/") else v for k, v in weights.items()}
    assert float(ridge(Network.of(graph), other)["value"]) == value


def test_a_network_cut_off_from_its_input_knows_nothing(toy_space: NASBench201, toy_task: ImageTask) -> None:
    cut = simplify(toy_space.network(CUT_OFF).graph)
    weights = RandomInit()([cut])[0]
    share = F.one_hot(toy_task.train.take(48).labels, 4).float().mean(0)
    answers = F.one_hot(toy_task.val.take(32).labels, 4)
    ridge = make_readout("ridge", toy_task, SAMPLE)(Network.of(cut), weights)
    assert float(ridge["ridge_error"]) == pytest.approx(float((share - answers).square().sum(1).mean()), abs=1e-6)
    assert float(make_readout("loss", toy_task, SAMPLE)(Network.of(cut), weights)["accuracy"]) == 0.25


def test_the_whole_and_the_live_graph_of_a_cut_off_network_agree(toy_space: NASBench201, toy_task: ImageTask) -> None:
    whole = toy_space.network(CUT_OFF).graph
    read = make_readout("ridge", toy_task, SAMPLE)
    live = simplify(whole)
    assert float(read(Network.of(whole), RandomInit()([whole])[0])["value"]) == pytest.approx(
        float(read(Network.of(live), RandomInit()([live])[0])["value"]), abs=1e-6
    )


def test_ridge_is_solved_in_float32_under_autocast(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric) -> None:
    graph = simplify(toy_space.network(EDGE).graph)
    weights = RandomInit()([graph])[0]
    ridge = make_readout("ridge", toy_task, SAMPLE)
    x, y, new = torch.randn(48, 16), F.one_hot(torch.arange(48) % 4).float(), torch.randn(32, 16)
    solved: list[Tensor] = []
    solve = ridge._solve  # type: ignore[attr-defined]

    def watched(*given: Tensor) -> Tensor:
        solved.extend([solve(x, y, new), *given])
        return solve(*given)

    ridge._solve = watched  # type: ignore[attr-defined]
    with make_runtime("cpu", "bf16").autocast():
        ridge(Network.of(graph), weights)
    assert torch.equal(solved[0], solve(x, y, new)) and all(t.dtype == torch.float32 for t in solved)


def test_the_sample_is_fixed_and_stratified(toy_task: ImageTask) -> None:
    first, again = make_readout("ridge", toy_task, SAMPLE), make_readout("ridge", toy_task, SAMPLE)
    for part, sizes in (("train", [16, 16, 16]), ("val", [16, 16])):
        mine, same = getattr(first, part), getattr(again, part)
        assert [len(y) for _, y in mine] == sizes
        assert all(
            torch.equal(a, b) for one, two in zip(mine, same, strict=True) for a, b in zip(one, two, strict=True)
        )
        counts = torch.bincount(torch.cat([y for _, y in mine]), minlength=4)
        assert counts.tolist() == [sum(sizes) // 4] * 4
    other = make_readout("ridge", toy_task, Sample(**{**vars_of(SAMPLE), "seed": 1}))
    assert not torch.equal(other.train[0][0], first.train[0][0])  # type: ignore[attr-defined]


def vars_of(sample: Sample) -> dict[str, int]:
    return {name: getattr(sample, name) for name in sample.__slots__}


def test_wrong_settings(toy_task: ImageTask) -> None:
    with pytest.raises(ConfigError, match=r"logits[\s\S]*loss \| accuracy \| ridge"):
        make_readout("logits", toy_task, SAMPLE)
    with pytest.raises(DataError, match="81"):
        make_readout("ridge", toy_task, Sample(ridge_train=81, ridge_val=8))


class Halved(ImageTask):
    """A task with a loss and a metric of its own."""

    def loss(self, output: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        return super().loss(output, target, reduction) / 2

    def metric(self, output: Tensor, target: Tensor) -> Tensor:
        return super().metric(output, target) / 4


def test_loss_and_metric_are_the_task_s(graph: Graph, weights: WeightDict, toy_task: ImageTask) -> None:
    own = Halved(toy_task.name, toy_task.train, toy_task.val, toy_task.test, toy_task.classes)
    assert own.checksum != toy_task.checksum  # scores of the two do not mix
    usual, found = (make_readout("loss", task, UNEVEN)(Network.of(graph), weights) for task in (toy_task, own))
    assert float(found["loss"]) == pytest.approx(float(usual["loss"]) / 2)
    assert float(found["accuracy"]) == pytest.approx(float(usual["accuracy"]) / 4)


def test_the_norm_is_that_of_all_weights(graph: Graph, weights: WeightDict, toy_task: ImageTask) -> None:
    read = make_readout("norm", toy_task, SAMPLE)
    flat = torch.cat([value.flatten() for value in weights.values()])
    assert float(read(Network.of(graph), weights)["value"]) == pytest.approx(float(flat.square().sum().sqrt()))
    assert read.passes == 0
