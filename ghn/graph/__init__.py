"""The graph IR: what a network is, how it runs, what a hypernetwork sees of it."""

from ghn.graph.canonical import canonical_hash, canonical_order, function_key
from ghn.graph.capturing import capture
from ghn.graph.interpreter import Interpreter, feature_node
from ghn.graph.ir import Graph, GraphBuilder, Node
from ghn.graph.op import OPS, Op, Param, Shape, get_op, register
from ghn.graph.program import check
from ghn.graph.recorder import Captured
from ghn.graph.simplify import simplify
from ghn.graph.stats import GraphStats, count_params, graph_stats

__all__ = [
    "OPS",
    "Captured",
    "Graph",
    "GraphBuilder",
    "GraphStats",
    "Interpreter",
    "Node",
    "Op",
    "Param",
    "Shape",
    "canonical_hash",
    "canonical_order",
    "capture",
    "check",
    "count_params",
    "feature_node",
    "function_key",
    "get_op",
    "graph_stats",
    "register",
    "simplify",
]
