"""The exponential-decay kernel and the likelihoods of freeze-thaw, in gpytorch; imported when one is fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.estimators.curves.model import need_extra

gpytorch = need_extra("gpytorch", "the Gaussian process over curves")
JITTER = 1e-6


class ExponentialDecayKernel(gpytorch.kernels.Kernel):
    """k(t, t') = beta^alpha / (t + t' + beta)^alpha: a mixture of exponential decays of all rates.

    Source: Swersky, Snoek & Adams, 2014, eq. 5-7.
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
        """Mean and variance of an asymptote."""
        return self.mean.constant, self.asymptote.constant

    def forward(self, times: Float[Tensor, " t"]) -> Any:
        """The distribution of one curve's observations."""
        mean = self.mean(times[:, None])
        return gpytorch.distributions.MultivariateNormal(mean, self.around_asymptote(times) + self.asymptote.constant)


class AsymptoteProcess(gpytorch.models.ExactGP):
    """A Gaussian process over configuration features."""

    def __init__(self, x: Float[Tensor, "n f"], y: Float[Tensor, " n"], variance: Float[Tensor, " n"]) -> None:
        super().__init__(x, y, gpytorch.likelihoods.FixedNoiseGaussianLikelihood(variance))
        self.mean = gpytorch.means.ConstantMean()
        # what features cannot tell apart differs too, from one training to the next
        own = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
        own.base_kernel.lengthscale = x.shape[1] ** 0.5
        self.kernel = own
        self.register_parameter("raw_rest", torch.nn.Parameter(torch.tensor(-2.0, dtype=torch.float64)))
        self.double()

    @property
    def rest(self) -> Tensor:
        """Variance between architectures of equal features."""
        return torch.nn.functional.softplus(self.raw_rest)

    def forward(self, x: Float[Tensor, "n f"]) -> Any:
        """The prior over asymptotes."""
        covariance = self.kernel(x).to_dense() + self.rest * torch.eye(len(x), dtype=x.dtype)
        return gpytorch.distributions.MultivariateNormal(self.mean(x), covariance)


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

    def predict(new: Float[Tensor, "m f"]) -> tuple[Tensor, Tensor]:
        known = process.kernel(x).to_dense() + torch.diag(variance + process.rest)
        across = process.kernel(new, x).to_dense()
        gain = torch.linalg.solve(known, across.mT).mT
        own = process.kernel.outputscale + process.rest
        centre = process.mean.constant
        return centre + gain @ (y - centre), (own - (gain * across).sum(dim=1)).clamp(min=JITTER)

    return predict


def _maximise(module: torch.nn.Module, objective: Callable[[], Tensor], steps: int, rate: float) -> None:
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = -objective()
        loss.backward()
        optimizer.step()
