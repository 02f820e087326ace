"""What a network reads: one tensor, or several in a tuple or dict, with the items of a batch as first axis of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ghn.errors import DataError
from ghn.types import Inputs


def map_inputs(function: Callable[..., Any], inputs: Any, *others: Any) -> Any:
    """Applies a function to each tensor; `others` have the same structure and give it further arguments."""
    if isinstance(inputs, dict):
        return {key: function(value, *(other[key] for other in others)) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(function(*each) for each in zip(inputs, *others, strict=True))
    return function(inputs, *others)


def tensors_of(inputs: Inputs) -> list[Tensor]:
    """The tensors, in their order."""
    if isinstance(inputs, dict):
        return list(inputs.values())
    return list(inputs) if isinstance(inputs, tuple) else [inputs]


def named(inputs: Any) -> list[tuple[str, Any]]:
    """Each with what messages call it: "" for a single one."""
    if isinstance(inputs, dict):
        return [(f" {key!r}", value) for key, value in inputs.items()]
    if isinstance(inputs, tuple):
        return [(f" {number}", value) for number, value in enumerate(inputs)]
    return [("", inputs)]


def count(inputs: Inputs) -> int:
    """How many items there are."""
    return len(tensors_of(inputs)[0])


def pick(inputs: Inputs, index: Tensor | slice) -> Any:
    """Some of the items."""
    return map_inputs(lambda x: x[index], inputs)


def chunks(inputs: Inputs, size: int) -> Iterator[Any]:
    """The items in their order, `size` at a time."""
    for start in range(0, count(inputs), size):
        yield pick(inputs, slice(start, start + size))


def concat(parts: Sequence[Any]) -> Any:
    """The items of several batches, one after the other."""
    return map_inputs(lambda *each: torch.cat(each), *parts)


def stack(items: Sequence[Any], where: str) -> Any:
    """A batch of single items; a DataError names the first that is of another shape or structure."""
    shapes = [shapes_of(item) for item in items]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise DataError(
                f"{where}[{number}]: another shape than the items before it",
                got=str(shape),
                expected=str(shapes[0]),
                fix="pad, crop or resize the items to one shape in the dataset",
            )
    return map_inputs(lambda *each: torch.stack(each), *items)


def shapes_of(inputs: Any, skip: int = 0) -> Any:
    """The shape of each tensor, without its first `skip` axes, in the structure of the inputs."""
    return map_inputs(lambda x: tuple(x.shape[skip:]), inputs)


def shape_list(shapes: Any) -> list[tuple[int, ...]]:
    """The shape of each input, in their order."""
    if isinstance(shapes, dict):
        return list(shapes.values())
    return [shapes] if is_single(shapes) else list(shapes)


def is_single(shapes: Any) -> bool:
    """Whether this is the shape of one input."""
    return isinstance(shapes, tuple) and all(isinstance(side, int) for side in shapes)


def listed(shapes: Any) -> Any:
    """Shapes as JSON has them."""
    if isinstance(shapes, dict):
        return {key: list(shape) for key, shape in shapes.items()}
    return [listed(shape) if isinstance(shape, tuple) else shape for shape in shapes]
