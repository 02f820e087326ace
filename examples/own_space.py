"""Your own space, ranked without and with trainings of your own: python examples/own_space.py (goes on when killed)."""

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
DEFAULTS = {"steps": 1500, "population": 100, "networks": 100, "references": 40, "epochs": 4}
for key, default in {**DEFAULTS, "out": "outputs/own_space"}.items():
    parser.add_argument(f"--{key}", type=type(default), default=default)
args = parser.parse_args()


def build(choose):  # a function that makes a module, and asks for what is open in it
    before, layers, activation = choose.input_shape[0], [], getattr(nn, choose("activation", ["ReLU", "GELU", "Tanh"]))
    for i in range(choose.int("depth", 2, 5)):
        width, kernel = choose(f"width{i}", [8, 16, 32]), choose(f"kernel{i}", [1, 3, 5])
        layers += [nn.Conv2d(before, width, kernel, padding=kernel // 2), nn.BatchNorm2d(width), activation()]
        layers, before = layers + [nn.MaxPool2d(2)] * (i < 3 and choose(f"pool{i}", [0, 1])), width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, choose.classes))


task, out, rng = ghn.make_task("cifar10_embedded"), Path(args.out), Random(0)  # or images of your own: docs/own-data.md
space, net, plan = ghn.FunctionSpace(build, task.input_shape, 10), GHNConfig(10, kernel=5), MetaConfig(steps=args.steps)
how = {"population": args.population, "resume": (out / "state.safetensors").exists()}
model = train_hypernetwork(net, space, task, plan, make_runtime(), out, **how)
archs = [space.format(space.sample(rng)) for _ in range(args.networks)]
trainer = TrainingEstimator(space, task, Recipe(epochs=args.epochs), model.fabric)
trained = train_references(trainer, [(a, 0) for a in archs], out / "trained.jsonl").value("test_accuracy")
given, others = {arch: trained[arch] for arch in archs[: args.references]}, archs[args.references :]
alone, taught = model.rank(others, task=task), model.rank(others, given, task=task)
orders = {name: [score.extra[name] for score in alone] for name in ("graph/params", "zero_cost/meco", "ghn/loss")}
orders |= {"rank": [score.value for score in alone], "with references": [score.value for score in taught]}
for row in ghn.compare(orders, [trained[arch] for arch in others]).estimators:
    print(f"{row.name:16} {row.get('kendall').value:.3f} [{row.get('kendall').low:.3f}, {row.get('kendall').high:.3f}]")
