"""DARTS: shared weights under mixed operations, and architecture parameters that learn by gradient.

Source: Liu, Simonyan & Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import fmean
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.errors import ConfigError, check_counts, check_numbers
from ghn.families.sharing.bank import Bank
from ghn.families.sharing.paths import SharedSearch, count_options, hold_out_images
from ghn.graph.interpreter import Interpreter
from ghn.spaces.choices import Choices, choice_space
from ghn.train.loop import Update
from ghn.train.meta import Descent, MetaConfig, StepBatches, run_identity
from ghn.train.runtime import ranks_of
from ghn.types import Inputs, Space, Task, WeightDict

Tensors = Sequence[Tensor]
Loss = Callable[[Tensors, Tensors], Tensor]  # of weights and architecture parameters


class Alphas(nn.Module):
    """One number for each option of each choice.

    Source: Liu, Simonyan & Yang 2019, eq. 2: an option weighs as much as the softmax over its edge gives it. Initial
    values are those of the authors' code, 1e-3 times a normal draw.
    """

    def __init__(self, space: Choices, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.values = nn.ParameterList(
            nn.Parameter(1e-3 * torch.randn(len(choice.options), generator=generator)) for choice in space.choices()
        )

    def probabilities(self) -> list[list[float]]:
        return [alpha.detach().softmax(0).tolist() for alpha in self.values]

    def entropies(self) -> list[float]:
        """Entropy of each choice, nats."""
        return [float(-(a.detach().softmax(0) * a.detach().log_softmax(0)).sum()) for a in self.values]


def mixtures(alphas: Sequence[Tensor], choice_of: Mapping[str, int]) -> WeightDict:
    """The weights of a supergraph's mixtures."""
    weights = [alpha.softmax(0) for alpha in alphas]
    return {name: weights[choice] for name, choice in choice_of.items()}


@dataclass(frozen=True, slots=True)
class DartsConfig:
    """How the architecture parameters are trained."""

    order: int = 2  # 1 takes the weights as they are, 2 as they would be a step later
    lr: float = 3e-3  # of Adam
    weight_decay: float = 1e-3  # of Adam
    held_out: float = 0.5  # share of the train split that they learn from
    images: int = 64  # of these, a step

    def __post_init__(self) -> None:
        if self.order not in (1, 2):
            raise ConfigError(
                "weights.order must be 1 or 2",
                got=self.order,
                expected="1: weights as they are | 2: as they are a step later",
            )
        check_counts("weights.", images=self.images)
        check_numbers("weights.", above=0, lr=self.lr)
        check_numbers("weights.", least=0, weight_decay=self.weight_decay)
        check_numbers("weights.", above=0, below=1, held_out=self.held_out)


def architecture_gradient(
    train_loss: Loss, val_loss: Loss, weights: Tensors, alphas: Tensors, rate: float, order: int
) -> list[Tensor]:
    """The gradient of the validation loss in the architecture parameters a, given weights w.

    Source: Liu, Simonyan & Yang 2019, eq. 7 and 8: through one plain gradient step w' = w - rate * dw L_train(w, a),
    with the product of Hessian and vector as a finite difference of width 0.01 / norm(dw' L_val). At order 1, rate = 0.

    Args:
        train_loss: of the images that the weights learn from.
        val_loss: of the images that the architecture parameters learn from.
        weights: w.
        alphas: a; need gradients.
        rate: the learning rate of the weights.
        order: 1 or 2.
    """
    if order == 1:
        return _grad(val_loss(weights, alphas), alphas)
    slope = _grad(train_loss(weights, alphas), weights)
    ahead = [(w - rate * d).detach().requires_grad_() for w, d in zip(weights, slope, strict=True)]
    both = _grad(val_loss(ahead, alphas), [*alphas, *ahead])
    direct, vector = both[: len(alphas)], both[len(alphas) :]
    width = 0.01 / float(torch.cat([v.flatten() for v in vector]).norm())
    up, down = (
        _grad(train_loss([(w + s * width * v).detach() for w, v in zip(weights, vector, strict=True)], alphas), alphas)
        for s in (1, -1)
    )
    return [d - rate * (u - v) / (2 * width) for d, u, v in zip(direct, up, down, strict=True)]


def _grad(loss: Tensor, of: Tensors) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(of), allow_unused=True, materialize_grads=True))


