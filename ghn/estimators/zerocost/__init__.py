"""Zero-cost proxies: numbers that one batch, or none, says of a network that was never trained. Higher is better.

Each is a function of a graph, its weights and, where it needs them, images and labels: such as
`naswot(graph, weights, images)`. `make_zero_cost` in `ghn.estimators` makes an estimator of any of them.
"""

from ghn.estimators.zerocost.counts import flops, params
from ghn.estimators.zerocost.fisher import fisher
from ghn.estimators.zerocost.gradients import grad_norm, snip
from ghn.estimators.zerocost.grasp import grasp
from ghn.estimators.zerocost.jacob_cov import jacob_cov
from ghn.estimators.zerocost.naswot import naswot
from ghn.estimators.zerocost.readout import ZERO_COST, Proxy, ZeroCostReadout
from ghn.estimators.zerocost.synflow import synaptic_flow, synflow
from ghn.estimators.zerocost.zen import GaussianInit, zen

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
