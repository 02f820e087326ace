"""The size search space S_S of NATS-Bench: five numbers of channels in a fixed network.

Source: Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI
2021. The network is that of the authors' code (github.com/D-X-Y/AutoDL-Projects, `DynamicShapeTinyNet`), as published
parameter counts rest on it; its cell is
`|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any, ClassVar

from ghn.errors import ArchitectureError, ConfigError
from ghn.graph.diagram import Diagram
from ghn.graph.ir import Graph, GraphBuilder
from ghn.spaces.card import space_card
from ghn.spaces.choices import Choice
from ghn.spaces.limits import check_sizes
from ghn.spaces.skeleton import check_images
from ghn.types import Network

STEP = 8  # the narrowest layer, and the difference between two
CHANNELS = tuple(range(STEP, 65, STEP))  # of a layer, as the official strings count them
LAYERS = ("cell", "reduction", "cell", "reduction", "cell")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # (from, to) of the cell; 0-3 is the skip
SKIP = (0, 3)
Sizes = tuple[int, ...]  # channels of the five layers

_EXAMPLE = "8:16:32:48:64"


@dataclass(frozen=True)
class NATSBenchSize:
    """The space; its members are tuples of five numbers of channels, each one of 8, 16, ..., 64: 32,768 in all.

    Members differ in shapes alone, so options of a layer do not stand side by side in one network: there is no mixed
    supergraph (`weights=darts` is refused), and a bank holds a parameter for each shape in which it occurs.

    Args:
        input_shape: (c, h, w) of the images, with sides that are multiples of 4.
        classes: number of classes.
        width: channels of a layer of which a member says 8, which is the benchmark's; 4 halves all numbers.
    """

    input_shape: tuple[int, int, int]
    classes: int
    width: int = STEP
    name: str = "nats_size"
    title: ClassVar[str] = "NATS-Bench size space"

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(self.input_shape))  # JSON gives a list
        check_sizes(self.title, self.input_shape, width=self.width, classes=self.classes)
        check_images(self.title, self.input_shape)
        if self.width < 1 or self.classes < 1:
            raise ConfigError(
                f"the {self.title} needs width >= 1 and at least 1 class",
                got=f"width {self.width}, classes {self.classes}",
            )

    _repr_html_ = space_card

    def describe(self) -> dict[str, Any]:
        return {"input_shape": list(self.input_shape), "classes": self.classes, "width": self.width}

    def __len__(self) -> int:
        return len(CHANNELS) ** len(LAYERS)

    def sample(self, rng: Random) -> Sizes:
        return tuple(rng.choice(CHANNELS) for _ in LAYERS)

    def neighbours(self, arch: Sizes) -> Iterator[Sizes]:
        """The 35 members that differ in one layer."""
        self.check(arch)
        for i, old in enumerate(arch):
            yield from ((*arch[:i], new, *arch[i + 1 :]) for new in CHANNELS if new != old)

    def check(self, arch: Any) -> Sizes:
        """Returns the member; `ArchitectureError` for what is none."""
        if not isinstance(arch, tuple) or len(arch) != len(LAYERS) or not all(map(_is_size, arch)):
            raise ArchitectureError(
                f"not a member of the {self.title}",
                got=arch,
                expected=f'{len(LAYERS)} of {", ".join(map(str, CHANNELS))}, or a string such as "{_EXAMPLE}"',
            )
        return arch

    def parse(self, text: str) -> Sizes:
        """Reads an official string such as `8:16:32:48:64`."""
        numbers = re.fullmatch(r"[0-9]{1,2}(:[0-9]{1,2}){4}", text.strip()) if isinstance(text, str) else None
        if numbers is None:
            raise ArchitectureError(f"malformed string of the {self.title}", got=text, expected=f"such as {_EXAMPLE}")
        return self.check(tuple(map(int, numbers[0].split(":"))))

    def format(self, arch: Sizes) -> str:
        return ":".join(map(str, self.check(arch)))

    def index(self, arch: Sizes) -> int:
        """The number that the benchmark gives a member, from 0 to 32,767."""
        number = 0
        for channels in self.check(arch):
            number = number * len(CHANNELS) + CHANNELS.index(channels)
        return number

    def member(self, index: int) -> Sizes:
        """The member of a number; `ArchitectureError` for a number that none has."""
        if type(index) is not int or not 0 <= index < len(self):
            raise ArchitectureError(
                f"no member of the {self.title} has this number", got=index, expected=f"0 to {len(self) - 1}"
            )
        places = (index // len(CHANNELS) ** power % len(CHANNELS) for power in reversed(range(len(LAYERS))))
        return tuple(CHANNELS[place] for place in places)

    def canonical(self, arch: Sizes) -> Sizes:
        """The member itself: no two compute the same functions. Agrees with `function_key` of the live graph."""
        return self.check(arch)

    def distinct(self) -> list[Sizes]:
        """All members, in the order of their numbers."""
        return list(product(CHANNELS, repeat=len(LAYERS)))

    def encode(self, arch: Sizes) -> dict[str, float]:
        """Features for surrogates: the channels of each layer."""
        return {f"channels{i}": float(channels) for i, channels in enumerate(self.check(arch))}

    def diagrams(self, arch: Sizes) -> list[Diagram]:
        """The chain of layers with their channels."""
        own = (f"{layer} {channels}" for layer, channels in zip(LAYERS, self.check(arch), strict=True))
        labels = ("in", *own, "out")
        edges = tuple((i, i + 1) for i in range(len(labels) - 1))
        return [Diagram("", labels, edges, frozenset({0, len(labels) - 1}))]

    def simplest(self) -> Iterator[Sizes]:
        """The narrowest network."""
        yield (STEP,) * len(LAYERS)

    def expand(self, arch: Sizes) -> Iterator[Sizes]:
        """The members with one layer a step wider."""
        self.check(arch)
        for i, old in enumerate(arch):
            if old < CHANNELS[-1]:
                yield (*arch[:i], old + STEP, *arch[i + 1 :])

    def choices(self) -> tuple[Choice, ...]:
        """The decisions: the channels of each layer."""
        return tuple(Choice(f"layer{i}", tuple(map(str, CHANNELS))) for i in range(len(LAYERS)))

    def allowed(self, chosen: Sequence[int]) -> Sequence[int]:
        return range(len(CHANNELS))

    def from_choices(self, chosen: Sequence[int]) -> Sizes:
        return self.check(tuple(CHANNELS[option] for option in chosen))

    def to_choices(self, arch: Sizes) -> tuple[int, ...]:
        return tuple(CHANNELS.index(channels) for channels in self.check(arch))

    def network(self, arch: Sizes) -> Network:
        return Network.of(build_network(self, [channels * self.width // STEP for channels in self.check(arch)]))


def _is_size(channels: object) -> bool:
    return type(channels) is int and channels in CHANNELS


def build_network(space: NATSBenchSize, widths: Sequence[int]) -> Graph:
    """Builds the network with these channels: a stem as wide as the first layer, the layers, and a class head."""
    b = GraphBuilder(space.input_shape)
    x = b.add("conv", b.input, name="stem/conv", out=widths[0], kernel=3, padding=1)
    x = b.add("batch_norm", x, name="stem/norm")
    for i, (layer, width) in enumerate(zip(LAYERS, widths, strict=True)):
        x = (_cell if layer == "cell" else _reduction)(b, x, f"{layer}{i}", width)
    x = b.add("batch_norm", x, name="head/norm")
    x = b.add("relu", x, name="head/relu")
    x = b.add("global_pool", x, name="head/pool")
    return b.build(b.add("linear", x, name="head/linear", out=space.classes))


def _cell(b: GraphBuilder, x: int, name: str, out: int) -> int:
    """The cell of five 3x3 convolutions and a skip, which is a 1x1 convolution and a norm where channels change."""
    nodes = [x]
    for target in range(1, 4):
        terms = []
        for edge in EDGES:
            if edge[1] == target:
                own = f"{name}/{edge[0]}-{target}"
                read = nodes[edge[0]]
                terms.append(_skip(b, read, own, out) if edge == SKIP else _relu_conv_norm(b, read, own, out))
        nodes.append(b.add("sum", *terms, name=f"{name}/node{target}"))
    return nodes[3]


def _skip(b: GraphBuilder, x: int, name: str, out: int) -> int:
    if b.shape(x)[0] == out:
        return b.add("identity", x, name=f"{name}/skip")
    x = b.add("conv", x, name=f"{name}/conv", out=out, kernel=1)
    return b.add("batch_norm", x, name=f"{name}/norm")


def _reduction(b: GraphBuilder, x: int, name: str, out: int) -> int:
    """The residual block that halves the image."""
    y = _relu_conv_norm(b, x, f"{name}/a", out, stride=2)
    y = _relu_conv_norm(b, y, f"{name}/b", out)
    x = b.add("avg_pool", x, name=f"{name}/shortcut/pool", kernel=2, stride=2)
    x = b.add("conv", x, name=f"{name}/shortcut/conv", out=out, kernel=1)
    return b.add("sum", x, y, name=f"{name}/sum")


def _relu_conv_norm(b: GraphBuilder, x: int, name: str, out: int, stride: int = 1) -> int:
    x = b.add("relu", x, name=f"{name}/relu")
    x = b.add("conv", x, name=f"{name}/conv", out=out, kernel=3, stride=stride, padding=1)
    return b.add("batch_norm", x, name=f"{name}/norm")
