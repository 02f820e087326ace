"""Zero-cost proxies: numbers that one batch, or none, says of a network that was never trained. Higher is better.

Each is a function of a network, its weights and, where it needs them, images and labels: such as
`naswot(network, weights, images)`. `ghn.scoring.zero_cost.make_zero_cost` makes an estimator of any of them.
"""

from ghn.scoring.proxies.activations import meco, naswot, swap
from ghn.scoring.proxies.gradients import fisher, grad_norm, grasp, jacob_cov, snip, synaptic_flow, synflow
from ghn.scoring.proxies.registry import ZERO_COST, Proxy, ProxyReadout, flops, params
from ghn.scoring.proxies.zen import GaussianInit, zen

__all__ = [
    "ZERO_COST",
    "GaussianInit",
    "Proxy",
    "ProxyReadout",
    "fisher",
    "flops",
    "grad_norm",
    "grasp",
    "jacob_cov",
    "meco",
    "naswot",
    "params",
    "snip",
    "swap",
    "synaptic_flow",
    "synflow",
    "zen",
]
