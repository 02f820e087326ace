"""A row of a reference table and its header, validated. Accuracies are fractions in [0, 1], times seconds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from ghn.errors import ConfigError, DataError

CURVES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
METRICS = (*CURVES, "test_accuracy")


class Problem(NamedTuple):
    """What is wrong with a field."""

    field: str
    got: Any
    expected: str


@dataclass(frozen=True, slots=True)
class Run:
    """One finished training of one architecture.

    Attributes:
        arch: the space's official string.
        seed: of the training.
        train_loss, train_accuracy, val_loss, val_accuracy: an entry an epoch recorded; empty when unknown.
            Losses in nats, accuracies as fractions in [0, 1]. Curves that are there have equal lengths.
        test_accuracy: of the finished training, as a fraction; for reporting only, nothing is selected on it.
        seconds: the whole training took; None when unknown.
        params: number of parameters; None when unknown.
        epochs: which epochs, counted from 1, the curves hold; 1, 2, ... when not given.

    Raises:
        DataError: a field is missing, malformed, not finite or out of range.
    """

    arch: str
    seed: int
    train_loss: tuple[float, ...] = ()
    train_accuracy: tuple[float, ...] = ()
    val_loss: tuple[float, ...] = ()
    val_accuracy: tuple[float, ...] = ()
    test_accuracy: float | None = None
    seconds: float | None = None
    params: int | None = None
    epochs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in (*CURVES, "epochs"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.epochs:
            length = max(len(getattr(self, name)) for name in CURVES)
            object.__setattr__(self, "epochs", tuple(range(1, length + 1)))
        if problem := run_problem({f.name: getattr(self, f.name) for f in fields(self)}):
            raise DataError(
                f"a reference run of {self.arch!r} with a wrong {problem.field}",
                got=problem.got,
                expected=problem.expected,
            )

    def reading(self, metric: str, epoch: int | None = None) -> float | None:
        """A metric after an epoch counted from 1 (None: the last one); None where it is not recorded.

        Raises:
            ConfigError: there is no such metric.
        """
        check_metric(metric)
        if metric == "test_accuracy":
            return self.test_accuracy if epoch in (None, self.epochs[-1] if self.epochs else None) else None
        curve: tuple[float, ...] = getattr(self, metric)
        if not curve or (epoch is not None and epoch not in self.epochs):
            return None
        return curve[-1 if epoch is None else self.epochs.index(epoch)]

    def seconds_until(self, epoch: int | None = None) -> float:
        """Training time up to an epoch, in equal shares of the whole; 0 when unknown."""
        if self.seconds is None:
            return 0.0
        return self.seconds if epoch is None or not self.epochs else self.seconds * epoch / self.epochs[-1]


@dataclass(frozen=True)
class TableHeader:
    """Where the runs of a table come from; two tables can be mixed only where these agree.

    Attributes:
        space: name of the space.
        task: name of the task.
        task_checksum: of the task's data; empty when unknown.
        skeleton: the space's settings, such as `{"width": 8, "depth": 1}`, JSON-able.
        recipe: how the runs were trained (epochs, optimizer...), JSON-able.
        versions: of the software that trained them; does not count as a difference.
        source: the paper, package or job.
    """

    space: str
    task: str
    task_checksum: str = ""
    skeleton: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        if problem := header_problem({f.name: getattr(self, f.name) for f in fields(self)}):
            raise DataError(f"header field {problem.field}", got=problem.got, expected=problem.expected)


def check_metric(metric: str) -> None:
    """Raises ConfigError unless the metric is one of `METRICS`."""
    if metric not in METRICS:
        raise ConfigError("unknown metric of a reference table", got=metric, expected=METRICS)


def header_problem(row: Mapping[str, Any]) -> Problem | None:
    """The first thing wrong with the fields of a header."""
    known = {f.name: dict if f.name in ("skeleton", "recipe", "versions") else str for f in fields(TableHeader)}
    for name, value in row.items():
        if name not in known:
            return Problem(name, "an unknown field", f"only {', '.join(known)}")
        if not isinstance(value, known[name]):
            return Problem(name, value, "an object" if known[name] is dict else "text")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            return Problem(name, value, f"plain JSON values ({error})")
    for name in ("space", "task"):
        if not row.get(name):
            return Problem(name, "nothing", "a name")
    return None


def run_problem(row: Mapping[str, Any]) -> Problem | None:
    """The first thing wrong with the fields of a run."""
    known = [f.name for f in fields(Run)]
    if unknown := [name for name in row if name not in known]:
        return Problem(unknown[0], "an unknown field", f"only {', '.join(known)}")
    if not isinstance(row.get("arch"), str) or not row["arch"]:
        return Problem("arch", row.get("arch", "nothing"), "an official string")
    if not _is_int(row.get("seed")):
        return Problem("seed", row.get("seed", "nothing"), "an integer")
    if row.get("params") is not None and not (_is_int(row["params"]) and row["params"] >= 0):
        return Problem("params", row["params"], "a count")
    if row.get("seconds") is not None and not (_is_number(row["seconds"]) and row["seconds"] >= 0):
        return Problem("seconds", row["seconds"], "a finite number, 0 or more")
    if row.get("test_accuracy") is not None and not _fits("test_accuracy", row["test_accuracy"]):
        return Problem("test_accuracy", row["test_accuracy"], _wanted("test_accuracy"))
    return _curve_problem(row)


def _curve_problem(row: Mapping[str, Any]) -> Problem | None:
    lengths = {}
    for name in CURVES:
        curve = row.get(name, ())
        if not isinstance(curve, (list, tuple)):
            return Problem(name, curve, "a list, one entry an epoch")
        for i, value in enumerate(curve):
            if not _fits(name, value):
                return Problem(f"{name}[{i}]", value, _wanted(name))
        if curve:
            lengths[name] = len(curve)
    if len(set(lengths.values())) > 1:
        return Problem(min(lengths, key=lambda k: lengths[k]), lengths, "curves of equal length")
    if not lengths and row.get("test_accuracy") is None:
        return Problem("val_accuracy", "no reading at all", "a curve or a test_accuracy")
    epochs = row.get("epochs", ())
    if not isinstance(epochs, (list, tuple)):
        return Problem("epochs", epochs, "a list")
    rising = all(_is_int(e) and e > before for e, before in zip(epochs, (0, *epochs), strict=False))
    if epochs and not (rising and len(epochs) == max(lengths.values(), default=0)):
        return Problem("epochs", epochs, "rising numbers from 1, one for each entry of the curves")
    return None


def _fits(name: str, value: Any) -> bool:
    return _is_number(value) and (not name.endswith("accuracy") or 0 <= value <= 1)


def _wanted(name: str) -> str:
    return "a fraction in [0, 1], not percent" if name.endswith("accuracy") else "finite numbers"


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))
