import re
from random import Random

import pytest
import torch

from ghn.errors import ArchitectureError, ConfigError
from ghn.graph import Interpreter
from ghn.nets import RandomInit
from ghn.spaces import NASBench201, make_space
from ghn.spaces.nasbench201.space import EDGES, OPERATIONS

SPACE = NASBench201((3, 8, 8), classes=10, width=4, depth=1)
TEXT = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
CELL = ("nor_conv_3x3", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "nor_conv_3x3", "skip_connect")


def test_all_cells_round_trip_through_their_official_strings():
    cells = list(SPACE)
    assert len(cells) == len(set(cells)) == len(SPACE) == 15_625
    texts = list(map(SPACE.format, cells))
    assert len(set(texts)) == 15_625
    assert list(map(SPACE.parse, texts)) == cells


def test_an_official_string_read_by_hand():
    assert SPACE.parse(TEXT) == SPACE.parse(f"  {TEXT}\n") == CELL
    assert SPACE.format(CELL) == TEXT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "node 1 is ''"),
        (None, "0 edges"),
        (CELL, "0 edges"),
        ("nonsense", "node 1 is 'nonsense'"),
        (TEXT[:-1], "node 3 is"),
        (TEXT[1:], "node 1 is 'nor_conv_3x3~0|'"),
        (TEXT.replace("|", ""), "node 1 is 'nor_conv_3x3~0'"),
        (TEXT.replace("|+|", "||+||"), "node 1 is"),
        (TEXT.replace("+", "++"), "node 2 is ''"),
        (TEXT.replace("+", " + "), "node 1 is"),
        (TEXT.split("+")[0], "1 edges"),
        ("+".join(TEXT.split("+")[:2]), "3 edges"),
        (f"{TEXT}+|none~0|none~1|none~2|none~3|", "10 edges"),
        (TEXT.replace("~1", "~0"), r"node 2 is '\|nor_conv_3x3~0\|avg_pool_3x3~0\|'"),
        (TEXT.replace("avg_pool_3x3~1", "avg_pool_3x3"), "node 2 is"),
        (TEXT.replace("avg_pool_3x3~1", "avg_pool_3x3~1~1"), "node 2 is"),
        (TEXT.replace("avg_pool_3x3~1", "avg_pool_3x3~٣"), "node 2 is"),
        (TEXT.replace("avg_pool_3x3~1|", "avg_pool_3x3~1|none~2|"), "node 2 is"),
        (TEXT.upper(), "node 1 is"),
    ],
)
def test_malformed_strings_are_refused_with_an_example(text, message):
    with pytest.raises(ArchitectureError, match=f"malformed NAS-Bench-201 string: {message}.*(?s:.*)expected: such as"):
        SPACE.parse(text)


def test_an_unknown_operation_is_named_with_the_known_ones():
    message = r"unknown operation.*(?s:.*)got: +nor_conv_7x7(?s:.*)expected: .*'nor_conv_1x1'"
    with pytest.raises(ArchitectureError, match=message):
        SPACE.parse(TEXT.replace("avg_pool_3x3", "nor_conv_7x7"))


@pytest.mark.parametrize("thing", [TEXT, list(CELL), CELL[:5], (*CELL, "none"), (*CELL[:5], "conv"), None, 7])
def test_what_is_not_a_cell_is_refused(thing):
    with pytest.raises(ArchitectureError, match=re.escape("NASBench201.parse reads strings")):
        SPACE.check(thing)


def test_neighbours_differ_in_one_edge_each():
    rng = Random(1)
    for cell in (SPACE.sample(rng) for _ in range(20)):
        around = list(SPACE.neighbours(cell))
        assert len(around) == len(set(around)) == len(EDGES) * (len(OPERATIONS) - 1) == 24
        assert all(sum(a != b for a, b in zip(cell, other, strict=True)) == 1 for other in around)
        assert all(cell in SPACE.neighbours(other) for other in around)


