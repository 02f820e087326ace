"""The settings of a network around cells, which all spaces of cells have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ghn.errors import ConfigError


def check_images(title: str, shape: tuple[int, ...]) -> None:
    """Refuses images that cannot be halved twice; `title` names the skeleton in the message."""
    if len(shape) != 3 or shape[0] < 1 or any(s < 4 or s % 4 for s in shape[1:]):
        raise ConfigError(
            f"images do not fit the {title} skeleton, which halves them twice",
            got=f"input_shape {shape}",
            expected="(channels, height, width) with sides that are multiples of 4",
            fix="resize the images (task.size=...), or take a space whose networks read such inputs",
        )


@dataclass(frozen=True)
class Skeleton:
    """The settings of a network that halves images twice; `ConfigError` for images or numbers that do not fit."""

    input_shape: tuple[int, int, int]  # (c, h, w) of the images
    classes: int
    width: int = 16  # channels of the first cells
    depth: int = 1  # number of cells, as the space counts them
    name: str = ""
    title: ClassVar[str]  # in messages
    least_depth: ClassVar[int] = 1
    least_width: ClassVar[int] = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(self.input_shape))  # JSON gives a list
        check_images(self.title, self.input_shape)
        if self.width < self.least_width or self.depth < self.least_depth or self.classes < 1:
            raise ConfigError(
                f"a {self.title} skeleton needs width >= {self.least_width}, depth >= {self.least_depth} and at least "
                "1 class",
                got=f"width {self.width}, depth {self.depth}, classes {self.classes}",
            )

    def describe(self) -> dict[str, Any]:
        """The settings, JSON-able; the class makes an equal space of them."""
        return {
            "input_shape": list(self.input_shape),
            "classes": self.classes,
            "width": self.width,
            "depth": self.depth,
        }
