"""On which axis a network's values have their channels: maps on the first, tokens on the last."""

from __future__ import annotations

from ghn.graph.descriptors import is_product
from ghn.graph.ir import Graph

_OF_FEATURES = ("layer_norm", "rms_norm")  # normalisations over the last axis


def channels_last(graph: Graph, i: int) -> bool:
    """Whether the channels of a node are on the last axis of its value, as those of tokens.

    The last layer before it tells how many channels there are, and so which axis it is; where both are as long, a
    linear layer, a product or a normalisation of features leaves them on the last, any other on the first.

    Args:
        graph: a network's.
        i: index of the node.
    """
    shape = graph.nodes[i].shape
    while (layer := _layer(graph, i)) is None and graph.nodes[i].inputs:
        inputs = graph.nodes[i].inputs  # a gate or an embedding may come before what it is put on
        i = next((j for j in inputs if graph.nodes[j].shape == graph.nodes[i].shape), inputs[0])
    if layer is None or len(shape) < 2:
        return False
    channels, last = layer
    on_first, on_last = shape[0] == channels, shape[-1] == channels
    return last if on_first == on_last else on_last


def _layer(graph: Graph, i: int) -> tuple[int, bool] | None:
    """The number of channels that a node gives, and whether on its last axis; None for what is no layer."""
    node, params = graph.nodes[i], graph.node_params[i]
    if not node.shape:
        return None
    if is_product(node):
        return node.shape[-1], True
    if node.operation.mixes:
        of_maps = len(params[0].shape) > 2 if params else "conv" in node.op
        return node.shape[0 if of_maps else -1], not of_maps
    if node.operation.normalises and params and len(params[0].shape) == 1:
        return params[0].shape[0], any(name in node.op for name in _OF_FEATURES)
    return None
