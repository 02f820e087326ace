"""What is observed of trainings as they come: values, references, and curves of trainings that have not ended."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from math import inf, isfinite, nan
from numbers import Real
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError, check_counts, check_known
from ghn.families.curves.estimator import curve_model
from ghn.families.curves.model import FEWEST_FINISHED, CurveModel
from ghn.tables.curves import Curves
from ghn.tables.references import ReferenceTable
from ghn.types import Reference, Score, Trial

LARGEST = 1e100  # of a value, in size: nothing that is computed from such values overflows
TAKES = ("extrapolation", "last", "best")
REFERENCES = "a ReferenceTable, a Reference, {official string: value}, or pairs of a Trial and its Score"
Curve = dict[str, list[Any]]  # `epochs` and `val_accuracy`
Observed = float | Score | Sequence[float] | Mapping[str, Any] | None
References = Reference | ReferenceTable | Mapping[str, Observed] | Sequence[tuple[Trial[Any], Score]]


def is_value(value: float | None) -> bool:
    """Whether a surrogate can learn from it; what a training gave that has diverged it cannot."""
    return value is not None and abs(value) <= LARGEST  # false for NaN


class CurveReader:
    """Reads curves of trainings, those that are still running and those that were stopped early too.

    Args:
        horizon: the epoch with which a training ends.
        take: what is observed of a training that has not ended: `extrapolation`, what a model of learning curves
            expects after the last epoch, and how sure it is; `last`, its last value; `best`, its best one, which then
            counts for those that have ended, too.
        model: of learning curves, or the name of one; those that learn do so from the curves that have ended. By
            default the last value, and what others gained from there on.

    Raises:
        ConfigError: an unknown name, no model, or a horizon that is no whole number of at least 1.
    """

    def __init__(self, horizon: int, take: str = "extrapolation", model: CurveModel | str = "last") -> None:
        check_known("way to take a curve", take, TAKES)
        check_counts("of a reader of curves, the epoch with which trainings end, ", horizon=horizon)
        self.horizon, self.take, self.model = horizon, take, curve_model(model)
        self.running: dict[Hashable, Curve] = {}  # of each function whose training has not ended
        self.finished: list[Curve] = []
        self._fitted = 0  # finished curves that the model has learnt from
        self._read: dict[Hashable, tuple[float, float]] | None = None

    def add(self, key: Hashable, curve: Curve, sign: float) -> float | None:
        """Takes a curve in; returns its value where the training has ended. `sign` is -1 where less is better."""
        if self.take == "extrapolation" and sign < 0:
            fix = 'CurveReader(horizon, take="last")'
            raise ConfigError("curves of accuracies are extrapolated, and this surrogate minimises", fix=fix)
        if self.take == "extrapolation":
            _as_curves([curve])  # which refuses what is no accuracy, before it is kept
        self._read = None
        if curve["epochs"][-1] < self.horizon:
            self.running[key] = curve
            return None
        self.running.pop(key, None)
        self.finished.append(curve)
        return self._plain(curve, sign)

    def clear(self, finished: Sequence[Mapping[str, Any]]) -> None:
        """Forgets all but these finished curves."""
        self.running.clear()
        self.finished = [as_curve(one) for one in finished]
        self._fitted, self._read = 0, None

    def kept(self, text: Mapping[Hashable, str]) -> dict[str, Any]:
        """All curves, JSON-able; those that have ended too, by which the others are extrapolated."""
        return {"running": {text[key]: curve for key, curve in self.running.items()}, "finished": self.finished}

    def drop(self, key: Hashable) -> None:
        """The training has ended, or failed."""
        if self.running.pop(key, None) is not None:
            self._read = None

    def values(self, sign: float) -> dict[Hashable, tuple[float, float]]:
        """Value and standard deviation of each running training; those of which it is too early to say are left out.

        The deviation is NaN where it is unknown. What cannot be extrapolated, as it has collapsed, counts with its last
        value.
        """
        if self._read is None:
            if self.take != "extrapolation":
                self._read = {key: (self._plain(curve, sign), nan) for key, curve in self.running.items()}
            else:
                self._read = self._extrapolated()
        return self._read

    def _extrapolated(self) -> dict[Hashable, tuple[float, float]]:
        long = {key: c for key, c in self.running.items() if len(c["epochs"]) >= self.model.least_epochs}
        if len(self.finished) >= FEWEST_FINISHED and len(self.finished) != self._fitted:
            self.model.fit(_as_curves(self.finished).until(self.horizon))
            self._fitted = len(self.finished)
        if not long or (self.model.needs_finished and not self._fitted):
            return {}
        found = {}
        for key, curve in long.items():
            predicted = self.model.predict(_as_curves([curve]), self.horizon)
            if predicted.errors[0] is None:
                found[key] = float(predicted.mean[0]), float(predicted.std[0])
            else:
                found[key] = self._plain(curve, 1.0), nan
        return found

    def _plain(self, curve: Curve, sign: float) -> float:
        values = curve["val_accuracy"]
        return float(values[-1] if self.take != "best" else sign * max(sign * value for value in values))


def curve_of(value: Observed, reader: CurveReader | None) -> Curve | None:
    """The curve of what was observed: of a list of values after each epoch, of a dict, of a `Score`; None for a value.

    Without a reader a score is a value.

    Raises:
        ConfigError: it is a curve, and there is no reader.
        DataError: it is no curve.
    """
    if isinstance(value, Score):
        value = value.extra.get("curve") if value.ok and reader is not None else None
    if isinstance(value, str):
        what = "what was observed is neither a value nor a learning curve"
        raise DataError(what, got=value, expected="a number, a learning curve, or None")
    if value is None or isinstance(value, Real):
        return None
    if not isinstance(value, Mapping) and np.asarray(value, dtype=object).ndim == 0:  # a number of another library
        return None
    if reader is None:
        fix = "Surrogate(..., curves=ghn.search.CurveReader(horizon=EPOCHS))"
        raise ConfigError("a curve was observed, and nothing says how it is read", fix=fix)
    return as_curve(value)


def as_curve(value: Any) -> Curve:
    """A list of values after each epoch, or a dict of `epochs` and `val_accuracy`, as a curve; DataError if neither."""
    given, values = (value.get("epochs"), value.get("val_accuracy")) if isinstance(value, Mapping) else (None, value)
    try:
        values = [] if values is None else [float(one) for one in values]
        epochs = list(range(1, len(values) + 1)) if given is None else [int(epoch) for epoch in given]
    except (OverflowError, TypeError, ValueError) as error:
        raise DataError(
            "what was observed is neither a value nor a learning curve", got=value, expected=str(error)
        ) from None
    rising = all(a < b for a, b in zip((0, *epochs), epochs, strict=False))
    if not values or len(values) != len(epochs) or not rising or not all(map(is_value, values)):
        raise DataError(
            "what was observed is no learning curve",
            got=f"{len(values)} values after {len(epochs)} epochs" if rising else f"epochs {epochs[:8]}",
            expected="a finite value after each of some rising epochs: a list, or {'epochs': ..., 'val_accuracy': ...}",
        )
    return {"epochs": epochs, "val_accuracy": values}


def weighed(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The mean of two beliefs (mean and deviation), each as far as it is sure; the first where that is not known.

    Source: precisions of normal beliefs add: Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 2.141-2.142.
    """
    (mean, std), (prior, own) = one, other
    if not all(map(isfinite, (std, prior, own))) or std**2 + own**2 == 0:
        return mean
    return float((mean * own**2 + prior * std**2) / (std**2 + own**2))


