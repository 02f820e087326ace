"""Modules of the user's own on tasks that graphs of images have no words for: tokens, signals, two inputs."""

import pytest
import torch
from torch import nn

from ghn.nets import RandomInit
from ghn.scoring.readouts import Sample, make_readout
from ghn.tasks import Custom, from_arrays
from ghn.train.network import NetworkTrainer, Recipe
from ghn.types import Network

N = 120
GENERATOR = torch.Generator().manual_seed(0)
TOKENS = torch.randint(12, (N, 6), generator=GENERATOR)
NUMBERS = torch.randn(N, 4, generator=GENERATOR)
SIGNALS = torch.randn(N, 2, 16, generator=GENERATOR)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(12, 8), nn.Linear(8, 2)

    def forward(self, ids):
        return self.head(self.embed(ids).mean(1).relu())


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.numbers, self.head = nn.Embedding(12, 8), nn.Linear(4, 8), nn.Linear(8, 1)

    def forward(self, ids, x):
        return self.head((self.words(ids).mean(1) + self.numbers(x)).relu())


def per_step(output, target):
    return (output - target).square().mean((1, 2))


CASES = {
    "tokens": (Words, lambda: from_arrays("k", (TOKENS, (TOKENS.sum(1) > 33).long()))),
    "signals": (
        lambda: nn.Sequential(nn.Conv1d(2, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 2)),
        lambda: from_arrays("s", (SIGNALS, (SIGNALS.mean((1, 2)) > 0).long())),
    ),
    "two inputs": (Both, lambda: from_arrays("b", ((TOKENS, NUMBERS), 5 * NUMBERS[:, 0]), kind="regression")),
    "inputs by name": (
        Both,
        lambda: from_arrays("d", ({"ids": TOKENS, "x": NUMBERS}, 5 * NUMBERS[:, 0]), kind="regression"),
    ),
    "an output an element": (
        lambda: nn.Sequential(nn.Conv1d(2, 8, 3, padding=1), nn.ReLU(), nn.Conv1d(8, 1, 3, padding=1)),
        lambda: from_arrays("e", (SIGNALS, SIGNALS.sum(1, keepdim=True)), kind=Custom(per_step, (1, 16))),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_module_learns_and_is_read(case, fabric):
    make, task = CASES[case][0], CASES[case][1]()
    torch.manual_seed(0)
    network = Network.from_module(make(), next(task.train.batches(2))[0])
    trainer = NetworkTrainer(network, task, Recipe(epochs=12, batch_size=16, lr=0.1), 0, fabric)
    before = trainer.evaluate(task.train)[0]
    results = [trainer.run_epoch() for _ in range(12)]
    assert results[-1].train_loss < 0.9 * before
    weights = network.complete(RandomInit(0)([network.graph])[0])
    read = make_readout("loss", task, Sample())(network, weights)
    assert float(read["value"]) == -float(read["loss"])
    assert torch.isfinite(make_readout("grad_norm", task, Sample())(network, weights)["value"])
    if case != "an output an element":
        assert torch.isfinite(make_readout("ridge", task, Sample())(network, weights)["value"])
