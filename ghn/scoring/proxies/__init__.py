"""Zero-cost proxies: numbers that one batch, or none, says of a network that was never trained. Higher is better.

Each is a function of a graph, its weights and, where it needs them, images and labels: such as
`naswot(graph, weights, images)`. `make_zero_cost` in `ghn.estimators` makes an estimator of any of them.
"""

from ghn.scoring.proxies.counts import flops, params
from ghn.scoring.proxies.forward import jacob_cov, naswot
from ghn.scoring.proxies.gradients import fisher, grad_norm, grasp, snip, synaptic_flow, synflow
from ghn.scoring.proxies.readout import ZERO_COST, Proxy, ZeroCostReadout
from ghn.scoring.proxies.zen import GaussianInit, zen

__all__ = [
    "ZERO_COST",
    "GaussianInit",
    "Proxy",
    "ZeroCostReadout",
    "fisher",
    "flops",
    "grad_norm",
    "grasp",
    "jacob_cov",
    "naswot",
    "params",
    "snip",
    "synaptic_flow",
    "synflow",
    "zen",
]
