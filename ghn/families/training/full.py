"""Full training of a candidate as an estimator, with a curve; and as a row of a table of references."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from lightning_fabric import Fabric

from ghn.errors import ConfigError, GhnError
from ghn.graph.stats import count_params
from ghn.scoring.guard import refused
from ghn.spaces.members import live_graph, live_network
from ghn.tables.rows import CURVES, Run, TableHeader
from ghn.train.checkpoint import versions
from ghn.train.network import CandidateTraining, EpochResult, NetworkTrainer, Recipe
from ghn.types import Score, Space, Task, Trial, check_trials, member_of

OnEpoch = Callable[[int, EpochResult], None]
Job = tuple[str, int]  # official string and seed


class TrainingEstimator(CandidateTraining):
    """Trains each candidate by SGD; the score is its validation accuracy, or whatever the task's
    metric, after the last epoch.

    Candidates are trained on their live part (`simplify`), with running statistics.

    Args:
        space: of the architectures.
        task: learns from its train split, scores on val.
        recipe: how to train.
        fabric: the device.
        seed: of every training.
    """

    source = "training itself: the reference that every estimator is judged against"

    def __init__(self, space: Space[Any], task: Task, recipe: Recipe, fabric: Fabric, *, seed: int = 0) -> None:
        super().__init__(space, task, recipe, fabric, seed)

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Trains each trial; `extra["curve"]` holds a list for `epochs` and for each field of `EpochResult`."""
        return [self._score(trial) for trial in check_trials(trials)]

    def _score(self, trial: Trial[Any]) -> Score:
        if trial.budget not in (None, self.recipe.epochs):
            raise ConfigError(
                "this estimator trains to the end",
                got=f"a budget of {trial.budget} epochs",
                expected=f"none, or {self.recipe.epochs}",
                fix="use LowFidelityEstimator, which keeps to budgets and goes on from rungs",
            )
        started = time.perf_counter()
        try:
            _, curve = self.train_epochs(member_of(self.space, trial.arch), self.seed)
        except GhnError as error:
            return refused(error, time.perf_counter() - started)
        epochs = list(range(1, len(curve) + 1))
        extra = {"curve": {"epochs": epochs, **{name: [getattr(r, name) for r in curve] for name in CURVES}}}
        return Score(curve[-1].val_accuracy, time.perf_counter() - started, budget=self.recipe.epochs, extra=extra)

    @property
    def identity(self) -> dict[str, Any]:
        return {**asdict(self.header()), "versions": {}, "seed": self.seed}

    def train(self, arch: Any, seed: int, on_epoch: OnEpoch | None = None) -> Run:
        """Trains one architecture to the end, for a table; `on_epoch` is told of every epoch, counted from 1.

        Raises:
            ArchitectureError: not a member of the space.
            ConfigError: the task's metric is not a fraction, as tables hold them.
            TrainingError: the loss is no longer finite.
        """

        def check(epoch: int, result: EpochResult) -> None:
            if not 0 <= result.val_accuracy <= 1:
                raise ConfigError(
                    f"tables of references hold accuracies; the metric of task {self.task.name} is none",
                    got=f"{result.val_accuracy:.4g} after epoch {epoch}",
                    expected="a number from 0 to 1",
                    fix="judge by training instead: estimator=training, or low_fidelity",
                )
            if on_epoch:
                on_epoch(epoch, result)

        arch = member_of(self.space, arch)
        started = time.perf_counter()
        trainer, curve = self.train_epochs(arch, seed, check)
        seconds = time.perf_counter() - started
        return Run(
            self.space.format(arch),
            seed,
            **{name: tuple(getattr(r, name) for r in curve) for name in CURVES},
            test_accuracy=trainer.evaluate(self.task.test)[1],
            seconds=seconds,
            params=count_params(live_graph(self.space, arch)),
        )

    def train_epochs(
        self, arch: Any, seed: int, on_epoch: OnEpoch | None = None
    ) -> tuple[NetworkTrainer, list[EpochResult]]:
        """A trained network, and what each epoch gave."""
        trainer = NetworkTrainer(live_network(self.space, arch), self.task, self.recipe, seed, self.fabric)
        curve: list[EpochResult] = []
        for epoch in range(1, self.recipe.epochs + 1):
            curve.append(trainer.run_epoch())
            if on_epoch:
                on_epoch(epoch, curve[-1])
        return trainer, curve

    def header(self) -> TableHeader:
        return TableHeader(
            space=self.space.name,
            task=self.task.name,
            task_checksum=self.task.checksum,
            skeleton=self.space.describe(),
            recipe=self.recipe.describe(),
            versions=dict(versions()),
            source="trained by ghn: python evaluate.py job=references",
        )
