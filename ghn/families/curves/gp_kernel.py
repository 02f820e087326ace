"""The exponential-decay kernel and the likelihoods of freeze-thaw, in gpytorch; imported when one is fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.extras import need

gpytorch = need("gpytorch", "curves", "the Gaussian process over curves")
JITTER = 1e-6


class ExponentialDecayKernel(gpytorch.kernels.Kernel):
    """k(t, t') = beta^alpha / (t + t' + beta)^alpha: a mixture of exponential decays of all rates.

    Source: Swersky, Snoek & Adams, 2014, sec. 3 (exponential decay kernel).
    """

    is_stationary = False

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        for name in ("alpha", "beta"):
            self.register_parameter(f"raw_{name}", torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)))
            self.register_constraint(f"raw_{name}", gpytorch.constraints.Positive())

    @property
    def alpha(self) -> Float[Tensor, "1"]:
        """Shape of the gamma mixture over decay rates."""
        return self.raw_alpha_constraint.transform(self.raw_alpha)

    @property
    def beta(self) -> Float[Tensor, "1"]:
        """Its rate, in the unit of time."""
        return self.raw_beta_constraint.transform(self.raw_beta)

    def forward(
        self, x1: Float[Tensor, "*b t 1"], x2: Float[Tensor, "*b u 1"], diag: bool = False, **params: Any
    ) -> Tensor:
        """The covariance, [.., t, u], or its diagonal [.., t]."""
        total = x1[..., 0] + x2[..., 0] if diag else x1 + x2.mT
        return (self.beta / (total + self.beta)) ** self.alpha


class CurveProcess(gpytorch.Module):
    """Asymptote (mean, variance), decay towards it, and noise; the same hyperparameters for every curve."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = gpytorch.means.ConstantMean()
        self.asymptote = gpytorch.kernels.ConstantKernel()
        self.decay = gpytorch.kernels.ScaleKernel(ExponentialDecayKernel())
        self.likelihood = gpytorch.likelihoods.GaussianLikelihood(
            noise_constraint=gpytorch.constraints.GreaterThan(JITTER)
        )
        self.double()

    def around_asymptote(self, times: Float[Tensor, " t"]) -> Float[Tensor, "t t"]:
        """Covariance of observations around a known asymptote."""
        eye = torch.eye(len(times), dtype=times.dtype)
        return self.decay(times[:, None]).to_dense() + (self.likelihood.noise + JITTER) * eye

    def prior(self) -> tuple[Tensor, Tensor]:
        return self.mean.constant, self.asymptote.constant

    def forward(self, times: Float[Tensor, " t"]) -> Any:
        mean = self.mean(times[:, None])
        return gpytorch.distributions.MultivariateNormal(mean, self.around_asymptote(times) + self.asymptote.constant)


class AsymptoteProcess(gpytorch.models.ExactGP):
    """A Gaussian process over configuration features; what these cannot tell apart is additional noise."""

    def __init__(self, x: Float[Tensor, "n f"], y: Float[Tensor, " n"], variance: Float[Tensor, " n"]) -> None:
        noise = gpytorch.likelihoods.FixedNoiseGaussianLikelihood(variance, learn_additional_noise=True)
        super().__init__(x, y, noise)
        self.mean = gpytorch.means.ConstantMean()
        self.kernel = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
        self.kernel.base_kernel.lengthscale = x.shape[1] ** 0.5
        self.double()

    def forward(self, x: Float[Tensor, "n f"]) -> Any:
        return gpytorch.distributions.MultivariateNormal(self.mean(x), self.kernel(x))


def fit_curves(times: Float[Tensor, " t"], y: Float[Tensor, "n t"], steps: int, rate: float) -> CurveProcess:
    """Hyperparameters of the curves by marginal likelihood, the asymptotes' common prior included."""
    process = CurveProcess()
    _maximise(process, lambda: process(times).log_prob(y).sum() / y.numel(), steps, rate)
    return process


def fit_asymptotes(
    x: Float[Tensor, "n f"], y: Float[Tensor, " n"], variance: Float[Tensor, " n"], steps: int, rate: float
) -> Callable[[Float[Tensor, "m f"]], tuple[Tensor, Tensor]]:
    """The posterior of new asymptotes given features: a function to mean [m] and variance [m]."""
    process = AsymptoteProcess(x, y, variance)
    likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(process.likelihood, process)
    process.train()
    _maximise(process, lambda: likelihood(process(x), y), steps, rate)

    process.eval()

    def predict(new: Float[Tensor, "m f"]) -> tuple[Tensor, Tensor]:
        found = process(new)
        return found.mean, found.variance + process.likelihood.second_noise

    return predict


def _maximise(module: torch.nn.Module, objective: Callable[[], Tensor], steps: int, rate: float) -> None:
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = -objective()
        loss.backward()
        optimizer.step()
