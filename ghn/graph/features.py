"""What a hypernetwork sees of a graph: torch-geometric data, in canonical order, cached by canonical hash."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import log2
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ghn.display import brief
from ghn.errors import GraphError
from ghn.graph.canonical import canonical_hash, canonical_order
from ghn.graph.ir import Graph
from ghn.graph.op import Param, Shape
from ghn.graph.pyg import Batch, Data
from ghn.graph.vocabulary import usual_operations

MAX_DISTANCE = 50  # shortest paths beyond it count as absent; Source: Knyazev et al. 2021 (GHN-2), sec. 4.1
PAIRS = 1 << 24  # of nodes, in all graphs that are encoded at once: the bound of what grows as the square of a graph
LARGEST = 1 << 13  # nodes of a graph: attention by 8 heads alone takes 6 GiB
REMEMBERED = 1 << 29  # pairs of nodes of graphs whose features are remembered, a byte each
PADDING = 2 * MAX_DISTANCE + 1  # in `places` of a batch, beside forward and backward paths
COLUMNS = ("op", "kernel", "stride", "dilation", "c_in", "c_out", "size", "level", "in_degree", "out_degree")
# what the other columns do not see of a node's attributes, such as padding or heads, by two hashes: with one, a pair in
# 256 had the same embedding. Source: Svenstrup et al., "Hash Embeddings", NIPS 2017, sec. 3
ATTRIBUTES = ("attributes1", "attributes2")
# number of classes of each column but "op"; greater values fall into the last class
SIZES = dict(zip(COLUMNS[1:], (16, 8, 8, 64, 64, 48, 256, 16, 16), strict=True)) | dict.fromkeys(ATTRIBUTES, 256)
UNMET = -1  # in the column "op": an operation that the hypernetwork has never met
_SEEN = ("kernel", "stride", "dilation", "out")  # by columns of their own, where they are numbers
_LAST_PLACES = np.array([SIZES[name] - 1 for name in ("level", "in_degree", "out_degree")])


class Group(NamedTuple):
    """Parameters that one decoder call makes: of one kind, shape, and gain."""

    kind: str
    shape: Shape
    gain: float


@brief
@dataclass(frozen=True)
class GraphFeatures:
    """A graph as seen by the hypernetwork.

    `data` has `x` int64 [n, len(COLUMNS)], or the columns `ATTRIBUTES` more; `edge_index` [2, e]; `level` [n], longest
    distance from the input; `distance` uint8 [n * n], the edges on the shortest directed path from each node (row) to
    each other, 0 where there is none of at most `MAX_DISTANCE`. Nodes are in canonical order.
    """

    data: Data
    groups: dict[Group, np.ndarray]  # the canonical positions of the nodes that own a group's parameters
    slots: dict[Group, list[tuple[int, int]]]  # (canonical position, which of the node's parameters) of each of them


class FeatureBatch(NamedTuple):
    """Features of several graphs and the names of their parameters, in the order of the groups.

    `data` is a torch-geometric batch with three more fields: `path_index` [2, m], the pairs of nodes with a path,
    `path_length` [m], and `places` uint8 [g, n, n], what lies between a query (row) and a key of each graph: of a path
    from the key its length; of one to the key `MAX_DISTANCE` more; of no path 0; where the key is padding `PADDING`.
    """

    data: Any
    groups: dict[Group, tuple[Tensor, list[tuple[int, str]]]]  # rows of the batch; (graph, parameter name) of each


class Featurizer:
    """Computes features, remembering those of isomorphic graphs.

    Args:
        vocabulary: names of the operations, in the order of their indices: a checkpoint brings its own. By default
            `usual_operations`.
        cache_size: number of graphs remembered (about 15 kB each for 50 nodes, 50 kB for 150); fewer where they have
            more than `REMEMBERED` pairs of nodes in all.
        attributes: whether the columns `ATTRIBUTES` are there too.
    """

    def __init__(
        self, vocabulary: Sequence[str] | None = None, cache_size: int = 8192, *, attributes: bool = False
    ) -> None:
        self.vocabulary = usual_operations() if vocabulary is None else tuple(vocabulary)
        self.cache_size, self.attributes = cache_size, attributes
        self.unmet: set[str] = set()  # operations that are not in the vocabulary, of which `batch` warns
        self._new: list[str] = []  # those of them of which it has not yet
        self._index = {name: i for i, name in enumerate(self.vocabulary)}
        self._cache: OrderedDict[str, GraphFeatures] = OrderedDict()
        self._pairs = 0  # of nodes, of the graphs in it

    def __call__(self, graph: Graph) -> tuple[GraphFeatures, dict[Group, list[str]]]:
        """Features of a graph, and its parameter names in each group, in the order of the group's nodes."""
        order = canonical_order(graph)
        key = canonical_hash(graph)
        features = self._cache.get(key)
        if features is None:
            features = self._cache[key] = self._compute(graph, order)
            self._pairs += len(graph) ** 2
            while len(self._cache) > self.cache_size or self._pairs > REMEMBERED:
                self._pairs -= self._cache.popitem(last=False)[1].data.num_nodes ** 2
        else:
            self._cache.move_to_end(key)
        params = graph.node_params
        return features, {group: [params[order[p]][k].name for p, k in s] for group, s in features.slots.items()}

    def __deepcopy__(self, memo: object) -> Featurizer:
        """A copy starts with an empty cache: the cache is no part of a model, and may be large."""
        return Featurizer(self.vocabulary, self.cache_size, attributes=self.attributes)

    def batch(self, graphs: Sequence[Graph], device: torch.device | str = "cpu") -> FeatureBatch:
        """Features of several graphs as one torch-geometric batch.

        Operations that are not in the vocabulary are warned of, once each.
        """
        rows: dict[Group, list[np.ndarray]] = {}
        owners: dict[Group, list[tuple[int, str]]] = {}
        data, offset = [], 0
        for g, graph in enumerate(graphs):
            features, names = self(graph)
            for group, positions, own in _each_once(features, names):
                rows.setdefault(group, []).append(positions + offset)
                owners.setdefault(group, []).extend((g, name) for name in own)
            data.append(features.data)
            offset += len(graph)
        self._warn()
        groups = {
            k: (torch.from_numpy(np.concatenate(v)).to(device, non_blocking=True), owners[k]) for k, v in rows.items()
        }
        batch = Batch.from_data_list(data)
        batch.path_index, batch.path_length = _paths(batch.distance, [len(graph) for graph in graphs])
        batch.places = _places(batch.distance, [len(graph) for graph in graphs])
        return FeatureBatch(batch.to(device, non_blocking=True), groups)

    def batches(
        self, graphs: Sequence[Graph], device: torch.device | str = "cpu"
    ) -> Iterator[tuple[FeatureBatch, int]]:
        """Features of any number of graphs, in order, as batches of at most `PAIRS` pairs of nodes when padded, or of
        one graph; and how many graphs each has.

        Raises:
            GraphError: a graph has more nodes than `LARGEST`.
        """
        if (most := max(map(len, graphs), default=0)) > LARGEST:
            raise GraphError(
                "a graph is too large: the memory that a hypernetwork takes grows as the square of its nodes",
                got=f"{most} nodes",
                expected=f"at most {LARGEST}",
                fix="see the network as several graphs, such as a stage each",
            )
        start = 0
        while start < len(graphs):
            stop, size = start + 1, len(graphs[start])
            while stop < len(graphs):
                size = max(size, len(graphs[stop]))
                if (stop + 1 - start) * size**2 > PAIRS:
                    break
                stop += 1
            yield self.batch(graphs[start:stop], device), stop - start
            start = stop

    def _compute(self, graph: Graph, order: Sequence[int]) -> GraphFeatures:
        position = {i: p for p, i in enumerate(order)}
        sources = [[position[j] for j in graph.nodes[i].inputs] for i in order]
        edges = [(source, target) for target, read in enumerate(sources) for source in read]
        places = np.array([(graph.levels[i], len(graph.nodes[i].inputs), len(graph.consumers[i])) for i in order])
        kinds = np.array([self._kind(graph, i) for i in order])
        columns = [kinds, np.minimum(places, _LAST_PLACES)]
        if self.attributes:
            columns.append(np.array([_attribute_columns(graph.nodes[i].attrs) for i in order]))
        slots: dict[Group, list[tuple[int, int]]] = {}
        for p, i in enumerate(order):
            for k, param in enumerate(graph.node_params[i]):
                slots.setdefault(_group(graph, i, param), []).append((p, k))
        data = Data(
            x=torch.from_numpy(np.concatenate(columns, axis=1)),
            edge_index=torch.from_numpy(np.array(edges).T.copy()),
            distance=torch.from_numpy(_shortest_paths(sources)).flatten(),
            level=torch.from_numpy(places[:, 0].copy()),
            num_nodes=len(order),
        )
        return GraphFeatures(data, {group: np.array([p for p, _ in s]) for group, s in slots.items()}, slots)

    def _kind(self, graph: Graph, i: int) -> tuple[int, ...]:
        """The columns from `op` to `size`: what does not depend on the place in the graph."""
        node = graph.nodes[i]
        if node.op not in self._index and node.op not in self.unmet:
            self._new.append(node.op)
            self.unmet.add(node.op)
        c_in = graph.nodes[node.inputs[0]].shape[0] if node.inputs else 0
        params = graph.node_params[i]
        kernel = next((p.shape[-1] for p in params if len(p.shape) > 2), 0) if params else 0
        return self._index.get(node.op, UNMET), *_kind_columns(node.attrs, c_in, node.shape, kernel)

    def _warn(self) -> None:
        """Says which operations have been met for the first time since it was called last."""
        if not self._new:
            return
        named, self._new = ", ".join(sorted(self._new)), []
        warnings.warn(
            f"the hypernetwork was trained without these operations: {named}. It sees their shapes, place and kernels, "
            "but not what they do: weights of networks with them are a guess. Train one on a space that has them.",
            stacklevel=4,
        )


