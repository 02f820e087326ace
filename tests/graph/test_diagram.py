"""What is drawn of networks: labels come from the operations, and every edge from the graph or the cell."""

from __future__ import annotations

import ast
from pathlib import Path

import ghn.report
from ghn.graph import OPS
from ghn.graph.diagram import cell_diagram, graph_diagram
from ghn.graph.ir import GraphBuilder


def test_labels_come_from_the_operations() -> None:
    b = GraphBuilder((4, 8, 8))
    x = b.add("conv", b.input, name="a", out=4, kernel=3, padding=1)
    y = b.add("conv", b.add("relu", x, name="r"), name="b", out=4, kernel=5, padding=2, groups=4)
    z = b.add("sum", b.add("batch_norm", y, name="n"), b.add("identity", x, name="i"), name="s")
    z = b.add("max_pool", z, name="p", kernel=3, stride=2, padding=1)
    z = b.add("conv", z, name="c", out=4, kernel=1, groups=2)
    found = graph_diagram(b.build(b.add("linear", b.add("global_pool", z, name="g"), name="h", out=3)))
    assert found.labels == (
        "input",
        "conv 3x3",
        "dw 5x5",
        "+",
        "max 3x3/2",
        "grouped 1x1",
        "global pool",
        "linear",
    )
    assert found.edges == ((0, 1), (1, 2), (2, 3), (1, 3), (3, 4), (4, 5), (5, 6), (6, 7))
    assert found.ends == {0}


def test_a_connection_without_an_operation_has_no_node() -> None:
    found = cell_diagram("cell", {0: "in", 2: "out"}, [(0, 1, "op"), (0, 2, ""), (1, 2, "")])
    assert found.labels == ("in", "op", "+", "out")
    assert set(found.edges) == {(0, 1), (1, 2), (0, 3), (2, 3)} and found.ends == {0, 3}


def test_pictures_know_no_operation_by_name() -> None:
    """What pictures show of an operation stands with it, or with the space whose operation it is."""
    folder = Path(ghn.report.__file__).parent
    strings = {
        (path.name, node.value)
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    names = set(OPS) - {"input", "sum"} | {"nor_conv_3x3", "skip_connect", "sep_conv_3x3", "nasbench201"}
    assert not {(file, text) for file, text in strings if text in names}
