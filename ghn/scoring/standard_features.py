"""Features of architectures in units of what is usual in their space: what a correction by references is made from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from random import Random
from typing import Any

import numpy as np

from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError, check_known
from ghn.graph.descriptors import VERSION, aligned, names_of
from ghn.spaces.graph_features import GraphFeatures
from ghn.types import Encoded, Finite, Space

FEATURES = ("space", "graph")
FAR = 3.0  # standard deviations, about as far as normal scores of readings go
KEPT = 8192  # networks whose features are remembered
USUAL = {"space": 500, "graph": 200}  # architectures that tell what is usual: their networks are made for "graph"


class StandardFeatures:
    """Features less their mean over the space, in standard deviations, at most three: no line leads far out.

    Args:
        space: of the architectures.
        kind: `space` for its own (`Encoded`), `graph` for those that any network has; None: the first that there is.

    Raises:
        ConfigError: an unknown kind, or a space without features of its own.
    """

    def __init__(self, space: Space[Any], kind: str | None = None) -> None:
        kind = kind or ("space" if isinstance(space, Encoded) else "graph")
        check_known("features that references are learnt with", kind, FEATURES)
        if kind == "space" and not isinstance(space, Encoded):
            expected, fix = "a method `encode(arch)`", "features=graph"
            raise ConfigError(f"space {space.name} has no features of its own", expected=expected, fix=fix)
        self.space, self.kind, self._graphs = space, kind, GraphFeatures(space)
        self._own = lru_cache(KEPT)(self._encoded)

    @property
    def identity(self) -> dict[str, str]:
        """What is not understood of itself; nothing for a space's own features."""
        return {"features": VERSION} if self.kind == "graph" else {}

    def __call__(self, archs: Sequence[Any]) -> Floats:
        """Features [n, f] of members; those of the graph also of networks."""
        mean, std = self._usual
        return np.clip((self._rows(archs) - mean) / std, -FAR, FAR)

    def _rows(self, archs: Sequence[Any]) -> Floats:
        if self.kind == "graph":
            return aligned(self._graphs(archs), self._names)
        return np.array([self._own(arch if isinstance(arch, str) else self.space.format(arch)) for arch in archs])

    def __getstate__(
        self,
    ) -> dict[str, Any]:  # a cache of a method cannot be pickled
        return {name: value for name, value in self.__dict__.items() if name != "_own"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._own = lru_cache(KEPT)(self._encoded)

    def _encoded(self, text: str) -> tuple[float, ...]:
        assert isinstance(self.space, Encoded)
        return tuple(self.space.encode(self.space.parse(text)).values())

    @cached_property
    def _drawn(self) -> list[Any]:
        rng, n = Random(0), USUAL[self.kind]
        if isinstance(self.space, Finite):
            return rng.choices(self.space.distinct(), k=n)
        return [self.space.sample(rng) for _ in range(n)]

    @cached_property
    def _names(self) -> list[str]:
        """Names of what varies in the space: what is the same everywhere would only make networks look alike."""
        rows = [row for row in self._graphs(self._drawn) if row is not None]
        return [name for name in names_of(rows) if len({row.get(name, 0.0) for row in rows}) > 1]

    @cached_property
    def _usual(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation over the space, without what has no network."""
        rows = self._rows(self._drawn)
        rows = rows[np.isfinite(rows).all(1)]
        if not len(rows):
            return np.zeros(rows.shape[1]), np.ones(rows.shape[1])
        return rows.mean(0), np.where(rows.std(0) > 0, rows.std(0), 1.0)


def every_kind(space: Space[Any]) -> list[StandardFeatures]:
    """Of all kinds that there are: the space's own where it has any, and those of any graph."""
    return [StandardFeatures(space, kind) for kind in FEATURES if kind == "graph" or isinstance(space, Encoded)]
