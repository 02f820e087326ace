"""Full training of a candidate as an estimator, with a curve; and the job that trains a table of references."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from tqdm import tqdm

from ghn.errors import ConfigError, GhnError, TrainingError
from ghn.files import JsonLines
from ghn.graph.stats import count_params
from ghn.scoring.guard import GIVE_UP_AFTER, RAISED, Patience, failure_of
from ghn.spaces.members import live_graph, live_network
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import CURVES, Run, TableHeader
from ghn.tables.storage import append_run
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
            return Score.failed(str(error), time.perf_counter() - started)
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


def train_references(
    estimator: TrainingEstimator,
    jobs: Sequence[Job],
    path: Path | str,
    *,
    progress: bool = True,
    give_up_after: int | None = GIVE_UP_AFTER,
) -> ReferenceTable:
    """Trains (official string, seed) pairs into a table on disk; run again after a kill, it goes on where it was.

    A training in progress when the job is killed is trained anew; finished ones are kept. One that fails is counted:
    its reason stands in a file beside the table (`failures_path`), and a run that goes on leaves it out. Who wants it
    tried again takes its line, or the file, away. `give_up_after` failures in a row end the run, and are not kept.

    Raises:
        ArchitectureError: a string is malformed; found before anything is trained.
        DataError: the file holds references trained otherwise.
        EstimatorError: one training after the other failed.
        TrainingError: all trainings failed.
    """
    space = estimator.space
    jobs = list(dict.fromkeys((space.format(space.parse(arch)), seed) for arch, seed in jobs))
    path, header = Path(path), estimator.header()
    table = ReferenceTable.resume(path, header)
    failures, patience = _Failures(path, header), Patience(give_up_after)
    left = [job for job in jobs if job not in table and job not in failures.reasons]
    done, epochs = len(jobs) - len(left), estimator.recipe.epochs
    bar = tqdm(total=len(jobs) * epochs, initial=done * epochs, disable=not progress, desc="references", unit="epoch")
    with bar, closing(failures):
        for number, (arch, seed) in enumerate(left, start=done + 1):

            def report(_epoch: int, result: EpochResult, number: int = number) -> None:
                bar.update()
                bar.set_postfix(network=f"{number}/{len(jobs)}", val=f"{result.val_accuracy:.3f}")

            try:
                run = estimator.train(arch, seed, report)
            except Exception as error:
                failures.add((arch, seed), failure_of(error), patience)
            else:
                append_run(path, run)
                patience.reset()
    table = ReferenceTable.resume(path, header)
    failures.tell(jobs)
    table.save(path, overwrite=True)
    return table


def failures_path(path: Path | str) -> Path:
    """Where the failures of a table's trainings stand, each with its reason."""
    return Path(path).with_name(f"{Path(path).stem}-failures.jsonl")


class _Failures:
    """Trainings of a table that failed, by architecture and seed; the file is made with the first."""

    def __init__(self, path: Path, header: TableHeader) -> None:
        self.path, self._identity = failures_path(path), {**asdict(header), "versions": {}}
        self.reasons: dict[Job, str] = {}
        self._lines: JsonLines | None = None
        if self.path.exists():
            for number, row in self._open().rows:
                try:
                    self.reasons[row["arch"], row["seed"]] = row["error"]
                except (KeyError, TypeError) as error:
                    raise self._open().damaged(number, error, "a failed training") from None

    def add(self, job: Job, score: Score, patience: Patience) -> None:
        """Counts one; raises EstimatorError when patience ends, and forgets those that ended it."""
        arch, seed = job
        row = {"arch": arch, "seed": seed, "error": score.error, RAISED: score.extra[RAISED]}
        self.reasons[job] = str(score.error)
        patience.write(self._open(), row, Trial(f"{arch}, seed {seed}", job), score)

    def tell(self, jobs: Sequence[Job]) -> None:
        """Says on stderr which of some jobs failed, and why; raises TrainingError where all did."""
        failed = {job: reason for job, reason in self.reasons.items() if job in jobs}
        told = "; ".join(f"{arch}, seed {seed}: {reason}" for (arch, seed), reason in failed.items())
        if failed and len(failed) == len(jobs):
            fix = "leave these networks out, or lower recipe.lr"
            raise TrainingError(f"all {len(jobs)} trainings failed", got=told, fix=fix)
        if failed:
            print(f"{len(failed)} of {len(jobs)} trainings failed, see {self.path}: {told}", file=sys.stderr)

    def close(self) -> None:
        if self._lines:
            self._lines.close()

    def _open(self) -> JsonLines:
        if self._lines is None:
            self._lines = JsonLines(self.path, "ghn.failures/1", self._identity, "failed trainings")
        return self._lines
