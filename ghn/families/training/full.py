"""Full training of a candidate as an estimator, with a curve; and the job that trains a table of references."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from tqdm import tqdm

from ghn.errors import ConfigError, GhnError, TrainingError
from ghn.graph.stats import count_params
from ghn.spaces.live import live_graph
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import CURVES, Run, TableHeader
from ghn.tables.storage import append_run
from ghn.tasks.images import ImageTask
from ghn.train.checkpoint import versions
from ghn.train.network import EpochResult, NetworkTrainer, Recipe
from ghn.types import Score, Space, Trial, member_of

OnEpoch = Callable[[int, EpochResult], None]


class TrainingEstimator:
    """Trains each candidate by SGD; the score is its validation accuracy after the last epoch.

    Candidates are trained on their live part (`simplify`), with running statistics.

    Args:
        space: of the architectures.
        task: learns from its train split, scores on val.
        recipe: how to train.
        fabric: the device.
        seed: of every training.
    """

    source = "training itself: the reference that every estimator is judged against"

    def __init__(self, space: Space[Any], task: ImageTask, recipe: Recipe, fabric: Fabric, *, seed: int = 0) -> None:
        self.space, self.task, self.recipe, self.fabric, self.seed = space, task.to(fabric.device), recipe, fabric, seed

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Nothing to learn."""

    def cost(self, arch: Any) -> float | None:
        """None: what it costs is told in seconds."""
        return None

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Trains each trial; `extra["curve"]` holds a list for `epochs` and for each field of `EpochResult`."""
        return [self._score(trial) for trial in trials]

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
            run = self.train(trial.arch, self.seed)
        except GhnError as error:
            return Score.failed(str(error), time.perf_counter() - started)
        curve = {name: list(getattr(run, name)) for name in ("epochs", *CURVES)}
        return Score(
            run.val_accuracy[-1], time.perf_counter() - started, budget=self.recipe.epochs, extra={"curve": curve}
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What a score depends on, JSON-able."""
        return {**asdict(self.header()), "versions": {}, "seed": self.seed}

    def train(self, arch: Any, seed: int, on_epoch: OnEpoch | None = None) -> Run:
        """Trains one architecture to the end.

        Args:
            arch: an official string or a member of the space.
            seed: of initial weights, order of images and augmentation.
            on_epoch: told of every epoch, counted from 1.

        Raises:
            ArchitectureError: not a member of the space.
            TrainingError: the loss is no longer finite.
        """
        arch = member_of(self.space, arch)
        graph = live_graph(self.space, arch)
        started = time.perf_counter()
        trainer = NetworkTrainer(graph, self.task, self.recipe, seed, self.fabric)
        curve: list[EpochResult] = []
        for epoch in range(1, self.recipe.epochs + 1):
            curve.append(trainer.run_epoch())
            if on_epoch:
                on_epoch(epoch, curve[-1])
        seconds = time.perf_counter() - started
        return Run(
            self.space.format(arch),
            seed,
            **{name: tuple(getattr(r, name) for r in curve) for name in CURVES},
            test_accuracy=trainer.evaluate(self.task.test)[1],
            seconds=seconds,
            params=count_params(graph),
        )

    def header(self) -> TableHeader:
        """The header of a table of such trainings."""
        return TableHeader(
            space=self.space.name,
            task=self.task.name,
            task_checksum=self.task.checksum,
            skeleton=self.space.describe(),
            recipe=self.recipe.describe(),
            versions=dict(versions()),
            source="trained by ghn: python evaluate.py job=references",
        )


def train_references(
    estimator: TrainingEstimator, jobs: Sequence[tuple[str, int]], path: Path | str, *, progress: bool = True
) -> ReferenceTable:
    """Trains (official string, seed) pairs into a table on disk; run again after a kill, it goes on where it was.

    A training in progress when the job is killed is trained anew; finished ones are kept.

    Raises:
        ArchitectureError: a string is malformed; found before anything is trained.
        DataError: the file holds references trained otherwise.
        TrainingError: the loss of some networks is no longer finite; raised after all the others were trained and kept.
    """
    space = estimator.space
    jobs = list(dict.fromkeys((space.format(space.parse(arch)), seed) for arch, seed in jobs))
    path, header = Path(path), estimator.header()
    table = ReferenceTable.resume(path, header)
    left = [job for job in jobs if job not in table]
    done, epochs, failed = len(jobs) - len(left), estimator.recipe.epochs, []
    bar = tqdm(total=len(jobs) * epochs, initial=done * epochs, disable=not progress, desc="references", unit="epoch")
    with bar:
        for number, (arch, seed) in enumerate(left, start=done + 1):

            def report(_epoch: int, result: EpochResult, number: int = number) -> None:
                bar.update()
                bar.set_postfix(network=f"{number}/{len(jobs)}", val=f"{result.val_accuracy:.3f}")

            try:
                append_run(path, estimator.train(arch, seed, report))
            except TrainingError as error:
                failed.append(f"{arch}, seed {seed}: {error}")
    table = ReferenceTable.resume(path, header)
    table.save(path, overwrite=True)
    if failed:
        raise TrainingError(
            f"{len(failed)} of {len(jobs)} trainings failed; the others are in {path}",
            got="; ".join(failed),
            fix="leave these networks out, or train with a lower recipe.lr into another table",
        )
    return table
