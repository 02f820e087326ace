"""Several tasks at once: one set of weights, a class head each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ghn.errors import ConfigError, GraphError
from ghn.nets import GHN, GHNConfig
from ghn.spaces import NASBench201
from ghn.tasks import from_arrays
from ghn.train.checkpoint import fit_tensors
from ghn.train.loop import Loop, Update
from ghn.train.meta import MetaConfig
from ghn.train.several import Part, SeveralTasks

CONFIG = GHNConfig(4, hidden=8, heads=2, layers=1, decoder_hidden=8, channels=8, tasks={"grey": 3})
TRAINER = MetaConfig(steps=6, architectures=2, images=8, warmup=1, average=0.5, log_every=2, save_every=3)


@pytest.fixture
def parts(toy_space: Any, toy_task: Any) -> dict[str, Part]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (90, 1, 8, 8), dtype=torch.uint8, generator=generator)
    grey = from_arrays("grey", (images, torch.arange(90) % 3))
    return {"colour": Part(toy_space, toy_task), "grey": Part(NASBench201((1, 8, 8), 3, width=4, depth=1), grey)}


def test_each_task_has_its_class_head_and_shares_the_rest(parts: dict[str, Part]) -> None:
    torch.manual_seed(0)
    net = GHN(CONFIG)
    graphs = [part.space.network(part.space.parse(text)).graph for part in parts.values() for text in TEXTS]
    colour, grey = net.for_task(None)(graphs[:1])[0], net.for_task("grey")(graphs[1:])[0]
    assert colour["head/linear/weight"].shape[0] == 4 and grey["head/linear/weight"].shape[0] == 3
    grey["head/linear/weight"].sum().backward()
    assert net.class_heads["grey"].heads["linear_weight"].last.weight.grad is not None
    assert net.decoder.heads["linear_weight"].last.weight.grad is None
    assert net.embedding.tables[0].weight.grad is not None
    with pytest.raises(GraphError, match="more classes"):
        net.for_task("grey")(graphs[:1])
    with pytest.raises(ConfigError, match="grey"):
        net.for_task("blue")


TEXTS = ["|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"]


def test_all_are_trained_and_a_run_resumes_exactly(parts: dict[str, Part], fabric: Any, tmp_path: Path) -> None:
    class Stopped(SeveralTasks):
        def __call__(self, number: int) -> Update:
            if number == 4:
                raise KeyboardInterrupt
            return super().__call__(number)

    def trained(kind: type[SeveralTasks], folder: str, resume: bool = False) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        step = kind(GHN(CONFIG), parts, TRAINER, fabric)
        return Loop(step, TRAINER, fabric, tmp_path / folder, resume=resume).run(progress=False).state_dict()

    torch.manual_seed(0)
    fresh = GHN(CONFIG).state_dict()
    whole = trained(SeveralTasks, "whole")
    for name in ("class_heads.grey.heads.linear_bias.last.bias", "decoder.heads.linear_bias.last.bias"):
        assert not torch.equal(whole[name], fresh[name])
    with pytest.raises(KeyboardInterrupt):
        trained(Stopped, "stopped")
    again = trained(SeveralTasks, "stopped", resume=True)
    assert all(torch.equal(again[name], value) for name, value in whole.items())
    loaded = GHN(GHNConfig(**CONFIG.describe()))
    fit_tensors(loaded, whole, tmp_path)
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in whole.items())


def test_heads_must_be_those_of_the_tasks(parts: dict[str, Part], fabric: Any) -> None:
    with pytest.raises(ConfigError, match="class heads are not those"):
        SeveralTasks(GHN(replace(CONFIG, tasks={"grey": 5})), parts, TRAINER, fabric)
    with pytest.raises(ConfigError, match="class heads are not those"):
        SeveralTasks(GHN(replace(CONFIG, tasks={})), parts, TRAINER, fabric)
