"""What a model of a surrogate is: it learns from rows of features, and says what it expects and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from ghn.graph.ir import Graph

Vector = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Rows:
    """Architectures as a model sees them.

    Attributes:
        matrix: features [n, f]; f may be 0 for a model that reads graphs.
        graphs: the live graphs, where the model reads them; else none.
    """

    matrix: Float[np.ndarray, "n f"]
    graphs: Sequence[Graph] = ()

    def __len__(self) -> int:
        return len(self.matrix)

    def take(self, index: np.ndarray) -> Rows:
        return Rows(self.matrix[index], [self.graphs[i] for i in index] if self.graphs else ())


class Prediction(NamedTuple):
    """Means and standard deviations [n], in the unit of the targets."""

    mean: Vector
    std: Vector


class Regressor(Protocol):
    """A model of a surrogate. `reads_graphs` says whether `Rows.graphs` must be there."""

    reads_graphs: bool

    def fit(self, x: Rows, y: Vector) -> None:
        """Learns; targets have about mean 0 and variance 1."""
        ...

    def predict(self, x: Rows) -> Prediction:
        """Means and standard deviations."""
        ...
