"""What a graph really computes: dead operations removed, identities and nested sums dissolved."""

from __future__ import annotations

from ghn.graph.ir import Graph, Node, derive
from ghn.graph.ops import zero_attrs

Terms = tuple[int, ...]  # a value as the sum of these nodes; () is zero


def simplify(graph: Graph) -> Graph:
    """Returns the live part of a graph in a normal form.

    Zeros are propagated (what is fed by nothing but zeros counts as zero: the constant that a normalisation's bias
    would make of it is dropped), identities dissolved, nested sums flattened, operations without parameters computed
    once, and what the output does not read is removed. Names, and so weights, stay. A graph whose output is cut off
    from its input keeps the operation at the output, fed with zeros: it still runs, and predicts a constant.

    Simplifying twice changes nothing.
    """
    value, sums = _values(graph)
    inputs: dict[int, tuple[int, ...]] = {}  # of every node kept
    todo = [_reader(len(graph) - 1, value, sums)]
    while todo:
        i = todo.pop()
        if i in inputs:
            continue
        node = graph.nodes[i]
        if i and not value[i]:
            inputs[i] = (0,)
        elif node.operation.adds:
            inputs[i] = value[i]
        else:
            inputs[i] = tuple(_reader(j, value, sums) for j in node.inputs)
        todo.extend(inputs[i])
    order = sorted(inputs.keys() | {i for i, node in enumerate(graph.nodes) if node.op == "input"})
    index = {old: new for new, old in enumerate(order)}
    nodes = [_rebuilt(graph.nodes[i], tuple(index[j] for j in inputs.get(i, ())), not value[i]) for i in order]
    return graph.part(nodes, [i if value[i] else None for i in order])


def _values(graph: Graph) -> tuple[list[Terms], dict[Terms, int]]:
    """The value of each node as a sum of nodes, and the first node to compute each sum of several terms."""
    value: list[Terms] = []
    sums: dict[Terms, int] = {}
    seen: dict[tuple[object, ...], int] = {}
    last = len(graph) - 1
    for i, node in enumerate(graph.nodes):
        fed = [value[j] for j in node.inputs]
        if node.operation.cuts:
            terms: Terms = ()
        elif node.operation.adds:
            terms = tuple(sorted(t for f in fed for t in f))
            if len(terms) > 1:
                sums.setdefault(terms, i)
        elif node.inputs and i != last and not any(fed):
            terms = ()
        elif not node.inputs or graph.has_params(i):
            terms = (i,)
        else:  # the shapes tell zeros of different sizes apart
            terms = (seen.setdefault((node.op, node.attrs, graph.input_shapes(i), *fed), i),)
        value.append(terms)
    return value, sums


def _reader(j: int, value: list[Terms], sums: dict[Terms, int]) -> int:
    """The node to read for the value of node `j`; `j` itself where it is zero."""
    terms = value[j]
    return j if not terms else terms[0] if len(terms) == 1 else sums[terms]


def _rebuilt(node: Node, inputs: tuple[int, ...], is_zero: bool) -> Node:
    if not is_zero:
        return Node(node.name, node.op, inputs, node.attrs, node.shape, node.params)
    attrs = derive("zero", (node.shape,), tuple(zero_attrs(node.shape).items())).attrs
    return Node(node.name, "zero", inputs, attrs, node.shape)
