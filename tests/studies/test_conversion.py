"""The study of which networks are taken: what it measures of one, and what becomes of one that fails."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ghn.nets import GHNConfig
from studies.conversion import MODELS, measure_apart, table

CONFIG = GHNConfig(5, hidden=8, heads=2, layers=1, decoder_hidden=8, channels=8, kinds=(*GHNConfig(5).kinds, "matrix"))


class Small(nn.Module):
    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.fails = fails
        self.body, self.head = nn.Linear(4, 6), nn.Linear(6, 5)
        self.heat, self.unread = nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.fails:
            raise ValueError("it does not work")
        return self.head(self.body(x).relu() * self.heat)


def row(module: nn.Module) -> dict[str, Any]:
    return measure_apart("here/small", lambda: (module, (4,)), CONFIG, check=True, timeout=60)


def test_a_model_is_a_row_and_so_is_one_that_fails() -> None:
    good, bad = row(Small()), row(Small(fails=True))
    assert (good["params"], good["nodes"], good["kept"], good["unread"]) == (73, 5, ["heat"], ["unread"])
    assert good["share"] == 65 / 73 and good["runs"] and good["capture_s"] > 0
    assert "it does not work" in bad["error"]
    told = table([good, bad])
    assert (
        "| here (2) | 1 (50.0%) | 0 (0.0%) | 0 (0.0%) | 1 (50.0%) |" in told
        and "here/small: 0.890; kept ['heat'], not read ['unread']" in told
    )


def test_all_of_torchvision_is_tried() -> None:
    models = MODELS["torchvision"](1)
    assert len(models) >= 80
    module, shape = models["torchvision/efficientnet_b1"]()
    assert shape == (3, 240, 240) and isinstance(module, nn.Module)
