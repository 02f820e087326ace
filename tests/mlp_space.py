"""A space of small perceptrons, whose inputs are vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from ghn.errors import ArchitectureError
from ghn.graph.ir import GraphBuilder
from ghn.types import Network

WIDTHS = (4, 8, 16)
Arch = tuple[int, ...]


@dataclass(frozen=True)
class Perceptrons:
    """One or two hidden layers; a member is the tuple of their widths."""

    input_shape: tuple[int, ...]
    classes: int
    name: str = "perceptrons"

    def describe(self) -> dict[str, Any]:
        return {"input_shape": list(self.input_shape), "classes": self.classes}

    def sample(self, rng: Random) -> Arch:
        return tuple(rng.choice(WIDTHS) for _ in range(rng.choice((1, 2))))

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        for i, old in enumerate(arch):
            yield from ((*arch[:i], new, *arch[i + 1 :]) for new in WIDTHS if new != old)

    def check(self, arch: Any) -> Arch:
        if not isinstance(arch, tuple) or not all(isinstance(width, int) for width in arch):
            raise ArchitectureError("not a perceptron", got=arch)
        return arch

    def network(self, arch: Arch) -> Network:
        self.check(arch)
        builder = GraphBuilder(self.input_shape)
        x = builder.input
        for number, width in enumerate(arch):
            x = builder.add("linear", x, name=f"layer{number}", out=width)
            x = builder.add("relu", x, name=f"relu{number}")
        return Network.of(builder.build(builder.add("linear", x, name="head", out=self.classes)))

    def parse(self, text: str) -> Arch:
        try:
            return tuple(int(width) for width in text.split("-"))
        except ValueError:
            raise ArchitectureError("not a perceptron", got=text) from None

    def format(self, arch: Arch) -> str:
        return "-".join(map(str, self.check(arch)))

    def canonical(self, arch: Arch) -> Arch:
        return self.check(arch)
