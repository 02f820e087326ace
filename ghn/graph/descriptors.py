"""Graph features that any network has: named numbers of its live graph, for regressions.

How often each operation occurs, what lies on paths from input to output, what reads what, and how much there is at each
resolution. No space is known here, and no weight and no image looked at.

Source: Kadlecova et al., "Surprisingly Strong Performance Prediction with Neural Graph Features", ICML 2024, sec. 3
(operation counts, path lengths, degrees; there of cells, here of whole networks).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import log, log2, prod

import numpy as np
from jaxtyping import Float

from ghn.graph.calls import VIEWS
from ghn.graph.ir import Graph, Node

VERSION = "graph features/1"  # part of identities: numbers of an earlier one do not mix
PRODUCTS = frozenset(("matmul", "bmm", "baddbmm", "scaled_dot_product_attention"))  # of values by values
QUIET = frozenset((*VIEWS, "getitem", "unbind", "identity"))  # move values, and change none
ON_PATHS = ("steps", "layers", "large layers", "pools")  # what is counted on paths; see `_weights`


def graph_features(graph: Graph) -> dict[str, float]:
    """Features by name, of the live part of a network: of `simplify(graph)`.

    A name that another network has and this one lacks counts as 0 (`aligned`). Names:

    - `count/OP`: how often an operation occurs, such as `conv3` or `avg_pool3`;
    - `paths`: logarithm of the number of paths from input to output; `path/WHAT/least`, `mean`, `most` and `std` over
      them, of all steps, of layers with weights that mix channels, of those with a kernel larger than 1, of poolings;
    - `edges/A>B`: how often B reads A, with what has no weights and pools nothing dissolved; `degree/in` and
      `degree/out`: mean and most of these edges a node;
    - `params`, `macs`, `nodes`, `edges`, `channels`: of the whole network and, with `@1/2` and the like, at each
      resolution; parameters, multiply-adds and channels are logarithms.
    """
    kinds = [_kind(node.op, node.attrs, node.shape[0]) for node in graph.nodes]
    places = [_place(graph, i) for i in range(len(graph))]
    found = {f"count/{name}": float(n) for name, n in Counter(kinds).items() if name}
    found |= _path_features(graph, kinds)
    found |= _edge_features(graph, kinds, places)
    return found | _size_features(graph, places)


def aligned(rows: Sequence[Mapping[str, float] | None], names: Sequence[str]) -> Float[np.ndarray, "n f"]:
    """Features of several networks under given names.

    What a network lacks is 0, and what has no name is left out; a row that is None, of what has no network, is NaN.
    """
    found = [[np.nan if row is None else row.get(name, 0.0) for name in names] for row in rows]
    return np.array(found, dtype=float).reshape(len(rows), len(names))


def names_of(rows: Iterable[Mapping[str, float] | None]) -> list[str]:
    """All names of some rows, sorted."""
    return sorted({name for row in rows for name in row or ()})


@lru_cache(maxsize=1 << 14)
def _kind(op: str, attrs: tuple[tuple[str, object], ...], channels: int) -> str:
    """What an operation is called, with its kernel; "" for what changes no value."""
    base = op.split(".")[1].strip("_") if "." in op else op
    if base in QUIET or base in ("input", "constant"):
        return ""
    own = dict(attrs)
    kernel, groups = own.get("kernel", ""), own.get("groups", 1)
    way = "" if groups == 1 else "depthwise " if groups == channels else "grouped "
    return f"{way}{base}{kernel}" + (" dilated" if own.get("dilation", 1) != 1 else "")


def _place(graph: Graph, i: int) -> str:
    """The resolution of a node: `1/2` for a map half as wide as the input; else whether it is of tokens or a vector."""
    shape, whole = graph.nodes[i].shape, graph.input_shape
    if len(shape) == 1:
        return "vector"
    if len(shape) != len(whole) or is_product(graph.nodes[i]):
        return "tokens"
    times = round(log2(max(1.0, whole[-1] / shape[-1])))
    return f"1/{2**times}"


def is_product(node: Node) -> bool:
    """Whether a node multiplies values by values, as attention does."""
    return "." in node.op and node.op.split(".")[1] in PRODUCTS


def _kernel(graph: Graph, i: int) -> int:
    """The longest side of the kernel of a layer; 1 of a linear one."""
    return max((side for param in graph.node_params[i][:1] for side in param.shape[2:]), default=1)


def _weights(graph: Graph, kinds: Sequence[str]) -> Float[np.ndarray, "n k"]:
    """What each node adds to a path, [n, len(ON_PATHS)]."""
    out = np.zeros((len(graph), len(ON_PATHS)))
    for i, node in enumerate(graph.nodes):
        op = node.operation
        if op.mixes:
            out[i] = 1, 1, _kernel(graph, i) > 1, 0
        elif op.pools:
            out[i] = 1, 0, 0, 1
        elif kinds[i] and (op.joins or is_product(node)):
            out[i, 0] = 1
    return out


def _path_features(graph: Graph, kinds: Sequence[str]) -> dict[str, float]:
    """Over all paths from inputs to the output, each as likely as any other."""
    adds, ways = _weights(graph, kinds), [0] * len(graph)
    least, mean, most, spread = (np.zeros_like(adds) for _ in range(4))
    for i, node in enumerate(graph.nodes):
        read = [j for j in node.inputs if ways[j]]
        ways[i] = sum(ways[j] for j in read) if node.inputs else int(node.op == "input")
        if len(read) == 1:
            (j,) = read
            least[i], mean[i], most[i], spread[i] = least[j], mean[j], most[j], spread[j]
        elif read:
            share = np.array([ways[j] / ways[i] for j in read])
            least[i], most[i], mean[i] = least[read].min(0), most[read].max(0), share @ mean[read]
            spread[i] = share @ (spread[read] + (mean[read] - mean[i]) ** 2)
        least[i] += adds[i]
        mean[i] += adds[i]
        most[i] += adds[i]
    found = {"paths": log(max(1, ways[-1]))}
    for k, name in enumerate(ON_PATHS):
        found |= {f"path/{name}/least": float(least[-1, k]), f"path/{name}/most": float(most[-1, k])}
        found |= {f"path/{name}/mean": float(mean[-1, k]), f"path/{name}/std": float(spread[-1, k]) ** 0.5}
    return found


def _edge_features(graph: Graph, kinds: Sequence[str], places: Sequence[str]) -> dict[str, float]:
    """Which layers, poolings, joins and products read which, with all else dissolved."""
    sources: list[tuple[int, ...]] = []
    told: list[int] = []
    edges: list[tuple[int, int]] = []
    for i, node in enumerate(graph.nodes):
        op = node.operation
        read = tuple(k for j in node.inputs for k in sources[j])
        if not op.adds:  # gates that read what they gate would double all that comes before them, each time
            read = tuple(dict.fromkeys(read)) if len(node.inputs) > 1 else read
        if op.mixes or op.pools or op.flattens or op.joins or is_product(node) or not node.inputs:
            edges += [(k, i) for k in read]
            told.append(i)
            read = (i,)
        sources.append(read)
    pairs = Counter(f"edges/{kinds[j] or 'input'}>{kinds[i]}" for j, i in edges)
    found = {name: float(n) for name, n in pairs.items()}
    into, out = Counter(i for _, i in edges), Counter(j for j, _ in edges)
    found |= {"nodes": float(len(told)), "edges": float(len(edges))}
    for way, degrees in (("in", into), ("out", out)):
        found |= {
            f"degree/{way}/mean": len(edges) / max(1, len(degrees)),
            f"degree/{way}/most": float(max(degrees.values(), default=0)),
        }
    for place, n in Counter(places[i] for i in told).items():
        found[f"nodes@{place}"] = float(n)
    for place, n in Counter(places[i] for _, i in edges).items():
        found[f"edges@{place}"] = float(n)
    return found


def _size_features(graph: Graph, places: Sequence[str]) -> dict[str, float]:
    """Parameters, multiply-adds and channels, and how deep and wide the graph is."""
    params, macs, channels = Counter[str](), Counter[str](), Counter[str]()
    depth = [0] * len(graph)
    for i, node in enumerate(graph.nodes):
        own = graph.node_params[i]
        depth[i] = max((depth[j] for j in node.inputs), default=0) + bool(own)
        if own:
            params[places[i]] += sum(prod(param.shape) for param in own)
        if node.operation.mixes:
            macs[places[i]] += node.operation.macs(graph.input_shapes(i), node.shape, node.attr)
            channels[places[i]] = max(channels[places[i]], node.shape[0] if len(node.shape) > 2 else node.shape[-1])
    found = {"params": log(1 + params.total()), "macs": log(1 + macs.total()), "depth": float(depth[-1])}
    found |= {
        "channels": log(1 + max(channels.values(), default=0)),
        "width": float(max(Counter(graph.levels).values())),
    }
    for name, of in (("params", params), ("macs", macs), ("channels", channels)):
        found |= {f"{name}@{place}": log(1 + n) for place, n in of.items()}
    return found
