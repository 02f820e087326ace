"""Does training start better from generated weights than from random ones, on networks that were never seen?

A hypernetwork is trained on a space of small networks (or opened). Networks that it has not seen are trained twice a
seed: the same images in the same order, at the rate that was best for either start on a further network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

import ghn
from ghn.app.evaluation import check_folder
from ghn.app.setting import Setting
from ghn.files import JsonLines
from ghn.nets import GHN, GHNConfig
from ghn.scoring.model import Model
from ghn.scoring.train_model import train_weights
from ghn.spaces import FunctionSpace
from ghn.train.meta import ArchitectureSampler, MetaConfig, MetaStep
from ghn.train.network import NetworkTrainer, Recipe
from studies.drawing import axes_grid, line_style, write_figure
from studies.run import run_study, write_json

STARTS = {"generated": True, "random": False}
Floats = NDArray[np.float64]


def build(choose: Any) -> nn.Module:
    """A small convolutional network, of at most 64 channels."""
    width, activation = (
        choose("width", [16, 24, 32]),
        {"relu": nn.ReLU, "gelu": nn.GELU}[choose("act", ["relu", "gelu"])],
    )
    first = nn.Conv2d(choose.input_shape[0], width, 3, padding=1)
    layers: list[nn.Module] = [first, nn.BatchNorm2d(width), activation()]
    for i in range(choose.int("blocks", 2, 4)):
        kernel, out = choose(f"kernel{i}", [3, 5]), min(64, width * choose(f"wider{i}", [1, 2]))
        groups = width if out % width == 0 and choose(f"depthwise{i}", [False, True]) else 1
        layers += [nn.Conv2d(width, out, kernel, padding=kernel // 2, groups=groups), nn.BatchNorm2d(out), activation()]
        layers += [nn.MaxPool2d(2)] if i % 2 else []
        width = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, choose.classes))


class Comparison:
    """Trains unseen networks from both starts; curves are kept in a file, which a second run goes on with."""

    def __init__(
        self,
        model: Model,
        space: FunctionSpace,
        setting: Setting,
        recipe: Mapping[str, Any],
        file: Path,
        bar: tqdm[Any],
    ) -> None:
        self.model, self.space, self.task, self.fabric = model, space, setting.task, setting.fabric
        self.recipe, self.bar = recipe, bar
        identity = {"recipe": dict(recipe), "weights": model.digest, "task": setting.task.checksum}
        self._lines = JsonLines(file, "ghn.initialisation/1", identity, "curves from either start")
        self._known = {json.dumps(row["of"]): row["curve"] for _, row in self._lines.rows}

    def curve(self, arch: Any, rate: float, seed: int, *, generated: bool) -> list[float]:
        """Validation accuracy before training and after each epoch."""
        of = [self.space.format(arch), rate, seed, generated]
        if (known := self._known.get(json.dumps(of))) is None:
            known = self._trained(arch, rate, seed, generated=generated)
            self._lines.append({"of": of, "curve": known}, sync=True)
        self.bar.update()
        return known

    def _trained(self, arch: Any, rate: float, seed: int, *, generated: bool) -> list[float]:
        network = self.space.network(arch)
        recipe = Recipe(**{**self.recipe, "lr": rate})
        trainer = NetworkTrainer(network, self.task, recipe, seed, self.fabric)
        if generated:
            trainer.start_from(self.model.weights(network), trainer.stats)
        with torch.no_grad():  # statistics of the activations that these weights give
            for i, (x, _) in enumerate(self.task.train.batches(recipe.batch_size)):
                if i == 16:
                    break
                trainer.program.run({**trainer.weights, **trainer.stats}, x, training=True)
        before = trainer.evaluate(self.task.val)[1]
        return [before, *(trainer.run_epoch().val_accuracy for _ in range(recipe.epochs))]

    def best_rate(self, arch: Any, rates: Sequence[float], *, generated: bool) -> float:
        """The rate that ends highest."""
        ends = {rate: self.curve(arch, rate, 0, generated=generated)[-1] for rate in rates}
        return max(ends, key=ends.__getitem__)


def initialisation_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Compares the starts, and draws the curves.

    Raises:
        ExistsError: the folder holds results.
    """
    out, own, rng = Path(options["out"]), options["initialisation"], Random(1)
    check_folder(out, resume=options["resume"])
    space = FunctionSpace(build, setting.task.input_shape, setting.task.output_shape[0])
    further, *networks = (space.sample(rng) for _ in range(own["networks"] + 1))
    if own["checkpoint"]:
        model = ghn.load(own["checkpoint"], space=space, fabric=setting.fabric)
    else:
        model = train(space, setting, own["steps"], [further, *networks], out, options)
    curves = len(STARTS) * (len(own["rates"]) + len(networks) * own["seeds"])
    with tqdm(total=curves, desc="trainings", disable=not options["progress"]) as bar:
        compared = Comparison(model, space, setting, options["recipe"], out / "curves.jsonl", bar)
        best = {start: compared.best_rate(further, own["rates"], generated=made) for start, made in STARTS.items()}
        found = {
            start: np.array(
                [[compared.curve(a, best[start], s, generated=made) for s in range(own["seeds"])] for a in networks]
            )
            for start, made in STARTS.items()
        }  # [network, seed, epoch]
    write_json(out / "initialisation.json", {k: v.tolist() for k, v in found.items()} | {"rates": best})
    write_figure(draw(found, best), out / "initialisation")
    for line in told(found):
        print(line)


