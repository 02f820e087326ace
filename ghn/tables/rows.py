"""A row of a reference table and its header, validated. Accuracies are fractions in [0, 1], times seconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from ghn.errors import ConfigError, DataError

CURVES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
METRICS = (*CURVES, "test_accuracy")

T = TypeVar("T")
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_LIST = Field(strict=False)  # a list, as JSON has it, is as good as a tuple; what is in it is checked strictly


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    json.dumps(value, allow_nan=False)
    return value


Name = Annotated[str, Field(min_length=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Losses = Annotated[tuple[float, ...], _LIST, BeforeValidator(_listed)]
Accuracies = Annotated[tuple[Fraction, ...], _LIST, BeforeValidator(_listed)]
Json = Annotated[dict[str, Any], AfterValidator(_plain)]

_WANTED = {
    "arch": "an official string",
    "seed": "an integer",
    "params": "a count",
    "seconds": "a finite number, 0 or more",
    "epochs": "rising numbers from 1, one for each entry of the curves",
    "space": "a name",
    "task": "a name",
    "task_checksum": "text",
    "source": "text",
}


def _refusing(what: str) -> Callable[[type[T]], type[T]]:
    """Makes a dataclass raise DataErrors, which say the field, what was got and what was expected."""

    def decorate(cls: type[T]) -> type[T]:
        init = cls.__init__

        @wraps(init)
        def checked(self: Any, /, *args: Any, **fields: Any) -> None:
            try:
                init(self, *args, **fields)
            except ValidationError as error:
                field, got, expected = _problem(error, list(cls.__annotations__))
                raise DataError(f"field {field} of {what}", got=got, expected=expected) from None

        setattr(cls, "__init__", checked)  # noqa: B010 - mypy refuses to have it assigned
        return cls

    return decorate


def _problem(error: ValidationError, names: list[str]) -> tuple[str, Any, str]:
    """The first field that is wrong, what was got, and what was expected."""
    first = error.errors()[0]
    if first["type"] == "wrong_field":
        return first["ctx"]["field"], first["ctx"]["got"], first["ctx"]["expected"]
    place, *inside = first["loc"] or ("",)
    name = names[place] if isinstance(place, int) else place
    if first["type"] == "unexpected_keyword_argument":
        return name, "an unknown field", f"only {', '.join(names)}"
    got = "nothing" if first["type"] == "missing" or first["input"] == "" else first["input"]
    field = f"{name}[{inside[0]}]" if inside else name
    if name in _WANTED:
        return field, got, _WANTED[name]
    if name in CURVES and not inside:
        return field, got, "a list, one entry an epoch"
    if name in METRICS:
        return field, got, "a fraction in [0, 1], not percent" if name.endswith("accuracy") else "finite numbers"
    return field, got, f"an object of plain JSON values ({first['msg']})"


@_refusing("a reference run")
@dataclass(frozen=True, slots=True, config=_STRICT)
class Run:
    """One finished training of one architecture, an official string of its space.

    Curves have an entry a recorded epoch and equal lengths, or are empty: losses in nats, accuracies as fractions in
    [0, 1]. `epochs`, counted from 1, says which; 1, 2, ... when not given. `test_accuracy` is for reporting only:
    nothing is selected on it. `seconds` took the whole training.

    Raises:
        DataError: a field is missing, malformed, not finite or out of range.
    """

    arch: Name
    seed: int
    train_loss: Losses = ()
    train_accuracy: Accuracies = ()
    val_loss: Losses = ()
    val_accuracy: Accuracies = ()
    test_accuracy: Fraction | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    params: Annotated[int, Field(ge=0)] | None = None
    epochs: Annotated[tuple[int, ...], _LIST] = ()

    def __post_init__(self) -> None:
        lengths = {name: len(curve) for name in CURVES if (curve := getattr(self, name))}
        if len(set(lengths.values())) > 1:
            raise _wrong(min(lengths, key=lambda name: lengths[name]), lengths, "curves of equal length")
        if not lengths and self.test_accuracy is None:
            raise _wrong("val_accuracy", "no reading at all", "a curve or a test_accuracy")
        length = max(lengths.values(), default=0)
        if not self.epochs:
            object.__setattr__(self, "epochs", tuple(range(1, length + 1)))
        rising = all(epoch > before for epoch, before in zip(self.epochs, (0, *self.epochs), strict=False))
        if not rising or len(self.epochs) != length:
            raise _wrong("epochs", self.epochs, _WANTED["epochs"])

    def reading(self, metric: str, epoch: int | None = None) -> float | None:
        """A metric after an epoch counted from 1 (None: the last one); None where it is not recorded."""
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


@_refusing("a table's header")
@dataclass(frozen=True, config=_STRICT)
class TableHeader:
    """Where the runs of a table come from; two tables can be mixed only where these, but the versions, agree.

    The skeleton are the space's settings, such as `{"width": 8, "depth": 1}`; the recipe says how the runs were trained
    (epochs, optimizer...), the versions by what software, the source in which paper, package or job.

    Raises:
        DataError: a field is missing, unknown, malformed or not JSON-able.
    """

    space: Name
    task: Name
    task_checksum: str = ""
    skeleton: Json = Field(default_factory=dict)
    recipe: Json = Field(default_factory=dict)
    versions: Json = Field(default_factory=dict)
    source: str = ""


def check_metric(metric: str) -> None:
    """Raises ConfigError unless the metric is one of `METRICS`."""
    if metric not in METRICS:
        raise ConfigError("unknown metric of a reference table", got=metric, expected=METRICS)


def _wrong(field: str, got: Any, expected: str) -> PydanticCustomError:
    return PydanticCustomError("wrong_field", "{field}", {"field": field, "got": got, "expected": expected})
