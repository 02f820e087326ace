"""A task of any kind: splits, in memory or streamed, and what is to be learnt from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from ghn.display import brief
from ghn.errors import DataError
from ghn.tasks.augmentation import Augmentation, apply_augmentation, augmentation_name, check_augmentation
from ghn.tasks.card import task_card
from ghn.tasks.inputs import listed, shape_list
from ghn.tasks.memory import each_normalisation
from ghn.tasks.normalisation import Normalisation, check_moments
from ghn.tasks.objectives import Objective
from ghn.types import Inputs, Split


class DataSplit(Split, Protocol):
    """A split that knows what its items are, and in which units networks see them."""

    @property
    def input_shape(self) -> Any: ...

    @property
    def input_dtypes(self) -> list[str]:
        """Of each input as networks see it, such as `float32`."""

    @property
    def normalisation(self) -> Any:
        """Of each input, in the structure of the inputs; None where it is seen as it is."""

    @property
    def target_normalisation(self) -> Normalisation | None:
        """Of the targets of a regression."""

    def digest(self) -> str:
        """Tells its contents from others: all of them, or, of a stream, what is known."""


@brief
@dataclass(frozen=True, eq=False)
class DataTask:
    """Any task but today's special case, the classification of 8-bit images (`ghn.tasks.images.ImageTask`).

    The hypernetwork is trained on `train` alone, candidates are scored on `val`, and nothing is ever selected on
    `test`, which is for reports.

    Args:
        name: kept in checkpoints.
        train: to learn from; its units are those of the other splits too.
        val: to score and select on.
        test: to report on.
        objective: loss and metric.
        augmentation: of training batches.

    Raises:
        DataError: splits whose inputs or units differ.
        ConfigError: an augmentation that there is not, or of what are no images.
    """

    name: str
    train: DataSplit
    val: DataSplit
    test: DataSplit
    objective: Objective
    augmentation: Augmentation = "none"

    def __post_init__(self) -> None:
        check_augmentation(self.augmentation, self.input_shape, f"task {self.name}")
        for title, split in self.splits().items():
            where = f"task {self.name}, split {title}: other {{}} than the train split's"
            if split.input_shape != self.input_shape:
                raise DataError(
                    where.format("inputs"),
                    got=f"items of shape {split.input_shape}",
                    expected=f"{self.input_shape}",
                    fix="give every split items of the same shape",
                )
            if _units(split) != _units(self.train):
                raise DataError(where.format("units"), got=str(_units(split)), expected=str(_units(self.train)))

    _repr_html_ = task_card

    def splits(self) -> dict[str, DataSplit]:
        return {"train": self.train, "val": self.val, "test": self.test}

    @property
    def input_shape(self) -> Any:
        return self.train.input_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.objective.output_shape

    def loss(self, output: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        return self.objective.loss(output, target, reduction)

    def metric(self, output: Tensor, target: Tensor) -> Tensor:
        return self.objective.metric(output, target)

    def target_vectors(self, target: Tensor) -> Tensor:
        return self.objective.target_vectors(target)

    def augment(self, inputs: Inputs, generator: torch.Generator, shift: int) -> Inputs:
        return apply_augmentation(self.augmentation, inputs, generator, shift)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 hex digest of what is to be learnt, how batches are augmented, the units, and each split's digest."""
        known = {
            "objective": [self.objective.kind, list(self.output_shape), self.objective.describe()],
            "augmentation": augmentation_name(self.augmentation),
            "units": str(_units(self.train)),
            "splits": {title: split.digest() for title, split in self.splits().items()},
        }
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    def to(self, device: torch.device | str) -> DataTask:
        moved = self.with_splits(**{title: split.to(device) for title, split in self.splits().items()})
        if "checksum" in self.__dict__:  # cached: the contents are the same, so it need not be computed again
            moved.__dict__["checksum"] = self.checksum
        return moved

    def with_splits(self, **splits: Split) -> DataTask:
        return replace(self, **splits)  # type: ignore[arg-type]

    def normalised_as(self, description: Mapping[str, Any]) -> DataTask:
        """The same data in the units of a description; itself where that names none."""
        if "units" not in description:
            return self
        units = description["units"]
        inputs = [None if one is None else _normalisation(one) for one in units["inputs"]]
        if isinstance(self.input_shape, dict):
            own: Any = dict(zip(self.input_shape, inputs, strict=True))
        else:
            own = inputs[0] if len(inputs) == 1 else tuple(inputs)
        target = None if units["target"] is None else _normalisation(units["target"])
        new: dict[str, Any] = {"normalisation": own, "target_normalisation": target}
        return self.with_splits(**{title: replace(split, **new) for title, split in self.splits().items()})  # type: ignore[type-var]

    def describe(self) -> dict[str, Any]:
        """What a checkpoint keeps of its task."""
        inputs, target = _units(self.train)
        return {
            "name": self.name,
            "kind": self.objective.kind,
            "input_shape": listed(self.input_shape),
            "input_dtypes": self.train.input_dtypes,
            "output_shape": list(self.output_shape),
            **self.objective.describe(),
            "sizes": {title: len(split) for title, split in self.splits().items()},
            "units": {
                "inputs": [None if one is None else one.describe() for one in inputs],
                "target": None if target is None else target.describe(),
            },
            "augmentation": augmentation_name(self.augmentation),
            "checksum": self.checksum,
        }


def check_units(description: Mapping[str, Any]) -> None:
    """Raises KeyError, TypeError or ValueError for a description, from a file, that `normalised_as` could not use."""
    units = description["units"]
    for one in (*units["inputs"], units["target"]):
        if one is not None:
            check_moments(one["mean"], one["std"])


def _units(split: DataSplit) -> tuple[list[Normalisation | None], Normalisation | None]:
    """The normalisation of each input in order, and of the targets."""
    return each_normalisation(split.normalisation, len(shape_list(split.input_shape))), split.target_normalisation


def _normalisation(described: Mapping[str, Any]) -> Normalisation:
    return Normalisation(tuple(described["mean"]), tuple(described["std"]))
