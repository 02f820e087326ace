"""NAS-Bench-Macro: a chain of eight layers, each an identity or one of two MobileNetV2 blocks.

Source: Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021. Details that the
paper leaves open, such as the ReLU (not ReLU6) of the blocks, are those of the authors' code
(github.com/xiusu/NAS-Bench-Macro, train/model.py), as published parameter counts rest on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any, NamedTuple

from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.graph.diagram import Diagram
from ghn.graph.ir import Graph, GraphBuilder
from ghn.graph.ops import zero_attrs
from ghn.spaces.card import space_card
from ghn.spaces.choices import Choice, Joint, Supergraph
from ghn.spaces.limits import check_sizes
from ghn.spaces.macro.digits import DIGITS, STAGES, TITLE, by_stage, check_digits, identities_last
from ghn.spaces.skeleton import other_widths
from ghn.spaces.trained import TrainedBenchmark
from ghn.types import Network

OPTIONS = ("identity", "mb3_k3", "mb6_k5")  # of a layer; their places are the digits of a member
LABELS = ("conv 1x1", "mb3 3x3", "mb6 5x5")  # of these, in pictures, where an identity is drawn at all
BLOCKS = {"mb3_k3": (3, 3), "mb6_k5": (6, 5)}  # expansion and kernel
TRAININGS = "data/references/macro.jsonl"
HEAD = 40  # channels of the head for each of the stem's: 1,280 at the benchmark's 32


class Layer(NamedTuple):
    """Where a layer is."""

    place: int  # which digit of a member
    stage: int
    name: str  # of its nodes
    first: bool  # whether it is the first of its stage, which halves the image and doubles the channels


def _layers() -> Iterator[Layer]:
    for stage, count in enumerate(STAGES):
        for i in range(count):
            yield Layer(sum(STAGES[:stage]) + i, stage, f"stage{stage}/layer{i}", i == 0)


LAYERS = tuple(_layers())
LayerBuilder = Callable[[GraphBuilder, int, Layer, int], int]  # (builder, input, which layer, channels) -> output


@dataclass(frozen=True)
class NASBenchMacro:
    """The space; its members are strings of eight digits, layer by layer, which are also its official strings.

    0 is an identity, 1 a block of kernel 3 and expansion 3, 2 one of kernel 5 and expansion 6. Identities that change
    nothing stand anywhere behind the first layer of a stage: 6,561 members compute 3,969 functions.

    Args:
        input_shape: (c, h, w) of the images, of any size; they are halved three times.
        classes: number of classes.
        width: channels of the stem, 32 in the benchmark. They double from stage to stage; the head has 40 times as
            many as the stem.
    """

    input_shape: tuple[int, int, int]
    classes: int
    width: int = 32
    name: str = "macro"

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(self.input_shape))  # JSON gives a list
        check_sizes(TITLE, self.input_shape, width=self.width, classes=self.classes)
        if len(self.input_shape) != 3 or min(*self.input_shape, self.width, self.classes) < 1:
            raise ConfigError(
                f"{TITLE} needs images, width >= 1 and at least 1 class",
                got=f"input_shape {self.input_shape}, width {self.width}, classes {self.classes}",
                expected="input_shape (channels, height, width)",
            )

    _repr_html_ = space_card

    def describe(self) -> dict[str, Any]:
        return {"input_shape": list(self.input_shape), "classes": self.classes, "width": self.width}

    def __len__(self) -> int:
        return len(OPTIONS) ** len(LAYERS)

    def members(self) -> list[str]:
        """All 6,561, in the order of their digits."""
        return ["".join(digits) for digits in product(DIGITS, repeat=len(LAYERS))]

    def sample(self, rng: Random) -> str:
        return "".join(rng.choice(DIGITS) for _ in LAYERS)

    def neighbours(self, arch: str) -> Iterator[str]:
        """The 16 members that differ in one layer."""
        check_digits(arch)
        for i, old in enumerate(arch):
            yield from (arch[:i] + new + arch[i + 1 :] for new in DIGITS if new != old)

    def parse(self, text: str) -> str:
        return check_digits(text.strip() if isinstance(text, str) else text)

    def format(self, arch: str) -> str:
        return check_digits(arch)

    def canonical(self, arch: str) -> str:
        """The member in which the identities that change nothing come last in their stage.

        Equal for members that compute the same family of functions. Agrees with `function_key` of the live graph.
        """
        return identities_last(arch)

    def distinct(self) -> list[str]:
        """The 3,969 members that are their own canonical form, which are those that the benchmark trained."""
        return [arch for arch in self.members() if arch == self.canonical(arch)]

    def encode(self, arch: str) -> dict[str, float]:
        """Features for surrogates: for each stage which first layer it has and how many blocks of each kind follow."""
        live, out = self.canonical(arch), dict[str, float]()
        for stage, own in enumerate(by_stage(live)):
            for digit in DIGITS[1:]:
                option = OPTIONS[int(digit)]
                out[f"stage{stage}_first_{option}"] = float(own[0] == digit)
                out[f"stage{stage}_other_{option}"] = float(own[1:].count(digit))
        return out | {"blocks": float(len(live) - live.count("0"))}

    def diagrams(self, arch: str) -> list[Diagram]:
        """The chain of layers, without identities that change nothing."""
        live = self.canonical(arch)
        shown = [layer for layer in LAYERS if layer.first or live[layer.place] != "0"]
        own = [LABELS[int(live[layer.place])] + ("/2" if layer.first else "") for layer in shown]
        labels = ("in", *own, "out")
        edges = tuple((i, i + 1) for i in range(len(labels) - 1))
        return [Diagram("", labels, edges, frozenset({0, len(labels) - 1}))]

    def simplest(self) -> Iterator[str]:
        """The network without a block."""
        yield "0" * len(LAYERS)

    def expand(self, arch: str) -> Iterator[str]:
        """The members with a block in place of an identity."""
        check_digits(arch)
        for i, old in enumerate(arch):
            if old == "0":
                yield from (arch[:i] + new + arch[i + 1 :] for new in DIGITS[1:])

    def network(self, arch: str) -> Network:
        check_digits(arch)

        def build(b: GraphBuilder, x: int, layer: Layer, out: int) -> int:
            return operation(b, x, layer, OPTIONS[int(arch[layer.place])], out)

        return Network.of(build_network(self, build))

    def choices(self) -> tuple[Choice, ...]:
        """The decisions: what each layer is."""
        return tuple(Choice(layer.name, OPTIONS) for layer in LAYERS)

    def allowed(self, chosen: Sequence[int]) -> Sequence[int]:
        return range(len(OPTIONS))

    def from_choices(self, chosen: Sequence[int]) -> str:
        return check_digits("".join(map(str, chosen)))

    def to_choices(self, arch: str) -> tuple[int, ...]:
        return tuple(map(int, check_digits(arch)))

    def discretise(self, probabilities: Sequence[Sequence[float]]) -> str:
        """The member with the most probable option of each layer."""
        return self.from_choices([max(range(len(p)), key=p.__getitem__) for p in probabilities])

    def supergraph(self, kept: Sequence[Sequence[int]] | None = None, *, mixed: bool = True) -> Supergraph:
        joint = Joint(kept, mixed)

        def build(b: GraphBuilder, x: int, layer: Layer, out: int) -> int:
            terms = [operation(b, x, layer, option, out) for option in joint.options(layer.place, OPTIONS)]
            return joint.join(b, terms or [zeros(b, x, layer, out)], layer.name, layer.place)

        return Supergraph(build_network(self, build), joint.choice_of)

    def reading_variants(self) -> list[dict[str, int]]:
        """At both of the widths that a hypernetwork is trained at; there is one depth."""
        return [{}, *other_widths(self.width)]

    def training_variants(self) -> list[dict[str, int]]:
        return self.reading_variants()

    def proxy_variant(self) -> dict[str, int]:
        return {}

    def benchmark(self) -> TrainedBenchmark:
        """Networks that this project has trained; published accuracies are not shipped."""
        return TrainedBenchmark(self, asset(TRAININGS))


def build_network(space: NASBenchMacro, layer: LayerBuilder) -> Graph:
    """Builds the network whose layers are what `layer` builds.

    Source: Su et al., CVPR 2021, and the authors' code: stem, three stages, and a head of 1,280 channels.
    """
    b, width = GraphBuilder(space.input_shape), space.width
    x = b.add("conv", b.input, name="stem/conv", out=width, kernel=3, padding=1)
    x = _norm_relu(b, x, "stem")
    for where in LAYERS:
        x = layer(b, x, where, width * 2 ** (where.stage + 1))
    x = b.add("conv", x, name="head/conv", out=HEAD * width, kernel=1)
    x = b.add("global_pool", _norm_relu(b, x, "head"), name="head/pool")
    return b.build(b.add("linear", x, name="head/linear", out=space.classes))


def operation(b: GraphBuilder, x: int, layer: Layer, option: str, out: int) -> int:
    """Adds an option of a layer, under a name of its own."""
    name, stride = f"{layer.name}/{option}", 2 if layer.first else 1
    if option in BLOCKS:
        return _inverted_residual(b, x, name, out, stride, *BLOCKS[option])
    if not layer.first:
        return b.add("identity", x, name=name)
    x = b.add("conv", x, name=f"{name}/conv", out=out, kernel=1, stride=stride)
    return b.add("batch_norm", x, name=f"{name}/norm")


def zeros(b: GraphBuilder, x: int, layer: Layer, out: int) -> int:
    """Adds what a layer without any option gives."""
    _, h, w = b.shape(x)
    shape = (out, -(-h // 2), -(-w // 2)) if layer.first else (out, h, w)
    return b.add("zero", x, name=f"{layer.name}/zero", **zero_attrs(shape))


def _inverted_residual(b: GraphBuilder, x: int, name: str, out: int, stride: int, expansion: int, kernel: int) -> int:
    """Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, sec. 3.3."""
    channels = b.shape(x)[0]
    hidden = expansion * channels
    y = b.add("conv", x, name=f"{name}/expand/conv", out=hidden, kernel=1)
    y = _norm_relu(b, y, f"{name}/expand")
    window = {"kernel": kernel, "stride": stride, "padding": kernel // 2}
    y = b.add("conv", y, name=f"{name}/depthwise/conv", out=hidden, groups=hidden, **window)
    y = _norm_relu(b, y, f"{name}/depthwise")
    y = b.add("conv", y, name=f"{name}/project/conv", out=out, kernel=1)
    y = b.add("batch_norm", y, name=f"{name}/project/norm")
    has_shortcut = stride == 1 and channels == out
    return b.add("sum", x, y, name=f"{name}/sum") if has_shortcut else y


def _norm_relu(b: GraphBuilder, x: int, name: str) -> int:
    x = b.add("batch_norm", x, name=f"{name}/norm")
    return b.add("relu", x, name=f"{name}/relu")
