"""The settings of a network around cells, which all spaces of cells have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ghn.errors import ConfigError
from ghn.spaces.card import space_card
from ghn.spaces.limits import check_sizes

WIDER = 1.5  # by how much the other of two widths is greater, in which a hypernetwork is trained and read


def other_widths(width: int, wider: float = WIDER) -> list[dict[str, int]]:
    """The settings of the other width that networks are trained and read at, beside the space's own; none for 1."""
    return [] if wider == 1 else [{"width": round(wider * width)}]


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
    """The settings of a network that halves images twice; `ConfigError` for images or numbers that do not fit.

    Its networks are trained and read in variants of it by one rule, whose only number is `own_depth` and which looks at
    no accuracies. Weights are read in the shallowest networks, in those of the published depth and in those halfway
    between, and made for every depth up to there: what a hypernetwork learns in shallow networks, in less time, holds
    in deeper ones. In NAS-Bench-201, where this is docs/ranking.md's finding, these are 1, 3 and 5, learnt on 1, 2 and
    3 cells a stage. At a width that it has never seen a hypernetwork has no order at all, so it is trained at two, its
    own and a greater one (`wider`), and the shallowest networks are read at both.
    """

    input_shape: tuple[int, int, int]  # (c, h, w) of the images
    classes: int
    width: int = 16  # channels of the first cells
    depth: int = 1  # number of cells, as the space counts them
    name: str = ""
    title: ClassVar[str]  # in messages
    least_depth: ClassVar[int] = 1
    least_width: ClassVar[int] = 1
    own_depth: ClassVar[int]  # of the networks whose accuracies are published
    wider: ClassVar[float] = WIDER  # by how much the other width is greater; 1: there is none

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(self.input_shape))  # JSON gives a list
        sizes = {"width": self.width, "depth": self.depth, "classes": self.classes}
        check_sizes(f"{self.title} skeleton", self.input_shape, **sizes)
        check_images(self.title, self.input_shape)
        if self.width < self.least_width or self.depth < self.least_depth or self.classes < 1:
            raise ConfigError(
                f"a {self.title} skeleton needs width >= {self.least_width}, depth >= {self.least_depth} and at least "
                "1 class",
                got=f"width {self.width}, depth {self.depth}, classes {self.classes}",
            )

    _repr_html_ = space_card

    def describe(self) -> dict[str, Any]:
        """The settings, JSON-able; the class makes an equal space of them."""
        return {
            "input_shape": list(self.input_shape),
            "classes": self.classes,
            "width": self.width,
            "depth": self.depth,
        }

    def reading_variants(self) -> list[dict[str, int]]:
        """The shallowest networks, at both widths, those halfway to the published depth, and those of that depth."""
        shallowest, *deeper = sorted({self.least_depth, self._halfway, self.own_depth})
        wider = [{"depth": shallowest, **width} for width in other_widths(self.width, self.wider)]
        return [{"depth": shallowest}, *wider, *({"depth": depth} for depth in deeper)]

    def training_variants(self) -> list[dict[str, int]]:
        """Every depth from the shallowest to halfway, at both widths."""
        depths = range(self.least_depth, self._halfway + 1)
        return [{"depth": depth, **width} for width in ({}, *other_widths(self.width, self.wider)) for depth in depths]

    def proxy_variant(self) -> dict[str, int]:
        """The published depth, where zero-cost proxies order best in NAS-Bench-201; at the space's own width."""
        return {"depth": self.own_depth}

    @property
    def _halfway(self) -> int:
        return (self.least_depth + self.own_depth) // 2
