from random import Random

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_graphs import graphs, shuffled

from ghn.errors import GraphError
from ghn.graph import Graph, GraphBuilder, Node, canonical_order, features
from ghn.graph.features import ATTRIBUTES, COLUMNS, MAX_DISTANCE, PADDING, SIZES, UNMET, Featurizer, Group
from ghn.spaces import NASBench201

SPACE = NASBench201((3, 8, 8), classes=5, width=4, depth=2)


def column(data, name):
    return data.x[:, COLUMNS.index(name)].tolist()


def square(data):
    n = data.num_nodes
    return data.distance.reshape(n, n)


def drawn(graph):
    """The graph for networkx, its nodes at their canonical positions."""
    position = {i: p for p, i in enumerate(canonical_order(graph))}
    out = nx.MultiDiGraph()
    out.add_nodes_from(range(len(graph)))
    out.add_edges_from((position[j], position[i]) for i, node in enumerate(graph.nodes) for j in node.inputs)
    return out


def check_against_networkx(graph):
    data, reference = Featurizer()(graph)[0].data, drawn(graph)
    assert sorted(zip(*data.edge_index.tolist(), strict=True)) == sorted((u, v) for u, v, _ in reference.edges)
    lengths = dict(nx.all_pairs_shortest_path_length(reference))
    expected = [[lengths[u].get(v, 0) for v in range(len(graph))] for u in range(len(graph))]
    assert square(data).tolist() == expected
    assert column(data, "in_degree") == [min(d, 15) for _, d in reference.in_degree]
    assert column(data, "out_degree") == [min(d, 15) for _, d in reference.out_degree]
    longest = {}
    for v in nx.topological_sort(reference):
        longest[v] = 1 + max((longest[u] for u in reference.predecessors(v)), default=-1)
    assert data.level.tolist() == column(data, "level") == [longest[v] for v in range(len(graph))]


@given(graphs())
def test_edges_paths_degrees_and_levels(graph):
    check_against_networkx(graph)


def test_edges_paths_degrees_and_levels_of_a_network():
    check_against_networkx(SPACE.network(SPACE.sample(Random(3))).graph)


def test_columns_say_what_an_operation_is():
    b = GraphBuilder((3, 16, 8))
    x = b.add("conv", b.input, name="conv", out=8, kernel=3, stride=2, padding=1)
    x = b.add("global_pool", x, name="pool")
    graph = b.build(b.add("linear", x, name="head", out=10))
    features, _ = Featurizer(("linear", "conv", "input", "global_pool"))(graph)
    bucket = {k: 1 + round(4 * np.log2(k)) for k in (3, 4, 8, 10)}
    rows = dict(zip(COLUMNS, features.data.x.T.tolist(), strict=True))
    assert rows == {
        "op": [2, 1, 3, 0],
        "kernel": [0, 3, 0, 0],
        "stride": [0, 2, 0, 0],
        "dilation": [0, 1, 0, 0],
        "c_in": [0, bucket[3], bucket[8], bucket[8]],
        "c_out": [bucket[3], bucket[8], bucket[8], bucket[10]],
        "size": [bucket[8], bucket[4], 0, 0],
        "level": [0, 1, 2, 3],
        "in_degree": [0, 1, 1, 1],
        "out_degree": [1, 1, 1, 0],
    }


def test_values_beyond_a_table_fall_into_its_last_class():
    relus = [Node("input", "input", (), (), (1, 40, 40))]
    relus += [Node(f"relu{i}", "relu", (i,), (), (1, 40, 40)) for i in range(300)]
    graph = Graph((*relus, Node("sum", "sum", (300,) * 20, (), (1, 40, 40))))
    data = Featurizer()(graph)[0].data
    assert max(column(data, "level")) == SIZES["level"] - 1 < data.level.max()
    assert column(data, "in_degree")[-1] == SIZES["in_degree"] - 1
    for name in COLUMNS[1:]:
        assert max(column(data, name)) < SIZES[name]
    lengths = square(data)
    assert lengths[0, MAX_DISTANCE] == MAX_DISTANCE
    assert not lengths[0, MAX_DISTANCE + 1 :].any()
    assert not lengths.tril().any()


