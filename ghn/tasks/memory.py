"""Splits whose items are all in memory: tensors of any shape and dtype with their targets."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import torch
from jaxtyping import Int64
from torch import Tensor

from ghn.display import brief
from ghn.errors import DataError
from ghn.tasks.inputs import count, map_inputs, pick, shapes_of, tensors_of
from ghn.tasks.normalisation import Normalisation
from ghn.tasks.sampling import hold_out, strata_of, stratified
from ghn.types import Batch, Inputs

Index = Int64[Tensor, " b"] | Sequence[int] | slice


class InMemory(ABC):
    """What any split in memory can do (`ghn.types.Split`), out of batches by index."""

    @property
    @abstractmethod
    def device(self) -> torch.device: ...

    @property
    @abstractmethod
    def strata(self) -> Int64[Tensor, " n"]:
        """What samples are stratified by."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def batch(self, index: Index) -> Any:
        """Normalised inputs, and targets, of some items."""

    @abstractmethod
    def pick(self, index: Int64[Tensor, " b"]) -> Self:
        """A split of some items alone."""

    def batches(self, size: int) -> Iterator[Batch]:
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size))

    def epoch(self, size: int, generator: torch.Generator, start: int = 0) -> Iterator[Batch]:
        order = torch.randperm(len(self), generator=generator, device=generator.device).to(self.device)
        for k in range(start, max(1, len(self) // size)):
            yield self.batch(order[k * size : (k + 1) * size])

    def take(self, n: int, seed: int = 0) -> Self:
        """A fixed stratified sample of `n` items in shuffled order, the same on every device."""
        return self.pick(stratified(self.strata, n, seed).to(self.device))

    def hold_out(self, n: int, seed: int = 0) -> tuple[Self, Self]:
        kept, held = (index.to(self.device) for index in hold_out(self.strata, n, seed))
        return self.pick(kept), self.pick(held)


@brief
@dataclass(frozen=True, eq=False)
class ArraySplit(InMemory):
    """Inputs and targets of any shape, and the units in which networks see them.

    Args:
        inputs: one tensor `[n ...]`, or several.
        targets: `[n ...]`.
        normalisation: of each input, in the same structure; None where it is seen as it is.
        target_normalisation: of the targets `[n k]` of a regression.
    """

    inputs: Inputs
    targets: Tensor
    normalisation: Any = None
    target_normalisation: Normalisation | None = None

    def __post_init__(self) -> None:
        sizes = {len(tensor) for tensor in (*tensors_of(self.inputs), self.targets)}
        if len(sizes) != 1 or 0 in sizes:
            raise DataError(
                "inputs and targets of a split must be as many, and at least one",
                got=f"shapes {shapes_of(self.inputs)} and {tuple(self.targets.shape)}",
                expected="[n ...] each",
            )

    def __len__(self) -> int:
        return count(self.inputs)

    @property
    def device(self) -> torch.device:
        return self.targets.device

    @property
    def strata(self) -> Int64[Tensor, " n"]:
        return strata_of(self.targets)

    @property
    def input_shape(self) -> Any:
        return shapes_of(self.inputs, skip=1)

    @property
    def input_dtypes(self) -> list[str]:
        """Of each input as networks see it, such as `float32`."""
        units = each_normalisation(self.normalisation, len(tensors_of(self.inputs)))
        dtypes = [x.dtype if n is None else torch.float32 for x, n in zip(tensors_of(self.inputs), units, strict=True)]
        return [str(dtype).removeprefix("torch.") for dtype in dtypes]

    @cached_property
    def _units(self) -> list[tuple[Tensor, Tensor] | None]:
        """Scale and offset of each input and of the targets, made once."""
        given = [*each_normalisation(self.normalisation, len(tensors_of(self.inputs))), self.target_normalisation]
        values = (*tensors_of(self.inputs), self.targets)
        return [None if n is None else n.affine(v) for n, v in zip(given, values, strict=True)]

    def batch(self, index: Index) -> Batch:
        """Normalised inputs, and targets, of a slice or of indices, on the split's device."""
        if not isinstance(index, slice):
            index = torch.as_tensor(index, dtype=torch.int64).to(self.device, non_blocking=True)
        units = iter(self._units)
        inputs = map_inputs(lambda x: _scaled(x[index], next(units)), self.inputs)
        return inputs, _scaled(self.targets[index], next(units))

    def pick(self, index: Int64[Tensor, " b"]) -> ArraySplit:
        return replace(self, inputs=pick(self.inputs, index), targets=self.targets[index])

    def to(self, device: torch.device | str) -> ArraySplit:
        if self.device == torch.device(device):
            return self
        return replace(self, inputs=map_inputs(lambda x: x.to(device), self.inputs), targets=self.targets.to(device))

    def digest(self) -> str:
        """SHA-256 hex digest of inputs and targets, in order, with their shapes and dtypes."""
        total = hashlib.sha256()
        for tensor in (*tensors_of(self.inputs), self.targets):
            total.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            total.update(tensor.cpu().contiguous().numpy().data)
        return total.hexdigest()


def each_normalisation(normalisation: Any, inputs: int) -> list[Normalisation | None]:
    """The normalisation of each of so many inputs, in order; None for all where there is none."""
    if normalisation is None or isinstance(normalisation, Normalisation):
        return [normalisation] * inputs
    return list(normalisation.values()) if isinstance(normalisation, dict) else list(normalisation)


def _scaled(values: Tensor, units: tuple[Tensor, Tensor] | None) -> Tensor:
    if units is None:
        return values
    scale, offset = units
    return values.to(torch.float32) * scale + offset
