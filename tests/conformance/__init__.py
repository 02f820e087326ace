"""One suite a protocol: what every space, every source of weights and every estimator must do.

A new one joins by one line in the `test_*` module of its protocol, or runs the whole suite from a test of its own with
`check_space`, `check_weights` or `check_estimator`.
"""

from conformance.estimator import ESTIMATOR_CHECKS, check_estimator
from conformance.space import SPACE_CHECKS, check_space
from conformance.weights import WEIGHTS_CHECKS, check_weights

__all__ = [
    "ESTIMATOR_CHECKS",
    "SPACE_CHECKS",
    "WEIGHTS_CHECKS",
    "check_estimator",
    "check_space",
    "check_weights",
]
