"""One hypernetwork for several tasks at once, beside hypernetworks of the same size that are trained on one task alone.

Colour images, grey ones and signals, each with networks of a space of its own and a class head of its own; all else is
shared. Judged by how well generated weights do on networks that were not drawn in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from ghn.app.evaluation import check_folder
from ghn.app.setting import Setting
from ghn.nets import GHN, GHNConfig
from ghn.scoring.model import Model
from ghn.spaces import FunctionSpace
from ghn.tasks import from_arrays, make_task
from ghn.train.loop import Loop
from ghn.train.meta import MetaConfig
from ghn.train.several import Part, SeveralTasks
from ghn.types import Task
from studies.run import run_study, write_json


def images(choose: Any) -> nn.Module:
    """A small convolutional network for images of any number of channels."""
    return body(choose, nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d)


def signals(choose: Any) -> nn.Module:
    """The same along one axis."""
    return body(choose, nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AdaptiveAvgPool1d)


def body(choose: Any, conv: Any, norm: Any, pool: Any, mean: Any) -> nn.Module:
    """Layers with or without a wider kernel, and pooling between them."""
    layers: list[nn.Module] = []
    channels = choose.input_shape[0]
    for i in range(choose.int("layers", 2, 4)):
        width, kernel = choose(f"width{i}", [8, 16, 24]), choose(f"kernel{i}", [3, 5])
        layers += [conv(channels, width, kernel, padding=kernel // 2), norm(width), nn.ReLU(), pool(2)]
        channels = width
    return nn.Sequential(*layers[:-1], mean(1), nn.Flatten(), nn.Linear(channels, choose.classes))


def waves(classes: int = 4, n: int = 3000, length: int = 64) -> Task:
    """Noisy sines, saws, steps and chirps of random frequency and phase."""
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % classes
    t = torch.linspace(0, 1, length) * (2 + 4 * torch.rand(n, 1, generator=g)) + torch.rand(n, 1, generator=g)
    shapes = torch.stack(
        [torch.sin(6.283 * t), 2 * (t % 1) - 1, torch.sign(torch.sin(6.283 * t)), torch.sin(6.283 * t**2)]
    )
    values = shapes[labels, torch.arange(n)] + 0.7 * torch.randn(n, length, generator=g)
    return from_arrays("waves", (values[:, None], labels))


def accuracy(net: GHN, part: Part, fabric: Fabric, networks: int) -> float:
    """Mean accuracy of generated weights over networks that were not drawn in training."""
    card = {"task": part.task.describe(), "scoring_task": None}
    rng = Random("not in training")
    scores = Model(net, part.space, card, fabric).score(
        [part.space.sample(rng) for _ in range(networks)], task=part.task
    )
    return sum(s.extra["accuracy"] for s in scores if s.ok) / sum(s.ok for s in scores)


def train(parts: Mapping[str, Part], steps: int, seed: int, fabric: Fabric, folder: Path) -> GHN:
    """A hypernetwork for some tasks; what its spaces consist of is found by drawing networks."""
    (first, *others), graphs = parts, []
    for part in parts.values():
        graphs += [part.space.network(part.space.sample(Random(i))).graph for i in range(50)]
    heads = {name: parts[name].task.output_shape[0] for name in others}
    config = GHNConfig(parts[first].task.output_shape[0], kernel=5, tasks=heads).grown(
        {node.op for graph in graphs for node in graph.nodes}, {p.kind for graph in graphs for p in graph.params()}
    )
    torch.manual_seed(seed)
    trainer = MetaConfig(
        steps=steps,
        seed=seed,
        architectures=4,
        images=64,
        average=0.99,
        sampling="uniform",
        save_every=250,
        warmup=min(100, steps),
    )
    trained = Loop(SeveralTasks(GHN(config), parts, trainer, fabric), trainer, fabric, folder).run(progress=False)
    assert isinstance(trained, GHN)
    return trained


def several_tasks_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Trains one for all and one for each, a seed at a time, and compares them.

    Raises:
        ExistsError: the folder holds results.
    """
    out, own = Path(options["out"]), options["several"]
    check_folder(out, resume=options["resume"])
    tasks: dict[str, Task] = {setting.task.name.replace("-", "_"): setting.task}
    tasks |= {str(named["name"]): make_task(**named) for named in own["others"]}
    builds = dict.fromkeys(tasks, images) | {"waves": signals}
    tasks["waves"] = waves()
    parts = {
        name: Part(FunctionSpace(builds[name], task.input_shape, task.output_shape[0]), task)
        for name, task in tasks.items()
    }
    found: dict[str, dict[str, list[float]]] = {name: {"together": [], "alone": []} for name in parts}
    for seed in range(own["seeds"]):
        shared = train(parts, own["steps"], seed, setting.fabric, out / f"together-{seed}")
        for i, (name, part) in enumerate(parts.items()):
            single = train({name: part}, own["steps"], seed, setting.fabric, out / f"{name}-{seed}")
            nets = {"together": shared.for_task(name if i else None), "alone": single}
            for how, net in nets.items():
                found[name][how].append(accuracy(net.eval(), part, setting.fabric, own["networks"]))
    for name, values in found.items():
        together, alone = _told(values["together"]), _told(values["alone"])
        print(f"{name}: {together} by one for all, {alone} by one of its own")
    write_json(out / "several_tasks.json", found)


def _told(values: Sequence[float]) -> str:
    """Mean over seeds, with the lowest and the highest."""
    return f"{mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


if __name__ == "__main__":
    run_study("several_tasks", several_tasks_study)