class DartsStep:
    """A step of the mixture on images that the bank does not see, then one of the bank under mixed operations.

    Those images are a part of the train split; the val split is left for scores. All images of a step, `architectures`
    times `images`, go through the one supergraph.

    Source: Liu, Simonyan & Yang 2019, alg. 1.

    Raises:
        ConfigError: the space cannot be taken apart into decisions, or there are too few images, several skeletons, or
            several ranks.
    """

    def __init__(
        self, bank: Bank, space: Space[Any], task: Task, config: MetaConfig, darts: DartsConfig, fabric: Fabric
    ) -> None:
        ranks_of(fabric).refuse("weights=darts", "a step is one supergraph")
        if config.skeletons:
            raise ConfigError("DARTS trains one supergraph", got=f"skeletons {config.skeletons}", fix="leave them out")
        kept, held = hold_out_images(task, darts.held_out, darts.images, config.seed)
        self.darts, self.config, self.held, self.choices = darts, config, held.to(fabric.device), choice_space(space)
        self.held_batches = StepBatches(self.held, darts.images, config.seed, fabric.device)
        self.graph, self.choice_of = self.choices.supergraph()
        self.program = Interpreter(self.graph)
        self.bank, self.descent = bank, Descent(bank, kept, config, fabric)
        self.alphas = Alphas(self.choices, config.seed).to(fabric.device)
        self.policy = torch.optim.Adam(
            self.alphas.parameters(), darts.lr, betas=(0.5, 0.999), weight_decay=darts.weight_decay
        )
        self.model: nn.Module = SharedSearch(bank, self.alphas)
        self.averaged: Sequence[str] = [f"bank.{name}" for name, _ in bank.named_parameters()]
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "optimizer": self.descent.optimizer,
            "policy": self.policy,
        }
        self.identity: Mapping[str, Any] = {**run_identity(space, kept, config, fabric), "weights": asdict(darts)}

    def __call__(self, number: int) -> Update:
        """Works out the step of the architecture parameters, on which that of the weights depends."""
        train = self.loss_on(*self.descent.batch(number))
        val = self.loss_on(*self.held_batches(number))
        weights, rate = list(self.bank.parameters()), self.config.rate(number)
        slopes = architecture_gradient(train, val, weights, list(self.alphas.values), rate, self.darts.order)
        return Update(partial(self._take, number, train, slopes))

    def _take(self, number: int, train: Loss, slopes: Tensors) -> Tensor:
        alphas = list(self.alphas.values)
        for alpha, slope in zip(alphas, slopes, strict=True):
            alpha.grad = slope
        self.policy.step()
        loss = train(self.descent.parameters, [alpha.detach() for alpha in alphas])[None]
        self.descent.backward(loss, ["the supergraph"], number)
        self.descent.optimizer.step()
        return loss.detach()

    def loss_on(self, x: Inputs, y: Tensor) -> Loss:
        """The loss of the supergraph on these images, as a function of weights and architecture parameters."""
        names = [name for name, _ in self.bank.named_parameters()]

        def loss(weights: Tensors, alphas: Tensors) -> Tensor:
            held = self.bank.select(self.graph, dict(zip(names, weights, strict=True)))
            mixed = {**held, **mixtures(alphas, self.choice_of)}
            return self.descent.loss(self.descent.logits(self.program, mixed, x), y)

        return loss

    def measures(self, number: int) -> dict[str, float | None]:
        """Beside the learning rate: mean entropy (nats a choice) and operations of the member that is nearest."""
        return {
            "lr": self.config.rate(number),
            "policy/entropy": fmean(self.alphas.entropies()),
            **{f"operations/{name}": float(n) for name, n in self._operations().items()},
        }

    def found(self, averaged: nn.Module, number: int) -> dict[str, Any]:
        probabilities = self.alphas.probabilities()
        return {
            "architecture": self.choices.format(self.choices.discretise(probabilities)),
            "probabilities": {c.name: p for c, p in zip(self.choices.choices(), probabilities, strict=True)},
            "policy_entropy": fmean(self.alphas.entropies()),
            "operations": self._operations(),
        }

    def _operations(self) -> dict[str, int]:
        nearest = self.choices.discretise(self.alphas.probabilities())
        return count_options(self.choices, [self.choices.to_choices(nearest)])
