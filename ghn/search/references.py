"""Trains a table of references, here or by workers; goes on after a kill."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ghn.errors import TrainingError
from ghn.families.training.full import OnEpoch, TrainingEstimator
from ghn.files import JsonLines
from ghn.scoring.guard import GIVE_UP_AFTER, RAISED, Patience, failure_of
from ghn.search.workers import Here, Judge, Workers, keep_busy
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.tables.storage import append_run
from ghn.train.network import EpochResult
from ghn.types import Score, Trial

Job = tuple[str, int]  # official string and seed


def train_references(
    estimator: TrainingEstimator,
    jobs: Sequence[Job],
    path: Path | str,
    *,
    workers: Workers | None = None,
    progress: bool = True,
    give_up_after: int | None = GIVE_UP_AFTER,
) -> ReferenceTable:
    """Trains (official string, seed) pairs into a table on disk; run again after a kill, it goes on where it was.

    A training in progress when the job is killed is trained anew; finished ones are kept. One that fails is counted:
    its reason stands in a file beside the table (`failures_path`), and a run that goes on leaves it out. Who wants it
    tried again takes its line, or the file, away. `give_up_after` failures in a row end the run, and are not kept.

    Args:
        estimator: trains, or says how workers do.
        jobs: what is trained, in this order.
        path: of the table.
        workers: whose judge is of `make_training_judge`; None: this process.
        progress: whether to show a bar.
        give_up_after: None never does.

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
    begun, epochs = len(jobs) - len(left), estimator.recipe.epochs
    bar = tqdm(total=len(jobs) * epochs, initial=begun * epochs, disable=not progress, desc="references", unit="epoch")
    trials = (Trial(f"{arch}, seed {seed}", (arch, seed)) for arch, seed in left)

    def report(_epoch: int, result: EpochResult) -> None:
        bar.update()
        bar.set_postfix(network=f"{begun}/{len(jobs)}", val=f"{result.val_accuracy:.3f}")

    def begin() -> tuple[Trial[Any], None] | None:
        nonlocal begun
        begun += 1
        return next(((trial, None) for trial in trials), None)

    def done(trial: Trial[Any], score: Score) -> None:
        if workers is not None:
            bar.update(epochs)
        if score.ok:
            append_run(path, Run(**score.extra["run"]))
            patience.reset()
        else:
            failures.add(trial.arch, score, patience)

    with bar, closing(failures):
        keep_busy(workers or Here(partial(_judge_training, estimator, report)), begin, done)
    failures.tell(jobs)
    return ReferenceTable.finish(path, header)


def make_training_judge(make: Callable[[], TrainingEstimator]) -> Judge:
    """What trains (official string, seed) pairs, from what makes the estimator."""
    return partial(_judge_training, make(), None)


def _judge_training(
    estimator: TrainingEstimator, report: OnEpoch | None, trial: Trial[Job], _parent: Trial[Any] | None
) -> Score:
    try:
        run = estimator.train(*trial.arch, report)
    except Exception as error:
        return failure_of(error)
    return Score(run.test_accuracy or 0.0, run.seconds or 0.0, extra={"run": asdict(run)})


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
                with self._open().reading(number, "a failed training"):
                    self.reasons[row["arch"], row["seed"]] = row["error"]

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
            self._lines = JsonLines(self.path, "ghn.failures/1", self._identity, "failed trainings", shared=True)
        return self._lines
