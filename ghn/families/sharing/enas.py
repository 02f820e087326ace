"""ENAS's controller: a recurrent network that takes a space's decisions one after the other.

ENAS: shared weights and a controller that learns which paths to train.

Source: Pham, Guan, Zoph, Le & Dean, "Efficient Neural Architecture Search via Parameter Sharing", ICML 2018.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.errors import ConfigError
from ghn.families.sharing.bank import Bank, SharedSearch
from ghn.families.sharing.oneshot import hold_out_images
from ghn.graph.ir import Graph
from ghn.spaces.choices import ChoiceSpace, choice_space
from ghn.tasks.images import ImageTask
from ghn.train.meta import ImageSampler, MetaConfig, MetaTrainer
from ghn.train.run import DrawnLog
from ghn.types import Space

TEMPERATURE, TANH = 5.0, 2.5  # Source: Pham et al. 2018, for CIFAR-10: keep it from settling early


class Drawn(NamedTuple):
    """Architectures that the controller has drawn.

    Attributes:
        options: of each architecture, the option of each choice.
        log_prob: [n], of each architecture.
        entropy: [n], nats: of the distributions that its choices were drawn from, summed.
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

    def __init__(self, space: ChoiceSpace, hidden: int = 64, seed: int = 0) -> None:
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

        Source: Williams, "Simple statistical gradient-following algorithms", 1992; Pham et al. 2018, sec. 2.2.

        Args:
            drawn: the architectures.
            rewards: of each.
            entropy_weight: in units of reward a nat.
            decay: of the baseline.
        """
        advantage = rewards - self.baseline if self.reward_weight > 0 else rewards - rewards.mean()
        self.reward_sum.mul_(decay).add_(rewards.mean(), alpha=1 - decay)
        self.reward_weight.mul_(decay).add_(1 - decay)
        return -(advantage * drawn.log_prob + entropy_weight * drawn.entropy).mean()


# --- ENAS: shared weights and a controller that learns which paths to train ---

FINAL = 20  # architectures drawn at the end, of which the best is what was found; Source: Pham et al. 2018, sec. 2.2


@dataclass(frozen=True, slots=True)
class EnasConfig:
    """How the controller is trained.

    Attributes:
        hidden: size of its LSTM.
        lr: of Adam.
        every: steps of the weights between two phases of the controller.
        policy_steps: updates of the controller a phase.
        samples: architectures an update.
        entropy: weight of the entropy bonus, in units of accuracy a nat.
        baseline: decay of the moving average of the reward.
        held_out: share of the train split on which architectures are rewarded.
        images: of these, a reward.
    """

    hidden: int = 64
    lr: float = 3.5e-3
    every: int = 50
    policy_steps: int = 10
    samples: int = 8
    entropy: float = 0.01
    baseline: float = 0.95
    held_out: float = 0.2
    images: int = 128

    def __post_init__(self) -> None:
        for name in ("hidden", "every", "policy_steps", "samples", "images"):
            if not isinstance(value := getattr(self, name), int) or value < 1:
                raise ConfigError(f"weights.{name} must be a whole number of at least 1", got=value)
        if not (self.lr > 0 and self.entropy >= 0 and 0 <= self.baseline < 1):
            raise ConfigError(
                "weights: lr must be positive, entropy not negative, baseline in [0, 1)",
                got=f"lr {self.lr}, entropy {self.entropy}, baseline {self.baseline}",
            )


class ControllerPaths:
    """The architectures that a controller draws for the steps of the weights."""

    def __init__(self, controller: Controller, space: Space[Any], seed: int) -> None:
        self.controller, self.space, self.seed = controller, choice_space(space), seed

    def __call__(self, step: int, n: int) -> list[Any]:
        """Draws `n` members."""
        with torch.no_grad():
            drawn = self.controller.draw(n, self.generator(2 * step))
        return [self.space.from_choices(options) for options in drawn.options]

    def generator(self, number: int) -> torch.Generator:
        """The source of randomness of a draw."""
        device = self.controller.start.device
        return torch.Generator(device).manual_seed(self.seed * 1_000_003 + number)

    def lower(self, space: Space[Any], drawn: Any) -> Graph:
        """The graph of a member."""
        return space.network(drawn).graph

    def format(self, drawn: Any) -> str:
        """The official string."""
        return self.space.format(drawn)


class EnasTrainer(MetaTrainer):
    """Trains a bank on paths that a controller draws, and the controller on the accuracy of its paths, in turn.

    Rewards are read on a part of the train split that the weights do not see; the val split is left for scores.

    Args:
        bank: the shared weights.
        space: of the architectures.
        task: only its train split is used.
        config: how the weights are trained.
        enas: how the controller is trained.
        fabric: the device.
        folder: of the run.
        more: `resume`, `check` and `identity` of `MetaTrainer`.

    Raises:
        ConfigError: the space cannot be taken apart into decisions, or there are too few images.
    """

    def __init__(
        self,
        bank: Bank,
        space: Space[Any],
        task: ImageTask,
        config: MetaConfig,
        enas: EnasConfig,
        fabric: Fabric,
        folder: Path | str,
        **more: Any,
    ) -> None:
        kept, held = hold_out_images(task, enas.held_out, enas.images, config.seed)
        self.enas, self.held = enas, held.to(fabric.device)
        self.held_images = ImageSampler(len(held), enas.images, config.seed, fabric.device)
        self.controller = Controller(choice_space(space), enas.hidden, config.seed).to(fabric.device)
        self.paths = ControllerPaths(self.controller, space, config.seed)
        policy = torch.optim.Adam(self.controller.parameters(), enas.lr)
        more["identity"] = {**(more.get("identity") or {}), "weights": asdict(enas)}
        model = SharedSearch(bank, self.controller)
        super().__init__(model, space, kept, config, fabric, folder, paths=self.paths, policy=policy, **more)
        self.drawn = DrawnLog(self.folder, self.step)

    def descend(self, loss: Tensor, archs: Sequence[Any]) -> None:
        """Keeps what the controller drew, then takes the step."""
        self.drawn.write(self.step + 1, [self.paths.space.to_choices(arch) for arch in archs])
        super().descend(loss, archs)

    def after_update(self) -> None:
        """A phase of the controller, every so many steps."""
        if (self.step + 1) % self.enas.every:
            return
        for k in range(self.enas.policy_steps):
            number = (self.step + 1) // self.enas.every * self.enas.policy_steps + k
            self.update_controller(number)

    def update_controller(self, number: int) -> None:
        """One step of REINFORCE; `number` tells it from others."""
        e = self.enas
        drawn = self.controller.draw(e.samples, self.paths.generator(2 * number + 1))
        rewards = self.accuracies(drawn.options, self.held_images(number))
        optimizer = self.optimizers["policy"]
        optimizer.zero_grad()
        self.controller.objective(drawn, rewards, e.entropy, e.baseline).backward()
        optimizer.step()

    @torch.no_grad()
    def accuracies(self, options: Sequence[Sequence[int]], index: Tensor, model: nn.Module | None = None) -> Tensor:
        """Accuracy [n] of architectures on images of the held-out part, with the weights as they are or a model's."""
        x, y = self.held.batch(index)
        lowered = [self.lowered(self.paths.space.from_choices(o), 0) for o in options]
        made = (model or self.plain)([graph for graph, _ in lowered])
        logits = [self.logits(program, weights, x) for (_, program), weights in zip(lowered, made, strict=True)]
        return torch.stack([(one.argmax(1) == y).float().mean() for one in logits])

    def measures(self) -> dict[str, float | None]:
        """Beside the learning rate: mean reward of late, entropy (nats an architecture) and operations of a draw."""
        with torch.no_grad():
            drawn = self.controller.draw(self.enas.samples, self.paths.generator(2 * self.step))
        return {
            **super().measures(),
            "policy/reward": float(self.controller.baseline),
            "policy/entropy": float(drawn.entropy.mean()),
            **{
                f"operations/{name}": n / len(drawn.options)
                for name, n in count_options(self.paths.space, drawn.options)
            },
        }

    @torch.no_grad()
    def found(self) -> dict[str, Any]:
        """The best of the architectures that the trained controller draws, on held-out images; for the card."""
        drawn = self.controller.draw(FINAL, self.paths.generator(2 * self.step + 1))
        index = torch.arange(min(1000, len(self.held)), device=self.held.device)
        rewards = self.accuracies(drawn.options, index, self.averaged())
        best = drawn.options[int(rewards.argmax())]
        return {
            "architecture": self.space.format(self.paths.space.from_choices(best)),
            "held_out_accuracy": float(rewards.max()),
            "policy_entropy": float(drawn.entropy.mean()),
            "operations": dict(count_options(self.paths.space, [best])),
        }


def count_options(space: ChoiceSpace[Any], options: Sequence[Sequence[int]]) -> list[tuple[str, int]]:
    """How often each option occurs in some architectures; a rising number of skips is how searches fail."""
    names = [choice.options for choice in space.choices()]
    counts = Counter(own[o] for one in options for own, o in zip(names, one, strict=True))
    return [(name, counts[name]) for name in dict.fromkeys(n for own in names for n in own)]
