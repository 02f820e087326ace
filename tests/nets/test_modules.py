"""Weights for users' own modules: every kind of parameter, at any shape, for operations known and unknown."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ghn.graph import Graph
from ghn.nets import GHN, GHNConfig, RandomInit
from ghn.types import Network

TOY = {"hidden": 16, "heads": 2, "layers": 1, "decoder_hidden": 32, "channels": 64}


class ViT(nn.Module):
    """A vision transformer of one block, with a class token, position embeddings and layer scale."""

    def __init__(self, heads: int = 2, eps: float = 1e-6) -> None:
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.token, self.place = nn.Parameter(torch.zeros(1, 1, 16)), nn.Parameter(torch.zeros(1, 5, 16))
        self.norm, self.qkv, self.out = nn.LayerNorm(16, eps=eps), nn.Linear(16, 48), nn.Linear(16, 16)
        self.gamma = nn.Parameter(torch.ones(16))
        self.up, self.down, self.head = nn.Linear(16, 64), nn.Linear(64, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.place
        q, k, v = self.qkv(self.norm(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.gamma * self.out(mixed)
        return self.head((x + self.down(F.gelu(self.up(x))))[:, 0])


class Odd(nn.Module):
    """Kernels of one and three axes, rectangular, transposed, grouped; a table; a number; a norm over a whole map."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(30, 12)
        self.signal, self.back = nn.Conv1d(12, 8, 5, padding=2), nn.ConvTranspose1d(8, 8, 4, 2, groups=2)
        self.volume = nn.Conv3d(1, 4, (1, 3, 3))
        self.wide, self.norm = nn.Conv2d(4, 6, (1, 9), bias=False), nn.LayerNorm((6, 6, 4))
        self.log_scale = nn.Parameter(torch.tensor(0.5))
        self.head = nn.Linear(6, 3)

    def forward(self, words: Tensor) -> Tensor:
        x = self.back(F.silu(self.signal(self.table(words).transpose(1, 2))))
        x = self.wide(self.volume(x[:, None, :, None, :14].transpose(2, 3)).squeeze(2))
        return self.head(self.norm(x).mean((2, 3)) * self.log_scale.exp())


class Tied(nn.Module):
    """One linear layer twice, and a table that is also the last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(10, 8), nn.Linear(8, 8)

    def forward(self, words: Tensor) -> Tensor:
        x = F.relu(self.layer(F.relu(self.layer(self.table(words).mean(1)))))
        return x @ self.table.weight.T


def seen(module: nn.Module, *shape: int, words: bool = False) -> Network:
    example = torch.randint(10, (2, *shape)) if words else torch.randn(2, *shape)
    return Network.from_module(module, example)


def knowing(*graphs: Graph, **config: object) -> GHN:
    """A hypernetwork that has met the operations and kinds of some graphs."""
    torch.manual_seed(0)
    operations = {node.op for graph in graphs for node in graph.nodes}
    kinds = {param.kind for graph in graphs for param in graph.params()}
    return GHN(GHNConfig(**{"classes": 10, **TOY, **config}).grown(operations, kinds)).eval()


@torch.no_grad()
@pytest.mark.parametrize("decoder", ["tiled", "low_rank"])
def test_a_transformer(decoder: str) -> None:
    network = seen(ViT(), 3, 8, 8)
    net = knowing(network.graph, decoder=decoder)
    assert net.config.attributes and net.unmade(network.graph) == ()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (weights,) = net([network.graph])
    assert {p.name: p.shape for p in network.graph.params()} == {k: tuple(v.shape) for k, v in weights.items()}
    assert {p.kind for p in network.graph.params()} >= {"conv_weight", "matrix", "embedding", "scale", "linear_weight"}
    assert network.program.run(weights, torch.randn(3, 3, 8, 8)).output.isfinite().all()
    assert torch.pdist(weights["place"][0]).min() > 1e-3  # no two places are alike


@torch.no_grad()
def test_shapes_of_every_kind_and_what_the_module_keeps() -> None:
    network = seen(Odd(), 8, words=True)
    net = knowing(network.graph)
    assert [p.name for p in net.unmade(network.graph)] == ["log_scale"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nobody expects a number to be made
        (weights,) = net([network.graph])
    assert {p.name: p.shape for p in network.graph.params() if p.kind != "scalar"} == {
        k: tuple(v.shape) for k, v in weights.items()
    }
    assert network.program.run(network.complete(weights), torch.randint(10, (3, 8))).output.isfinite().all()
    (random,) = RandomInit()([network.graph])
    assert network.program.run(random, torch.randint(10, (3, 8))).output.isfinite().all()


@torch.no_grad()
def test_hidden_layers_have_full_rank_whatever_the_classes() -> None:
    mlp = nn.Sequential(nn.Linear(20, 96), nn.ReLU(), nn.Linear(96, 32), nn.ReLU(), nn.Linear(32, 2))
    graph = seen(mlp, 20).graph
    (weights,) = knowing(graph, classes=2)([graph])
    ranks = {name: int(torch.linalg.matrix_rank(w)) for name, w in weights.items() if w.ndim == 2}
    assert ranks == {"0/weight": 20, "2/weight": 32, "4/weight": 2}
    kinds = {p.name: p.kind for p in graph.params()}
    assert kinds["2/weight"] == "matrix" and kinds["4/weight"] == "linear_weight" and kinds["2/bias"] == "bias"


@torch.no_grad()
def test_attributes_that_change_the_function_change_the_weights() -> None:
    graphs = [seen(module, 3, 8, 8).graph for module in (ViT(1), ViT(4), ViT(2), ViT(2, eps=1e-3))]
    net = knowing(*graphs)
    one, four, two, other = (weights["up/weight"] for weights in net(graphs))
    for a, b in ((one, four), (one, two), (two, other)):
        assert (a - b).abs().max() > 1e-5
    plain = GHN(GHNConfig(**{**net.config.describe(), "attributes": False}))
    two, other = (weights["up/weight"] for weights in plain(graphs[2:]))
    assert torch.equal(two, other)  # they differ in an epsilon alone


@torch.no_grad()
def test_shared_parameters_are_made_once() -> None:
    tied, other = seen(Tied(), 4, words=True).graph, seen(ViT(), 3, 8, 8).graph
    net = knowing(tied, other)
    (alone,) = net([tied])
    assert sorted(alone) == ["layer/bias", "layer/weight", "table/weight"]
    for graphs in ([other, tied], [tied, other]):
        together = net(graphs)[graphs.index(tied)]
        assert all(torch.allclose(together[name], alone[name], atol=1e-5) for name in alone)
    made = net.featurizer.batch([tied]).groups
    assert sorted(name for _, owners in made.values() for _, name in owners) == sorted(alone)
    (kind,) = [group.kind for group, (_, owners) in made.items() if (0, "table/weight") in owners]
    assert kind == "embedding"  # what it is where it is used first


@torch.no_grad()
def test_a_module_of_unknown_operations_is_warned_of_once() -> None:
    network = seen(ViT(), 3, 8, 8)
    net = GHN(GHNConfig(10, **TOY, kinds=knowing(network.graph).config.kinds))
    with pytest.warns(UserWarning, match=r"aten\.gelu\.default.*are a guess") as told:
        (weights,) = net([network.graph])
    assert len(told) == 1
    assert network.program.run(weights, torch.randn(3, 3, 8, 8)).output.isfinite().all()
