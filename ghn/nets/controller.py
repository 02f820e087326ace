"""ENAS's controller: a recurrent network that takes a space's decisions one after the other."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ghn.spaces.choices import ChoiceSpace

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
