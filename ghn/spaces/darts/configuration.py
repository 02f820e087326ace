"""Members of the DARTS space as NAS-Bench-301 writes them: configurations, a text for each edge and node.

An edge has its operation, such as `...:edge_normal_0: skip_connect`; edges are numbered by the node that reads and then
by what it reads, and those that are not there have none. A node has what it reads, such as `...:inputs_node_normal_3:
0_2`, but the first, which always reads both inputs of the cell.

Source: Zela et al., ICLR 2022; github.com/automl/nasbench301, nasbench301/configspace.json and representations.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ghn.errors import ArchitectureError
from ghn.spaces.darts.genotype import CELLS, NODES, OPERATIONS, Pairs

PREFIX = "NetworkSelectorDatasetInfo:darts:"
# beside the architecture: of the training and of the skeleton (configspace.json; `epochs` of those who vary it)
_SETTINGS = (
    "CreateImageDataLoader:",
    "ImageAugmentation:",
    "LossModuleSelectorIndices:",
    "OptimizerSelector:",
    "SimpleLearningrateSchedulerSelector:",
    "SimpleTrainNode:",
    "NetworkSelectorDatasetInfo:network",
    *(PREFIX + name for name in ("auxiliary", "drop_path_prob", "init_channels", "layers")),
    "epochs",
)
_FIRST_EDGES = {node: sum(NODES[: NODES.index(node)]) for node in NODES}  # the number of a node's edge from source 0


def format_configuration(pairs: Pairs) -> dict[str, str]:
    """Writes pairs, the two of a node in order of source, as what a configuration says of the architecture."""
    edges, inputs = dict[str, str](), dict[str, str]()
    for k in range(0, len(pairs), 2):
        cell, node = CELLS[k // 2 // len(NODES)], NODES[k // 2 % len(NODES)]
        edges |= {_edge(cell, node, source): op for op, source in pairs[k : k + 2]}
        if node != NODES[0]:
            inputs[_inputs(cell, node)] = "_".join(str(source) for _, source in pairs[k : k + 2])
    return edges | inputs


def parse_configuration(configuration: Mapping[str, Any]) -> Pairs:
    """Reads a configuration; settings of the training and of the skeleton that it holds beside are passed over.

    Raises:
        ArchitectureError: it tells no member, or has a key that is not known; names the key.
    """
    if not isinstance(configuration, Mapping):
        raise _malformed("not an object of texts", type(configuration).__name__, f"such as {PREFIX}edge_normal_0")
    pairs: Pairs = []
    read = set[str]()
    for cell in CELLS:
        for node in NODES:
            if node != NODES[0]:
                read.add(_inputs(cell, node))
            for source in (0, 1) if node == NODES[0] else _sources(configuration, _inputs(cell, node), node):
                key = _edge(cell, node, source)
                if (op := configuration.get(key)) not in OPERATIONS:
                    raise _malformed(key, "nothing" if op is None else op, f"one of {', '.join(OPERATIONS)}")
                pairs.append((op, source))
                read.add(key)
    if more := sorted(str(key) for key in configuration if key not in read and not str(key).startswith(_SETTINGS)):
        edge = more[0].startswith(f"{PREFIX}edge_")
        known = f"an edge, or inputs, of a node, or a setting: {', '.join(_SETTINGS[:6])}..."
        raise _malformed(more[0], "a key of no meaning", "nothing: no node reads this edge" if edge else known)
    return pairs


def _sources(configuration: Mapping[str, Any], key: str, node: int) -> tuple[int, int]:
    """The two that a node reads."""
    options = {f"{one}_{other}": (one, other) for other in range(node) for one in range(other)}
    given = configuration.get(key)
    if not isinstance(given, str) or given not in options:
        raise _malformed(key, "nothing" if given is None else given, f"one of {', '.join(sorted(options))}")
    return options[given]


def _edge(cell: str, node: int, source: int) -> str:
    return f"{PREFIX}edge_{cell}_{_FIRST_EDGES[node] + source}"


def _inputs(cell: str, node: int) -> str:
    return f"{PREFIX}inputs_node_{cell}_{node}"


def _malformed(what: str, got: object, expected: str) -> ArchitectureError:
    return ArchitectureError(f"malformed NAS-Bench-301 configuration: {what}", got=got, expected=expected)
