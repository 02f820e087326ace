"""Whether networks fit a task: what they read, and what they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ghn.errors import ConfigError
from ghn.graph.calls import OUTPUTS
from ghn.graph.ir import Graph
from ghn.tasks.inputs import shape_list
from ghn.types import Inputs, Task

DTYPES = {"float32": torch.float32, "int64": torch.int64}  # that networks see


def check_network(graph: Graph, task: Task) -> None:
    """Raises ConfigError, naming both shapes, for a network whose input or output is not that of a task."""
    if graph.nodes[-1].op == OUTPUTS:
        raise ConfigError(
            f"the network's output does not fit task {task.name}",
            got=f"{len(graph.nodes[-1].inputs)} tensors, or one in a tuple, dict or class",
            expected="one tensor",
            fix="wrap the module in one whose forward returns the tensor that is judged",
        )
    given = [node.shape for node in graph.nodes if node.op == "input"]
    asked = [shape or (1,) for shape in shape_list(task.input_shape)]  # a number is a node of one
    inputs = (given[0], asked[0]) if len(given) == len(asked) == 1 else (sorted(given), sorted(asked))
    for what, (own, wanted) in {"input": inputs, "output": (graph.output_shape, task.output_shape)}.items():
        if own != wanted:
            raise ConfigError(
                f"the network's {what} does not fit task {task.name}",
                got=f"{what} shape {own}",
                expected=f"{wanted}, the task's {what}_shape",
                fix="make the space for this task, as task_space does, or choose a task that fits",
            )


def count_outputs(task: Task) -> int:
    """How many numbers a network gives for an item, such as a logit a class: the `classes` of spaces and decoders.

    Raises:
        ConfigError: the task asks for more than a vector.
    """
    if len(task.output_shape) != 1:
        raise ConfigError(
            f"networks of named spaces give a vector for each item; task {task.name} asks for more",
            got=f"output_shape {task.output_shape}",
            expected="(k,)",
        )
    return task.output_shape[0]


def example_inputs(description: Mapping[str, Any], n: int = 2, device: torch.device | str | None = None) -> Inputs:
    """Zeros of the shapes and dtypes that networks see in a task, of its `describe()`: to capture modules with."""
    shape = kind_of(description)["input_shape"]
    dtypes = iter(description.get("input_dtypes") or ["float32"])

    def zeros(one: Sequence[int]) -> Tensor:
        return torch.zeros(n, *one, dtype=DTYPES[next(dtypes)], device=device)

    if isinstance(shape, Mapping):
        return {name: zeros(one) for name, one in shape.items()}
    if shape and not isinstance(shape[0], int):
        return tuple(zeros(one) for one in shape)
    return zeros(shape)


def kind_of(description: Any) -> dict[str, Any]:
    """What two tasks must have in common for one network to fit both, of a `Task.describe()`.

    Descriptions in older checkpoints name channels, image_size and classes alone: those of images that are classified.
    """
    if "kind" in description:
        return {key: description[key] for key in ("kind", "input_shape", "output_shape")}
    return {
        "kind": "classification",
        "input_shape": [description["channels"], *description["image_size"]],
        "output_shape": [description["classes"]],
    }