def test_groups_gather_parameters_of_one_kind_shape_and_gain():
    b = GraphBuilder((3, 8, 8))
    a = b.add("conv", b.input, name="a", out=3, kernel=1, bias=1)
    c = b.add("conv", b.add("relu", a, name="relu"), name="c", out=3, kernel=1)
    graph = b.build(b.add("conv", c, name="d", out=3, kernel=1))
    features, names = Featurizer()(graph)
    assert names == {
        Group("conv_weight", (3, 3, 1, 1), 1.0): ["a/weight", "d/weight"],
        Group("bias", (3,), 1.0): ["a/bias"],
        Group("conv_weight", (3, 3, 1, 1), 2.0): ["c/weight"],  # it reads a ReLU
    }
    assert {g: list(p) for g, p in features.groups.items()} == {
        Group("conv_weight", (3, 3, 1, 1), 1.0): [1, 4],
        Group("bias", (3,), 1.0): [1],
        Group("conv_weight", (3, 3, 1, 1), 2.0): [3],
    }


@given(graphs(), st.integers(0, 2**32))
def test_isomorphic_graphs_share_features_under_their_own_names(graph, seed):
    featurizer = Featurizer()
    features, names = featurizer(graph)
    other, renamed = shuffled(graph, Random(seed))
    again, other_names = featurizer(other)
    assert again is features
    shapes = {p.name: p.shape for p in other.params()}
    for group, members in names.items():
        assert len(other_names[group]) == len(members)
        assert sorted(other_names[group]) == sorted(
            f"{renamed[m.rsplit('/', 1)[0]]}/{m.rsplit('/', 1)[1]}" for m in members
        )
        assert all(shapes[m] == group.shape for m in other_names[group])
    assert sum(map(len, other_names.values())) == len(shapes)


def test_the_cache_forgets_what_was_used_longest_ago():
    featurizer = Featurizer(cache_size=2)
    a, b, c = (SPACE.network(arch).graph for arch in list(SPACE.distinct())[100:103])
    first = featurizer(a)[0]
    featurizer(b)
    assert featurizer(a)[0] is first
    featurizer(c)  # b goes
    assert featurizer(a)[0] is first
    assert len(featurizer._cache) == 2


def test_the_cache_is_bounded_in_pairs_of_nodes_too(monkeypatch):
    members = [SPACE.network(arch).graph for arch in list(SPACE.distinct())[100:104]]
    largest = max(map(len, members)) ** 2
    monkeypatch.setattr(features, "REMEMBERED", 2 * largest)
    featurizer = Featurizer()
    last = [featurizer(member)[0] for member in members][-1]
    held = sum(one.data.num_nodes**2 for one in featurizer._cache.values())
    assert 0 < held == featurizer._pairs <= 2 * largest
    assert featurizer(members[-1])[0] is last
    monkeypatch.setattr(features, "REMEMBERED", 1)
    assert len(featurizer(members[0])[0].data.x) == len(members[0]) and not featurizer._cache


def test_large_graphs_come_in_several_batches(monkeypatch):
    members = [SPACE.network(arch).graph for arch in list(SPACE.distinct())[200:207]]
    size = max(map(len, members))
    monkeypatch.setattr(features, "PAIRS", 3 * size**2)
    batches = list(Featurizer().batches(members))
    assert [count for _, count in batches] == [batch.data.num_graphs for batch, _ in batches]
    assert len(batches) > 1 and sum(count for _, count in batches) == len(members)
    assert all(batch.data.places.numel() <= 3 * size**2 for batch, _ in batches)
    assert torch.equal(torch.cat([batch.data.x for batch, _ in batches]), Featurizer().batch(members).data.x)
    monkeypatch.setattr(features, "PAIRS", 1)
    assert [count for _, count in Featurizer().batches(members)] == [1] * len(members)
    assert not list(Featurizer().batches([]))


