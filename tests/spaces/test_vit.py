"""The space of small vision transformers against plain modules and formulas by hand."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.app.setting import task_space
from ghn.errors import ArchitectureError, ConfigError, GraphError
from ghn.graph import GraphBuilder, graph_stats
from ghn.nets.initial import RandomInit
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.readouts import head_input
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import ViT, describe_space, make_space
from ghn.spaces.choices import Choices, Decisions
from ghn.tasks import ImageTask, make_task
from ghn.types import Drawn, Encoded, Finite, Growing, Trial

SPACE = ViT((3, 16, 16), 10)
MEMBERS = ("p4-w32-h2r1-h2r1", "p2-w48-h3r4-h2r2-h4r1", "p4-w96-h4r4-h4r4-h2r1-h3r2-h4r4-h2r2")
GOLDEN = [(15_402, 221_504), (65_818, 3_871_200), (443_482, 6_955_968)]  # parameters and multiply-adds of these
SMALL = ViT((3, 8, 8), 4, widths=(8, 16), depths=(1, 2), heads=(1, 2), ratios=(1, 2), head_size=4)


class Block(nn.Module):
    """Attention and a perceptron, as Dosovitskiy et al. write them."""

    def __init__(self, width: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.qkv = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, 3 * 16 * heads)
        self.out = nn.Linear(16 * heads, width)
        self.norm2, self.up = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, ratio * width)
        self.down = nn.Linear(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (one.unflatten(-1, (self.heads, 16)).transpose(1, 2) for one in self.qkv(self.norm(x)).chunk(3, -1))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        y: Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return y


class Plain(nn.Module):
    """The network of a member, written as a module; its parameters are registered in the order of the graph's."""

    def __init__(self, patch: int, width: int, blocks: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.positions = nn.ParameterList([torch.zeros(1, (16 // patch) ** 2, width)])
        self.blocks = nn.Sequential(*(Block(width, heads, ratio) for heads, ratio in blocks))
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions[0]
        y: Tensor = self.head(self.norm(self.blocks(x)).mean(1))
        return y


@pytest.mark.parametrize("text", MEMBERS)
def test_a_member_is_the_plain_module(text: str) -> None:
    arch = SPACE.parse(text)
    network, module = SPACE.network(arch), Plain(*arch)
    (weights,) = RandomInit(1)([network.graph])
    weights = {name: w + 0.1 * torch.randn(w.shape) for name, w in weights.items()}  # no bias is 0, no scale 1
    own = dict(module.named_parameters())
    assert [tuple(p.shape) for p in own.values()] == [p.shape for p in network.graph.params()]
    module.load_state_dict(dict(zip(own, weights.values(), strict=True)))
    x = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(network.program.run(weights, x).output, module(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("text", MEMBERS)
def test_sizes_are_those_of_the_formula(text: str) -> None:
    patch, w, blocks = SPACE.parse(text)
    n, inner = (16 // patch) ** 2, [(3 * 16 * h, r * w) for h, r in blocks]
    params = (3 * patch**2 + 1) * w + n * w + 2 * w + 10 * (w + 1)
    params += sum(4 * w + (w + 1) * qkv + (qkv // 3 + 1) * w + (w + 1) * mlp + (mlp + 1) * w for qkv, mlp in inner)
    macs = n * w * 3 * patch**2 + sum(n * w * (qkv + qkv // 3 + 2 * mlp) for qkv, mlp in inner) + 10 * w
    stats = graph_stats(SPACE.network(SPACE.parse(text)).live().graph)
    assert (stats.params, stats.macs) == (params, macs)


def test_golden_sizes() -> None:
    """Of the graphs, and the parameters of the plain modules."""
    found = [graph_stats(SPACE.network(SPACE.parse(text)).graph) for text in MEMBERS]
    assert [(s.params, s.macs) for s in found] == GOLDEN
    assert [sum(p.numel() for p in Plain(*SPACE.parse(text)).parameters()) for text in MEMBERS] == [
        p for p, _ in GOLDEN
    ]


@pytest.mark.parametrize(
    ("shape", "patches"),
    [((3, 16, 16), (2, 4)), ((3, 32, 32), (4, 8)), ((1, 28, 28), (4, 7)), ((3, 8, 16), (2, 4)), ((3, 8, 8), (1, 2))],
)
def test_patches_fit_the_images(shape: tuple[int, int, int], patches: tuple[int, ...]) -> None:
    assert ViT(shape, 10).patches == patches
    assert ViT((3, 224, 224), 10, patches=(16,)).patches == (16,)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"input_shape": (3, 31, 31)}, "not given"),
        ({"input_shape": (3, 16, 17)}, "not given"),
        ({"patches": (4, 5)}, r"16x16, patches \[4, 5\](?s:.*)space.patches"),
        ({"patches": (0,)}, "patches"),
        ({"input_shape": (16,)}, "reads images"),
        ({"widths": ()}, "widths"),
        ({"heads": (2, 2)}, "heads"),
        ({"ratios": (1.5,)}, "ratios"),
        ({"depths": (0,)}, "depths"),
        ({"head_size": 0}, "head_size"),
        ({"classes": 0}, "classes"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        ViT(**{"input_shape": (3, 16, 16), "classes": 10, **settings})


@pytest.mark.parametrize(
    "text", ["p4-w32", "p4-w32-h2", "p3-w32-h2r1-h2r1", "p4-w33-h2r1-h2r1", "p4-w32-h2r1", "p4-w32-h5r1-h2r1", "p4w32"]
)
def test_strings_of_no_member_are_refused(text: str) -> None:
    with pytest.raises(ArchitectureError):
        SPACE.parse(text)


def test_it_can_what_spaces_can() -> None:
    assert all(isinstance(SPACE, can) for can in (Decisions, Encoded, Growing, Drawn))
    assert not isinstance(SPACE, Finite | Choices)  # 4.8 million members, whose widths cannot stand side by side
    assert make_space(**json.loads(json.dumps(describe_space(SPACE)))) == SPACE


def test_decisions_are_those_of_the_member() -> None:
    names = [choice.name for choice in SMALL.choices()]
    assert names == ["patch", "width", "depth"] + [f"block{i}/{one}" for i in (0, 1) for one in ("heads", "ratio")]
    every = [()]
    for _ in names:
        every = [(*chosen, option) for chosen in every for option in SMALL.allowed(chosen)]
    members = [SMALL.from_choices(chosen) for chosen in every]
    assert len(set(members)) == len(every) == 2 * 2 * (4 + 16)
    assert [SMALL.to_choices(arch) for arch in members] == every
    for wrong in ((0, 0, 0, 1, 1, 1, 1), (0, 0, 1, 1, 1, 0, 0), (0, 0, 1, 1, 1, 0, 1)):
        with pytest.raises(ArchitectureError):
            SMALL.from_choices(wrong)


def test_progressive_search_reaches_every_member_once() -> None:
    first = list(SMALL.simplest())
    grown = [arch for simple in first for arch in SMALL.expand(simple)]
    assert len(set(first + grown)) == len(first + grown) == 2 * 2 * (4 + 16)


def test_sampling_is_uniform_in_depth() -> None:
    rng = Random(0)
    depths = [len(SPACE.sample(rng)[2]) for _ in range(1000)]
    assert all(abs(depths.count(depth) / 1000 - 1 / 5) < 0.04 for depth in SPACE.depths)


def test_features_and_pictures_of_a_member() -> None:
    features = SPACE.encode(SPACE.parse(MEMBERS[1]))
    assert features["patch"] == 2 and features["depth"] == 3 and features["mean_heads"] == 3
    assert (features["least_ratio"], features["most_ratio"], features["sum_ratio"]) == (1, 4, 7)
    (diagram,) = SPACE.diagrams(SPACE.parse(MEMBERS[0]))
    assert diagram.labels == ("image", "4x4 patches, width 32", "2 heads, MLP x1", "2 heads, MLP x1", "mean")


def test_a_setting_of_a_script_makes_it() -> None:
    space = task_space({"name": "vit", "patches": [], "widths": [32]}, make_task("cifar10_embedded"))
    assert isinstance(space, ViT) and space.widths == (32,) and space.patches == (2, 4)


def test_the_last_map_is_that_of_the_tokens() -> None:
    graph = SPACE.network(SPACE.parse(MEMBERS[0])).graph
    node = graph.nodes[head_input(graph)]
    assert (node.name, node.shape) == ("head/map", (32, 4, 4))


def test_a_builder_checks_calls() -> None:
    b = GraphBuilder((4,))
    with pytest.raises(GraphError, match="sizes must be positive"):
        b.build(b.call("aten.gelu.default", b.input, args=[{"x": 0}], name="gelu", shape=(0,)))


def test_proxies_say_what_they_can(fabric: Fabric, toy_task: ImageTask) -> None:
    trials = [Trial(str(i), arch) for i, arch in enumerate(SMALL.sample(Random(i)) for i in range(3))]
    for name in ZERO_COST:
        scores = make_zero_cost(name, SMALL, toy_task, fabric, batch=8).score(trials)
        if name == "zen":  # it asks by how much normalisations of maps divide
            assert all("no maps of channels" in str(score.error) for score in scores)
        else:
            assert all(score.ok for score in scores), (name, scores[0].error)
