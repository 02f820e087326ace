"""ghn inside Ray Data: a batch of architectures in, their scores beside them out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError, GhnError
from ghn.scoring.guard import judge, judges_together
from ghn.scoring.load import load
from ghn.scoring.model import Skeletons
from ghn.scoring.ranker import MEASURE, make_ranker
from ghn.scoring.readouts import Sample
from ghn.spaces.members import network_hash
from ghn.train.runtime import make_runtime
from ghn.types import Estimator, Score, Space, Task, Trial

RANK = "rank"  # the read-out of `Model.rank`
Columns = dict[str, Any]


class Scorer:
    """Scores batches for `Dataset.map_batches(Scorer, concurrency=..., fn_constructor_kwargs={...})`.

    Each worker loads the checkpoint once. Columns that a batch has already stay as they are.

    Args:
        checkpoint: whatever `ghn.load` takes: a path that every machine has, or the name of a space that one is shipped
            for; None: the shipped one.
        readout: of `Model.score`; or `rank`, the order of `Model.rank`.
        skeletons: of `Model.score`; not of `rank`.
        sample: items that the read-out sees; not of `rank`.
        task: the images; the embedded task when it fits the checkpoint.
        threads: of a worker's CPU.
        device: `auto`, `cpu`, `cuda` or `mps`.
        column: of the official strings.
        space: where it is the user's own.

    Raises:
        CheckpointError: missing, damaged, or of another space.
        ConfigError: an unknown read-out, or an order that depends on who else is in a batch.
    """

    def __init__(
        self,
        checkpoint: Path | str | list[Path | str] | None = None,
        readout: str = "loss",
        *,
        skeletons: Skeletons = "best",
        sample: Sample | None = None,
        task: Task | None = None,
        threads: int = 1,
        device: str = "auto",
        column: str = "architecture",
        space: Space[Any] | None = None,
    ) -> None:
        model = load(checkpoint, fabric=make_runtime(device, "float32", threads), space=space)
        if readout == RANK:
            model.hypernetwork("rank")
            self._estimator: Estimator[Any] = make_ranker(model, task=task)
        else:
            self._estimator = model.estimator(readout, task=task, sample=sample, skeletons=skeletons)
        if judges_together(self._estimator):
            fix = f"train it with population=1000, or {MEASURE}; or choose another readout"
            raise ConfigError("its card says not what is usual, so that a rank would depend on the batch", fix=fix)
        self._column, self._space = column, model.space
        self._checkpoint = "+".join(one.digest for one in (model, *model.companions))

    def __call__(self, batch: Mapping[str, Any]) -> Columns:
        """The batch with `hash`, `value`, `std`, `error` and the digest of `checkpoint`; no value is NaN, no error "".

        Raises:
            DataError: the column is missing.
        """
        if self._column not in batch:
            fix = 'map_batches(Scorer, batch_format="numpy", fn_constructor_kwargs={"column": NAME})'
            what = f"the batch has no column {self._column!r} of architectures"
            raise DataError(what, got=sorted(batch), fix=fix)
        archs = [None if one is None else str(one) for one in batch[self._column]]
        trials = [Trial(str(i), arch) for i, arch in enumerate(archs) if arch is not None]
        scores = {int(trial.id): score for trial, score in zip(trials, judge(self._estimator, trials), strict=True)}
        read = [scores.get(i, Score.failed("there is no architecture")) for i in range(len(archs))]
        added = {
            "hash": [self._hash(arch) for arch in archs],
            "error": [score.error or "" for score in read],
            "checkpoint": [self._checkpoint] * len(archs),
        }
        numbers = {"value": [s.value for s in read], "std": [np.nan if s.std is None else s.std for s in read]}
        texts = {name: np.array(column, dtype=object) for name, column in added.items()}
        return {**batch, **texts, **{name: np.array(column, dtype=float) for name, column in numbers.items()}}

    def _hash(self, arch: str | None) -> str:
        """The canonical hash; none of what is no member, which its error says."""
        try:
            return "" if arch is None else network_hash(self._space, arch)
        except GhnError:
            return ""
