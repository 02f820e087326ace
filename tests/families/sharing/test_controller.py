"""The controller of ENAS and the parameters of DARTS."""

from __future__ import annotations

import pytest
import torch
from shared_cases import SPACES

from ghn.families.sharing.darts import Alphas, mixtures
from ghn.families.sharing.enas import Controller
from ghn.spaces import ViT
from ghn.spaces.choices import Choice


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Bandit:
    """One choice of three arms."""

    def choices(self) -> tuple[Choice, ...]:
        return (Choice("arm", ("a", "b", "c")),)

    def allowed(self, chosen: object) -> range:
        return range(3)


@pytest.mark.parametrize("space", [*SPACES.values(), ViT((3, 16, 16), 4)], ids=[*SPACES, "vit"])
def test_only_members_are_drawn_and_their_probability_is_known(space) -> None:
    controller = Controller(space, hidden=8)
    drawn = controller.draw(20, generator())
    assert len({space.from_choices(options) for options in drawn.options}) > 15
    again = controller.draw(20, generator())
    assert again.options == drawn.options and torch.equal(again.log_prob, drawn.log_prob)
    assert drawn.log_prob.max() < 0 and drawn.entropy.min() > 0
    drawn.entropy.sum().backward()
    assert all(p.grad.isfinite().all() for p in controller.parameters() if p.grad is not None)


def test_probabilities_and_entropy_are_those_of_the_distribution() -> None:
    controller = Controller(Bandit(), hidden=8, seed=1)  # type: ignore[arg-type]
    drawn = controller.draw(20_000, generator())
    arms = torch.tensor(drawn.options)[:, 0]
    p = torch.stack([drawn.log_prob[arms == arm][0].exp() for arm in range(3)])
    assert float(p.detach().sum()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(torch.bincount(arms) / len(arms), p.detach(), atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.entropy[0], -(p * p.log()).sum())


def test_reinforce_moves_probability_to_the_better_arm() -> None:
    controller, source = Controller(Bandit(), hidden=8), generator(3)  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(controller.parameters(), 0.02)
    payoff = torch.tensor([0.2, 0.9, 0.4])
    for _ in range(150):
        drawn = controller.draw(8, source)
        rewards = payoff[torch.tensor(drawn.options)[:, 0]]
        optimizer.zero_grad()
        controller.objective(drawn, rewards, entropy_weight=0.0, decay=0.9).backward()
        optimizer.step()
    arms = torch.tensor(controller.draw(500, source).options)[:, 0]
    assert (arms == 1).float().mean() > 0.8
    assert float(controller.baseline) == pytest.approx(0.9, abs=0.1)


def test_the_expected_gradient_is_that_of_the_expected_reward() -> None:
    controller = Controller(Bandit(), hidden=4, seed=2)  # type: ignore[arg-type]
    payoff = torch.tensor([1.0, -2.0, 0.5])
    state = controller.cell(controller.start[None])
    exact = -(controller._log_probabilities(state[0], [()]).exp()[0] * payoff).sum()
    exact = torch.autograd.grad(exact, controller.head.bias)[0]
    controller.reward_weight.fill_(1.0)  # a baseline of 0, which does not matter in the mean
    drawn = controller.draw(40_000, generator())
    loss = controller.objective(drawn, payoff[torch.tensor(drawn.options)[:, 0]], 0.0, 0.5)
    torch.testing.assert_close(torch.autograd.grad(loss, controller.head.bias)[0], exact, atol=0.01, rtol=0)


def test_an_entropy_bonus_keeps_arms_alive() -> None:
    """Without it one arm wins; with weight 1 the best distribution is the softmax of the rewards 1, 0, 0."""
    entropies = []
    for weight in (0.0, 1.0):
        controller, source = Controller(Bandit(), hidden=8), generator(5)  # type: ignore[arg-type]
        optimizer = torch.optim.Adam(controller.parameters(), 0.02)
        for _ in range(100):
            drawn = controller.draw(8, source)
            rewards = (torch.tensor(drawn.options)[:, 0] == 0).float()
            optimizer.zero_grad()
            controller.objective(drawn, rewards, weight, decay=0.9).backward()
            optimizer.step()
        entropies.append(float(controller.draw(1, source).entropy.detach()))
    softmax = torch.tensor([1.0, 0.0, 0.0]).softmax(0)
    assert entropies[0] < 0.6
    assert entropies[1] == pytest.approx(float(-(softmax * softmax.log()).sum()), abs=0.05)


def test_alphas_begin_almost_uniform_and_weigh_every_mixture_of_their_choice() -> None:
    space = SPACES["darts"]
    alphas = Alphas(space)
    assert all(abs(v - 1 / 8) < 1e-3 for p in alphas.probabilities() for v in p)
    assert alphas.entropies() == pytest.approx([torch.tensor(8.0).log().item()] * 28, abs=1e-5)
    choice_of = space.supergraph().choice_of
    made = mixtures(list(alphas.values), choice_of)
    names = [choice.name for choice in space.choices()]
    assert len(made) == 3 * 14  # edges of three cells: normal, reduction, reduction
    assert torch.equal(made["cell1/0-2/mix/weight"], made["cell2/0-2/mix/weight"])
    assert torch.equal(made["cell1/0-2/mix/weight"], alphas.values[names.index("reduce/0-2")].softmax(0))
    assert torch.equal(made["cell0/0-2/mix/weight"], alphas.values[names.index("normal/0-2")].softmax(0))
