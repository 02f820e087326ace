"""Every source of weights joins with one line."""

from functools import cache

import pytest
import torch

from conformance.weights import WEIGHTS_CHECKS
from ghn.families.morphism.inherited import Inherited
from ghn.families.morphism.network import WeightedNetwork
from ghn.families.sharing.bank import Bank, BankConfig
from ghn.families.sharing.smash import Smash, SmashConfig
from ghn.graph import Interpreter, simplify
from ghn.nets import GHN, GaussianInit, GHNConfig, RandomInit
from ghn.spaces import NASBench201

SPACE = NASBench201((3, 8, 8), classes=4, width=4, depth=1)
CELLS = (("nor_conv_3x3",) * 6, ("none",) * 6, ("skip_connect", "none", "nor_conv_1x1", "avg_pool_3x3", "none", "none"))
FULL = simplify(SPACE.network(("nor_conv_3x3",) * 6).graph)
SMALL = {"hidden": 16, "heads": 2, "layers": 2, "decoder_hidden": 16, "channels": 8}


@cache
def ghn(**config):
    torch.manual_seed(0)
    return GHN(GHNConfig(classes=4, **SMALL, **config)).eval()


def inherited(**options):
    return Inherited(
        WeightedNetwork(FULL, RandomInit(2)([FULL])[0], Interpreter(FULL, running_stats=True).new_stats()), **options
    )


WEIGHTS = {
    "random": lambda: RandomInit(seed=1),
    "Gaussian": lambda: GaussianInit(seed=1),
    "ghn1": lambda: ghn(encoder="gated", virtual_edges=False, position=False),
    "ghn2": lambda: ghn(encoder="gated", rounds=2, position=False),
    "ghn3": lambda: ghn(encoder="graphormer"),
    "low rank": lambda: ghn(decoder="low_rank", rank=4),
    "bank": lambda: Bank(BankConfig("oneshot", 4), SPACE),
    "smash": lambda: Smash(SmashConfig(classes=4, unit=4, hidden=16, blocks=1), SPACE),
    "inherited": inherited,
    "inherited, least squares": lambda: inherited(images=torch.randn(8, 3, 8, 8, generator=torch.Generator())),
}


@pytest.fixture(scope="module")
def graphs():
    """Whole networks and live parts, large and small."""
    lowered = [SPACE.network(cell).graph for cell in CELLS]
    return [*lowered, *map(simplify, lowered)]


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("check", WEIGHTS_CHECKS, ids=lambda c: c.__name__)
def test_weights(check, weights, graphs):
    check(weights(), graphs)
