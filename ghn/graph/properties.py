"""What a network is like, as numbers that an estimator's errors may go with; in any space, from the graph alone."""

from __future__ import annotations

from ghn.graph.ir import Graph, Node
from ghn.graph.op import get_op
from ghn.graph.simplify import simplify
from ghn.graph.stats import channels_alive, graph_stats, live_nodes, longest_path, shortest_path

PROPERTIES = {
    "live parameters": "weights on a path from input to output",
    "multiply-adds": "multiply-adds for one image, on paths from input to output",
    "convolutions": "convolutions on paths from input to output",
    "depth": "convolutions on the longest path from input to output",
    "width": "the most channels held at one time: of values that were computed and will be read",
    "skips": "identities on paths from input to output",
    "pools": "poolings with a window on paths from input to output",
    "distance": "convolutions and poolings on the shortest path from input to output",
}
_PHRASES = {  # networks with much of it, and with little
    "live parameters": ("networks with many live parameters", "networks with few live parameters"),
    "multiply-adds": ("networks with many multiply-adds", "networks with few multiply-adds"),
    "convolutions": ("networks with many convolutions", "networks with few convolutions"),
    "depth": ("deep networks", "shallow networks"),
    "width": ("wide networks", "narrow networks"),
    "skips": ("networks with many skips", "networks with few skips"),
    "pools": ("networks with many pools", "networks with few pools"),
    "distance": ("networks whose input is far from the output", "networks whose input is close to the output"),
}


def graph_properties(graph: Graph) -> dict[str, float]:
    """The properties of one network; see `PROPERTIES` for what each is.

    Args:
        graph: as a space lowers it; its dead parts are left out here.
    """
    stats = graph_stats(simplify(graph))
    live = live_nodes(graph)
    skips = sum(alive and _is_skip(node) for alive, node in zip(live, graph.nodes, strict=True))
    return {
        "live parameters": float(stats.params),
        "multiply-adds": float(stats.macs),
        "convolutions": float(stats.convolutions),
        "depth": float(longest_path(graph, _is_conv)),
        "width": float(channels_alive(graph)),
        "skips": float(skips),
        "pools": float(sum(many for op, many in stats.ops.items() if get_op(op).pools)),
        "distance": float(shortest_path(graph, lambda node: _is_conv(node) or node.operation.pools)),
    }


def phrase(name: str, much: bool) -> str:
    """Networks with much, or with little, of a property, in words; of any property, also a user's own."""
    if name in _PHRASES:
        return _PHRASES[name][0 if much else 1]
    return f"networks with a {'high' if much else 'low'} {name}"


def _is_conv(node: Node) -> bool:
    return node.operation.convolves


def _is_skip(node: Node) -> bool:
    return node.operation.adds and node.operation.arity == (1, 1)
