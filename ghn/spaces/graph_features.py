"""Graph features of a space's networks, remembered by function, so that a search asks for each once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from ghn.errors import GhnError
from ghn.graph.descriptors import graph_features
from ghn.graph.network import Network
from ghn.spaces import fastest_variant
from ghn.spaces.members import live_graph
from ghn.types import Space

KEPT = 8192  # networks remembered, of about 15 kB each


class GraphFeatures:
    """Features by name of the networks of a space (`ghn.graph.descriptors`).

    They are taken in the variant in which the space is read fastest, as its cells repeat: what there is in a deeper one
    follows from it. What is no member, but a network, is taken as it is.

    Args:
        space: of the architectures.
    """

    def __init__(self, space: Space[Any]) -> None:
        self.space, self.shallow = space, fastest_variant(space)
        self._known: OrderedDict[Any, Mapping[str, float]] = OrderedDict()

    def __call__(self, archs: Sequence[Any]) -> list[Mapping[str, float] | None]:
        """Features of members, their strings, or networks; None of one that has no network."""
        return [self._of(arch) for arch in archs]

    def _of(self, arch: Any) -> Mapping[str, float] | None:
        try:
            if isinstance(arch, Network):
                return graph_features(live_graph(self.space, arch))
            member = self.space.parse(arch) if isinstance(arch, str) else arch
            key = self.space.canonical(member)
            if key not in self._known:
                self._known[key] = graph_features(live_graph(self.shallow, member))
                if len(self._known) > KEPT:
                    self._known.popitem(last=False)
            return self._known[key]
        except GhnError:
            return None
