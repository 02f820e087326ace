"""Node embeddings: what an operation is, the shape of its weights, and where it stands in the graph."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from ghn.graph.features import COLUMNS, SIZES

_POSITION = ("level", "in_degree", "out_degree")


class NodeEmbedding(nn.Module):
    """Sum of one embedding a feature column.

    Source: Knyazev et al. 2021 (GHN-2), sec. 4, for operation and shape; Knyazev et al. 2023 (GHN-3), sec. 4.1, for
    degrees and the distance from the input.

    Args:
        operations: number of known operations.
        hidden: size of the embedding.
        position: whether degrees and the distance from the input are embedded too.
    """

    def __init__(self, operations: int, hidden: int, *, position: bool) -> None:
        super().__init__()
        self.columns = [c for c in COLUMNS if position or c not in _POSITION]
        sizes = {"op": operations, **SIZES}
        self.tables = nn.ModuleList(nn.Embedding(sizes[c], hidden) for c in self.columns)
        for table in self.tables:
            nn.init.normal_(table.weight, std=len(self.columns) ** -0.5)  # type: ignore[arg-type]

    def forward(self, x: Int[Tensor, "n columns"]) -> Float[Tensor, "n d"]:
        """Embeds the nodes of a batch of graphs."""
        out = self.tables[0](x[:, 0])
        for column, table in zip(self.columns[1:], self.tables[1:], strict=True):
            out = out + table(x[:, COLUMNS.index(column)])
        return out
