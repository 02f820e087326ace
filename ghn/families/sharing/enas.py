"""ENAS: shared weights, and a controller - a recurrent network - that learns which paths to train.

Source: Pham, Guan, Zoph, Le & Dean, "Efficient Neural Architecture Search via Parameter Sharing", ICML 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.errors import ArchitectureError, ConfigError, TrainingError, check_counts, check_numbers
from ghn.families.sharing.bank import Bank
from ghn.families.sharing.paths import SharedSearch, count_options, hold_out_images
from ghn.families.sharing.roles import holds
from ghn.spaces.choices import Choices, Decisions, decision_space
from ghn.train.loop import Update
from ghn.train.meta import MetaConfig, MetaStep, PathSampler, StepBatches
from ghn.train.runtime import ranks_of
from ghn.types import Batch, Space, Task

TRIES = 20  # draws of a step's architectures, where the bank does not hold all
TEMPERATURE, TANH = 5.0, 2.5  # Source: Pham et al. 2018, for CIFAR-10: keep it from settling early


class Drawn(NamedTuple):
    """Architectures that the controller has drawn: the option of each choice, and two numbers [n] for each.

    `entropy` is that of the distributions that its choices were drawn from, summed, in nats.
    """

    options: list[tuple[int, ...]]
    log_prob: Float[Tensor, " n"]
    entropy: Float[Tensor, " n"]


class Controller(nn.Module):
    """Draws architectures; what was chosen is fed back as the input of the next choice.

    Source: Pham et al. 2018, sec. 2.2: LSTM; for CIFAR-10: uniform initial weights in [-0.1, 0.1], logits
    TANH * tanh(logits / TEMPERATURE).

    Args:
        space: whose decisions are taken. Options that no member has after those before get no probability.
        hidden: size of the LSTM.
        seed: of the initial weights.
    """

    def __init__(self, space: Decisions, hidden: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.space = space
        self.reward_sum: Tensor
        self.reward_weight: Tensor
        self.options = max(len(choice.options) for choice in space.choices())
        self.start = nn.Parameter(torch.empty(hidden))
        self.embedding = nn.Embedding(self.options, hidden)
        self.cell, self.head = nn.LSTMCell(hidden, hidden), nn.Linear(hidden, self.options)
        generator = torch.Generator().manual_seed(seed)
        for p in self.parameters():
            nn.init.uniform_(p, -0.1, 0.1, generator)
        self.register_buffer("reward_sum", torch.zeros(()))
        self.register_buffer("reward_weight", torch.zeros(()))

    def draw(self, n: int, generator: torch.Generator) -> Drawn:
        """Draws `n` architectures; log-probabilities and entropies can be differentiated."""
        drawn: list[tuple[int, ...]] = [()] * n
        x = self.start.expand(n, -1)
        state: tuple[Tensor, Tensor] | None = None
        log_probs, entropies = [], []
        for _ in self.space.choices():
            state = self.cell(x, state)
            log_p = self._log_probabilities(state[0], drawn)
            p = log_p.exp()
            option = torch.multinomial(p.detach(), 1, generator=generator)
            log_probs.append(log_p.gather(1, option)[:, 0])
            entropies.append(-(p * log_p.clamp(min=-1e9)).sum(1))  # what is not allowed has 0 * -1e9
            drawn = [(*before, o) for before, o in zip(drawn, option[:, 0].tolist(), strict=True)]
            x = self.embedding(option[:, 0])
        return Drawn(drawn, torch.stack(log_probs).sum(0), torch.stack(entropies).sum(0))

    def _log_probabilities(self, h: Float[Tensor, "n d"], drawn: list[tuple[int, ...]]) -> Float[Tensor, "n options"]:
        logits = TANH * torch.tanh(self.head(h) / TEMPERATURE)
        closed = torch.ones(logits.shape, dtype=torch.bool)
        for row, before in enumerate(drawn):
            closed[row, list(self.space.allowed(before))] = False
        return logits.masked_fill(closed.to(h.device), float("-inf")).log_softmax(1)

    @property
    def baseline(self) -> Tensor:
        """The moving average of rewards, without the bias of its start; 0 before the first."""
        return self.reward_sum / self.reward_weight.clamp(min=1e-12)

    def objective(
        self, drawn: Drawn, rewards: Float[Tensor, " n"], entropy_weight: float, decay: float
    ) -> Float[Tensor, ""]:
        """What is minimised: REINFORCE with a moving baseline, which it updates, and an entropy bonus.

        The weight of the bonus is in units of reward a nat; `decay` is that of the baseline.

        Source: Williams, "Simple statistical gradient-following algorithms", 1992; Pham et al. 2018, sec. 2.2.
        """
        advantage = rewards - self.baseline if self.reward_weight > 0 else rewards - rewards.mean()
        self.reward_sum.mul_(decay).add_(rewards.mean(), alpha=1 - decay)
        self.reward_weight.mul_(decay).add_(1 - decay)
        return -(advantage * drawn.log_prob + entropy_weight * drawn.entropy).mean()


FINAL = 20  # architectures drawn at the end, of which the best is what was found; Source: Pham et al. 2018, sec. 2.2


@dataclass(frozen=True, slots=True)
class EnasConfig:
    """How the controller is trained."""

    hidden: int = 64  # size of its LSTM
    lr: float = 3.5e-3  # of Adam
    every: int = 50  # steps of the weights between two phases of the controller
    policy_steps: int = 10  # updates of the controller a phase
    samples: int = 8  # architectures an update
    entropy: float = 0.01  # weight of the entropy bonus, in units of accuracy a nat
    baseline: float = 0.95  # decay of the moving average of the reward
    held_out: float = 0.2  # share of the train split on which architectures are rewarded
    images: int = 128  # of these, a reward

    def __post_init__(self) -> None:
        phase = {"every": self.every, "policy_steps": self.policy_steps, "samples": self.samples}
        check_counts("weights.", hidden=self.hidden, images=self.images, **phase)
        check_numbers("weights.", above=0, lr=self.lr)
        check_numbers("weights.", least=0, entropy=self.entropy)
        check_numbers("weights.", least=0, below=1, baseline=self.baseline)
        check_numbers("weights.", above=0, below=1, held_out=self.held_out)


class ControllerPaths(PathSampler):
    """The architectures that a controller draws for the steps of the weights, as far as the bank holds them."""

    space: Decisions[Any]

    def __init__(self, controller: Controller, seed: int, bank: Bank) -> None:
        self.controller, self.space, self.seed = controller, controller.space, seed
        self.held = dict(bank.named_parameters())
        self.whole = isinstance(self.space, Choices)  # a supergraph holds every member

    def __call__(self, step: int, n: int) -> list[Any]:
        with torch.no_grad():
            drawn = self.draw(n, self.generator(2 * step))
        return [self.space.from_choices(options) for options in drawn.options]

    def draw(self, n: int, generator: torch.Generator) -> Drawn:
        """Draws `n` architectures, as the controller does.

        Raises:
            TrainingError: hardly any that it draws is held.
        """
        found: list[tuple[tuple[int, ...], Tensor, Tensor]] = []
        for _ in range(TRIES):
            drawn = self.controller.draw(n, generator)
            if self.whole:
                return drawn
            each = zip(drawn.options, drawn.log_prob, drawn.entropy, strict=True)
            found += [one for one in each if self._is_held(one[0])]
            if len(found) >= n:
                options, log_probs, entropies = zip(*found[:n], strict=True)
                return Drawn(list(options), torch.stack(log_probs), torch.stack(entropies))
        raise TrainingError(
            "the controller draws architectures that the bank does not hold",
            got=f"{len(found)} of {TRIES * n} are held",
        )

    def _is_held(self, options: tuple[int, ...]) -> bool:
        try:
            return holds(self.held, self.space, self.space.from_choices(options))
        except ArchitectureError:  # an option that was not met when the decisions were counted
            return False

    def generator(self, number: int) -> torch.Generator:
        """The source of randomness of a draw."""
        device = self.controller.start.device
        return torch.Generator(device).manual_seed(self.seed * 1_000_003 + number)


class EnasStep:
    """A step of the bank on paths that a controller draws; now and then the controller learns how accurate paths are.

    Rewards are read on a part of the train split that the weights do not see; the val split is left for scores.

    Raises:
        ConfigError: the space cannot be taken apart into decisions, there are too few images, the training ends
            before the controller learns anything, or there are several ranks.
    """

    def __init__(
        self, bank: Bank, space: Space[Any], task: Task, config: MetaConfig, enas: EnasConfig, fabric: Fabric
    ) -> None:
        ranks_of(fabric).refuse("weights=enas", "the paths of a step follow from what its controller has learnt")
        if enas.every > config.steps:
            raise ConfigError(
                "the controller of ENAS would never be trained",
                got=f"weights.every {enas.every}, trainer.steps {config.steps}",
                fix="train for more steps, or lower weights.every",
            )
        kept, held = hold_out_images(task, enas.held_out, enas.images, config.seed)
        self.enas, self.held = enas, held.to(fabric.device)
        self.held_batches = StepBatches(self.held, enas.images, config.seed, fabric.device)
        self.controller = Controller(decision_space(space), enas.hidden, config.seed).to(fabric.device)
        self.policy = torch.optim.Adam(self.controller.parameters(), enas.lr)
        self.paths = ControllerPaths(self.controller, config.seed, bank)
        self.weights = MetaStep(bank, space, kept, config, fabric, paths=self.paths)
        self.model: nn.Module = SharedSearch(bank, self.controller)
        self.averaged: Sequence[str] = [f"bank.{name}" for name in self.weights.averaged]
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {**self.weights.optimizers, "policy": self.policy}
        self.identity: Mapping[str, Any] = {**self.weights.identity, "weights": asdict(enas)}

    def __call__(self, number: int) -> Update:
        """A step of the weights, and where it is due a phase of the controller."""
        archs = self.paths(number, self.weights.config.architectures)
        update = self.weights.update(number, archs)

        def apply() -> Tensor:
            losses = update.apply()
            if (number + 1) % self.enas.every == 0:
                for k in range(self.enas.policy_steps):
                    self.update_controller((number + 1) // self.enas.every * self.enas.policy_steps + k)
            return losses

        return Update(apply, drawn=[self.paths.space.to_choices(arch) for arch in archs])

    def update_controller(self, number: int) -> None:
        """One step of REINFORCE; `number` tells it from others."""
        e = self.enas
        drawn = self.paths.draw(e.samples, self.paths.generator(2 * number + 1))
        rewards = self.accuracies(drawn.options, self.held_batches(number))
        self.policy.zero_grad()
        self.controller.objective(drawn, rewards, e.entropy, e.baseline).backward()
        self.policy.step()

    @torch.no_grad()
    def accuracies(self, options: Sequence[Sequence[int]], batch: Batch, model: nn.Module | None = None) -> Tensor:
        """Mean metric [n] of architectures on a held-out batch, with the weights as they are or a model's."""
        x, y = batch
        networks = [self.weights.network(self.paths.space.from_choices(o), 0) for o in options]
        made = (model or self.model)([network.graph for network in networks])
        descent = self.weights.descent
        both = zip(networks, made, strict=True)
        each = [descent.logits(network.program, network.complete(weights), x) for network, weights in both]
        return torch.stack([descent.metric(one, y).mean() for one in each])

    def measures(self, number: int) -> dict[str, float | None]:
        """Beside the learning rate: mean reward of late, entropy (nats an architecture) and operations of a draw."""
        with torch.no_grad():
            drawn = self.controller.draw(self.enas.samples, self.paths.generator(2 * number))
        counts = count_options(self.paths.space, drawn.options)
        return {
            **self.weights.measures(number),
            "policy/reward": float(self.controller.baseline),
            "policy/entropy": float(drawn.entropy.mean()),
            **{f"operations/{name}": n / len(drawn.options) for name, n in counts.items()},
        }

    @torch.no_grad()
    def found(self, averaged: nn.Module, number: int) -> dict[str, Any]:
        """The best, on held-out images, of the architectures that the controller draws after so many steps."""
        drawn = self.paths.draw(FINAL, self.paths.generator(2 * number + 1))
        rewards = self.accuracies(drawn.options, next(self.held.batches(1000)), averaged)
        best = drawn.options[int(rewards.argmax())]
        return {
            "architecture": self.paths.space.format(self.paths.space.from_choices(best)),
            "held_out_accuracy": float(rewards.max()),
            "policy_entropy": float(drawn.entropy.mean()),
            "operations": count_options(self.paths.space, [best]),
        }
