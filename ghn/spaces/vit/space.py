"""A space of small vision transformers, for images of 8 to 64 pixels a side.

Source: Dosovitskiy et al., "An Image Is Worth 16x16 Words", ICLR 2021 (the network); Chen et al., "AutoFormer", ICCV
2021, sec. 3.3 and table 2 (what is searched: width, depth, and for each block heads of one size and MLP ratio).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from random import Random
from statistics import fmean
from typing import Any

from ghn.errors import ArchitectureError, ConfigError
from ghn.graph.diagram import Diagram
from ghn.spaces.card import space_card
from ghn.spaces.choices import Choice
from ghn.spaces.limits import MOST, check_sizes
from ghn.spaces.vit.network import Block, build_network
from ghn.types import Network

Transformer = tuple[int, int, tuple[Block, ...]]  # side of a patch, width, and the heads and MLP ratio of each block
TOKENS = range(4, 9)  # along the longer side of an image, with the patches that are taken where none are given
NONE = "none"  # the option of a block that is not there

_FORM = re.compile(r"p(\d+)-w(\d+)((?:-h\d+r\d+)+)")
_BLOCK = re.compile(r"-h(\d+)r(\d+)")


@dataclass(frozen=True)
class ViT:
    """The space; its members are tuples such as `(4, 64, ((2, 4), (3, 2)))`, spelt `p4-w64-h2r4-h3r2`.

    That is: patches of 4x4 pixels, tokens of 64 numbers, a block of two heads with an MLP four times as wide, and one
    of three heads with an MLP twice as wide. Position embeddings are learnt; the class head reads the mean of the
    tokens. Each member is a function of its own.

    Args:
        input_shape: (c, h, w) of the images.
        classes: outputs of the class head.
        patches: sides of a patch to choose from, in pixels; none: those that make 4 to 8 tokens of the longer side of
            an image, such as 2 and 4 of 16 pixels, 4 and 8 of 32.
        widths: of a token.
        depths: numbers of blocks.
        heads: of a block.
        ratios: by how much the MLP of a block is wider than a token.
        head_size: of every head, whatever the width, as in AutoFormer.

    Raises:
        ConfigError: images that no patch divides, patches that do not divide the images, or settings that make no
            network.
    """

    input_shape: tuple[int, int, int]
    classes: int
    patches: tuple[int, ...] = ()
    widths: tuple[int, ...] = (32, 48, 64, 96)
    depths: tuple[int, ...] = (2, 3, 4, 5, 6)
    heads: tuple[int, ...] = (2, 3, 4)
    ratios: tuple[int, ...] = (1, 2, 4)
    head_size: int = 16
    name: str = "vit"

    def __post_init__(self) -> None:
        shape = tuple(self.input_shape)  # JSON gives a list
        object.__setattr__(self, "input_shape", shape)
        check_sizes("space vit", shape, classes=self.classes)
        if len(shape) != 3 or min(shape) < 1:
            raise ConfigError(
                "space vit reads images", got=f"input_shape {shape}", expected="(channels, height, width)"
            )
        usual = [p for p in range(1, max(shape[1:]) + 1) if max(shape[1:]) / p in TOKENS and not _rest(shape, p)]
        object.__setattr__(self, "patches", tuple(self.patches or usual))
        for setting in ("widths", "depths", "heads", "ratios"):
            object.__setattr__(self, setting, tuple(getattr(self, setting)))
        self._check_patches()
        self._check_settings()

    def _check_patches(self) -> None:
        shape = self.input_shape
        if not self.patches or any(type(p) is not int or p < 1 or _rest(shape, p) for p in self.patches):
            raise ConfigError(
                "images of space vit are cut into patches, whose side divides both sides of an image",
                got=f"images of {shape[1]}x{shape[2]}, patches {list(self.patches) or 'not given'}",
                expected="sides that make 4 to 8 tokens of the longer side, or patches that divide the images",
                fix="name patches (space.patches=[7]), or resize the images (task.size=...)",
            )

    def _check_settings(self) -> None:
        counts = {name: tuple(getattr(self, name)) for name in ("patches", "widths", "depths", "heads", "ratios")}
        counts |= {"classes": (self.classes,), "head_size": (self.head_size,)}
        for name, values in counts.items():
            most = MOST[{"depths": "depth", "classes": "classes"}.get(name, "width")]
            whole = all(type(value) is int and 0 < value <= most for value in values)
            if not values or not whole or len(set(values)) < len(values):
                expected = f"whole numbers above 0, each once, and at most {most}"
                raise ConfigError(f"the setting {name} of space vit makes no network", got=values, expected=expected)

    _repr_html_ = space_card

    def describe(self) -> dict[str, Any]:
        """The settings, JSON-able; the class makes an equal space of them."""
        settings = {key: value for key, value in asdict(self).items() if key != "name"}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}

    def sample(self, rng: Random) -> Transformer:
        """Draws each decision uniformly: uniform over members, most would be of the greatest depth."""
        patch, width = rng.choice(self.patches), rng.choice(self.widths)
        return patch, width, tuple(rng.choice(self._blocks) for _ in range(rng.choice(self.depths)))

    def neighbours(self, arch: Transformer) -> Iterator[Transformer]:
        """The members with another patch or width, with other heads or ratio of a block, and next in depth.

        A deeper one has blocks more at its end, a shallower one fewer.
        """
        patch, width, blocks = self.check(arch)
        yield from ((other, width, blocks) for other in self.patches if other != patch)
        yield from ((patch, other, blocks) for other in self.widths if other != width)
        for i, (heads, ratio) in enumerate(blocks):
            others = [(other, ratio) for other in self.heads if other != heads]
            others += [(heads, other) for other in self.ratios if other != ratio]
            yield from ((patch, width, (*blocks[:i], other, *blocks[i + 1 :])) for other in others)
        shallower = [depth for depth in self.depths if depth < len(blocks)]
        yield from ((patch, width, blocks[:depth]) for depth in sorted(shallower)[-1:])
        yield from self.expand(arch)

    def check(self, arch: Any) -> Transformer:
        """Returns the member; `ArchitectureError` for what is none."""
        if isinstance(arch, tuple) and len(arch) == 3 and isinstance(arch[2], tuple):
            patch, width, blocks = arch
            whole = patch in self.patches and width in self.widths and len(blocks) in self.depths
            if whole and all(block in self._blocks for block in blocks):
                return arch
        raise ArchitectureError(
            "not a member of space vit",
            got=arch,
            expected=f"(patch, width, ((heads, ratio), ...)) of patches {self.patches}, widths {self.widths}, depths "
            f"{self.depths}, heads {self.heads} and ratios {self.ratios}",
            fix="ViT.parse reads strings such as p4-w64-h2r4-h3r2",
        )

    def parse(self, text: str) -> Transformer:
        """Reads a string such as `p4-w64-h2r4-h3r2`: patch, width, and the heads and the MLP ratio of each block."""
        if not isinstance(text, str) or (found := _FORM.fullmatch(text.strip())) is None:
            raise ArchitectureError("malformed string of a transformer", got=text, expected="such as p4-w64-h2r4-h3r2")
        blocks = tuple((int(heads), int(ratio)) for heads, ratio in _BLOCK.findall(found[3]))
        return self.check((int(found[1]), int(found[2]), blocks))

    def format(self, arch: Transformer) -> str:
        patch, width, blocks = self.check(arch)
        return f"p{patch}-w{width}" + "".join(f"-h{heads}r{ratio}" for heads, ratio in blocks)

    def canonical(self, arch: Transformer) -> str:
        """The official string: no two members compute the same."""
        return self.format(arch)

    def encode(self, arch: Transformer) -> dict[str, float]:
        """Features for surrogates: patch, width, depth, and least, mean and most heads and ratio of the blocks."""
        patch, width, blocks = self.check(arch)
        out = {"patch": float(patch), "width": float(width), "depth": float(len(blocks))}
        for name, values in zip(("heads", "ratio"), zip(*blocks, strict=True), strict=True):
            out |= {f"least_{name}": float(min(values)), f"mean_{name}": fmean(values)}
            out |= {f"most_{name}": float(max(values)), f"sum_{name}": float(sum(values))}
        return out

    def diagrams(self, arch: Transformer) -> list[Diagram]:
        """The chain of its blocks."""
        patch, width, blocks = self.check(arch)
        labels = ["image", f"{patch}x{patch} patches, width {width}"]
        labels += [f"{heads} heads, MLP x{ratio}" for heads, ratio in blocks]
        edges = tuple((i, i + 1) for i in range(len(labels)))
        return [Diagram("", (*labels, "mean"), edges, frozenset((0, len(labels))))]

    def simplest(self) -> Iterator[Transformer]:
        """The shallowest members."""
        for patch, width in product(self.patches, self.widths):
            for blocks in product(self._blocks, repeat=min(self.depths)):
                yield patch, width, blocks

    def expand(self, arch: Transformer) -> Iterator[Transformer]:
        """The members that are next in depth, with any blocks at the end."""
        patch, width, blocks = self.check(arch)
        for depth in sorted(depth for depth in self.depths if depth > len(blocks))[:1]:
            for more in product(self._blocks, repeat=depth - len(blocks)):
                yield patch, width, (*blocks, *more)

    def network(self, arch: Transformer) -> Network:
        patch, width, blocks = self.check(arch)
        return Network.of(build_network(self.input_shape, self.classes, patch, width, blocks, self.head_size))

    # --- as a sequence of decisions (`ghn.spaces.choices.Decisions`) ---

    def choices(self) -> tuple[Choice, ...]:
        """Patch, width and depth, then heads and ratio of each block; `none` where there is no such block."""
        made = [Choice(name, tuple(map(str, of))) for name, of in zip(_FIRST, self._first, strict=True)]
        for i in range(max(self.depths)):
            made += [Choice(f"block{i}/heads", (NONE, *map(str, self.heads)))]
            made += [Choice(f"block{i}/ratio", (NONE, *map(str, self.ratios)))]
        return tuple(made)

    def allowed(self, chosen: Sequence[int]) -> Sequence[int]:
        """Options of the next choice: of a block beyond the depth none."""
        place = len(chosen) - len(self._first)
        if place < 0:
            return range(len(self._first[place]))
        if place // 2 >= self.depths[chosen[2]]:
            return (0,)
        return range(1, 1 + len((self.heads, self.ratios)[place % 2]))

    def from_choices(self, chosen: Sequence[int]) -> Transformer:
        patch, width, depth = (of[option] for of, option in zip(self._first, chosen, strict=False))
        taken = list(chosen[len(self._first) :])
        pairs = list(zip(taken[::2], taken[1::2], strict=True))
        if any((h > 0, r > 0) != (i < depth, i < depth) for i, (h, r) in enumerate(pairs)):
            raise ArchitectureError("a transformer has as many blocks as it is deep", got=pairs, expected=depth)
        return self.check((patch, width, tuple((self.heads[h - 1], self.ratios[r - 1]) for h, r in pairs[:depth])))

    def to_choices(self, arch: Transformer) -> tuple[int, ...]:
        patch, width, blocks = self.check(arch)
        first = [of.index(value) for of, value in zip(self._first, (patch, width, len(blocks)), strict=True)]
        own = [option for h, r in blocks for option in (1 + self.heads.index(h), 1 + self.ratios.index(r))]
        return (*first, *own, *(0 for _ in range(2 * (max(self.depths) - len(blocks)))))

    @property
    def _first(self) -> tuple[tuple[int, ...], ...]:
        """The options of the choices before those of the blocks."""
        return self.patches, self.widths, self.depths

    @property
    def _blocks(self) -> list[Block]:
        """All that a block can be."""
        return list(product(self.heads, self.ratios))


_FIRST = ("patch", "width", "depth")


def _rest(shape: Sequence[int], patch: int) -> int:
    """What patches leave over of an image of (c, h, w)."""
    return shape[1] % patch + shape[2] % patch
