"""Does training start better from generated weights? python examples/initialisation.py --out outputs/initialisation.

A hypernetwork is trained on a space of small networks (or loaded: --checkpoint). Then networks that it has never seen
are trained twice a seed, from generated and from random weights: the same images in the same order, the rate that was
best for either on a further network. Writes the curves as a picture, and as numbers.
"""

import json
from argparse import ArgumentParser
from pathlib import Path
from random import Random

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import ghn
from ghn.nets import GHN, GHNConfig
from ghn.scoring.train_model import train_weights
from ghn.spaces import FunctionSpace
from ghn.train.meta import ArchitectureSampler, MetaConfig, MetaStep
from ghn.train.network import NetworkTrainer, Recipe
from ghn.train.runtime import make_runtime

RATES = (0.1, 0.03, 0.01)


def build(choose):
    """A small convolutional network, residual or not."""
    width, activation = (
        choose("width", [16, 24, 32]),
        {"relu": nn.ReLU, "gelu": nn.GELU}[choose("act", ["relu", "gelu"])],
    )
    layers = [nn.Conv2d(choose.input_shape[0], width, 3, padding=1), nn.BatchNorm2d(width), activation()]
    for i in range(choose.int("blocks", 2, 4)):
        kernel, out = choose(f"kernel{i}", [3, 5]), width * choose(f"wider{i}", [1, 2])
        groups = width if choose(f"depthwise{i}", [False, True]) else 1
        layers += [nn.Conv2d(width, out, kernel, padding=kernel // 2, groups=groups), nn.BatchNorm2d(out), activation()]
        layers += [nn.MaxPool2d(2)] if i % 2 else []
        width = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, choose.classes))


def curve(model, network, task, recipe, seed, fabric, generated):
    """Validation accuracy before training and after each epoch."""
    trainer = NetworkTrainer(network, task, recipe, seed, fabric)
    if generated:
        trainer.start_from(model.weights(network), trainer.stats)
    with torch.no_grad():  # statistics of the activations that these weights give
        for start in range(0, 2048, 128):
            x, _ = task.train.batch(slice(start, start + 128))
            trainer.program.run({**trainer.weights, **trainer.stats}, x, training=True)
    before = trainer.evaluate(task.val)[1]
    return [before, *(trainer.run_epoch().val_accuracy for _ in range(recipe.epochs))]


def main():
    """Trains, compares, draws."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("outputs/initialisation"))
    parser.add_argument("--task", default="cifar10_embedded", help="any name in ghn.tasks.TASKS")
    parser.add_argument("--checkpoint", help="of a run of this example; none: train one")
    parser.add_argument("--steps", type=int, default=1500, help="of the hypernetwork")
    parser.add_argument("--networks", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()

    fabric, task = make_runtime("auto"), ghn.make_task(args.task)
    space = FunctionSpace(build, task.input_shape, task.output_shape[0])
    rng = Random(1)
    unseen = [space.sample(rng) for _ in range(args.networks + 1)]
    if args.checkpoint:
        model = ghn.load(args.checkpoint, space=space)
    else:
        config = MetaConfig(steps=args.steps, lr=2e-3, average=0.99, images=64, architectures=4)
        hidden = frozenset(map(space.canonical, unseen))
        paths = ArchitectureSampler(space, "uniform", 0, exclude=hidden)
        seen = [space.network(space.sample(Random(i))).graph for i in range(100)]
        operations, kinds = {n.op for g in seen for n in g.nodes}, {p.kind for g in seen for p in g.params()}
        net = GHN(GHNConfig(task.output_shape[0], kernel=5).grown(operations, kinds))
        step = MetaStep(net, space, task, config, fabric, paths=paths, identity={"net": net.config.describe()})
        model = train_weights(step, space, task, config, fabric, args.out, check=0)

    def trained(arch, rate, seed, generated):
        recipe = Recipe(epochs=args.epochs, lr=rate)
        return curve(model, space.network(arch), task, recipe, seed, fabric, generated)

    further, *networks = unseen
    starts = {"generated": True, "random": False}
    best = {start: max(RATES, key=lambda rate: trained(further, rate, 0, made)[-1]) for start, made in starts.items()}
    found = {
        start: np.array([[trained(a, best[start], s, made) for s in range(args.seeds)] for a in networks])
        for start, made in starts.items()
    }  # [network, seed, epoch]
    draw(found, best, args.out / "initialisation.svg")
    (args.out / "initialisation.json").write_text(
        json.dumps({k: v.tolist() for k, v in found.items()} | {"rates": best})
    )
    gain = (found["generated"] - found["random"]).mean(1)  # of each network
    for epoch, each in enumerate(gain.T):
        low, high = interval(each)
        means = {start: values[..., epoch].mean() for start, values in found.items()}
        print(
            f"epoch {epoch}: generated {means['generated']:.3f}, random {means['random']:.3f}, "
            f"difference {each.mean():+.3f} [{low:+.3f}, {high:+.3f}] over {len(each)} networks"
        )


def interval(values):
    """95 %, by the bootstrap over networks."""
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(1)
    return np.quantile(draws, [0.025, 0.975])


def draw(found, best, path):
    """The mean over networks and seeds, and its interval over networks."""
    figure, axes = plt.subplots(figsize=(5, 3.5))
    for (start, values), style in zip(found.items(), ("-o", "--s"), strict=True):
        of_networks = values.mean(1)
        bounds = np.array([interval(epoch) for epoch in of_networks.T]).T
        axes.plot(of_networks.mean(0), style, label=f"{start} weights (rate {best[start]:g})", markersize=4)
        axes.fill_between(range(values.shape[-1]), *bounds, alpha=0.2)
    axes.set(xlabel="epochs of training", ylabel="validation accuracy")
    axes.legend()
    figure.savefig(path, bbox_inches="tight")


if __name__ == "__main__":
    main()
