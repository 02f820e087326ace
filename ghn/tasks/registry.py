"""Tasks by name, as configs and checkpoints give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ghn.arguments import check_names, in_words, unknown
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


def make_task(name: str, **options: Any) -> Task:
    """Makes a task by name: `make_task(**settings)` from those of a config or a card.

    Args:
        name: one of `TASKS`.
        options: the arguments of the task's function.

    Raises:
        ConfigError: the name or an option is unknown, or an option is missing or of a wrong type.
        DataError: the data is missing, damaged or wrong.
    """
    check_task(name, **options)
    return TASKS[name](**options)


def check_task(name: str, **options: Any) -> None:
    """Refuses a task that `make_task` could not make, before any data is looked for.

    Raises:
        ConfigError: the name or an option is unknown, or an option is missing or of a wrong type.
    """
    if name not in TASKS:
        raise unknown("task", name, list(TASKS))
    check_names("option", f"task {name}", TASKS[name], options)
    hints = get_type_hints(TASKS[name])
    for option, value in options.items():
        if not _is_of(value, hints[option]):
            what = f"option {option} of task {name} has the wrong type"
            raise ConfigError(what, got=repr(value), expected=in_words(hints[option]))


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
