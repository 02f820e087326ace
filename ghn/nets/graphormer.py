"""A Graphormer over computation graphs: attention between all nodes, biased by shortest paths in both directions."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from ghn.graph.features import MAX_DISTANCE


class Graphormer(nn.Module):
    """Encodes the nodes of a batch of graphs.

    Source: Ying et al. 2021 (Graphormer), eq. 6; Knyazev et al. 2023 (GHN-3), sec. 4.1: separate embeddings of forward
    and backward paths as attention bias.

    Args:
        hidden: size of the node embeddings.
        layers: number of blocks.
        heads: attention heads a block; divides `hidden`.
        expansion: width of the feed-forward part, in units of `hidden`.
    """

    def __init__(self, hidden: int, layers: int, heads: int, expansion: int = 2) -> None:
        super().__init__()
        self.forward_path = nn.Embedding(MAX_DISTANCE + 1, heads)
        self.backward_path = nn.Embedding(MAX_DISTANCE + 1, heads)
        for table in (self.forward_path, self.backward_path):
            nn.init.normal_(table.weight, std=0.1)
        self.blocks = nn.ModuleList(Block(hidden, heads, expansion) for _ in range(layers))

    def forward(self, h: Float[Tensor, "n d"], data: Any) -> Float[Tensor, "n d"]:
        """Encodes nodes.

        Args:
            h: node embeddings of all graphs.
            data: a torch-geometric batch of `GraphFeatures.data`.
        """
        graphs, size = data.num_graphs, int(data.longest)
        row = data.batch * size + torch.arange(len(h), device=h.device) - data.ptr[data.batch]
        dense = h.new_zeros(graphs * size, h.shape[1]).index_copy(0, row, h)
        dense = rearrange(dense, "(g n) d -> g n d", g=graphs)
        bias = self._bias(row, data, graphs, size, h.dtype)
        for block in self.blocks:
            dense = block(dense, bias)
        return rearrange(dense, "g n d -> (g n) d")[row]

    def _bias(self, row: Tensor, data: Any, graphs: int, size: int, dtype: torch.dtype) -> Float[Tensor, "g heads n n"]:
        """Attention bias: by path length where there is a path, minus infinity where a key is padding."""
        graph = data.batch[data.path_index[0]]
        source, target = row[data.path_index[0]] % size, row[data.path_index[1]] % size
        heads = self.forward_path.embedding_dim
        bias = self.forward_path.weight.new_zeros(graphs, size, size, heads)
        # information flows to the query: a node attends to what lies before it (forward) and after it (backward)
        bias = bias.index_put((graph, target, source), self.forward_path(data.path_length))
        bias = bias.index_put((graph, source, target), self.backward_path(data.path_length))
        padding = torch.ones(graphs * size, dtype=torch.bool, device=row.device)
        padding[row] = False
        bias = rearrange(bias, "g q k heads -> g heads q k")
        return bias.masked_fill(rearrange(padding, "(g k) -> g 1 1 k", g=graphs), float("-inf")).to(dtype)


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, hidden: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.qkv, self.out = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.up, self.down = nn.Linear(hidden, expansion * hidden), nn.Linear(expansion * hidden, hidden)

    def forward(self, x: Float[Tensor, "g n d"], bias: Float[Tensor, "g heads n n"]) -> Float[Tensor, "g n d"]:
        """One block; `bias` is added to the attention logits."""
        q, k, v = rearrange(
            self.qkv(self.norm1(x)), "g n (three heads d) -> three g heads n d", three=3, heads=self.heads
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + self.out(rearrange(attended, "g heads n d -> g n (heads d)"))
        return x + self.down(F.gelu(self.up(self.norm2(x))))
