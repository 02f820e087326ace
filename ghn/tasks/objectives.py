"""What is to be learnt: which loss is minimised, which metric counts, and what a network must give for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import isroutine
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from ghn.errors import ConfigError, DataError, check_known

Labels = tuple[Any, ...]


@runtime_checkable
class Objective(Protocol):
    """A kind of learning problem; `loss` and `metric` are those of `ghn.types.Task`."""

    @property
    def kind(self) -> str:
        """Its name, kept in checkpoints."""

    @property
    def output_shape(self) -> tuple[int, ...]: ...

    def loss(self, output: Tensor, target: Tensor, reduction: str = "mean") -> Tensor: ...

    def metric(self, output: Tensor, target: Tensor) -> Tensor: ...

    def target_vectors(self, target: Tensor) -> Tensor: ...

    def describe(self) -> dict[str, Any]:
        """What else tells it from others, JSON-able."""


def check_output(output: Tensor, shape: tuple[int, ...]) -> None:
    """Raises ConfigError, naming both, unless an output is what a task asks for."""
    if tuple(output.shape[1:]) != shape:
        raise ConfigError(
            "the network's output does not fit the task",
            got=f"{tuple(output.shape[1:])} for each item",
            expected=f"{shape}, the task's output_shape",
            fix="give the last layer so many outputs, or choose another kind= of task",
        )


def reduce_items(each: Float[Tensor, " b"], reduction: str) -> Float[Tensor, ""]:
    """The `mean` or the `sum` of a number an item."""
    return each.mean() if reduction == "mean" else each.sum()


@dataclass(frozen=True)
class Classification:
    """One class of several for each item; targets are `0 .. classes - 1`.

    Args:
        classes: how many.
        names: of the classes, in order, where they have any.
    """

    classes: int
    names: Labels | None = None
    kind = "classification"

    @property
    def output_shape(self) -> tuple[int]:
        return (self.classes,)

    def loss(
        self, output: Float[Tensor, "b k"], target: Int64[Tensor, " b"], reduction: str = "mean"
    ) -> Float[Tensor, ""]:
        """Cross-entropy in nats."""
        check_output(output, self.output_shape)
        return functional.cross_entropy(output, target, reduction=reduction)

    def metric(self, output: Float[Tensor, "b k"], target: Int64[Tensor, " b"]) -> Float[Tensor, " b"]:
        """Which items are classified rightly: 1 or 0 each, so that the mean is the accuracy."""
        check_output(output, self.output_shape)
        return (output.argmax(1) == target).float()

    def target_vectors(self, target: Int64[Tensor, " b"]) -> Float[Tensor, "b k"]:
        """One-hot."""
        return functional.one_hot(target, self.classes).float()

    def describe(self) -> dict[str, Any]:
        return {"classes": self.classes} | ({"class_names": [str(n) for n in self.names]} if self.names else {})


@dataclass(frozen=True)
class MultiLabel:
    """Any number of labels for each item; targets `[b k]` are 1 where a label holds and 0 where not."""

    labels: int
    kind = "multi_label"

    @property
    def output_shape(self) -> tuple[int]:
        return (self.labels,)

    def loss(
        self, output: Float[Tensor, "b k"], target: Float[Tensor, "b k"], reduction: str = "mean"
    ) -> Float[Tensor, ""]:
        """Binary cross-entropy of logits in nats, the mean over labels."""
        check_output(output, self.output_shape)
        each = functional.binary_cross_entropy_with_logits(output, target, reduction="none").mean(1)
        return reduce_items(each, reduction)

    def metric(self, output: Float[Tensor, "b k"], target: Float[Tensor, "b k"]) -> Float[Tensor, " b"]:
        """The share of an item's labels that are right."""
        check_output(output, self.output_shape)
        return ((output > 0) == (target > 0.5)).float().mean(1)

    def target_vectors(self, target: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
        """1 and -1, the signs that logits should have."""
        return 2 * target - 1

    def describe(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Regression:
    """Numbers for each item, `[b k]`; networks give them standardised by the train split's mean and deviation."""

    outputs: int = 1
    kind = "regression"

    @property
    def output_shape(self) -> tuple[int]:
        return (self.outputs,)

    def loss(
        self, output: Float[Tensor, "b k"], target: Float[Tensor, "b k"], reduction: str = "mean"
    ) -> Float[Tensor, ""]:
        """Squared error in variances of the train split, the mean over outputs."""
        check_output(output, self.output_shape)
        return reduce_items((output - target).square().mean(1), reduction)

    def metric(self, output: Float[Tensor, "b k"], target: Float[Tensor, "b k"]) -> Float[Tensor, " b"]:
        """1 minus the squared error in variances of the train split: the mean is R2, the share that is explained."""
        check_output(output, self.output_shape)
        return 1 - (output.float() - target).square().mean(1)

    def target_vectors(self, target: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
        return target

    def describe(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Custom:
    """A loss and a metric of the user's own; targets are any tensor.

    Args:
        item_loss: (output [b ...], target [b ...]) -> loss of each item [b].
        output_shape: of what the network gives for one item.
        item_metric: the same, higher is better; None: minus the loss.
    """

    item_loss: Callable[[Tensor, Tensor], Tensor]
    output_shape: tuple[int, ...]
    item_metric: Callable[[Tensor, Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "output_shape", tuple(self.output_shape))
        _ = self.kind  # nameless functions are refused

    @property
    def kind(self) -> str:
        named = [function_name(f) for f in (self.item_loss, self.item_metric) if f is not None]
        return f"custom: {', '.join(named)}"

    def loss(self, output: Tensor, target: Tensor, reduction: str = "mean") -> Float[Tensor, ""]:
        check_output(output, self.output_shape)
        return reduce_items(_an_item(self.item_loss, output, target), reduction)

    def metric(self, output: Tensor, target: Tensor) -> Float[Tensor, " b"]:
        check_output(output, self.output_shape)
        if self.item_metric is None:
            return -_an_item(self.item_loss, output, target)
        return _an_item(self.item_metric, output, target)

    def target_vectors(self, target: Tensor) -> Tensor:
        raise ConfigError(
            "nothing is known of the targets of a loss of your own",
            got=self.kind,
            fix="choose another read-out, such as readout=loss",
        )

    def describe(self) -> dict[str, Any]:
        return {}


KINDS = ("classification", "multi_label", "regression")


def function_name(function: Callable[..., Any]) -> str:
    """What tells a function from others in checkpoints and files of scores; nothing is ever imported by it.

    Raises:
        ConfigError: it has no name of its own.
    """
    if isinstance(function, partial):
        return f"{function_name(function.func)}{function.args}{function.keywords}"
    named = function if isroutine(function) else type(function)
    if "<lambda>" in named.__qualname__:
        what = "a loss, metric or augmentation needs a name, by which scores of others are told from its own"
        raise ConfigError(what, got=f"a lambda in {named.__module__}", fix="def it as a function")
    return f"{named.__module__}.{named.__qualname__}"


def _an_item(function: Callable[[Tensor, Tensor], Tensor], output: Tensor, target: Tensor) -> Tensor:
    """What a user's function says of each item."""
    each = function(output, target)
    if each.shape != output.shape[:1]:
        raise ConfigError(
            f"{function_name(function)} must give one number an item",
            got=f"shape {tuple(each.shape)}",
            expected=f"({len(output)},)",
            fix='take the mean over all axes but the first; losses of torch have reduction="none"',
        )
    return each


# --- targets as users have them ---


def prepare_targets(
    kind: str | Objective, targets: dict[str, Any], classes: int | Sequence[Any] | None, where: str
) -> tuple[dict[str, Tensor], Objective]:
    """Targets of each split as tensors, and what is to be learnt.

    Args:
        kind: one of `KINDS`, or an objective of the user's own.
        targets: by split; arrays, tensors or lists, of numbers or, of classes, also of strings.
        classes: how many, or their names in order; None counts them in the train split.
        where: for messages.

    Raises:
        DataError: targets of another kind, naming the split and the first offender.
        ConfigError: an unknown kind, or `classes` where there are none.
    """
    if not isinstance(kind, str):
        return {part: torch.as_tensor(_array(values)) for part, values in targets.items()}, kind
    check_known(f"kind of {where}", kind, KINDS)
    if isinstance(classes, str) or (isinstance(classes, int) and classes < 1):
        raise ConfigError(f"{where}: what are the classes?", got=repr(classes), expected="how many, or a list of names")
    if kind == "classification":
        return _classes(targets, classes, where)
    if classes is not None:
        raise ConfigError(f"{where}: only a classification has classes", got=f"kind={kind}, classes={classes!r}")
    numbers = {part: _numbers(values, f"{where}, split {part}") for part, values in targets.items()}
    width = numbers["train"].shape[1]
    for part, values in numbers.items():
        if values.shape[1] != width:
            raise DataError(f"{where}, split {part}: targets of another width", got=values.shape[1], expected=width)
        if kind == "multi_label" and not bool(((values == 0) | (values == 1)).all()):
            row = int(((values != 0) & (values != 1)).any(1).nonzero()[0])
            raise DataError(
                f"{where}, split {part}: targets of several labels are 0 or 1",
                got=f"{values[row].tolist()} at index {row}",
                expected="[n k], 1 where a label holds and 0 where not",
            )
    return numbers, MultiLabel(width) if kind == "multi_label" else Regression(width)


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _numbers(values: Any, where: str) -> Float[Tensor, "n k"]:
    array = _array(values)
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2):
        raise DataError(
            f"{where}: targets must be numbers", got=f"{array.dtype} of shape {array.shape}", expected="[n] or [n k]"
        )
    found = torch.as_tensor(array.astype(np.float32))
    if not bool(found.isfinite().all()):
        row = int((~found.isfinite()).nonzero()[0, 0])
        raise DataError(f"{where}: targets must be finite", got=f"{found[row].tolist()} at index {row}")
    return found if found.ndim == 2 else found[:, None]


def _classes(
    targets: dict[str, Any], classes: int | Sequence[Any] | None, where: str
) -> tuple[dict[str, Tensor], Classification]:
    """Classes as `0 .. classes - 1`, by their names where there are any."""
    arrays = {part: _array(values) for part, values in targets.items()}
    for part, array in arrays.items():
        if array.ndim != 1:
            raise DataError(
                f"{where}, split {part}: wrong labels",
                got=f"shape {array.shape}",
                expected="(n,), one label an item",
                fix="labels.argmax(1) of one-hot labels; kind=multi_label where several hold at once",
            )
    words = arrays["train"].dtype.kind in "OUSb"
    if words or not (classes is None or isinstance(classes, int)):
        said = None if classes is None or isinstance(classes, int) else classes
        names = tuple(sorted({*arrays["train"].tolist()}, key=str) if said is None else said)
        if isinstance(classes, int) and classes != len(names):
            raise DataError(
                f"{where}: other classes than said",
                got=f"{len(names)} names: {list(names)[:20]}",
                expected=f"classes={classes}",
                fix="name them all: classes=[...]",
            )
        found = {part: _by_name(array, names, f"{where}, split {part}") for part, array in arrays.items()}
        return found, Classification(len(names), names)
    for part, array in arrays.items():
        if array.dtype.kind not in "iu":
            raise DataError(
                f"{where}, split {part}: wrong labels",
                got=f"{array.dtype}",
                expected="whole numbers or strings, one label an item",
                fix="kind=regression, where targets are numbers",
            )
    labels = {part: torch.as_tensor(array.astype(np.int64)) for part, array in arrays.items()}
    return labels, Classification(count_classes(where, labels) if classes is None else int(classes))


def _by_name(array: np.ndarray, names: Sequence[Any], where: str) -> Int64[Tensor, " n"]:
    place = {name: number for number, name in enumerate(names)}
    labels = array.tolist()
    for index, label in enumerate(labels):
        if label not in place:
            raise DataError(
                f"{where}: unknown class", got=f"{label!r} at index {index}", expected=f"one of {list(names)[:20]}"
            )
    return torch.tensor([place[label] for label in labels], dtype=torch.int64)


def count_classes(where: str, labels: dict[str, Tensor]) -> int:
    """One more than the largest label; a DataError unless every label below it occurs in the train split."""
    present = set(labels["train"].tolist())
    largest = max(int(values.max()) for values in labels.values())
    missing = next((label for label in range(largest + 1) if label not in present), None)
    if missing is not None or min(present) < 0:
        first = "; labels begin at 1" if min(present) == 1 else ""
        raise DataError(
            f"{where}: the train labels are not 0, 1, ..., {largest}",
            got=f"no image of class {missing}{first}" if missing is not None else f"label {min(present)}",
            expected="every class from 0 up, so that classes can be counted",
            fix="renumber the labels from 0, or say how many classes there are (classes=10), or which (classes=[1, 2])",
        )
    return largest + 1
