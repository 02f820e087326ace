"""References that scores are compared with: read from a table of trainings, and put beside candidates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ghn.analysis.correlation import MIN_ITEMS
from ghn.errors import DataError
from ghn.tables.references import ReferenceTable
from ghn.types import Reference, Space


def table_reference(
    path: Path | str, space: Space[Any], task_checksum: str, *, name: str | None = None, note: str | None = None
) -> Reference:
    """Test accuracies from a table that `train_references` wrote.

    Args:
        path: of the table.
        space: in whose skeleton they must have been trained.
        task_checksum: of the images on which they must have been trained.
        name: of the table in a report; by default its path.
        note: what a reader must know.

    Raises:
        DataError: it is missing or damaged, or its networks were trained on other images or in another skeleton.
    """
    table = ReferenceTable.load(path)
    table.check(space=space.name, task_checksum=task_checksum, skeleton=space.describe())
    archs, seeds = table.seeds("test_accuracy")
    return Reference(
        f"{name or f'references in {path}'}: {table.header.recipe.get('epochs')} epochs of training on "
        f"{table.header.task}",
        "test accuracy",
        table.value("test_accuracy"),
        dict(zip(archs, seeds.tolist(), strict=True)),
        note,
    )


def aligned(reference: Reference, archs: Sequence[str]) -> tuple[list[int], np.ndarray, np.ndarray | None]:
    """Which candidates have a reference, their values [n], and their seeds [n, s] (NaN where missing) or None.

    Raises:
        DataError: fewer have one than can be ranked.
    """
    index = [i for i, arch in enumerate(archs) if arch in reference.values]
    if len(index) < MIN_ITEMS:
        raise DataError(
            f"too few candidates have a reference in {reference.name!r}",
            got=len(index),
            expected=f"at least {MIN_ITEMS}",
            fix="choose other references or more candidates",
        )
    values = np.array([reference.values[archs[i]] for i in index])
    if not reference.seeds:
        return index, values, None
    width = min(len(s) for s in reference.seeds.values())
    blank = [np.nan] * width
    seeds = np.array([list(reference.seeds.get(archs[i], blank))[:width] for i in index])
    return index, values, seeds
