"""On which axis channels are: networks as people write them, each with one non-linearity."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ghn.graph.channels import channels_last
from ghn.types import Network

C, SIDE = 24, 8  # channels of the patches, and 64 tokens


class Do(nn.Module):
    """A function as a module, with parameters if it needs any."""

    def __init__(self, of, **params):
        super().__init__()
        self.of = of
        for name, shape in params.items():
            setattr(self, name, nn.Parameter(torch.rand(shape)))

    def forward(self, x: Tensor) -> Tensor:
        return self.of(self, x)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(C, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x)[0]


TOKENS = Do(lambda _, x: x.flatten(2).mT)
ROWS = Do(lambda _, x: x.permute(0, 2, 3, 1))
MAPS = Do(lambda _, x: x.permute(0, 3, 1, 2))
GATED = (nn.AdaptiveAvgPool2d(1), nn.Conv2d(C, C, 1), nn.Sigmoid())
LAST = {
    "a linear layer": (TOKENS, nn.LayerNorm(C), nn.Linear(C, 40)),
    "a linear layer of turned patches": (TOKENS, nn.Linear(C, 40)),
    "the same without a bias": (TOKENS, nn.Linear(C, 40, bias=False)),
    "as many features as tokens": (TOKENS, nn.Linear(C, SIDE * SIDE)),
    "a product with a parameter": (TOKENS, Do(lambda m, x: x @ m.w, w=(C, 40))),
    "a scale of all": (TOKENS, nn.Linear(C, 40), Do(lambda m, x: x * m.s, s=())),
    "another scale of all": (TOKENS, nn.Linear(C, 40), Do(lambda m, x: x * m.s, s=(1,))),
    "a normalisation": (TOKENS, nn.Linear(C, 40), nn.LayerNorm(40)),
    "attention": (TOKENS, nn.LayerNorm(C), Attention()),
    "patches that are turned": (TOKENS,),
    "maps that are turned": (ROWS, nn.LayerNorm(C, elementwise_affine=False)),
    "places that are added": (TOKENS, Do(lambda m, x: x + m.p, p=(1, SIDE * SIDE, C))),
}
FIRST = {
    "a convolution": (),
    "a norm": (nn.BatchNorm2d(C),),
    "groups": (nn.GroupNorm(4, C),),
    "a norm of whole maps": (nn.LayerNorm([C, SIDE, SIDE]),),
    "a scale of channels": (Do(lambda m, x: m.s * x, s=(C, 1, 1)),),
    "a scale of all": (Do(lambda m, x: m.s * x, s=()),),
    "places that are added": (Do(lambda m, x: m.p + x, p=(1, C, SIDE, SIDE)),),
    "a norm of features, and back": (ROWS, nn.LayerNorm(C), MAPS),
    "a linear layer, and back": (ROWS, nn.Linear(C, C), MAPS),
    "a gate": (Do(lambda m, x: m.gate(x) * x),),
    "a vector that is added": (Do(lambda m, x: m.e[:, :, None, None] + x, e=(1, C)),),
    "as wide as the maps": (nn.Conv2d(C, SIDE, 1),),
    "scaled weights": (Do(lambda m, x: F.conv2d(x, m.w - m.w.mean()), w=(C, C, 1, 1)),),
}
FIRST["a gate"][0].gate = nn.Sequential(*GATED)


@pytest.mark.parametrize(
    ("name", "last"), [*((name, True) for name in LAST), *((name, False) for name in FIRST)], ids=lambda x: str(x)
)
def test_channels_are_where_the_last_layer_leaves_them(name: str, last: bool) -> None:
    body = (LAST if last else FIRST)[name]
    patches = nn.Conv2d(3, C, 2, stride=2)
    head = (nn.GELU(), nn.Flatten(), nn.LazyLinear(2))
    module, x = nn.Sequential(patches, *body, *head), torch.randn(2, 3, 2 * SIDE, 2 * SIDE)
    module(x)
    graph = Network.from_module(module, x).graph
    (i,) = (i for i, node in enumerate(graph.nodes) if "gelu" in node.op)
    assert channels_last(graph, i) == last


def test_signals_vectors_and_inputs_themselves() -> None:
    for body, shape, last in (
        ((nn.Conv1d(3, 8, 3), nn.GELU()), (2, 3, 32), False),
        ((nn.Flatten(), nn.Linear(96, 8), nn.GELU()), (2, 3, 32), False),
        ((nn.GELU(), nn.Conv1d(3, 8, 3)), (2, 3, 32), False),
    ):
        graph = Network.from_module(nn.Sequential(*body, nn.Flatten()), torch.randn(shape)).graph
        (i,) = (i for i, node in enumerate(graph.nodes) if "gelu" in node.op)
        assert channels_last(graph, i) == last
