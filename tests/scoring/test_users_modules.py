"""What the user has - modules, networks, graphs - is taken wherever members of the space are."""

from __future__ import annotations

import warnings
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ghn.errors import ArchitectureError, ConfigError, GhnError, GraphError
from ghn.nets import GHN, GHNConfig
from ghn.scoring.model import Model
from ghn.scoring.zero_cost import make_zero_cost
from ghn.types import Network

ARCH = ("nor_conv_3x3", "skip_connect", "none", "avg_pool_3x3", "nor_conv_1x1", "none")


class Odd(nn.Module):
    """Layers that no space has, and a parameter that no head makes."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.cells = nn.Conv2d(3, 6, 5, 2)
        self.norm = nn.BatchNorm2d(6)
        self.hidden = nn.Linear(6, 12)
        self.heat = nn.Parameter(torch.tensor(2.0))
        self.unused = nn.Parameter(torch.zeros(3))
        self.head = nn.Linear(12, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.silu(self.norm(self.cells(x))).mean((2, 3))
        return self.head(nn.functional.gelu(self.hidden(x)) * self.heat)


@pytest.fixture
def model(toy_space: Any, toy_task: Any, fabric: Any) -> Model:
    torch.manual_seed(0)
    kinds = (*GHNConfig(classes=4).kinds, "matrix")
    net = GHN(GHNConfig(toy_task.classes, hidden=8, heads=2, layers=1, decoder_hidden=8, channels=8, kinds=kinds))
    return Model(net, toy_space, {"task": toy_task.describe(), "scoring_task": None}, fabric)


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_modules_networks_and_graphs_are_scored_beside_members(model: Model, toy_task: Any, toy_space: Any) -> None:
    member = toy_space.network(ARCH)
    module = Odd(toy_task.classes)
    broken = nn.Linear(3, 2)
    given = [ARCH, toy_space.format(ARCH), member, member.graph, module, broken, Odd(toy_task.classes + 1)]
    scores = model.score(given, task=toy_task, skeletons=[])
    values = [s.value for s in scores]
    assert values[0] == values[1] == values[2] == values[3] and abs(values[4] - values[0]) > 1e-3
    assert "cannot be captured" in str(scores[5].error) and "on inputs [b 3 " in str(scores[5].error)
    assert "output shape (5,)" in str(scores[6].error)
    again = model.score([module], task=toy_task)[0]
    assert again.value == pytest.approx(values[4], abs=1e-5)  # beside others, sums round otherwise
    for readout in ("accuracy", "ridge", "meco", "synflow"):
        assert model.score([module], readout, task=toy_task)[0].ok, readout


def test_weights_keep_what_no_head_makes_and_strict_refuses(model: Model, toy_task: Any) -> None:
    module = Odd(toy_task.classes)
    made = model.weights(module)
    assert made["heat"] == 2 and made["hidden/weight"].shape == (12, 6)
    assert not torch.equal(made["cells/weight"], module.cells.weight)
    with pytest.raises(GraphError, match=r"1 of 9 parameters[\s\S]*heat"):
        model.weights(module, strict=True)
    with pytest.raises(GraphError, match="classes"):
        model.weights(Odd(toy_task.classes + 1))
    assert model.embed(module).shape == (8,)


def test_hidden_layers_are_not_bounded_by_the_classes(model: Model, toy_task: Any) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 4))
    made = model.weights(module)
    assert int(torch.linalg.matrix_rank(made["3/weight"])) > toy_task.classes


@pytest.mark.parametrize("head", ["auto", "make", "keep"])
def test_weights_are_written_into_a_module(model: Model, toy_task: Any, head: str) -> None:
    module = Odd(toy_task.classes)
    before = {name: p.clone() for name, p in module.named_parameters()}
    images = torch.randn(32, 3, 8, 8)
    covered = model.init_(module, head=head, data=[images[:16], images[16:]])
    kept = {"heat", "unused", *(("head.weight", "head.bias") if head == "keep" else ())}
    assert set(covered.kept) == kept and set(covered.made) == before.keys() - kept
    sizes = {name: p.numel() for name, p in before.items()}
    assert covered.share == pytest.approx(1 - sum(sizes[k] for k in kept) / sum(sizes.values()))
    assert "aten.gelu.default" in covered.unknown
    for name, p in module.named_parameters():
        assert torch.equal(p, before[name]) == (name in kept), name
        assert p.requires_grad
    mean = module.cells(images).mean((0, 2, 3))
    torch.testing.assert_close(module.norm.running_mean, mean, atol=1e-4, rtol=1e-3)
    made = {name.replace("/", "."): w for name, w in model.weights(module).items()}
    torch.testing.assert_close(made["cells.weight"], module.cells.weight.detach())


def test_a_class_head_of_more_classes_is_kept_or_refused(model: Model, toy_task: Any) -> None:
    module = Odd(toy_task.classes + 3)
    assert {"head.weight", "head.bias"} <= set(model.init_(module).kept)
    with pytest.raises(GraphError, match="classes"):
        model.init_(module, head="make")
    with pytest.raises(GraphError, match="heat"):
        model.init_(module, strict=True)
    with pytest.raises(ConfigError, match=r"auto \| make \| keep"):
        model.init_(module, head="new")


def test_other_inputs_are_given_by_example(model: Model) -> None:
    module = nn.Sequential(nn.Conv1d(2, 4, 7, 2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3))
    assert model.init_(module, torch.randn(1, 2, 30)).share == 1


def test_what_was_meant_is_said(model: Model, toy_task: Any, toy_space: Any, fabric: Any) -> None:
    with pytest.raises(ArchitectureError, match="a string"):
        model.weights("a string")
    for lone in (toy_space.format(ARCH), ARCH, Odd(), toy_space.network(ARCH), 3):
        with pytest.raises(ConfigError, match="takes a list of architectures"):
            model.score(lone, task=toy_task)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="takes a list of architectures"):
        model.rank(ARCH, task=toy_task)
    proxy = make_zero_cost("synflow", toy_space, toy_task, fabric)
    for wrong in ([ARCH], "a string", [toy_space.format(ARCH)]):
        with pytest.raises(GhnError, match=r"list of trials[\s\S]*Trial\('0', architecture\)"):
            proxy.score(wrong)  # type: ignore[arg-type]


def test_networks_are_ranked_by_everything(model: Model, toy_task: Any, toy_space: Any) -> None:
    rng = Random(0)
    given: list[Any] = [toy_space.sample(rng) for _ in range(30)] + [Odd(toy_task.classes)]
    scores = model.rank(given, task=toy_task)
    assert scores[-1].ok, scores[-1].error
    assert isinstance(model.network(given[-1]), Network)


class Holding(Odd):
    """Its logits are in something."""

    def forward(self, x: Tensor) -> Any:  # type: ignore[override]
        return {"logits": super().forward(x)}


class Failing(Odd):
    """Fails on more images than two, with an error of its own."""

    def forward(self, x: Tensor) -> Tensor:
        if 2 < len(x) < 1000:
            raise KeyError("images")
        return super().forward(x)


def test_modules_that_cannot_be_read_are_failures_of_their_own(model: Model, toy_task: Any) -> None:
    scores = model.score([Holding(), Failing(), Odd()], task=toy_task)
    assert "expected: one tensor" in str(scores[0].error) and "images" in str(scores[1].error) and scores[2].ok


def test_statistics_are_estimated_without_dropout_and_modes_are_kept(model: Model) -> None:
    module = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 4))
    module[2].eval()
    modes = [m.training for m in module.modules()]
    images, state = torch.randn(16, 3, 8, 8), torch.get_rng_state()
    model.init_(module, data=[{"input": images[:8]}, (images[8:], None)])
    torch.testing.assert_close(module[2].running_mean, module[1](images).mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    assert [m.training for m in module.modules()] == modes and torch.equal(state, torch.get_rng_state())

    def interrupted() -> Any:
        yield images
        raise KeyboardInterrupt

    mean = module[2].running_mean.clone()
    for data, error in (([], ConfigError), ("text", ConfigError), ([images, images[:, :2]], ConfigError)):
        with pytest.raises(error, match="running statistics cannot be estimated"):
            model.init_(module, data=data)
    with pytest.raises(KeyboardInterrupt):
        model.init_(module, data=interrupted())
    assert torch.equal(module[2].running_mean, mean) and module[2].momentum == 0.1
    assert [m.training for m in module.modules()] == modes
