"""What a checkpoint's card must hold for a model to be made of it; all else that is in it stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from ghn.tasks.normalisation import check_moments
from ghn.tasks.outputs import kind_of
from ghn.tasks.task import check_units

# tasks that a checkpoint may name: a card from elsewhere must not choose what is imported or read from disk
SafeTask = Literal["cifar10_embedded", "cifar10", "cifar100", "fashion_mnist"]
SAFE_TASKS: tuple[str, ...] = get_args(SafeTask)


class _Part(BaseModel):
    """A part of a card: what is read of it is checked, and more may stand there."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


class NamedSpace(_Part):
    """A space: its name, and its settings."""

    name: str


class NamedTask(_Part):
    """A task by its name."""

    name: SafeTask
    size: Annotated[int, Field(ge=1, le=4096)] = 32


class UsualReadings(_Part):
    """What `Model.rank` compares readings with."""

    task_checksum: str
    quantiles: dict[str, list[FiniteFloat]]
    votes: dict[str, FiniteFloat] = {}


class Card(_Part):
    """The card of a hypernetwork, or of a bank of shared weights."""

    space: NamedSpace
    config: dict[str, Any]
    task: dict[str, Any]
    scoring_task: NamedTask | None
    population: UsualReadings | None = None

    @model_validator(mode="after")
    def _task_is_whole(self) -> Card:
        """Refuses a description of a task from which images could not be normalised."""
        task = self.task
        if "mean" not in task and "units" in task:
            check_units(task)
            return self
        shape = kind_of(task)["input_shape"]  # images that are classified
        check_moments(task["mean"], task["std"])
        if len(shape) != 3 or not len(task["mean"]) == len(task["std"]) == shape[0]:
            raise ValueError(f"its images and their mean and deviation do not fit: {task}")
        return self


def check_card(card: Mapping[str, Any]) -> None:
    """Raises KeyError, TypeError or ValueError for a card that would fail later, while scoring."""
    Card.model_validate(card)


def check_outputs(card: Mapping[str, Any], classes: int) -> None:
    """Raises ValueError where what a checkpoint makes weights for is not what its task asks for."""
    if kind_of(card["task"])["output_shape"] != [classes]:
        raise ValueError(f"its task does not fit its config: {card['task']}")
