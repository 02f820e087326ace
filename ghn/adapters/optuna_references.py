"""Optuna studies as references, which rankings and surrogates learn from."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from ghn.adapters.optuna_members import check_study, members_of_study
from ghn.errors import ConfigError, DataError
from ghn.search.observations import is_value
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.types import Space


def references_of_study(study: optuna.Study, space: Space[Any], *, incomplete: str = "refuse") -> dict[str, float]:
    """Official string -> value of the completed trials, the mean of several; higher is better, so losses are negated.

    For `Model.rank(archs, references)` and `Surrogate.observe`.

    Args:
        study: of one objective.
        space: of the architectures.
        incomplete: `refuse` a study with completed trials that lack a choice of the space or have others, or
            `leave_out` such trials, which a line counts.

    Raises:
        ConfigError: the study has several objectives, or `incomplete` is neither.
        DataError: it is of another space.
    """
    check_study(study)
    if len(study.directions) > 1:
        raise ConfigError("references are of one objective", got=f"a study of {len(study.directions)}")
    sign, found = (-1.0 if study.direction is StudyDirection.MINIMIZE else 1.0), dict[str, list[float]]()
    for trial, arch in members_of_study(study, space, incomplete):
        if trial.value is not None and is_value(trial.value):
            found.setdefault(space.format(arch), []).append(sign * trial.value)
    return {text: float(np.mean(values)) for text, values in found.items()}


def table_of_study(study: optuna.Study, space: Space[Any], task: str, *, incomplete: str = "refuse") -> ReferenceTable:
    """The completed trials as a table of references: validation accuracies, and curves where trials reported them.

    Args:
        study: of accuracies as fractions.
        space: of the architectures.
        task: what they were trained on, in a word.
        incomplete: as of `references_of_study`.

    Raises:
        ConfigError: `incomplete` is neither.
        DataError: it is of another space, or a value is no fraction.
    """
    if study.directions != [StudyDirection.MAXIMIZE]:
        raise DataError("a table of references holds accuracies", got=f"a study of {study.directions}")
    seeds, runs = Counter[str](), []
    for trial, arch in members_of_study(study, space, incomplete):
        runs.append(_run(trial, text := space.format(arch), seeds[text]))
        seeds[text] += 1
    header = TableHeader(
        space=space.name, task=task, skeleton=space.describe(), source=f"the Optuna study {study.study_name}"
    )
    return ReferenceTable(header, tuple(runs))


def _run(trial: FrozenTrial, arch: str, seed: int) -> Run:
    """A training as a row; the curve where it ends in the trial's value, otherwise the value alone."""
    steps = sorted(trial.intermediate_values)
    curve = tuple(trial.intermediate_values[step] for step in steps)
    seconds = trial.duration.total_seconds() if trial.duration else None
    if curve[-1:] == (trial.value,):
        return Run(arch, seed, val_accuracy=curve, epochs=tuple(step + 1 for step in steps), seconds=seconds)
    assert trial.value is not None  # it has completed
    return Run(arch, seed, val_accuracy=(trial.value,), seconds=seconds)
