"""Low fidelity: training cut short in epochs, data, resolution or width; a rung goes on from the one before it.

Source: Zela, Klein, Falkner & Hutter, "Towards Automated Deep Learning", AutoML 2018 (epochs); Klein, Falkner, Bartels,
Hennig & Hutter, AISTATS 2017 (data); Chrabaszcz, Loshchilov & Hutter,
"A Downsampled Variant of ImageNet", 2017 (resolution); Zoph, Vasudevan, Shlens & Le, CVPR 2018, and Real, Aggarwal,
Huang & Le, AAAI 2019 (width).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from math import floor
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from ghn.errors import ConfigError, GhnError, TrainingError
from ghn.scoring.guard import refused
from ghn.spaces import skeletons_of
from ghn.spaces.members import live_network
from ghn.train.network import CandidateTraining, NetworkTrainer, Recipe
from ghn.train.rungs import Fidelity, RungStore, Start, Trained, climb, epoch_macs, train_rungs
from ghn.types import Resizable, Score, Space, Task, Trial, check_trials, member_of


class LowFidelityEstimator(CandidateTraining):
    """Trains each candidate at a fidelity; the score is its validation accuracy there.

    `Trial.budget` is a number of epochs, of which whole ones count, or names one of the `rungs`. A trial that resumes
    another goes on with its weights, running statistics, momentum, schedule and random state, bitwise as if it had
    never stopped, and costs the difference. Where the width changes it starts anew, and `extra["restarted"]` says so.
    What was trained once in `folder` is not trained again.

    Args:
        space: of the candidates.
        task: learns from its train split, scores on val.
        recipe: of the full training.
        fabric: the device.
        fidelity: of trials without a budget; its other knobs hold for every budget.
        rungs: budget -> fidelity, where a budget is to change more than the epochs.
        folder: for results and states, which may be shared by processes; None: kept as long as this object lives.
        seed: of every training.

    Raises:
        ConfigError: a fidelity that the space, the task or the recipe does not have.
        DataError: the folder holds trainings made with other settings.
    """

    source = "Zela et al. 2018; Klein et al., AISTATS 2017; Chrabaszcz et al. 2017; Zoph et al., CVPR 2018"

    def __init__(
        self,
        space: Space[Any],
        task: Task,
        recipe: Recipe,
        fabric: Fabric,
        *,
        fidelity: Fidelity | None = None,
        rungs: Mapping[float, Fidelity] | None = None,
        folder: Path | str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(space, task, recipe, fabric, seed)
        self.fidelity, self.rungs = fidelity or Fidelity(), dict(rungs or {})
        self._tasks: dict[tuple[float, int | None], Task] = {}
        for one in (self.fidelity, *self.rungs.values()):
            self._with_epochs(one)
            self._skeleton(self._images(one.data, one.size), one)
        # each result is kept under its fidelity, so that estimators of several may share a folder
        self.store = RungStore(folder, self.conditions)

    @property
    def identity(self) -> dict[str, Any]:
        rungs = {str(budget): asdict(fidelity) for budget, fidelity in self.rungs.items()}
        return {**self.conditions, "fidelity": asdict(self.fidelity), "rungs": rungs}

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Trains each trial; `extra` holds its `curve`, a list an epoch, and `macs`, the multiply-adds it cost."""
        asked = [self.fidelity_of(trial.budget) for trial in check_trials(trials)]
        return [self._score(trial, fidelity) for trial, fidelity in zip(trials, asked, strict=True)]

    def fidelity_of(self, budget: float | None) -> Fidelity:
        """What a budget buys.

        Raises:
            ConfigError: less than one epoch, more than the recipe has, or not one of the rungs.
        """
        if budget is None:
            return self._with_epochs(self.fidelity)
        if self.rungs:
            if budget not in self.rungs:
                raise ConfigError("no rung has this budget", got=budget, expected=f"one of {sorted(self.rungs)}")
            return self._with_epochs(self.rungs[budget])
        if not 1 <= budget <= self.recipe.epochs:
            raise ConfigError(
                "a budget of training is a number of epochs",
                got=budget,
                expected=f"1, the cheapest, to {self.recipe.epochs}, all that the recipe has",
            )
        return self._with_epochs(replace(self.fidelity, epochs=floor(budget)))

    def trained(self, arch: Any, budget: float | None = None) -> NetworkTrainer:
        """A candidate's network as it was trained for a budget, to be looked at further; trains what is missing."""
        text, fidelity = self.space.format(arch), self.fidelity_of(budget)
        run = train_rungs(self.store, text, (fidelity,), lambda rung: self._start(arch, rung))
        _, state = self.store.beginning(text, (fidelity,))
        if run.error or state is None:
            raise TrainingError(f"{text} cannot be trained", got=run.error)
        trainer = self._start(arch, fidelity).trainer
        trainer.load_state_dict(state)
        return trainer

    def _with_epochs(self, fidelity: Fidelity) -> Fidelity:
        epochs = self.recipe.epochs if fidelity.epochs is None else fidelity.epochs
        if epochs > self.recipe.epochs:
            raise ConfigError(
                "fidelity: more epochs than the recipe has",
                got=epochs,
                expected=f"at most {self.recipe.epochs}, or null for all of them",
            )
        return replace(fidelity, epochs=epochs)

    def _score(self, trial: Trial[Any], fidelity: Fidelity) -> Score:
        started = time.perf_counter()
        try:
            arch = member_of(self.space, trial.arch)
            text = self.space.format(arch)
            before = self.store.rungs_of(trial.resume, text) if trial.resume else ()
            rungs, note = climb(before, fidelity)
            run = train_rungs(self.store, text, rungs, lambda rung: self._start(arch, rung))
        except GhnError as error:
            return refused(error, time.perf_counter() - started)
        paid = (self.store.load(text, before) if before and not note else None) or Trained({})
        seconds, macs = run.seconds - paid.seconds, run.macs - paid.macs
        if run.error:
            return Score.failed(run.error, seconds)
        self.store.name(trial.id, text, rungs)
        extra = {"curve": run.curve, "macs": macs} | ({"restarted": note} if note else {})
        return Score(run.curve["val_accuracy"][-1], seconds, budget=float(run.epochs), extra=extra)

    def _start(self, arch: Any, fidelity: Fidelity) -> Start:
        """A trainer at a fidelity, and the multiply-adds of one epoch, validation included."""
        task = self._images(fidelity.data, fidelity.size)
        network = live_network(self._skeleton(task, fidelity), arch)
        recipe = replace(self.recipe, epochs=fidelity.epochs or 0) if fidelity.anneal else self.recipe
        return Start(
            NetworkTrainer(network, task, recipe, self.seed, self.fabric), epoch_macs(network.graph, task, recipe)
        )

    def _skeleton(self, task: Task, fidelity: Fidelity) -> Space[Any]:
        changed: dict[str, Any] = {} if fidelity.width is None else {"width": fidelity.width}
        if fidelity.size is not None:
            changed["input_shape"] = list(task.input_shape)
        return skeletons_of(self.space, [changed])[0] if changed else self.space

    def _images(self, data: float, size: int | None) -> Task:
        if (data, size) not in self._tasks:
            self._tasks[data, size] = self._smaller(data, size)
        return self._tasks[data, size]

    def _smaller(self, data: float, size: int | None) -> Task:
        """The task with a share of its training images, made smaller."""
        task = self.task
        if data < 1:
            task = task.with_splits(train=task.train.take(max(1, round(data * len(task.train))), self.seed))
        if size is None:
            return task
        if not isinstance(task, Resizable):
            raise ConfigError(f"fidelity: task {task.name} has no images to make smaller", got=f"size={size}")
        return task.resized(size)