def test_a_graph_beyond_the_bound_is_refused_before_anything_is_made(monkeypatch):
    members = [SPACE.network(arch).graph for arch in list(SPACE.distinct())[200:202]]
    monkeypatch.setattr(features, "LARGEST", max(map(len, members)) - 1)
    featurizer = Featurizer()
    with pytest.raises(GraphError, match=f"{max(map(len, members))} nodes"):
        next(featurizer.batches(members))
    assert not featurizer._cache


def test_a_batch_joins_graphs_without_edges_between_them():
    featurizer = Featurizer()
    members = [SPACE.network(arch).graph for arch in list(SPACE.distinct())[200:203]]
    data, groups = featurizer.batch(members)
    singles = [featurizer(g)[0].data for g in members]
    starts = np.cumsum([0, *map(len, members)])
    assert data.num_graphs == 3
    assert torch.equal(data.x, torch.cat([s.x for s in singles]))
    assert data.batch.tolist() == [g for g, m in enumerate(members) for _ in m.nodes]
    for name, expected in (
        ("edge_index", [s.edge_index + o for s, o in zip(singles, starts, strict=False)]),
        ("path_index", [square(s).nonzero().T + o for s, o in zip(singles, starts, strict=False)]),
    ):
        assert torch.equal(data[name], torch.cat(expected, 1))
    assert torch.equal(data.path_length, torch.cat([s.distance[s.distance > 0] for s in singles]).long())
    longest = max(map(len, members))
    assert data.places.shape == (3, longest, longest) and data.places.dtype == torch.uint8
    for places, single in zip(data.places, singles, strict=True):
        n, forward = single.num_nodes, square(single).T.long()  # rows are queries: what they read lies before them
        assert torch.equal(places[:n, :n].long(), forward + torch.where(forward.T > 0, forward.T + MAX_DISTANCE, 0))
        assert (places[:, n:] == PADDING).all()
    owned = sorted(owner for _, owners in groups.values() for owner in owners)
    assert owned == sorted((g, p.name) for g, m in enumerate(members) for p in m.params())
    for group, (rows, owners) in groups.items():
        kinds = {(g, p.name): (p.kind, p.shape) for g, m in enumerate(members) for p in m.params()}
        for row, (g, name) in zip(rows.tolist(), owners, strict=True):
            assert data.batch[row] == g
            assert kinds[g, name] == (group.kind, group.shape)


def test_an_operation_outside_the_vocabulary_is_a_column_without_a_name():
    b = GraphBuilder((3, 8, 8))
    graph = b.build(b.add("max_pool", b.input, name="pool", kernel=3))
    data = Featurizer(("conv", "input"))(graph)[0].data
    assert column(data, "op") == [1, UNMET] and column(data, "kernel") == [0, 3]


def test_hashes_of_attributes_tell_what_other_columns_do_not():
    def columns(**attrs):
        b = GraphBuilder((8, 8, 8))
        graph = b.build(b.add("conv", b.input, name="a", **{"out": 8, "kernel": 3, **attrs}))
        x = Featurizer(attributes=True)(graph)[0].data.x
        assert x.shape[1] == len(COLUMNS) + len(ATTRIBUTES)
        return x[1, len(COLUMNS) :].tolist()

    seen = [columns(padding=p, groups=g, bias=b) for p in (0, 1) for g in (1, 2) for b in (0, 1)]
    assert len({*map(tuple, seen)}) == 8
    assert columns(stride=2) == columns(dilation=2) == columns(out=4) == columns() == [36, 68]  # in any process


def test_levels_grow_along_every_edge():
    graph = SPACE.network(SPACE.sample(Random(5))).graph
    levels = graph.levels
    assert all(levels[j] < levels[i] for i, node in enumerate(graph.nodes) for j in node.inputs)
