"""From the nodes of computation graphs to vectors: an embedding, and as encoders a gated network and a Graphormer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from ghn.graph.features import ATTRIBUTES, COLUMNS, MAX_DISTANCE, SIZES, UNMET

_POSITION = ("level", "in_degree", "out_degree")
LARGE = 1 << 20  # scores of a graph, beyond which a CPU computes
SCORES = 1 << 17  # so many at a time: they stay in its cache
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


class NodeEmbedding(nn.Module):
    """What an operation is, the shape of its weights, and where it stands: the sum of one embedding a feature column.

    Source: Knyazev et al. 2021 (GHN-2), sec. 4, for operation and shape; Knyazev et al. 2023 (GHN-3), sec. 4.1, for
    degrees and the distance from the input.

    Args:
        operations: number of known operations; one that is not known has no embedding of its own.
        hidden: size of the embedding.
        position: whether degrees and the distance from the input are embedded too.
        attributes: whether what the other columns do not see of a node's attributes is embedded too.
    """

    def __init__(self, operations: int, hidden: int, *, position: bool, attributes: bool = False) -> None:
        super().__init__()
        every = (*COLUMNS, *ATTRIBUTES) if attributes else COLUMNS
        self.columns = {c: place for place, c in enumerate(every) if position or c not in _POSITION}
        sizes = {"op": operations, **SIZES}
        self.tables = nn.ModuleList(nn.Embedding(sizes[c], hidden) for c in self.columns)
        for column, table in zip(self.columns, self.tables, strict=True):
            # attributes are known by exact values: one that training has not met must change little
            size = 0.1 if column in ATTRIBUTES else 1.0
            nn.init.normal_(table.weight, std=size * len(self.columns) ** -0.5)  # type: ignore[arg-type]

    def forward(self, x: Int[Tensor, "n columns"]) -> Float[Tensor, "n d"]:
        op = x[:, 0]
        out = self.tables[0](op.clamp(min=0)) * (op != UNMET)[:, None]
        for place, table in zip(list(self.columns.values())[1:], self.tables[1:], strict=True):
            out = out + table(x[:, place])
        return out


class GatedGNN(nn.Module):
    """Encodes nodes by passes in the order of execution and back, each node reading what was updated before it.

    A whole level of all graphs is updated at a time.

    Source: Zhang et al. 2019 (GHN-1), eq. 3-4: forward and backward propagation with a GRU. Knyazev et al. 2021
    (GHN-2), eq. 4: virtual edges, messages along shortest paths divided by their length.

    Args:
        hidden: size of the node embeddings.
        rounds: number of times that both passes are made (T).
        virtual_edges: whether messages also pass along paths longer than one edge.
    """

    def __init__(self, hidden: int, rounds: int = 1, *, virtual_edges: bool = True) -> None:
        super().__init__()
        self.rounds = rounds
        self.message = _mlp(hidden)
        self.virtual_message = _mlp(hidden) if virtual_edges else None
        self.cell = nn.GRUCell(hidden, hidden)

    def forward(self, h: Float[Tensor, "n d"], data: Any) -> Float[Tensor, "n d"]:
        """Encodes the nodes of all graphs; `data` is a torch-geometric batch of `GraphFeatures.data`."""
        level = data.level
        for _ in range(self.rounds):
            for backward in (False, True):
                h = self._pass(h, data, level.max() - level if backward else level, backward)
        return h

    def _pass(self, h: Tensor, data: Any, rank: Tensor, backward: bool) -> Tensor:
        """One pass; `rank` of a node is greater than that of every node it reads."""
        edges, weight, virtual = self._edges(data, backward)
        by_target = torch.argsort(rank[edges[1]], stable=True)
        edges, weight, virtual = edges[:, by_target], weight[by_target], virtual[by_target]
        nodes = torch.argsort(rank, stable=True)
        levels = int(rank.max()) + 1
        steps = torch.arange(levels + 1, device=rank.device)
        edge_cut = torch.searchsorted(rank[edges[1]].contiguous(), steps).tolist()
        node_cut = torch.searchsorted(rank[nodes].contiguous(), steps).tolist()
        for k in range(levels):
            now = nodes[node_cut[k] : node_cut[k + 1]]
            part = slice(edge_cut[k], edge_cut[k + 1])
            sent = self._messages(h[edges[0, part]], virtual[part]) * weight[part, None]
            received = torch.zeros_like(h).index_add(0, edges[1, part], sent)[now]
            h = h.index_copy(0, now, self.cell(received, h[now]))
        return h

    def _edges(self, data: Any, backward: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Edges [2, e], the factor of their messages, and which are virtual."""
        edges = data.edge_index
        weight, virtual = torch.ones(edges.shape[1], device=edges.device), torch.zeros_like(edges[0], dtype=torch.bool)
        if self.virtual_message is not None:
            far = data.path_length > 1
            edges = torch.cat([edges, data.path_index[:, far]], 1)
            weight = torch.cat([weight, 1 / data.path_length[far]])
            virtual = torch.cat([virtual, torch.ones_like(data.path_length[far], dtype=torch.bool)])
        return (edges.flip(0) if backward else edges), weight, virtual

    def _messages(self, h: Tensor, virtual: Tensor) -> Tensor:
        if self.virtual_message is None:
            return self.message(h)
        return torch.where(virtual[:, None], self.virtual_message(h), self.message(h))


