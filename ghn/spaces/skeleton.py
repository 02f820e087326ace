"""The settings of a network around cells, which all spaces of cells have."""

from __future__ import annotations

from typing import Protocol

from ghn.errors import ConfigError


class Skeleton(Protocol):
    """The settings that a network needs."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of the images."""
        ...

    @property
    def classes(self) -> int:
        """Number of classes."""
        ...

    @property
    def width(self) -> int:
        """Channels of the first cells."""
        ...

    @property
    def depth(self) -> int:
        """Number of cells, as the space counts them."""
        ...


def check_skeleton(skeleton: Skeleton, name: str, least_depth: int) -> None:
    """Checks the settings of a skeleton that halves images twice.

    Raises:
        ConfigError: images that do not fit, or a number that is too small.
    """
    shape = skeleton.input_shape
    if len(shape) != 3 or shape[0] < 1 or any(s < 4 or s % 4 for s in shape[1:]):
        raise ConfigError(
            f"images do not fit the {name} skeleton, which halves them twice",
            got=f"input_shape {shape}",
            expected="(channels, height, width) with sides that are multiples of 4",
            fix="resize the images",
        )
    if skeleton.width < 1 or skeleton.depth < least_depth or skeleton.classes < 2:
        raise ConfigError(
            f"a {name} skeleton needs width >= 1, depth >= {least_depth} and at least 2 classes",
            got=f"width {skeleton.width}, depth {skeleton.depth}, classes {skeleton.classes}",
        )
