import re
import warnings
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_graphs import graphs as random_graphs
from random_graphs import shuffled

from ghn.errors import ConfigError, GraphError
from ghn.graph import GraphBuilder, Interpreter, features
from ghn.nets import GHN, GHNConfig
from ghn.nets.kinds import CLASS_HEAD
from ghn.spaces import NASBench201


@torch.no_grad()
def test_one_by_one_equals_a_batch(graphs, make_ghn, config):
    ghn = make_ghn(**config)
    for graph, together in zip(graphs, ghn(graphs), strict=True):
        alone = ghn([graph])[0]
        assert alone.keys() == together.keys() == {p.name for p in graph.params()}
        for name, weight in alone.items():
            torch.testing.assert_close(weight, together[name], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_large_graphs_are_encoded_a_few_at_a_time_to_the_same_weights(graphs, make_ghn, config, monkeypatch):
    ghn = make_ghn(**config)
    together, vectors = ghn(graphs), ghn.embed(graphs)
    monkeypatch.setattr(features, "PAIRS", 2 * max(map(len, graphs)) ** 2)
    assert len(list(ghn.featurizer.batches(graphs))) > 1
    torch.testing.assert_close(ghn.embed(graphs), vectors, atol=1e-4, rtol=1e-4)
    for expected, found in zip(together, ghn(graphs), strict=True):
        assert found.keys() == expected.keys()
        for name, weight in expected.items():
            torch.testing.assert_close(found[name], weight, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_graphs_get_weights_of_their_own(graphs, make_ghn, config):
    """The stem is the same operation in every graph, yet its weights see the whole graph."""
    small, large = make_ghn(**config)([graphs[0], graphs[1]])
    assert small.keys() != large.keys()
    a, b = make_ghn(**config)(graphs[2:])
    assert (a["stem/conv/weight"] - b["stem/conv/weight"]).abs().max() > 1e-4


@given(random_graphs(), st.integers(0, 2**32))
def test_isomorphic_graphs_get_the_same_weights_under_their_own_names(graph, seed):
    torch.manual_seed(0)
    ghn = GHN(GHNConfig(classes=3, hidden=8, heads=2, layers=1, decoder_hidden=8, channels=4))
    other, renamed = shuffled(graph, Random(seed))
    ghn.featurizer.cache_size = 0  # computed anew for the other listing
    with torch.no_grad():
        first, second = ghn([graph])[0], ghn([other])[0]
    assert len(first) == len(second)
    for name, weight in first.items():
        node, suffix = name.rsplit("/", 1)
        torch.testing.assert_close(second[f"{renamed[node]}/{suffix}"], weight, atol=1e-5, rtol=1e-5)


def test_decoder_heads_are_called_once_a_group_however_many_graphs(graphs, make_ghn):
    ghn, calls = make_ghn(), []
    for head in ghn.decoder.heads.values():
        head.register_forward_hook(lambda _, args, out: calls.append(args[1]))
    ghn([graphs[2]])
    groups = len(ghn.featurizer.batch([graphs[2]]).groups)
    assert len(calls) == groups < 25
    calls.clear()
    ghn([graphs[2]] * 16)
    assert len(calls) == groups


def test_gradients_reach_every_parameter_whose_kind_occurs(graphs, make_ghn, config):
    ghn = make_ghn(**config).train()
    sum(w.square().sum() for weights in ghn(graphs) for w in weights.values()).backward()
    without = {n for n, p in ghn.named_parameters() if p.grad is None or not p.grad.any()}
    assert {n.split(".")[2] for n in without} == {"bias"}  # no convolution here has a bias
    assert all(n.startswith("decoder.heads.bias.") for n in without)


def test_training_on_one_candidate_lowers_its_loss(graphs, make_ghn, config):
    ghn, module = make_ghn(**config).train(), Interpreter(graphs[1])
    torch.manual_seed(1)
    x, y = torch.randn(16, 3, 8, 8), torch.arange(16) % 4
    optimizer = torch.optim.Adam(ghn.parameters(), 5e-3)
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(module.run(ghn([graphs[1]])[0], x).output, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@torch.no_grad()
def test_embeddings_are_one_vector_a_graph(graphs, make_ghn, config):
    ghn = make_ghn(**config)
    vectors = ghn.embed(graphs)
    assert vectors.shape == (4, 16)
    for graph, vector in zip(graphs, vectors, strict=True):
        torch.testing.assert_close(ghn.embed([graph])[0], vector, atol=1e-4, rtol=1e-4)
    assert torch.pdist(vectors).min() > 1e-3


@pytest.mark.parametrize("classes", [2, 7, 100])
def test_the_class_head_follows_the_number_of_classes(make_ghn, classes):
    graph = NASBench201((1, 8, 8), classes, 4, 1).network(("skip_connect",) * 6).graph
    weights = make_ghn(classes=classes)([graph])[0]
    assert weights["head/linear/weight"].shape == (classes, 16)
    assert weights["stem/conv/weight"].shape == (4, 1, 3, 3)
    assert torch.unique(weights["head/linear/bias"]).numel() == classes  # none is a tile of another


@torch.no_grad()
def test_operations_that_were_never_met_are_seen_without_a_name(make_ghn, graphs):
    """An operation that is not in the vocabulary counts as one whose embedding is zero."""
    known = make_ghn()
    names, table = list(known.config.vocabulary), known.embedding.tables[0].weight
    table[place := names.index("conv")] = 0
    unmet = make_ghn(vocabulary=[name for name in names if name != "conv"])
    others = {k: v for k, v in known.state_dict().items() if k != "embedding.tables.0.weight"}
    rest = torch.cat([table[:place], table[place + 1 :]])
    unmet.load_state_dict(others | {"embedding.tables.0.weight": rest})
    with pytest.warns(UserWarning, match=r"trained without these operations: conv\. .* are a guess"):
        got = unmet(graphs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unmet(graphs)  # it is said once
    for own, expected in zip(got, known(graphs), strict=True):
        for name, weight in expected.items():
            torch.testing.assert_close(own[name], weight)


def test_one_warning_names_all_operations_never_met(make_ghn, graphs):
    with pytest.warns(UserWarning, match="avg_pool, batch_norm, global_pool, linear, relu, sum") as told:
        weights = make_ghn(vocabulary=("input", "conv", "zero", "identity"))(graphs[1:])
    assert len(told) == 1 and weights[1]["stem/norm/weight"].isfinite().all()


def test_kernels_of_any_size(make_ghn):
    b = GraphBuilder((3, 8, 8))
    wide = b.build(b.add("conv", b.input, name="wide", out=4, kernel=5))
    for kernel in (3, 5):
        assert make_ghn(kernel=kernel)([wide])[0]["wide/weight"].shape == (4, 3, 5, 5)


def test_what_no_head_makes_is_left_out_and_listed(make_ghn, graphs):
    ghn = make_ghn(kinds=("conv_weight", "linear_weight", "linear_bias"))
    unmade = {p.name for p in ghn.unmade(graphs[2])}
    assert unmade == {p.name for p in graphs[2].params() if p.kind.startswith("norm_")} and unmade
    with pytest.warns(UserWarning, match=r"kinds of parameters, and makes none: norm_bias, norm_weight\."):
        (weights,) = ghn([graphs[2]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ghn([graphs[2]])  # it is said once
    assert weights.keys() == {p.name for p in graphs[2].params()} - unmade
    assert make_ghn().unmade(graphs[2]) == ()
    headless = make_ghn(kinds=("conv_weight", "norm_weight", "norm_bias"))
    assert {p.kind for p in headless.unmade(graphs[2])} == {*CLASS_HEAD}


def test_more_classes_than_in_training_are_refused(make_ghn):
    graph = NASBench201((3, 8, 8), 100, 4, 1).network(("skip_connect",) * 6).graph
    ghn = make_ghn(classes=10)
    with pytest.raises(GraphError, match=r"more classes than the hypernetwork(?s:.*)100 classes(?s:.*)at most 10"):
        ghn([graph])
    head = ["head/linear/weight", "head/linear/bias"]
    assert [p.name for p in ghn.unmade(graph)] == head
    (weights,) = ghn([graph], without=CLASS_HEAD)
    assert weights.keys() == {p.name for p in graph.params()} - {*head}


@torch.no_grad()
def test_attributes_without_a_column_are_seen_where_asked_for(make_ghn):
    """Two networks differ in how a pool pads what it does not pad, and in nothing else."""

    def graph(padding):
        b = GraphBuilder((4, 9, 9))
        x = b.add("max_pool", b.input, name="pool", kernel=3, stride=3, padding=padding)
        return b.build(b.add("conv", x, name="conv", out=2, kernel=1))

    assert graph(0).nodes[1].shape == graph(1).nodes[1].shape
    for seen in (False, True):
        ghn = make_ghn(attributes=seen)
        first, second = (ghn([graph(padding)])[0]["conv/weight"] for padding in (0, 1))
        assert torch.equal(first, second) != seen


@torch.no_grad()
def test_a_low_rank_hypernetwork_makes_all_weights(make_ghn, graphs):
    ghn = make_ghn(decoder="low_rank", rank=4, kernel=4, channels=512)
    assert {p.name: p.shape for p in graphs[2].params()} == {k: tuple(v.shape) for k, v in ghn([graphs[2]])[0].items()}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "transformer"}, "unknown encoder\n +got: +transformer\n +expected: graphormer | gated"),
        ({"hidden": 0}, "hidden must be a whole number of at least 1\n +got: +0"),
        ({"layers": -1}, "layers must be a whole number"),
        ({"channels": -4}, "channels must be a whole number"),
        ({"classes": 0}, "classes must be a whole number of at least 1"),
        ({"rank": 0}, "rank must be a whole number"),
        ({"decoder_mix": -1}, "decoder_mix must be a whole number"),
        ({"decoder": "dense"}, "unknown decoder\n +got: +dense\n +expected: tiled | low_rank"),
        ({"kinds": ["bias", "gate"]}, r"no head for these kinds of parameters\n +got: +\['gate'\]"),
        ({"hidden": 20, "heads": 8}, "hidden 20, heads 8.*(?s:.*)a multiple of heads"),
        ({"kernel": 4}, "kernel 4.*(?s:.*)odd kernel"),
    ],
)
def test_impossible_configs_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        GHNConfig(**{"classes": 10, **settings})


@pytest.mark.parametrize("settings", [{"layers": 1.5}, {"rounds": "1"}])
def test_settings_of_another_type_are_refused(settings):
    with pytest.raises((ConfigError, TypeError), match=next(iter(settings))):  # a TypeError where types are checked
        GHNConfig(classes=10, **settings)


def test_the_first_configs_still_make_the_first_hypernetworks():
    """A card without the later settings has the heads of its time, and seeds draw the weights that they drew."""
    later = {"decoder", "rank", "decoder_mix", "expansion", "kinds", "attributes"}
    old = {key: value for key, value in GHNConfig(classes=10).describe().items() if key not in later}
    assert GHNConfig(**old) == GHNConfig(classes=10)
    torch.manual_seed(0)
    net = GHN(GHNConfig(**old))
    assert list(net.decoder.heads) == [
        "conv_weight", "linear_weight", "linear_bias", "norm_weight", "norm_bias", "bias"
    ]  # fmt: skip
    drawn = {name: p.flatten()[0].item() for name, p in net.named_parameters()}
    assert drawn["embedding.tables.0.weight"] == pytest.approx(0.34027570, rel=1e-5)
    assert drawn["encoder.blocks.2.down.weight"] == pytest.approx(-0.05211967, rel=1e-5)
    assert drawn["decoder.heads.conv_weight.last.weight"] == pytest.approx(-0.03531463, rel=1e-5)
    assert drawn["decoder.heads.bias.last.weight"] == pytest.approx(0.18865753, rel=1e-5)


def test_a_config_is_rebuilt_from_its_description(config):
    import json

    first = GHNConfig(classes=10, **config)
    assert GHNConfig(**json.loads(json.dumps(first.describe()))) == first


def test_misspelt_settings_are_errors():
    with pytest.raises(TypeError, match=re.escape("hiden")):
        GHNConfig(classes=10, hiden=3)