def _mlp(hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))


class Graphormer(nn.Module):
    """Attention between all nodes of a graph, biased by shortest paths in both directions.

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
        """Encodes the nodes of all graphs; `data` is a torch-geometric batch of `GraphFeatures.data`."""
        if h.device.type == "cpu":
            return self._graph_by_graph(h, data.places, data.ptr.diff().tolist())
        return self._padded(h, data)

    def _padded(self, h: Float[Tensor, "n d"], data: Any) -> Float[Tensor, "n d"]:
        """All graphs at once, each padded to the largest."""
        graphs, size = data.places.shape[:2]
        row = data.batch * size + torch.arange(len(h), device=h.device) - data.ptr[data.batch]
        dense = h.new_zeros(graphs * size, h.shape[1]).index_copy(0, row, h)
        dense = rearrange(dense, "(g n) d -> g n d", g=graphs)
        bias = F.embedding(data.places.int(), self._biases())
        bias = rearrange(bias, "g q k heads -> g heads q k").to(h.dtype).contiguous()  # or every block copies it

        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)

        for block in self.blocks:
            dense = block(dense, attend)
        return rearrange(dense, "g n d -> (g n) d")[row]

    def _graph_by_graph(self, h: Float[Tensor, "n d"], places: Tensor, sizes: list[int]) -> Float[Tensor, "n d"]:
        """The same without padding, written out: of one graph at a time the scores stay in a CPU's cache, which halves
        the time; and a bias with a gradient has no fast attention there.
        """
        own = [place[:n, :n].int() for place, n in zip(places, sizes, strict=True)]
        biases = [self._biases().T.index_select(1, place.flatten()).view(-1, *place.shape) for place in own]

        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            parts = zip(biases, *(x.split(sizes, -2) for x in (q, k, v)), strict=True)
            return torch.cat([_attended(*part) for part in parts], -2)

        for block in self.blocks:
            h = block(h, attend)
        return h

    def _biases(self) -> Float[Tensor, "places heads"]:
        """Attention biases by place (`FeatureBatch`): of no path, forward paths, backward paths, and of padding."""
        none = self.forward_path.weight.new_zeros(1, self.forward_path.embedding_dim)
        return torch.cat([none, self.forward_path.weight[1:], self.backward_path.weight[1:], none - torch.inf])


def _attended(bias: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention in one graph; without gradients, in a large one of a few queries at a time: half the time."""
    scale = q.shape[-1] ** -0.5
    if bias.numel() <= LARGE or torch.is_grad_enabled():
        return torch.baddbmm(bias, q, k.mT, alpha=scale).softmax(-1) @ v
    rows = max(1, SCORES // (bias.shape[0] * bias.shape[2]))
    parts = zip(bias.split(rows, -2), q.split(rows, -2), strict=True)
    return torch.cat([torch.baddbmm(b, x, k.mT, alpha=scale).softmax(-1) @ v for b, x in parts], -2)


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, hidden: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.qkv, self.out = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.up, self.down = nn.Linear(hidden, expansion * hidden), nn.Linear(expansion * hidden, hidden)

    def forward(self, x: Float[Tensor, "*g n d"], attend: Attend) -> Float[Tensor, "*g n d"]:
        """One block; `attend` gives [..., heads, n, d] of queries, keys and values of that shape."""
        q, k, v = rearrange(
            self.qkv(self.norm1(x)), "... n (three heads d) -> three ... heads n d", three=3, heads=self.heads
        )
        x = x + self.out(rearrange(attend(q, k, v), "... heads n d -> ... n (heads d)"))
        return x + self.down(F.gelu(self.up(self.norm2(x))))
