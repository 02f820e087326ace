"""Random changes of training batches, by name or by a function of the user's own; they belong to the task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ghn.errors import ConfigError
from ghn.tasks.inputs import is_single
from ghn.tasks.objectives import Objective, function_name
from ghn.tasks.transforms import augment
from ghn.types import Inputs, Task

USUAL = "flip_shift"  # for images with classes or labels
AUGMENTATIONS = ("none", "flip", "shift", "flip_shift")
Augmentation = str | Callable[[Any, torch.Generator], Any]  # a function takes and gives a batch of inputs


def check_augmentation(augmentation: Augmentation, input_shape: Any, where: str) -> Augmentation:
    """Gives it back; a ConfigError for an unknown name, or flips and shifts of what are no images."""
    if callable(augmentation):
        function_name(augmentation)  # nameless ones are refused
        return augmentation
    if augmentation not in AUGMENTATIONS:
        expected = f"{' | '.join(AUGMENTATIONS)}, or in Python a function (inputs, generator) -> inputs"
        raise ConfigError(f"{where}: unknown augmentation", got=repr(augmentation), expected=expected)
    if augmentation != "none" and not is_image(input_shape):
        raise ConfigError(
            f"{where}: flips and shifts are of images",
            got=f"augment={augmentation}, inputs of shape {input_shape}",
            expected="inputs (channels, height, width)",
            fix="augment=none, or a function of your own",
        )
    return augmentation


def usual_augmentation(input_shape: Any, objective: Objective) -> Augmentation:
    """Flips and shifts for images with classes or labels; numbers to predict might not stay the same."""
    return USUAL if is_image(input_shape) and objective.kind in ("classification", "multi_label") else "none"


def is_image(input_shape: Any) -> bool:
    """Whether an item is one tensor (channels, height, width)."""
    return len(input_shape) == 3 and is_single(input_shape)


def apply_augmentation(augmentation: Augmentation, inputs: Inputs, generator: torch.Generator, shift: int) -> Inputs:
    """Changes a batch; all chance comes from the generator."""
    if callable(augmentation):
        changed: Inputs = augmentation(inputs, generator)
        return changed
    if augmentation == "none":
        return inputs
    assert isinstance(inputs, Tensor)  # said by `check_augmentation`
    return augment(inputs, generator, shift if "shift" in augmentation else 0, "flip" in augmentation)


def check_shift(task: Task, shift: int, what: str) -> None:
    """Refuses shifts by which an image could leave itself, of a task that shifts; `what` is what the shift is called.

    Raises:
        ConfigError: such a shift.
    """
    shape = task.input_shape
    if not is_image(shape) or shift < (side := min(shape[1:])):
        return
    try:
        task.augment(torch.zeros(1, *shape), torch.Generator(), shift)
    except ConfigError:
        expected, fix = f"0 to {side - 1}, or a task with augment=none", "2 is usual for small images"
        raise ConfigError(
            f"{what}: images would be shifted out of themselves", got=shift, expected=expected, fix=fix
        ) from None


def augmentation_name(augmentation: Augmentation) -> str:
    """What tells it from others in checkpoints and checksums."""
    return augmentation if isinstance(augmentation, str) else function_name(augmentation)
