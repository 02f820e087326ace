"""The memory-bank view of graphs that are small enough to see through."""

from __future__ import annotations

from random import Random

from ghn.families.sharing.memory_code import Access, MemoryView
from ghn.graph.ir import GraphBuilder
from ghn.graph.simplify import simplify
from ghn.spaces import NASBench201


def conv(b: GraphBuilder, x: int, name: str, out: int = 4) -> int:
    """ReLU, convolution, normalisation."""
    x = b.add("relu", x, name=f"{name}/relu")
    x = b.add("conv", x, name=f"{name}/conv", out=out, kernel=3, padding=1)
    return b.add("batch_norm", x, name=f"{name}/norm")


def head(b: GraphBuilder, x: int) -> MemoryView:
    return MemoryView(b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="linear", out=2)))


def accesses(view: MemoryView) -> dict[str, tuple[str, list[tuple[str, int]]]]:
    """Name of each convolution -> the bank that it reads, the banks and offsets that it writes."""
    names = [view.graph.nodes[i].name for i in view.banks]
    return {
        view.graph.nodes[x.node].name: (names[x.read.bank], [(names[a.bank], a.offset) for a in x.writes])
        for x in view.layers
    }


def test_terms_of_a_sum_are_written_into_one_bank() -> None:
    b = GraphBuilder((3, 8, 8))
    x = conv(b, b.input, "stem")
    y = b.add("sum", conv(b, x, "a"), conv(b, x, "b"), x, name="sum")
    view = head(b, y)
    assert accesses(view) == {
        "stem/conv": ("input", [("stem/conv", 0), ("sum", 0)]),
        "a/conv": ("stem/conv", [("sum", 0)]),
        "b/conv": ("stem/conv", [("sum", 0)]),
    }
    assert view.layers[1].read == Access(1, 0)
    assert view.writers == (0, 1, 3, 0) and view.readers == (1, 2, 0, 0)


def test_parts_of_a_concatenation_are_written_side_by_side() -> None:
    b = GraphBuilder((3, 8, 8))
    x, y = conv(b, b.input, "a", 4), conv(b, b.input, "b", 6)
    both = b.add("concat", x, y, x, name="concat")
    pooled = b.add("max_pool", both, name="pool3", kernel=3, padding=1)
    view = head(b, conv(b, pooled, "c"))
    assert accesses(view) == {
        "a/conv": ("input", [("concat", 0), ("concat", 10)]),
        "b/conv": ("input", [("concat", 4)]),
        "c/conv": ("concat", [("c/conv", 0)]),
    }


def test_every_convolution_reads_before_it_writes() -> None:
    space, rng = NASBench201((3, 8, 8), 4, width=4, depth=2), Random(0)
    for _ in range(20):
        graph = simplify(space.network(space.sample(rng)).graph)
        view = MemoryView(graph)
        assert [x.node for x in view.layers] == [i for i, node in enumerate(graph.nodes) if node.op == "conv"]
        for layer in view.layers:
            assert layer.writes and all(access.bank > layer.read.bank for access in layer.writes)
