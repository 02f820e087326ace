"""What a hypernetwork sees of a graph: torch-geometric data, in canonical order, cached by canonical hash."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ghn.errors import GraphError
from ghn.graph.canonical import canonical_hash, canonical_order, node_levels
from ghn.graph.ir import Graph
from ghn.graph.ops import OPS, Shape

MAX_DISTANCE = 50  # shortest paths beyond it count as absent; Source: Knyazev et al. 2021 (GHN-2), sec. 4.1
COLUMNS = ("op", "kernel", "stride", "dilation", "c_in", "c_out", "size", "level", "in_degree", "out_degree")
SIZES = {  # number of classes of each column but "op"; greater values fall into the last class
    "kernel": 16,
    "stride": 8,
    "dilation": 8,
    "c_in": 64,
    "c_out": 64,
    "size": 48,
    "level": 256,
    "in_degree": 16,
    "out_degree": 16,
}


class Group(NamedTuple):
    """Parameters that one decoder call makes: of one kind, shape, and gain."""

    kind: str
    shape: Shape
    gain: float


@dataclass(frozen=True)
class GraphFeatures:
    """A graph as seen by the hypernetwork.

    Attributes:
        data: `x` int64 [n, len(COLUMNS)]; `edge_index` [2, e]; `path_index` [2, m] and `path_length` [m], the pairs with
            a directed path of at most `MAX_DISTANCE` edges and its length; `level` [n], longest distance from the input.
            Nodes are in canonical order.
        groups: for each group the canonical positions of the nodes that own its parameters.
    """

    data: Data
    groups: dict[Group, np.ndarray]


class FeatureBatch(NamedTuple):
    """Features of several graphs and the names of their parameters, in the order of the groups."""

    data: Any  # a torch_geometric Batch
    groups: dict[Group, tuple[Tensor, list[tuple[int, str]]]]  # rows of the batch; (graph, parameter name) of each


class Featurizer:
    """Computes features, remembering those of isomorphic graphs.

    Args:
        vocabulary: names of the operations, in the order of their indices; a checkpoint brings its own.
        cache_size: number of graphs remembered (about 30 kB each).
    """

    def __init__(self, vocabulary: Sequence[str] = tuple(OPS), cache_size: int = 8192) -> None:
        self.vocabulary = tuple(vocabulary)
        self.cache_size = cache_size
        self._index = {name: i for i, name in enumerate(self.vocabulary)}
        self._cache: OrderedDict[str, GraphFeatures] = OrderedDict()

    def __call__(self, graph: Graph) -> tuple[GraphFeatures, dict[Group, list[str]]]:
        """Features of a graph, and its parameter names in each group, in the order of the group's nodes.

        Raises:
            GraphError: an operation is not in the vocabulary.
        """
        order = canonical_order(graph)
        key = canonical_hash(graph, order)
        features = self._cache.get(key)
        if features is None:
            features = self._cache[key] = self._compute(graph, order)
            if len(self._cache) > self.cache_size:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        names: dict[Group, list[str]] = {}
        for i in order:
            for p in graph.node_params[i]:
                names.setdefault(_group(graph, i, p.kind, p.shape), []).append(p.name)
        return features, names

    def batch(self, graphs: Sequence[Graph], device: torch.device | str = "cpu") -> FeatureBatch:
        """Features of several graphs as one torch-geometric batch."""
        rows: dict[Group, list[np.ndarray]] = {}
        owners: dict[Group, list[tuple[int, str]]] = {}
        data, offset = [], 0
        for g, graph in enumerate(graphs):
            features, names = self(graph)
            for group, positions in features.groups.items():
                rows.setdefault(group, []).append(positions + offset)
                owners.setdefault(group, []).extend((g, name) for name in names[group])
            data.append(features.data)
            offset += len(graph)
        groups = {
            k: (torch.from_numpy(np.concatenate(v)).to(device, non_blocking=True), owners[k]) for k, v in rows.items()
        }
        batch = Batch.from_data_list(data)
        batch.longest = max(map(len, graphs))
        return FeatureBatch(batch.to(device, non_blocking=True), groups)

    def _compute(self, graph: Graph, order: Sequence[int]) -> GraphFeatures:
        position = {i: p for p, i in enumerate(order)}
        edges = [(position[j], position[i]) for i in order for j in graph.nodes[i].inputs]
        distance = _shortest_paths(len(order), edges)
        pairs = np.argwhere((distance > 0) & (distance <= MAX_DISTANCE))
        levels = node_levels(graph)
        groups: dict[Group, list[int]] = {}
        for p, i in enumerate(order):
            for param in graph.node_params[i]:
                groups.setdefault(_group(graph, i, param.kind, param.shape), []).append(p)
        data = Data(
            x=torch.tensor([self._row(graph, i, levels[i]) for i in order]),
            edge_index=torch.tensor(edges).T.contiguous(),
            path_index=torch.from_numpy(pairs.T.copy()),
            path_length=torch.from_numpy(distance[pairs[:, 0], pairs[:, 1]].astype(np.int64)),
            level=torch.tensor([levels[i] for i in order]),
            num_nodes=len(order),
        )
        return GraphFeatures(data, {k: np.asarray(v) for k, v in groups.items()})

    def _row(self, graph: Graph, i: int, level: int) -> list[int]:
        node = graph.nodes[i]
        if node.op not in self._index:
            raise GraphError(
                f"the hypernetwork does not know the operation of node {node.name!r}",
                got=node.op,
                expected="one of " + ", ".join(self.vocabulary),
                fix="train a hypernetwork on a space with this operation",
            )
        shapes = graph.input_shapes(i)
        values = {
            "kernel": node.attr.get("kernel", 0),
            "stride": node.attr.get("stride", 0),
            "dilation": node.attr.get("dilation", 0),
            "c_in": _bucket(shapes[0][0]) if shapes else 0,
            "c_out": _bucket(node.shape[0]),
            "size": _bucket(node.shape[-1]) if len(node.shape) == 3 else 0,
            "level": level,
            "in_degree": len(node.inputs),
            "out_degree": len(graph.consumers[i]),
        }
        return [self._index[node.op], *(min(values[c], SIZES[c] - 1) for c in COLUMNS[1:])]


def _bucket(size: int) -> int:
    """Quarter octaves: exact up to 4, and wide enough for any number of channels."""
    return 1 + round(4 * log2(size))


def _group(graph: Graph, i: int, kind: str, shape: Shape) -> Group:
    """A weight that reads a ReLU gets the gain 2. Source: Knyazev et al. 2021 (GHN-2), sec. 4.2, after He et al."""
    relu = kind.endswith("_weight") and graph.nodes[graph.nodes[i].inputs[0]].op == "relu"
    return Group(kind, shape, 2.0 if relu else 1.0)


def _shortest_paths(n: int, edges: Sequence[tuple[int, int]]) -> np.ndarray:
    """Directed shortest path lengths [n, n] along a topological order; 0 where there is no path."""
    far = np.iinfo(np.int16).max // 2
    distance = np.full((n, n), far, dtype=np.int16)
    np.fill_diagonal(distance, 0)
    sources: list[list[int]] = [[] for _ in range(n)]
    for source, target in edges:
        sources[target].append(source)
    for v in range(n):
        if sources[v]:
            distance[:v, v] = distance[:v, sources[v]].min(axis=1) + 1
    distance[distance >= far] = 0
    return distance