def test_sampling_is_uniform_over_operations():
    rng = Random(0)
    drawn = [SPACE.sample(rng) for _ in range(4000)]
    for edge in range(6):
        counts = [sum(cell[edge] == op for cell in drawn) for op in OPERATIONS]
        assert all(650 < n < 950 for n in counts), counts


def test_canonical_keys_by_hand():
    skip, none, conv, pool = "skip_connect", "none", "nor_conv_3x3", "avg_pool_3x3"
    assert SPACE.canonical((conv, conv, conv, none, none, none)) == SPACE.canonical((none,) * 6) == ""
    # through node 1, through node 2, and directly
    assert len({SPACE.canonical(c) for c in [
        (skip, none, none, none, conv, none),
        (none, skip, conv, none, none, conv),
        (pool, none, none, conv, none, none),
    ]}) == 1  # fmt: skip
    # a sum of two skips is twice the input, not once
    assert SPACE.canonical((skip, none, none, skip, skip, none)) != SPACE.canonical(
        (none, none, none, skip, none, none)
    )
    # nested sums are flattened: (x + x) + x
    assert SPACE.canonical((skip, skip, none, skip, skip, skip)) == SPACE.canonical(
        (skip, none, skip, skip, skip, skip)
    )


def test_the_space_computes_4930_functions_and_lists_one_cell_of_each():
    keys = {SPACE.canonical(cell) for cell in SPACE}
    members = SPACE.distinct()
    assert len(keys) == len(members) == 4930
    assert {SPACE.canonical(cell) for cell in members} == keys
    assert SPACE.distinct() == members
    fewest = {}
    for cell in SPACE:
        key = SPACE.canonical(cell)
        fewest[key] = min(fewest.get(key, 7), 6 - cell.count("none"))
    assert all(6 - cell.count("none") == fewest[SPACE.canonical(cell)] for cell in members)


@pytest.mark.parametrize(
    ("shape", "classes", "width", "depth"), [((1, 28, 28), 100, 4, 1), ((3, 32, 32), 10, 2, 3), ((5, 8, 16), 2, 3, 1)]
)
def test_channels_size_classes_width_and_depth_flow_into_the_network(shape, classes, width, depth):
    space = NASBench201(shape, classes, width, depth)
    graph = space.network(CELL).graph
    assert (graph.input_shape, graph.output_shape) == (shape, (classes,))
    shapes = {n.name: n.shape for n in graph.nodes}
    assert shapes["stem/norm"] == (width, *shape[1:])
    assert shapes[f"stage2/cell{depth - 1}/node3"] == (4 * width, shape[1] // 4, shape[2] // 4)
    assert sum(name.endswith("node3") for name in shapes) == 3 * depth
    with torch.no_grad():
        logits = Interpreter(graph).run(RandomInit()([graph])[0], torch.randn(2, *shape)).output
    assert logits.shape == (2, classes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width 0"),
        ({"depth": 0}, "depth 0"),
        ({"classes": 0}, "classes 0"),
        ({"input_shape": (3, 8)}, r"got: +input_shape \(3, 8\)"),
        ({"input_shape": (0, 8, 8)}, "channels, height, width"),
        ({"input_shape": (3, 8, 30)}, "multiples of 4"),
        ({"input_shape": (3, 2, 8)}, "multiples of 4"),
    ],
)
def test_impossible_skeletons_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        NASBench201(**{"input_shape": (3, 8, 8), "classes": 10, **settings})


def test_spaces_are_made_by_name():
    assert make_space("nasbench201", input_shape=[3, 8, 8], classes=10, width=4, depth=1) == SPACE
    with pytest.raises(ConfigError, match=r"unknown space.*(?s:.*)got: +nasbench301(?s:.*)nasbench201"):
        make_space("nasbench301")
    with pytest.raises(ConfigError, match=r"unknown setting of space nasbench201(?s:.*)cells"):
        make_space("nasbench201", input_shape=(3, 8, 8), classes=10, cells=1)