def train(
    space: FunctionSpace,
    setting: Setting,
    steps: int,
    unseen: Sequence[Any],
    out: Path,
    options: Mapping[str, Any],
) -> Model:
    """A hypernetwork that has not seen some networks."""
    task, fabric = setting.task, setting.fabric
    config = MetaConfig(steps=steps, average=0.99, images=64, architectures=4, warmup=min(100, steps))
    paths = ArchitectureSampler(space, "uniform", 0, exclude=frozenset(map(space.canonical, unseen)))
    seen = [space.network(space.sample(Random(i))).graph for i in range(100)]
    operations, kinds = {n.op for g in seen for n in g.nodes}, {p.kind for g in seen for p in g.params()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = GHN(GHNConfig(task.output_shape[0], kernel=5).grown(operations, kinds))
    step = MetaStep(net, space, task, config, fabric, paths=paths, identity={"net": net.config.describe()})
    how = {name: options[name] for name in ("resume", "progress")}
    return train_weights(step, space, task, config, fabric, out / "hypernetwork", check=0, **how)


def told(found: Mapping[str, Floats]) -> list[str]:
    """A line an epoch: means, and the difference with its interval over networks."""
    gain = (found["generated"] - found["random"]).mean(1)
    lines = []
    for epoch, each in enumerate(gain.T):
        low, high = interval(each)
        means = ", ".join(f"{start} {values[..., epoch].mean():.3f}" for start, values in found.items())
        lines.append(f"epoch {epoch}: {means}; difference {each.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
    return lines


def interval(values: Floats) -> Floats:
    """95 %, by the bootstrap over networks."""
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(1)
    bounds: Floats = np.quantile(draws, [0.025, 0.975])
    return bounds


def draw(found: Mapping[str, Floats], best: Mapping[str, float]) -> Figure:
    """Means over networks and seeds, and their intervals over networks."""
    figure, ((axes,),) = axes_grid(1, 1, 5, 3.5)
    for i, (start, values) in enumerate(found.items()):
        of_networks = values.mean(1)
        low, high = np.array([interval(epoch) for epoch in of_networks.T]).T
        label, style = f"{start} weights (rate {best[start]:g})", line_style(i)
        axes.plot(range(values.shape[-1]), of_networks.mean(0), label=label, **style)
        axes.fill_between(range(values.shape[-1]), low, high, alpha=0.2, color=style["color"])
    axes.set(xlabel="epochs of training", ylabel="validation accuracy")
    axes.legend()
    return figure


if __name__ == "__main__":
    run_study("initialisation", initialisation_study)
