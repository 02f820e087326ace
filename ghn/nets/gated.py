"""A gated graph network that passes messages along the topological order, a whole level of all graphs at a time."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class GatedGNN(nn.Module):
    """Encodes nodes by passes in the order of execution and back, each node reading what was updated before it.

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
        """Encodes nodes.

        Args:
            h: node embeddings of all graphs.
            data: a torch-geometric batch of `GraphFeatures.data`.
        """
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
