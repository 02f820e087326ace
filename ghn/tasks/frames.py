"""Tables: pandas frames and CSV files, with numeric and categorical columns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from ghn.errors import ConfigError, DataError
from ghn.extras import need
from ghn.reading import read_bytes, reading
from ghn.tasks.arrays import from_arrays
from ghn.tasks.objectives import Objective
from ghn.types import Task

if TYPE_CHECKING:
    import pandas as pd

MANY = 100  # different values, from which on whole numbers are more often measured than classes


def from_frame(
    name: str,
    train: pd.DataFrame,
    target: str | Sequence[str],
    val: pd.DataFrame | None = None,
    test: pd.DataFrame | None = None,
    *,
    kind: str | Objective | None = None,
    drop: Sequence[str] = (),
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> Task:
    """Makes a task of a table: numeric columns are standardised, all others are categories and become one-hot.

    Args:
        name: a short name for the task.
        train: a pandas frame, a row an item.
        target: the column to predict, or several.
        val: the same for scoring; None holds `val_share` of the train rows out.
        test: the same for reporting; None holds `test_share` of the train rows out.
        kind: as in `from_arrays`; None: text, categories and whole numbers are classes, other numbers a regression.
        drop: columns that are not looked at.
        val_share: as in `from_arrays`.
        test_share: as in `from_arrays`.
        seed: as in `from_arrays`.

    Raises:
        DataError: a column is missing or has empty cells, or a category is unknown to the train split.
        ConfigError: whole numbers that may be classes or not.
    """
    given = {part: frame for part, frame in {"train": train, "val": val, "test": test}.items() if frame is not None}
    targets = [target] if isinstance(target, str) else list(target)
    features = [column for column in train.columns if column not in (*targets, *drop)]
    for part, frame in given.items():
        _check_frame(frame, [*features, *targets], f"task {name}, split {part}")
    if unknown := [column for column in drop if column not in train.columns]:
        raise DataError(
            f"task {name}: no such column to drop", got=unknown[0], expected=f"one of {list(train.columns)}"
        )
    if not features:
        raise DataError(f"task {name}: no columns to learn from", got=f"columns {list(train.columns)}")
    chosen = _kind(train, targets, name) if kind is None else kind
    inputs = {part: _encode(frame, train, features, f"task {name}, split {part}") for part, frame in given.items()}
    answers = {part: _answers(frame, targets, chosen) for part, frame in given.items()}
    pools = {part: (inputs[part], answers[part]) for part in given}
    names = sorted(set(answers["train"].tolist()), key=_order) if chosen == "classification" else None
    return from_arrays(
        name,
        pools["train"],
        pools.get("val"),
        pools.get("test"),
        kind=chosen,
        classes=names,
        val_share=val_share,
        test_share=test_share,
        seed=seed,
    )


def csv(
    path: str | Path,
    target: str | list[str],
    val_path: str | Path | None = None,
    test_path: str | Path | None = None,
    kind: str | None = None,
    drop: Sequence[str] = (),
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> Task:
    """A table in a CSV file, by config: `from_frame` of what pandas reads; the first line names the columns.

    Raises:
        MissingExtraError: pandas is not installed.
        DataError: a file is missing or not CSV; or as in `from_frame`.
    """
    train = _read(path)
    val, test = (None if one is None else _read(one) for one in (val_path, test_path))
    options: dict[str, Any] = {"val_share": val_share, "test_share": test_share, "seed": seed}
    return from_frame(f"csv:{Path(path).stem}", train, target, val, test, kind=kind, drop=drop, **options)


def _read(path: str | Path) -> pd.DataFrame:
    pandas = need("pandas", "pandas", "a table")
    with reading(f"{path} cannot be read as CSV", expected="a header, then a line an item"):
        frame: pd.DataFrame = pandas.read_csv(io.BytesIO(read_bytes(Path(path).expanduser())))
    return frame


def _check_frame(frame: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    for column in columns:
        if column not in frame.columns:
            raise DataError(f"{where}: no column {column!r}", expected=f"one of {list(frame.columns)}")
        if (empty := frame[column].isna()).any():
            raise DataError(
                f"{where}: empty cells in column {column!r}",
                got=f"{int(empty.sum())} of {len(frame)}, the first in row {int(empty.to_numpy().argmax())}",
                fix="fill them, leave the rows out (frame.dropna()), or leave the column out: drop=",
            )


def _is_number(column: Any) -> bool:
    return column.dtype.kind in "fiu"


def _kind(frame: pd.DataFrame, targets: Sequence[str], name: str) -> str:
    """What targets are, where it is not said."""
    if len(targets) > 1:
        raise ConfigError(
            f"task {name}: what are several targets?", got=list(targets), expected="kind=regression or kind=multi_label"
        )
    column = frame[targets[0]]
    if column.dtype.kind == "f":
        return "regression"
    if _is_number(column) and column.nunique() > MANY:
        raise ConfigError(
            f"task {name}: whole numbers that may be classes or not",
            got=f"{column.nunique()} different ones in column {targets[0]!r}",
            fix="say kind=regression or kind=classification",
        )
    return "classification"


def _answers(frame: pd.DataFrame, targets: Sequence[str], kind: str | Objective) -> np.ndarray[Any, Any]:
    if len(targets) > 1:
        return frame[list(targets)].to_numpy()
    column = frame[targets[0]]
    if kind == "classification":
        return column.to_numpy(dtype=object)
    return column.to_numpy()


def _order(label: Any) -> tuple[int, Any]:
    """Numbers by their value, all else as text."""
    return (0, label) if isinstance(label, (int, float)) else (1, str(label))


def _encode(frame: pd.DataFrame, train: pd.DataFrame, features: Sequence[str], where: str) -> Float32[Tensor, "n k"]:
    """Numbers as they are, categories one-hot, in the order of the columns; those of the train frame are known."""
    parts = []
    for column in features:
        values = frame[column]
        if _is_number(train[column]):
            if not _is_number(values):
                raise DataError(f"{where}: column {column!r} is not numeric", got=str(values.dtype), expected="numbers")
            parts.append(values.to_numpy(dtype=np.float32)[:, None])
            continue
        known = sorted({str(value) for value in train[column]})
        if len(known) > MANY and len(known) > len(train) / 2:
            raise DataError(
                f"{where}: column {column!r} seems to name the rows",
                got=f"{len(known)} different values in {len(train)} rows",
                fix=f"leave it out: drop=[{column!r}]",
            )
        text = [str(value) for value in values]
        if unknown := next((value for value in text if value not in known), None):
            raise DataError(
                f"{where}: a category of column {column!r} that the train split does not have",
                got=repr(unknown),
                expected=f"one of {known[:20]}",
            )
        parts.append((np.array(text)[:, None] == np.array(known)[None]).astype(np.float32))
    return torch.from_numpy(np.concatenate(parts, 1))