@lru_cache(maxsize=1 << 14)
def _kind_columns(attrs: tuple[tuple[str, Any], ...], c_in: int, shape: Shape, kernel: int) -> tuple[int, ...]:
    """The columns from `kernel` to `size`; `kernel` is that of the node's parameters, where no attribute says it."""
    attr = {key: value for key, value in attrs if isinstance(value, int)}
    c_in //= attr.get("groups", 1)  # as a kernel sees them: what tells a depthwise convolution from a dense one
    values = {
        "kernel": attr.get("kernel", kernel),
        "stride": attr.get("stride", 0),
        "dilation": attr.get("dilation", 0),
        "c_in": _bucket(c_in) if c_in else 0,
        "c_out": _bucket(shape[0]),
        "size": _bucket(shape[-1]) if len(shape) > 1 else 0,
    }
    return tuple(min(value, SIZES[column] - 1) for column, value in values.items())


@lru_cache(maxsize=1 << 14)
def _attribute_columns(attrs: tuple[tuple[str, Any], ...]) -> tuple[int, ...]:
    """The columns `ATTRIBUTES`: the same on every machine and in every process."""
    # the values of a constant are not seen: that it is there is
    seen = [(key, value) for key, value in attrs if key != "digest"]
    unseen = [(key, value) for key, value in seen if key not in _SEEN or not isinstance(value, int)]
    hashed = blake2b(repr(unseen).encode(), digest_size=4 * len(ATTRIBUTES)).digest()
    parts = (hashed[4 * k : 4 * k + 4] for k in range(len(ATTRIBUTES)))
    return tuple(int.from_bytes(part) % SIZES[name] for name, part in zip(ATTRIBUTES, parts, strict=True))


