"""Networks of your own, ordered without training them: python examples/demo.py (three minutes on one core).

`build` stands for your network: a function that makes a module and asks for what is open in it.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path
from random import Random

from torch import nn

import ghn
from ghn.families.training.full import TrainingEstimator
from ghn.nets import GHNConfig
from ghn.scoring.train_model import train_hypernetwork
from ghn.search.references import train_references
from ghn.train.meta import MetaConfig
from ghn.train.network import Recipe
from ghn.train.runtime import make_runtime

parser = ArgumentParser(description=__doc__)
for key, default in {"steps": 800, "networks": 100, "shown": 3, "epochs": 2, "out": "outputs/demo"}.items():
    parser.add_argument(f"--{key}", type=type(default), default=default)
args = parser.parse_args()


def build(choose):
    before, layers = choose.input_shape[0], []
    for i in range(choose.int("depth", 1, 5)):
        width, kernel = choose(f"width{i}", [8, 16, 32]), choose(f"kernel{i}", [1, 3, 5])
        layers += [nn.Conv2d(before, width, kernel, padding=kernel // 2), nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, choose.classes))


def show(out: Path) -> None:
    task = ghn.make_task("cifar10_embedded")  # your own images: docs/own-data.md
    space, net = ghn.FunctionSpace(build, task.input_shape, classes=10), GHNConfig(classes=10, kernel=5)
    print("1. A hypernetwork learns to make weights for any network of `build`", flush=True)
    plan, again = MetaConfig(steps=args.steps), (out / "state.safetensors").exists()  # what was stopped goes on
    model = train_hypernetwork(net, space, task, plan, make_runtime(threads=1), out, resume=again)
    archs = list({space.format(space.sample(Random(i))): None for i in range(args.networks)})
    print(f"2. It orders {len(archs)} of them; not one is trained", flush=True)
    scores = dict(zip(archs, model.rank(archs, task=task), strict=True))
    order = sorted((arch for arch in archs if scores[arch].ok), key=lambda arch: -scores[arch].value)
    for place in (*range(args.shown), len(order) - 1):
        print(f"{place + 1:4}. {order[place]}")
    print(f"3. Was it right? The first and the last {args.shown} are trained for {args.epochs} epochs", flush=True)
    first, last = order[: args.shown], order[-args.shown :]
    trainer = TrainingEstimator(space, task, Recipe(epochs=args.epochs), model.fabric)
    trained = train_references(trainer, [(arch, 0) for arch in first + last], out / "trained.jsonl")
    right = trained.value("test_accuracy")
    for name, few in {"first": first, "last": last}.items():
        print(f"the {name} {len(few)}: {', '.join(f'{right[arch]:.0%}' for arch in few)} of test images right")


try:
    show(Path(args.out))
except KeyboardInterrupt:
    sys.exit(f"\nstopped; the same command goes on: python examples/demo.py --out {args.out}")
