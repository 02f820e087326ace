"""Every space joins with one line."""

import pytest
import torch
from function_spaces import SHAPE, cnn, mlp, perceptron, signal, vit

from conformance.space import SPACE_CHECKS
from ghn.spaces import DARTS, FunctionSpace, ModuleSpace, NASBench101, NASBench201, NASBenchMacro, NATSBenchSize, ViT

SPACES = {
    "nasbench201": NASBench201((3, 8, 8), classes=4, width=4, depth=1),
    "nasbench201, one channel": NASBench201((1, 28, 28), classes=100, width=2, depth=2),
    "darts": DARTS((3, 8, 8), classes=4, width=2, depth=3),
    "nasbench101": NASBench101((3, 8, 8), classes=4, width=5, depth=1),
    "macro": NASBenchMacro((3, 8, 8), classes=4, width=2),
    "nats_size": NATSBenchSize((3, 8, 8), classes=4, width=2),
    "vit": ViT((3, 8, 8), classes=4, widths=(8, 16), depths=(1, 2), heads=(1, 2), ratios=(1, 2), head_size=4),
    "vit, one channel": ViT((1, 28, 28), classes=100, depths=(3, 1), head_size=8),
    "a function, a CNN": FunctionSpace(cnn, SHAPE, 4),
    "a function, tables": FunctionSpace(mlp, (20,), 3),
    "a function, signals": FunctionSpace(signal, (2, 64), 3),
    "a function, a ViT": FunctionSpace(vit, SHAPE, 4),
    "modules": ModuleSpace({f"width {n}": perceptron(n) for n in range(1, 17)}, torch.zeros(2, 20)),
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("check", SPACE_CHECKS, ids=lambda c: c.__name__)
def test_space(check, space):
    check(space)