def _bucket(size: int) -> int:
    """Quarter octaves: exact up to 4, and wide enough for any number of channels."""
    return 1 + round(4 * log2(size))


def _group(graph: Graph, i: int, param: Param) -> Group:
    """A weight that reads a ReLU gets the gain 2. Source: Knyazev et al. 2021 (GHN-2), sec. 4.2, after He et al."""
    inputs, weighs = graph.nodes[i].inputs, param.kind.endswith("_weight") or param.kind in ("matrix", "tensor")
    return Group(param.kind, param.shape, graph.nodes[inputs[0]].operation.gain if inputs and weighs else 1.0)


def _each_once(features: GraphFeatures, names: Mapping[Group, list[str]]) -> list[tuple[Group, np.ndarray, list[str]]]:
    """The groups of a graph: positions and names; a parameter that several nodes share is made for the first alone."""
    whole = [(group, positions, names[group]) for group, positions in features.groups.items()]
    if len({name for own in names.values() for name in own}) == sum(map(len, names.values())):
        return whole
    first: dict[str, tuple[int, int]] = {}
    for group, own in names.items():
        for name, slot in zip(own, features.slots[group], strict=True):
            first[name] = min(first.get(name, slot), slot)
    out = []
    for group, positions, own in whole:
        kept = [k for k, slot in enumerate(features.slots[group]) if first[own[k]] == slot]
        if kept:
            out.append((group, positions[kept], [own[k] for k in kept]))
    return out


def _shortest_paths(sources: Sequence[Sequence[int]]) -> np.ndarray:
    """Lengths [n, n] of the shortest directed paths, 0 for none; `sources`: those that a node reads, all before it."""
    n = len(sources)
    far = MAX_DISTANCE + 1
    distance = np.full((n, n), far, dtype=np.uint8)  # to each node (row) from each other: whole rows are contiguous
    for v, read in enumerate(sources):
        if read:
            closest = distance[read[0]] if len(read) == 1 else distance[read].min(axis=0)
            np.minimum(closest + 1, far, out=distance[v])
        distance[v, v] = 0
    distance[distance == far] = 0
    return distance.T.copy()


def _places(distance: Tensor, sizes: Sequence[int]) -> Tensor:
    """What lies between all pairs of nodes, [g, n, n], from the joined `distance` of several graphs."""
    places = np.full((len(sizes), max(sizes), max(sizes)), PADDING, dtype=np.uint8)
    flat, start = distance.numpy(), 0
    for own, n in zip(places, sizes, strict=True):
        to_key = flat[start : start + n * n].reshape(n, n)  # no pair has paths both ways
        own[:, :n] = 0
        own[:n, :n] = to_key.T + np.where(to_key, to_key + MAX_DISTANCE, 0)
        start += n * n
    return torch.from_numpy(places)


def _paths(distance: Tensor, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pairs of nodes [2, m] with a path, and its length [m], from the joined `distance` of several graphs."""
    pairs, start, row = [], 0, 0
    flat = distance.numpy()
    for n in sizes:
        pairs.append(np.stack(np.nonzero(flat[start : start + n * n].reshape(n, n))) + row)
        start, row = start + n * n, row + n
    return torch.from_numpy(np.concatenate(pairs, axis=1)), torch.from_numpy(flat[flat > 0].astype(np.int64))
