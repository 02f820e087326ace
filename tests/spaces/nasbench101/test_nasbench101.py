"""NAS-Bench-101 against what is published of it."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from ghn.errors import ArchitectureError, ConfigError
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.graph import count_params, function_key
from ghn.spaces import NASBench101
from ghn.spaces.nasbench101.cells import OPERATIONS, cell_of_member
from ghn.spaces.nasbench101.listing import count_cells
from ghn.spaces.nasbench101.notation import matrix_of_cell

SMALL = NASBench101((3, 8, 8), classes=4, width=8, depth=1)
FULL = NASBench101((3, 32, 32), classes=10, width=128, depth=3)
TABLES = Path(__file__).parents[4] / "shared" / "tables"
C3, C1, MP = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"
# rows of the published table: upper triangle, operations, parameters
ROWS = [
    ("100000101000101000010", [C3, MP, C3, MP, MP], 2_770_826),
    ("001001000000000001000", [MP, C3, MP, C3, MP], 1_756_298),
]
# the cell that the benchmark's documentation asks for, and the form and size with which its API answers
ASKED = (
    [[0, 1, 1, 1, 0, 1, 0], [0] * 6 + [1], [0] * 6 + [1], [0, 0, 0, 0, 1, 0, 0], [0] * 6 + [1], [0] * 6 + [1], [0] * 7],
    ["input", C1, C3, C3, C3, MP, "output"],
)
ANSWERED = (
    [[0, 1, 1, 1, 1, 0, 0], [0] * 6 + [1], [0] * 6 + [1], [0] * 6 + [1], [0, 0, 0, 0, 0, 1, 0], [0] * 6 + [1], [0] * 7],
    ["input", C3, C1, MP, C3, C3, "output"],
)


def benchmark_json(matrix: list[list[int]], operations: list[str]) -> str:
    return json.dumps({"module_adjacency": matrix, "module_operations": operations})


def test_there_are_as_many_cells_as_published() -> None:
    assert len(SMALL) == 423_624
    assert [count_cells(most) for most in (2, 3, 4, 5, 6)] == [1, 7, 91, 2532, 64_542]
    listed = list(SMALL.cells(5))
    assert len(listed) == len(set(listed)) == 2532
    assert all(SMALL.parse(SMALL.format(arch)) == arch for arch in listed[::5])


@pytest.mark.parametrize(("bits", "operations", "parameters"), ROWS)
def test_published_rows_have_their_published_size(bits: str, operations: list[str], parameters: int) -> None:
    arch = FULL.parse(f"{bits},{'|'.join(operations)}")
    assert count_params(FULL.network(arch).graph) == parameters


@pytest.mark.parametrize("table", ["development", "report"])
def test_rows_of_the_table_have_their_published_size(table: str) -> None:
    path = TABLES / f"nasbench101_{table}.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with path.open(newline="") as file:
        rows = [(f"{row['edges']},{row['operations']}", int(row["parameters"])) for row in csv.DictReader(file)]
    for text, parameters in rows[:200]:
        assert count_params(FULL.network(FULL.parse(text)).graph) == parameters, text


def test_the_benchmark_trained_the_form_that_the_member_has() -> None:
    """Channels left over go to the first vertices, so that another order of them has other parameters."""
    arch = FULL.parse(benchmark_json(*ASKED))
    assert matrix_of_cell(cell_of_member(arch)) == ANSWERED
    assert FULL.parse(benchmark_json(*ANSWERED)) == arch
    assert count_params(FULL.network(arch).graph) == 2_694_282
    assert cell_of_member(arch).channels(256) == [64, 64, 64, 64, 64, 256]


def test_channels_left_over_go_to_the_first_vertices_and_are_cut_off_where_they_are_too_many() -> None:
    arch = ("conv3x3:0", "conv1x1:1", "conv1x1:0", "output:123")
    assert cell_of_member(arch).channels(128) == [43, 43, 42, 128]
    assert cell_of_member(arch).channels(256) == [86, 85, 85, 256]
    assert cell_of_member(("conv3x3:0", "conv1x1:1", "output:2")).channels(5) == [5, 5, 5]
    shapes = {n.name: (n.op, n.shape[0]) for n in FULL.network(arch).graph.nodes}
    assert shapes["stack1/cell0/vertex2/from1"] == ("narrow", 85) and "stack0/cell0/vertex2/from1" not in shapes


def test_all_ways_to_write_a_cell_are_read() -> None:
    arch = ("conv3x3:0", "conv1x1:01", "output:12")
    matrix = [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    texts = [
        "conv3x3:0|conv1x1:01|output:12",
        " conv3x3:0|conv1x1:10|output:21\n",
        "conv3x3:0|maxpool3x3:0|conv1x1:01|output:13",  # a vertex that nobody reads is left out
        benchmark_json(matrix, ["input", C3, C1, "output"]),
        f"110111,{C3}|{C1}",
        f"110111 {C3}|{C1}",
        f"110000100010001000000,{C3}|{C1}|{MP}|{MP}|{MP}",
    ]
    for text in texts:
        assert SMALL.parse(text) == arch
    assert SMALL.format(arch) == texts[0]
    assert SMALL.parse("1,") == ("output:0",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "not a string"),
        ("x" * 3000, "not a string"),
        ("conv5x5:0|output:1", "vertex 1"),
        ("conv3x3:0|output", "vertex 2"),
        ("conv3x3:1|output:1", "vertex 1"),
        ("conv3x3:00|output:1", "vertex 1"),
        ("conv3x3:0|conv3x3:1", "vertex 2"),
        ("conv3x3:0|output:9", "vertex 2"),
        ("conv3x3:|output:1", "cut off"),
        ("|".join(["conv3x3:0"] * 6 + ["output:1"]), "7 vertices"),
        ("conv3x3:0|conv3x3:01|conv3x3:012|output:0123", "too many edges"),
        ("1101111,conv3x3-bn-relu|conv1x1-bn-relu", "7 bits"),
        ("110111,conv3x3-bn-relu|conv1x1", "unknown operation"),
        ("{", "not JSON"),
        ("[" * 1999, "not JSON"),
        ("{}", "no lists"),
        (benchmark_json([[0, 1]], ["input", "output"]), "not a matrix"),
        (benchmark_json([[0, 2], [0, 0]], ["input", "output"]), "entry"),
        (benchmark_json([[0, 1], [1, 0]], ["input", "output"]), "entry"),
        (benchmark_json([[0, 0], [0, 0]], ["input", "output"]), "cut off"),
        (benchmark_json([[0, 1], [0, 0]], ["output", "input"]), "ends"),
        (benchmark_json([[0] * 8] * 8, ["input"] * 8), "not a matrix"),
    ],
)
def test_what_is_no_cell_is_refused(text: str, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        SMALL.parse(text)


def test_another_form_of_a_member_is_none() -> None:
    with pytest.raises(ArchitectureError, match="another form"):
        SMALL.network(("conv1x1:0", "conv3x3:0", "output:12"))
    with pytest.raises(ArchitectureError, match="another form"):
        SMALL.format(("conv3x3:0", "conv3x3:0", "output:2"))


def test_isomorphic_cells_are_one_member() -> None:
    rng = Random(0)
    for arch in (SMALL.sample(rng) for _ in range(40)):
        matrix, operations = matrix_of_cell(cell_of_member(arch))
        size = len(operations)
        order = [0, *rng.sample(range(1, size - 1), size - 2), size - 1]
        place = {v: i for i, v in enumerate(order)}
        if all(place[s] < place[t] for s in range(size) for t in range(size) if matrix[s][t]):
            moved = [[matrix[s][t] for t in order] for s in order]
            assert SMALL.parse(benchmark_json(moved, [operations[v] for v in order])) == arch


def test_functions_are_fewer_than_cells() -> None:
    """Two vertices that do and read the same are worth one that is read twice."""
    one = SMALL.parse("maxpool3x3:0|conv3x3:1|conv1x1:1|output:23")
    two = SMALL.parse("maxpool3x3:0|maxpool3x3:0|conv3x3:1|conv1x1:2|output:34")
    assert one != two and SMALL.canonical(one) == SMALL.canonical(two)
    few = list(SMALL.cells(4))
    keys = {(SMALL.canonical(a), function_key(SMALL.network(a).live().graph)) for a in few}
    assert len(keys) == len({a for a, _ in keys}) == len({b for _, b in keys}) <= 91
    assert len({SMALL.canonical(a) for a in SMALL.cells(5)}) == 2496


def test_sampling_is_uniform_over_the_members() -> None:
    rng = Random(0)
    drawn = [SMALL.sample(rng) for _ in range(3000)]
    sizes = [len(arch) + 1 for arch in drawn]
    for most in (5, 6):  # 0.6 % and 15.2 % have at most so many vertices
        share = count_cells(most) / 423_624
        assert abs(sum(size <= most for size in sizes) / 3000 - share) < 4 * (share / 3000) ** 0.5
    # a cell whose vertices can be exchanged is as likely as one of which there are two labellings
    first = [arch for arch in drawn if len(arch) == 6]
    assert len(set(first)) > 0.98 * len(first)


def test_neighbours_are_one_edit_away_and_mutual() -> None:
    rng = Random(1)
    for arch in [("output:0",), *(SMALL.sample(rng) for _ in range(6))]:
        around = list(SMALL.neighbours(arch))
        assert all(abs(len(cell_of_member(a).edges()) - len(cell_of_member(arch).edges())) <= 1 for a in around)
        assert all(arch in SMALL.neighbours(other) for other in around)
    assert list(SMALL.neighbours(("output:0",))) == [(f"{op}:0", "output:1") for op in OPERATIONS]
    some = set(SMALL.neighbours(("conv3x3:0", "output:1")))
    assert some == {
        ("conv1x1:0", "output:1"),
        ("maxpool3x3:0", "output:1"),
        ("output:0",),
        ("conv3x3:0", "output:01"),
        *((*chain, "output:2") for op in OPERATIONS for chain in ((f"{op}:0", "conv3x3:1"), ("conv3x3:0", f"{op}:1"))),
    }


def test_all_cells_grow_from_the_simplest_by_an_edge_at_a_time() -> None:
    level, found = set(SMALL.simplest()), set(SMALL.simplest())
    assert len(found) == 4
    for _ in range(5):
        grown = {other for arch in level for other in SMALL.expand(arch) if len(other) <= 3}
        assert all(len(cell_of_member(a).edges()) >= 2 for a in grown)
        level, found = grown, found | grown
    assert len(found) == 91  # all of at most four vertices


def test_decisions_have_every_member_and_lead_to_members_alone() -> None:
    rng, decisions = Random(0), SMALL.choices()
    for arch in (SMALL.sample(rng) for _ in range(100)):
        options = SMALL.to_choices(arch)
        assert SMALL.from_choices(options) == arch
        assert all(option in SMALL.allowed(options[:i]) for i, option in enumerate(options))
    for _ in range(100):
        chosen: list[int] = []
        for _ in decisions:
            chosen.append(rng.choice(SMALL.allowed(chosen)))
        assert len(cell_of_member(SMALL.from_choices(chosen)).edges()) <= 9
    most: list[int] = []
    for _ in decisions:  # as many edges as allowed
        most.append(max(SMALL.allowed(most)))
    assert SMALL.from_choices(most)
    with pytest.raises(ArchitectureError, match="cut off"):
        SMALL.from_choices([0] * len(decisions))


def test_features_say_what_a_cell_holds() -> None:
    features = SMALL.encode(("conv3x3:0", "conv1x1:01", "output:012"))
    assert features["count_conv3x3"] == features["count_conv1x1"] == 1 and features["count_maxpool3x3"] == 0
    assert features["vertices"] == 4 and features["edges"] == 6 and features["residual"] == 1
    assert features["paths"] == 4 and features["most_length"] == 2 and features["least_length"] == 0
    assert features["divided"] == 2 and features["projections"] == 3 and features["share_conv3x3"] == 0.25
    assert all(list(SMALL.encode(arch)) == list(features) for arch in SMALL.cells(3))


def test_encodings_are_of_seven_vertices() -> None:
    cell = SMALL.cell(("conv3x3:0", "output:01"))
    assert cell.ops[:6] == ("edge", "none", "none", "none", "none", "edge")  # of the input
    assert cell.ops[10] == "edge" and cell.ops.count("edge") == 3  # from vertex 1 to the output
    assert cell.ops[21:] == ("conv3x3", "none", "none", "none", "none")
    assert sorted(cell.paths()) == [(), ("conv3x3",)] and len(cell.labels()) == len(set(cell.labels())) == 364
    rng = Random(0)
    archs = [SMALL.sample(rng) for _ in range(50)]
    assert len({SMALL.cell(arch).ops for arch in archs}) == len(set(archs))
    assert all(set(SMALL.cell(arch).paths()) <= set(cell.labels()) for arch in archs)
    assert SurrogateEstimator(SMALL).inputs[1](SMALL, archs).shape == (50, 26 * 5)


def test_the_picture_is_the_cell() -> None:
    (picture,) = SMALL.diagrams(("conv3x3:0", "output:01"))
    assert picture.labels == ("in", "conv 3x3", "out") and set(picture.edges) == {(0, 1), (1, 2), (0, 2)}


def test_stacks_double_channels_and_halve_the_image() -> None:
    graph = NASBench101((1, 16, 12), classes=7, width=9, depth=2).network(("conv3x3:0", "output:1")).graph
    shapes = {node.name: node.shape for node in graph.nodes}
    ends = [shapes[f"stack{stack}/cell1/vertex1/conv3x3/relu"] for stack in range(3)]
    assert ends == [(9, 16, 12), (18, 8, 6), (36, 4, 3)] and graph.output_shape == (7,)
    assert all(a[1] == 2 * b[1] for a, b in pairwise(ends))


def test_channels_that_cannot_be_divided_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"width >= 4(?s:.*)width 3"):
        NASBench101((3, 8, 8), classes=4, width=3)
    graph = NASBench101((3, 8, 8), 4, width=4).network(SMALL.parse(benchmark_json(*ASKED))).graph
    assert min(node.shape[0] for node in graph.nodes) == 1
