"""Straight lines through some of a regression's features, as a kernel; those that come with scikit-learn take all."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from sklearn.gaussian_process.kernels import Kernel


class LinearKernel(Kernel):
    """Covariance of `x @ slopes` whose slopes are independent and normal around zero.

    Source: Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, sec. 4.2.2 (of general covariance).

    Args:
        variances: [f] of each feature's slope; 0 leaves the feature out.
    """

    def __init__(self, variances: Float[np.ndarray, " f"]) -> None:
        self.variances = variances

    def __call__(
        self, X: Float[np.ndarray, "n f"], Y: Float[np.ndarray, "m f"] | None = None, eval_gradient: bool = False
    ) -> Float[np.ndarray, "n m"] | tuple[Float[np.ndarray, "n m"], Float[np.ndarray, "n m 0"]]:
        covariance = (X * self.variances) @ (X if Y is None else Y).T
        return (covariance, np.empty((*covariance.shape, 0))) if eval_gradient else covariance

    def diag(self, X: Float[np.ndarray, "n f"]) -> Float[np.ndarray, " n"]:
        return np.einsum("nf,f,nf->n", X, self.variances, X)

    def is_stationary(self) -> bool:
        return False
