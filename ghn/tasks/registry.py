"""Tasks by name, as configs and checkpoints give them."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ghn.errors import ConfigError
from ghn.tasks.cifar import cifar10, cifar100
from ghn.tasks.datasets import dataset, image_folder
from ghn.tasks.embedded import cifar10_embedded
from ghn.tasks.fashion import fashion_mnist
from ghn.tasks.frames import csv
from ghn.types import Task

TASKS: dict[str, Callable[..., Task]] = {
    "cifar10_embedded": cifar10_embedded,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "fashion_mnist": fashion_mnist,
    "image_folder": image_folder,
    "dataset": dataset,
    "csv": csv,
}


def make_task(name: str, /, **options: Any) -> Task:
    """Makes a task by name.

    Args:
        name: one of `TASKS`.
        options: the arguments of the task's function.

    Raises:
        ConfigError: the name or an option is unknown, or an option is missing or of a wrong type.
        DataError: the data is missing, damaged or wrong.
    """
    if name not in TASKS:
        raise _unknown("task", name, list(TASKS))
    parameters = inspect.signature(TASKS[name]).parameters
    for option in options:
        if option not in parameters:
            raise _unknown(f"option of task {name}", option, list(parameters))
    missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in options]
    if missing:
        raise ConfigError(f"task {name} needs the option {missing[0]}", got=options, expected=list(parameters))
    hints = get_type_hints(TASKS[name])
    for option, value in options.items():
        if not _is_of(value, hints[option]):
            expected = re.sub(r"(\w+\.)+", "", str(parameters[option].annotation))
            raise ConfigError(f"option {option} of task {name} has the wrong type", got=repr(value), expected=expected)
    return TASKS[name](**options)


def _is_of(value: Any, hint: Any) -> bool:
    """Whether a value is of a type; lists, as yaml has them, are as good as tuples."""
    adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    for one in (value, tuple(value) if isinstance(value, list) else value):
        try:
            adapter.validate_python(one, strict=True)
        except ValidationError:
            continue
        return True
    return False


def _unknown(kind: str, got: str, known: list[str]) -> ConfigError:
    close = difflib.get_close_matches(got, known, n=1)
    fix = f"did you mean {close[0]}?" if close else None
    return ConfigError(f"unknown {kind}", got=got, expected=", ".join(known) or "no options", fix=fix)