def value_of(value: Observed) -> float | None:
    """The value of what was observed, where it is no curve; None of a failure.

    Raises:
        ConfigError: it is no finite number, or larger than `LARGEST`.
    """
    if isinstance(value, Score):
        value = value.value if value.ok else None
    if value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = inf
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor that is no real number
        raise ConfigError("an observed value is a number", got=repr(value), expected="a number, or None") from None
    if not is_value(number):
        fix = "of a training that failed: observe(arch, None)"
        expected = f"at most {LARGEST:g} in size"
        raise ConfigError("an observed value is a finite number", got=number, expected=expected, fix=fix)
    return number


def each_of(references: References, metric: str, *, curves: bool) -> Iterator[tuple[Any, Observed]]:
    """Architectures and what is known of each training; with its curve, where there is one and `curves` are read."""
    if isinstance(references, ReferenceTable):
        for run in references.runs:
            if curves and run.val_accuracy and metric == "val_accuracy":
                yield run.arch, {"epochs": list(run.epochs), "val_accuracy": list(run.val_accuracy)}
            elif (reading := run.reading(metric, None)) is not None:
                yield run.arch, reading
    elif isinstance(references, Reference):
        yield from references.values.items()
    elif isinstance(references, Mapping):
        yield from references.items()
    elif isinstance(references, str) or not isinstance(references, Iterable):
        raise DataError("what was observed is no references", got=repr(references), expected=REFERENCES)
    else:
        for pair in references:
            trial, score = pair if isinstance(pair, tuple) and len(pair) == 2 else (None, None)
            if not isinstance(trial, Trial) or not isinstance(score, Score):
                raise DataError("what was observed is no references", got=pair, expected=REFERENCES)
            yield trial.arch, score if curves else value_of(score)


def _as_curves(curves: Sequence[Curve]) -> Curves:
    scores = [Score(0.0, extra={"curve": curve}) for curve in curves]
    return Curves.from_scores([str(number) for number in range(len(curves))], scores)
