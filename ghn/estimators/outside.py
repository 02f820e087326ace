"""Spaces beyond the one that weights were trained in: other skeletons, other operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ghn.estimators.model import Model
from ghn.graph.builder import GraphBuilder
from ghn.graph.ir import Graph
from ghn.spaces import skeletons_of
from ghn.types import Space


class Variation(NamedTuple):
    """A space in which the same candidates are judged.

    Attributes:
        name: in a report.
        space: the candidates' own strings name its members.
        changed: settings that differ from the space's own; None where it is not the skeleton that differs.
    """

    name: str
    space: Space[Any]
    changed: Mapping[str, Any] | None

    def trained_in(self, model: Model) -> bool:
        """Whether a training has met networks of this kind."""
        if self.changed is None:
            return False
        own, skeletons = model.space.describe(), model.card.get("trainer", {}).get("skeletons") or [{}]
        return {**own, **self.changed} in [{**own, **skeleton} for skeleton in skeletons]


class Grouped:
    """A space whose convolutions work in two groups of channels, where these are even: an operation it has not.

    Args:
        space: all else is as in it.
    """

    def __init__(self, space: Space[Any]) -> None:
        self.space = space

    def __getattr__(self, name: str) -> Any:
        return getattr(self.space, name)

    def __repr__(self) -> str:
        return f"Grouped({self.space!r})"

    def lower(self, arch: Any) -> Graph:
        """The network with grouped convolutions."""
        return grouped(self.space.lower(arch))


def grouped(graph: Graph) -> Graph:
    """The graph with every convolution of even channels in two groups; depthwise ones stay as they are."""
    b = GraphBuilder(graph.input_shape)
    for i, node in enumerate(graph.nodes[1:], start=1):
        attrs = node.attr
        if node.op == "conv" and attrs["groups"] == 1 and not (graph.input_shapes(i)[0][0] % 2 or attrs["out"] % 2):
            attrs = {**attrs, "groups": 2}
        b.add(node.op, *node.inputs, name=node.name, **attrs)
    return b.build(len(graph) - 1)


def variations(
    space: Space[Any], depths: Sequence[int] | None = None, widths: Sequence[int] | None = None
) -> list[Variation]:
    """The space as it is, then with other depths, other widths and other convolutions.

    Args:
        space: that weights were trained in.
        depths: numbers of cells; None for two more than it has.
        widths: numbers of channels; None for twice as many.

    Raises:
        ConfigError: the space has no such skeleton.
    """
    own = space.describe()
    skeletons = [{"depth": d} for d in ([own["depth"] + 2] if depths is None else depths)]
    skeletons += [{"width": w} for w in ([2 * own["width"]] if widths is None else widths)]
    others = [
        Variation(f"{key} {value}", skeletons_of(space, [one])[0], one)
        for one in skeletons
        for key, value in one.items()
    ]
    return [Variation("as trained", space, {}), *others, Variation("grouped convolutions", Grouped(space), None)]
