"""One hypernetwork for several tasks at once: python examples/several_tasks.py --out outputs/several.

Colour images (CIFAR-10), grey ones (Fashion-MNIST) and signals, each with networks of a space of its own and a class
head of its own; all else is shared. Prints how well generated weights do on networks that were not drawn in
training, beside hypernetworks of the same size that were trained for as many steps on one of the tasks alone.
"""

from argparse import ArgumentParser
from pathlib import Path
from random import Random

import torch
from torch import nn

import ghn
from ghn.nets import GHN, GHNConfig
from ghn.scoring.model import Model
from ghn.spaces import FunctionSpace
from ghn.tasks import from_arrays
from ghn.train.loop import Loop
from ghn.train.meta import MetaConfig
from ghn.train.runtime import make_runtime
from ghn.train.several import Part, SeveralTasks


def images(choose):
    """A small convolutional network for images of any number of channels."""
    return body(choose, nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d)


def signals(choose):
    """The same along one axis."""
    return body(choose, nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AdaptiveAvgPool1d)


def body(choose, conv, norm, pool, mean):
    """Layers with or without a wider kernel, and pooling between them."""
    channels, layers = choose.input_shape[0], []
    for i in range(choose.int("layers", 2, 4)):
        width, kernel = choose(f"width{i}", [8, 16, 24]), choose(f"kernel{i}", [3, 5])
        layers += [conv(channels, width, kernel, padding=kernel // 2), norm(width), nn.ReLU(), pool(2)]
        channels = width
    return nn.Sequential(*layers[:-1], mean(1), nn.Flatten(), nn.Linear(channels, choose.classes))


def waves(classes=4, n=3000, length=64):
    """Noisy sines, saws, steps and chirps of random frequency and phase."""
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % classes
    t = torch.linspace(0, 1, length) * (2 + 4 * torch.rand(n, 1, generator=g)) + torch.rand(n, 1, generator=g)
    shapes = torch.stack(
        [torch.sin(6.283 * t), 2 * (t % 1) - 1, torch.sign(torch.sin(6.283 * t)), torch.sin(6.283 * t**2)]
    )
    values = shapes[labels, torch.arange(n)] + 0.7 * torch.randn(n, length, generator=g)
    return from_arrays("waves", (values[:, None], labels))


def accuracy(net, part, fabric):
    """Mean accuracy of generated weights over 30 networks that were not drawn in training."""
    card = {"task": part.task.describe(), "scoring_task": None}
    rng = Random("not in training")
    scores = Model(net, part.space, card, fabric).score([part.space.sample(rng) for _ in range(30)], task=part.task)
    return sum(s.extra["accuracy"] for s in scores if s.ok) / sum(s.ok for s in scores)


def train(parts, steps, fabric, folder):
    """A hypernetwork for some tasks; what its spaces consist of is found by drawing networks."""
    (first, *others), graphs = parts, []
    for part in parts.values():
        graphs += [part.space.network(part.space.sample(Random(i))).graph for i in range(50)]
    heads = {name: parts[name].task.output_shape[0] for name in others}
    config = GHNConfig(parts[first].task.output_shape[0], kernel=5, tasks=heads).grown(
        {node.op for graph in graphs for node in graph.nodes}, {p.kind for graph in graphs for p in graph.params()}
    )
    torch.manual_seed(0)
    trainer = MetaConfig(steps=steps, architectures=4, images=64, average=0.99, sampling="uniform", save_every=250)
    return Loop(SeveralTasks(GHN(config), parts, trainer, fabric), trainer, fabric, folder).run()


def main():
    """Trains one for all and one for each, and compares them."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("outputs/several"))
    parser.add_argument("--tasks", nargs="+", default=["cifar10_embedded", "fashion_mnist"], help="of ghn.tasks.TASKS")
    parser.add_argument("--steps", type=int, default=1000)
    args = parser.parse_args()
    fabric = make_runtime("auto")
    tasks = {name: ghn.make_task(name, **({"size": 16} if name == "fashion_mnist" else {})) for name in args.tasks}
    builds = dict.fromkeys(tasks, images) | {"waves": signals}
    tasks["waves"] = waves()
    parts = {
        name: Part(FunctionSpace(builds[name], task.input_shape, task.output_shape[0]), task)
        for name, task in tasks.items()
    }
    together = train(parts, args.steps, fabric, args.out / "together")
    for i, (name, part) in enumerate(parts.items()):
        alone = train({name: part}, args.steps, fabric, args.out / name)
        shared = accuracy(together.for_task(name if i else None).eval(), part, fabric)
        print(f"{name}: {shared:.3f} by one for all, {accuracy(alone.eval(), part, fabric):.3f} by one of its own")


if __name__ == "__main__":
    main()
