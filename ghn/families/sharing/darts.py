"""DARTS's architecture parameters: a distribution over the options of each choice.

DARTS: shared weights under mixed operations, and architecture parameters that learn by gradient.

Source: Liu, Simonyan & Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.errors import ConfigError
from ghn.families.sharing.bank import Bank, SharedSearch
from ghn.families.sharing.enas import count_options
from ghn.families.sharing.oneshot import hold_out_images
from ghn.graph.interpreter import Interpreter
from ghn.graph.ir import Graph
from ghn.spaces.choices import ChoiceSpace, choice_space
from ghn.tasks.images import ImageTask
from ghn.train.meta import ImageSampler, MetaConfig, MetaTrainer
from ghn.types import Space, WeightDict


class Alphas(nn.Module):
    """One number for each option of each choice.

    Source: Liu, Simonyan & Yang 2019, eq. 2: an option weighs as much as the softmax over its edge gives it. Initial
    values are those of the authors' code, 1e-3 times a normal draw.

    Args:
        space: whose options they weigh.
        seed: of the initial values.
    """

    def __init__(self, space: ChoiceSpace, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.values = nn.ParameterList(
            nn.Parameter(1e-3 * torch.randn(len(choice.options), generator=generator)) for choice in space.choices()
        )

    def probabilities(self) -> list[list[float]]:
        """What each option of each choice weighs."""
        return [alpha.detach().softmax(0).tolist() for alpha in self.values]

    def entropies(self) -> list[float]:
        """Entropy of each choice, nats."""
        return [float(-(a.detach().softmax(0) * a.detach().log_softmax(0)).sum()) for a in self.values]


def mixtures(alphas: Sequence[Tensor], choice_of: Mapping[str, int]) -> WeightDict:
    """The weights of a supergraph's mixtures."""
    weights = [alpha.softmax(0) for alpha in alphas]
    return {name: weights[choice] for name, choice in choice_of.items()}


# --- DARTS: shared weights under mixed operations, and architecture parameters that learn by gradient ---

Tensors = Sequence[Tensor]
Loss = Callable[[Tensors, Tensors], Tensor]  # of weights and architecture parameters


@dataclass(frozen=True, slots=True)
class DartsConfig:
    """How the architecture parameters are trained.

    Attributes:
        order: 1 takes the weights as they are, 2 as they would be a step later.
        lr: of Adam.
        weight_decay: of Adam.
        held_out: share of the train split that they learn from.
        images: of these, a step.
    """

    order: int = 2
    lr: float = 3e-3
    weight_decay: float = 1e-3
    held_out: float = 0.5
    images: int = 64

    def __post_init__(self) -> None:
        if self.order not in (1, 2):
            raise ConfigError(
                "weights.order must be 1 or 2",
                got=self.order,
                expected="1: weights as they are | 2: as they are a step later",
            )
        if not isinstance(self.images, int) or self.images < 1 or not (self.lr > 0 and self.weight_decay >= 0):
            raise ConfigError(
                "weights: images must be at least 1, lr positive, weight_decay not negative",
                got=f"images {self.images}, lr {self.lr}, weight_decay {self.weight_decay}",
            )


