"""Whether a hypernetwork that was trained elsewhere needs less training in a space than one that begins from nothing.

Each start is trained equally long in the space: from nothing, from a checkpoint of another space or of `deepnets`, or
from a hypernetwork that is first trained on several spaces at once. Judged is the order, at several times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.table import Table

from ghn.analysis.correlation import kendall, rank
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting, task_space
from ghn.errors import ConfigError
from ghn.nets import GHN, GHNConfig
from ghn.nets.vocabulary import grown_for
from ghn.scoring.load import CHECKPOINT, load
from ghn.scoring.panel import normal_scores
from ghn.scoring.ranker import RANDOM
from ghn.scoring.train_model import train_hypernetwork, train_weights
from ghn.spaces import skeletons_of, training_variants
from ghn.spaces.members import live_params
from ghn.tasks import make_task
from ghn.tasks.outputs import count_outputs
from ghn.train.meta import ArchitectureSampler, MetaConfig, MetaStep
from ghn.types import Network, Space, Task, Trial
from studies.ranking import development_of
from studies.readings import KEYS, TITLES, Readings
from studies.run import run_study, space_options, write_json

NOTHING, SEVERAL = "nothing", "several"  # words of `starts`; others are checkpoints
Drawn = tuple[int, int, Any]  # of which space, in which variant of it, which member


class SeveralSpaces:
    """Draws each architecture of a step from one of several spaces, in one of the variants that it is trained in."""

    def __init__(self, spaces: Sequence[Space[Any]], config: MetaConfig) -> None:
        self.space, self.seed = spaces[0], config.seed
        self._draw = [ArchitectureSampler(space, config.sampling, config.seed) for space in spaces]
        self._variants = [skeletons_of(space, training_variants(space)) for space in spaces]

    def __call__(self, step: int, n: int) -> list[Drawn]:
        rng = Random(f"{self.seed}/{step}/spaces")
        out = []
        for i, k in enumerate(rng.choices(range(len(self._draw)), k=n)):
            (arch,) = self._draw[k](step * n + i, 1)
            out.append((k, rng.randrange(len(self._variants[k])), arch))
        return out

    def look_ahead(self, step: int, n: int) -> None:
        return

    def network(self, space: Space[Any], drawn: Drawn) -> Network:
        number, variant, arch = drawn
        return self._variants[number][variant].network(arch)

    def format(self, drawn: Drawn) -> str:
        number, variant, arch = drawn
        space = self._variants[number][variant]
        return f"{space.name}: {space.format(arch)}"


def pretraining_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Trains from every start, and judges each at every snapshot.

    Raises:
        ConfigError: no starts, or too few networks of known accuracy.
        ExistsError: the folder holds results.
    """
    folder, space, plan = Path(options["out"]), setting.space, options["pretraining"]
    check_folder(folder, resume=options["resume"])
    if not plan["starts"]:
        raise ConfigError("nothing to start from", expected=f"a list such as [{NOTHING}, {SEVERAL}, nasbench201]")
    accuracy, task = development_of(setting, plan["table"], plan["n"]).values, make_task(**plan["task"])
    config = MetaConfig(**{**plan["trainer"], "skeletons": training_variants(space)})
    how: dict[str, Any] = {"check": 0, "progress": options["progress"], "scoring_task": plan["scoring_task"]}
    net = GHNConfig(classes=count_outputs(task), **plan["net"])
    others = [task_space(space_options(name), task) for name in plan["several"] if name != space.name]
    if SEVERAL in plan["starts"] and not others:
        raise ConfigError("no other space to train on", got=f"pretraining.several={plan['several']}")
    rows: dict[str, list[dict[str, Any]]] = {}
    for number, start in enumerate(dict.fromkeys(plan["starts"])):
        path = None if start == NOTHING else start
        if start == SEVERAL:
            longer = replace(config, steps=plan["several_steps"], skeletons=[])
            path = train_on_several(net, others, task, longer, setting.fabric, folder / SEVERAL, **how)
        run = folder / f"from_{Path(start).stem}{f'_{number}' if Path(start).suffix else ''}"
        more = {**how, "start": path, "snapshots": True, "resume": run.exists()}
        train_hypernetwork(net, space, task, config, setting.fabric, run, **more)
        steps = range(config.check_every, config.steps + 1, config.check_every)
        rows[start] = [judged(run, step, setting, accuracy, progress=options["progress"]) for step in steps]
    write_json(folder / "pretraining.json", {"made": machine(), "n": len(accuracy), "rows": rows})
    print_rows(rows)
    print(f"wrote {folder}/pretraining.json")


def train_on_several(
    net: GHNConfig,
    spaces: Sequence[Space[Any]],
    task: Task,
    config: MetaConfig,
    fabric: Fabric,
    folder: Path,
    **how: Any,
) -> Path:
    """A checkpoint of a hypernetwork that was trained on several spaces at once."""
    alone = [grown_for(net, space, training_variants(space)) for space in spaces]
    net = replace(net, kernel=max(one.kernel or 0 for one in alone))
    for space in spaces:
        net = grown_for(net, space, training_variants(space))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = GHN(net)
    paths = SeveralSpaces(spaces, config)
    identity = {"net": net.describe(), "spaces": [repr(space) for space in spaces]}
    step = MetaStep(model, spaces[0], task, config, fabric, paths=paths, identity=identity)
    train_weights(step, spaces[0], task, config, fabric, folder, resume=folder.exists(), **how)
    return folder / CHECKPOINT


def judged(run: Path, step: int, setting: Setting, accuracy: Mapping[str, float], *, progress: bool) -> dict[str, Any]:
    """How well a snapshot orders networks, alone and with its company, and how far it agrees with random weights."""
    model = load(run / f"checkpoint-{step}.safetensors", fabric=setting.fabric, space=setting.space)
    place = run.parent / "members" / f"{run.name}-{step}"
    read = Readings(model, setting, accuracy, list(accuracy), place, progress=progress)
    trials = [Trial(text, setting.space.parse(text)) for text in accuracy]
    values, params = list(accuracy.values()), [float(live_params(setting.space, t.arch)) for t in trials]
    whole = read.combined()
    alone, sum_of_all = ([score.value for score in e.score(trials)] for e in (read.combined(company=False), whole))
    taken, losses = whole.read(trials), [name for name in whole.weights if name.endswith("/loss")]
    own, random = (normal_scores(read.population, taken, names).mean(1) for names in (losses, [RANDOM]))  # as the card
    found: dict[str, Any] = {"step": step, "seconds": model.card["seconds"], "agreement": kendall(own, random)}
    for name, scores in (("alone", alone), ("combined", sum_of_all)):
        statistics = rank(scores, values, groups=params, bootstrap=0).statistics
        found[name] = {key: statistics[key].value for key in KEYS if key in statistics}
    return found


def print_rows(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """A row a start and snapshot."""
    table = Table(
        "start", "steps", "agreement", *(f"{who}, {title}" for who in ("alone", "with votes") for title in TITLES[:3])
    )
    for start, points in rows.items():
        for point in points:
            cells = [point[who].get(key) for who in ("alone", "combined") for key in KEYS[:3]]
            shown = ["-" if value is None else f"{value:.3f}" for value in (point["agreement"], *cells)]
            table.add_row(Path(start).stem, str(point["step"]), *shown)
    Console(width=150).print(table)


if __name__ == "__main__":
    run_study("pretraining", pretraining_study)
