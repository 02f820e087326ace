"""Morphisms as an estimator: a candidate inherits the weights of a trained relative, and is trained a little.

From which trained networks one inherits, and how long each was trained, is its lineage.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from math import floor
from pathlib import Path
from random import Random
from typing import Any

from lightning_fabric import Fabric
from torch import Tensor

from ghn.errors import ConfigError, GhnError, TrainingError
from ghn.families.morphism.inherited import Inherited
from ghn.families.morphism.network import WeightedNetwork
from ghn.reading import from_json, reading
from ghn.scoring.guard import refused
from ghn.spaces.members import live_graph, live_params
from ghn.train.network import CandidateTraining, NetworkTrainer, Recipe
from ghn.train.rungs import Fidelity, RungStore, Start, Trained, epoch_macs, train_rungs
from ghn.types import Network, Score, Space, Task, Trial, check_trials, member_of

DRAWS = 20  # members of which the largest is climbed from


@dataclass(frozen=True, slots=True)
class Stage:
    """One network of a lineage: its official string, and epochs.

    `epochs` of training after inheriting; `reached` in all, those of earlier stages of the same network included.
    """

    arch: str
    epochs: int
    reached: int


Lineage = tuple[Stage, ...]  # from the founder to the youngest


def to_text(lineage: Lineage) -> str:
    """A lineage as the name of its training."""
    return json.dumps([astuple(stage) for stage in lineage])


def from_text(text: str) -> Lineage:
    """Reads what `to_text` gave."""
    with reading("not a lineage of networks", fix="delete the folder's trials"):
        stages = tuple(Stage(*row) for row in from_json(text))
        if not stages or not all(isinstance(s.arch, str) and 1 <= s.epochs <= s.reached for s in stages):
            raise ValueError("no stages, or not of an architecture and its epochs")
    return stages


def largest(space: Space[Any], seed: int = 0) -> Any:
    """The member with the most live parameters that hill-climbing over neighbours finds.

    Where it has every operation's weights, every other member finds a part of its own weights in it.
    """

    def size(arch: Any) -> int:
        return live_params(space, arch)

    rng = Random(seed)
    best = max((space.sample(rng) for _ in range(DRAWS)), key=size)
    while size(better := max(space.neighbours(best), key=size)) > size(best):
        best = better
    return best


class MorphismEstimator(CandidateTraining):
    """Trains each candidate for a few epochs from inherited weights; the score is its validation accuracy then.

    Whom a candidate inherits from:

    - **A trial that resumes another** inherits from that one's network, whatever its architecture: this is how a
      search hands weights from parents to children. Where it is the same architecture, training goes on: the budget is
      then the epochs in all, as with any estimator, and the schedule starts again (a warm restart).
    - **Any other** inherits from the `ancestor`, a network trained once, for all epochs of the recipe, when it is first
      needed. All candidates then stand at the same distance in *training*, and differ in architecture alone. The
      largest network of the space (`largest`) has weights for every operation, so that children are cut out of it; a
      small one would have them grow into it.
    - Without an ancestor it is a **founder**: trained from random weights, for all epochs of the recipe by default.

    How weights are inherited is said in `ghn.families.morphism.inherited.Inherited`. Results and states are kept in
    `folder`, each lineage once: a second run, or a killed one, goes on from there.

    Source: Elsken, Metzen & Hutter, "Efficient Multi-Objective Neural Architecture Search via Lamarckian Evolution",
    ICLR 2019; Chen, Goodfellow & Shlens, "Net2Net", ICLR 2016.

    Args:
        space: of the candidates.
        task: learns from its train split, scores on val.
        recipe: of the full training; heirs have its batches, momentum and decay, and a cosine of their own.
        fabric: the device.
        ancestor: member or official string, for trials that resume none; None has them trained from random weights.
        epochs: of an heir, for trials without a budget.
        lr: peak learning rate of heirs, as a share of the recipe's; Net2Net trains heirs with a lower one.
        images: for least squares, the first of a stratified sample of the train split; 0 leaves it out.
        folder: for results and states, which may be shared by processes; None: kept as long as this object lives.
        seed: of every training.

    Raises:
        ConfigError: a number out of range.
        ArchitectureError: an ancestor that is no member of the space.
        DataError: the folder holds trainings made with other settings.
    """

    source = "Elsken et al., LEMONADE, ICLR 2019; Chen et al., Net2Net, ICLR 2016"

    def __init__(
        self,
        space: Space[Any],
        task: Task,
        recipe: Recipe,
        fabric: Fabric,
        *,
        ancestor: Any = None,
        epochs: int = 3,
        lr: float = 0.5,
        images: int = 256,
        folder: Path | str | None = None,
        seed: int = 0,
    ) -> None:
        if epochs < 1 or not lr > 0 or images < 0:
            raise ConfigError(
                "an heir needs at least one epoch, a learning rate above 0, and no negative number of images",
                got=f"epochs={epochs}, lr={lr}, images={images}",
            )
        super().__init__(space, task, recipe, fabric, seed)
        self.ancestor = None if ancestor is None else space.format(member_of(space, ancestor))
        self.epochs, self.lr, self.images = epochs, lr, min(images, len(task.train))
        self.store = RungStore(folder, self.identity)

    @property
    def identity(self) -> dict[str, Any]:
        heirs = {"ancestor": self.ancestor, "epochs": self.epochs, "lr": self.lr, "images": self.images}
        return {"estimator": "morphism", **self.conditions, **heirs}

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Trains each trial.

        The cost is that of the last stage alone: inheriting and training. `extra` holds its `curve`, a list an epoch;
        `macs`, the multiply-adds of its training; `lineage`, the architectures that it comes from; and `shared_seconds`
        and `shared_macs`, the cost of these, which many candidates share.
        """
        for trial in check_trials(trials):
            if trial.budget is not None and not trial.budget >= 1:
                raise ConfigError("a budget of training is a number of epochs", got=trial.budget, expected=">= 1")
        return [self._score(trial) for trial in trials]

    def network(self, trial: str) -> WeightedNetwork:
        """The trained network of an earlier trial."""
        return self._network(from_text(self.store.trial(trial)[0]))

    def _score(self, trial: Trial[Any]) -> Score:
        started = time.perf_counter()
        try:
            lineage = self._lineage(trial)
            before = [self._train(lineage[:number]) for number in range(1, len(lineage))]
            if broken := next((run.error for run in before if run.error), None):
                raise TrainingError(f"it inherits from a network whose training failed: {broken}")
            run = self._train(lineage)
        except GhnError as error:
            return refused(error, time.perf_counter() - started)
        if run.error:
            return Score.failed(run.error, run.seconds)
        self.store.name(trial.id, to_text(lineage), _rungs(lineage))
        extra = {"curve": run.curve, "macs": run.macs, "lineage": [stage.arch for stage in lineage[:-1]]}
        extra |= {f"shared_{what}": sum(getattr(one, what) for one in before) for what in ("seconds", "macs")}
        return Score(run.curve["val_accuracy"][-1], run.seconds, budget=float(lineage[-1].reached), extra=extra)

    def _lineage(self, trial: Trial[Any]) -> Lineage:
        """Whom a trial inherits from, and how long it is to be trained."""
        text = self.space.format(member_of(self.space, trial.arch))
        asked = None if trial.budget is None else floor(trial.budget)
        if trial.resume is not None:
            before = from_text(self.store.trial(trial.resume)[0])
            if before[-1].arch == text:
                return (*before, self._going_on(before[-1], asked))
        elif self.ancestor is None:
            return (Stage(text, asked or self.recipe.epochs, asked or self.recipe.epochs),)
        else:
            before = (Stage(self.ancestor, self.recipe.epochs, self.recipe.epochs),)
        return (*before, Stage(text, asked or self.epochs, asked or self.epochs))

    def _going_on(self, last: Stage, asked: int | None) -> Stage:
        reached = last.reached + self.epochs if asked is None else asked
        if reached <= last.reached:
            raise ConfigError(
                "a resumed trial must go further than the trial that it resumes",
                got=f"{asked} epochs after {last.reached}",
                fix="give it a larger budget, or do not resume",
            )
        return Stage(last.arch, reached - last.reached, reached)

    def _train(self, lineage: Lineage) -> Trained:
        """The last stage of a lineage, trained if it is not there yet; those before it are."""
        return train_rungs(self.store, to_text(lineage), _rungs(lineage), lambda _: self._start(lineage))

    def _start(self, lineage: Lineage) -> Start:
        started = time.perf_counter()
        graph = live_graph(self.space, lineage[-1].arch)
        share = 1.0 if len(lineage) == 1 else self.lr
        recipe = replace(self.recipe, epochs=lineage[-1].epochs, lr=share * self.recipe.lr)
        trainer = NetworkTrainer(Network.of(graph), self.task, recipe, self.seed, self.fabric)
        if len(lineage) > 1:
            fit = self.task.train.take(self.images, self.seed) if self.images else None
            sample = next(fit.batches(self.images))[0] if fit else None
            if not (sample is None or isinstance(sample, Tensor)):
                raise ConfigError(
                    "least squares is of networks with one input", got=f"images={self.images}", fix="images=0"
                )
            heir = Inherited(self._network(lineage[:-1]), self.seed, sample).network(graph)
            trainer.start_from(heir.weights, heir.stats)
        return Start(trainer, epoch_macs(graph, self.task, recipe), time.perf_counter() - started)

    def _network(self, lineage: Lineage) -> WeightedNetwork:
        """The network at the end of a lineage that has been trained."""
        _, state = self.store.beginning(to_text(lineage), _rungs(lineage))
        if state is None:
            raise ConfigError("the state of a trained network is gone", got=lineage[-1].arch, fix="train it anew")
        graph = live_graph(self.space, lineage[-1].arch)
        trainer = NetworkTrainer(Network.of(graph), self.task, self.recipe, self.seed, self.fabric)
        trainer.load_state_dict(state)
        return WeightedNetwork(graph, {name: w.detach() for name, w in trainer.weights.items()}, trainer.stats)


def _rungs(lineage: Lineage) -> tuple[Fidelity, ...]:
    return (Fidelity(lineage[-1].epochs, anneal=True),)