def architecture_gradient(
    train_loss: Loss, val_loss: Loss, weights: Tensors, alphas: Tensors, rate: float, order: int
) -> list[Tensor]:
    """The gradient of the validation loss in the architecture parameters.

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


class WholeSupergraph:
    """What every step of DARTS runs."""

    def __call__(self, step: int, n: int) -> list[Any]:
        """The whole, `n` times."""
        return ["the supergraph"] * n

    def lower(self, space: Space[Any], drawn: Any) -> Graph:
        """The supergraph."""
        return choice_space(space).supergraph().graph

    def format(self, drawn: Any) -> str:
        """In words."""
        return str(drawn)


class DartsTrainer(MetaTrainer):
    """Trains a bank under mixed operations, and the mixture on images that the bank does not see, in turn.

    Those are a part of the train split; the val split is left for scores. All images of a step, `architectures` times
    `images`, go through the one supergraph.

    Args:
        bank: the shared weights.
        space: of the architectures.
        task: only its train split is used.
        config: how the weights are trained.
        darts: how the architecture parameters are trained.
        fabric: the device.
        folder: of the run.
        more: `resume`, `check` and `identity` of `MetaTrainer`.

    Raises:
        ConfigError: the space cannot be taken apart into decisions, or there are too few images, or several skeletons.
    """

    def __init__(
        self,
        bank: Bank,
        space: Space[Any],
        task: ImageTask,
        config: MetaConfig,
        darts: DartsConfig,
        fabric: Fabric,
        folder: Path | str,
        **more: Any,
    ) -> None:
        if config.skeletons:
            raise ConfigError("DARTS trains one supergraph", got=f"skeletons {config.skeletons}", fix="leave them out")
        kept, held = hold_out_images(task, darts.held_out, darts.images, config.seed)
        self.darts, self.held, self.choices = darts, held.to(fabric.device), choice_space(space)
        self.held_images = ImageSampler(len(held), darts.images, config.seed, fabric.device)
        self.alphas = Alphas(self.choices, config.seed).to(fabric.device)
        graph, choice_of = self.choices.supergraph()
        self.graph, self.choice_of, self.program = graph, choice_of, Interpreter(graph)
        policy = torch.optim.Adam(
            self.alphas.parameters(), darts.lr, betas=(0.5, 0.999), weight_decay=darts.weight_decay
        )
        more["identity"] = {**(more.get("identity") or {}), "weights": asdict(darts)}
        self.bank = bank
        model, paths = SharedSearch(bank, self.alphas), WholeSupergraph()
        super().__init__(model, space, kept, config, fabric, folder, paths=paths, policy=policy, **more)

    def train_step(self) -> Tensor:
        """A step of the architecture parameters, then one of the weights; returns the loss of the latter, shape [1].

        Source: Liu, Simonyan & Yang 2019, alg. 1.
        """
        train = self.loss_on(*self.batch())
        val = self.loss_on(*self.held.batch(self.held_images(self.step)))
        weights, alphas = list(self.bank.parameters()), list(self.alphas.values)
        rate = self._lr(self.step)
        self._updating = True
        for alpha, slope in zip(
            alphas, architecture_gradient(train, val, weights, alphas, rate, self.darts.order), strict=True
        ):
            alpha.grad = slope
        self.optimizers["policy"].step()
        loss = train(weights, [alpha.detach() for alpha in alphas])[None]
        self.descend(loss, self.architectures(self.step, 1))
        return loss.detach()

    def loss_on(self, x: Tensor, y: Tensor) -> Loss:
        """The loss of the supergraph on these images, as a function of weights and architecture parameters."""
        names = [name for name, _ in self.bank.named_parameters()]

        def loss(weights: Tensors, alphas: Tensors) -> Tensor:
            held = self.bank.select(self.graph, dict(zip(names, weights, strict=True)))
            return F.cross_entropy(self.logits(self.program, {**held, **mixtures(alphas, self.choice_of)}, x), y)

        return loss

    def measures(self) -> dict[str, float | None]:
        """Beside the learning rate: mean entropy (nats a choice) and operations of the member that is nearest."""
        return {
            **super().measures(),
            "policy/entropy": fmean(self.alphas.entropies()),
            **{f"operations/{name}": float(n) for name, n in self._operations()},
        }

    def found(self) -> dict[str, Any]:
        """The member that is nearest to the mixture; for the card."""
        probabilities = self.alphas.probabilities()
        return {
            "architecture": self.space.format(self.choices.discretise(probabilities)),
            "probabilities": {c.name: p for c, p in zip(self.choices.choices(), probabilities, strict=True)},
            "policy_entropy": fmean(self.alphas.entropies()),
            "operations": dict(self._operations()),
        }

    def _operations(self) -> list[tuple[str, int]]:
        nearest = self.choices.discretise(self.alphas.probabilities())
        return count_options(self.choices, [self.choices.to_choices(nearest)])
