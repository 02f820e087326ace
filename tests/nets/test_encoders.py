import pytest
import torch
import torch.nn.functional as F

from ghn.graph.features import PADDING, Featurizer
from ghn.nets import encoders as encoders_module
from ghn.nets.encoders import GatedGNN, Graphormer

HIDDEN = 16


def node_by_node(net, h, data, virtual_edges):
    """The gated network as its papers write it: one node after the other, forwards and back."""
    order = torch.argsort(data.level, stable=True).tolist()
    real = list(zip(*data.edge_index.tolist(), strict=True))
    paths = zip(*data.path_index.tolist(), data.path_length.tolist(), strict=True)
    far = [(u, v, length) for u, v, length in paths if length > 1] if virtual_edges else []
    h = list(h)
    for _ in range(net.rounds):
        for backward in (False, True):
            for node in reversed(order) if backward else order:
                message = torch.zeros(HIDDEN)
                for u, v in real:
                    if (u if backward else v) == node:
                        message = message + net.message(h[v if backward else u])
                for u, v, length in far:
                    if (u if backward else v) == node:
                        message = message + net.virtual_message(h[v if backward else u]) / length
                h[node] = net.cell(message[None], h[node][None])[0]
    return torch.stack(h)


@torch.no_grad()
@pytest.mark.parametrize("virtual_edges", [True, False])
@pytest.mark.parametrize("rounds", [1, 2])
def test_level_by_level_equals_node_by_node(graphs, virtual_edges, rounds):
    torch.manual_seed(0)
    net = GatedGNN(HIDDEN, rounds, virtual_edges=virtual_edges)
    data = Featurizer().batch([graphs[0], graphs[1]]).data
    h = torch.randn(data.num_nodes, HIDDEN)
    expected = node_by_node(net, h, data, virtual_edges)
    assert (expected - h).abs().max() > 0.1
    assert (net(h, data) - expected).abs().max() < 1e-5


@torch.no_grad()
def test_virtual_edges_matter(graphs):
    torch.manual_seed(0)
    net = GatedGNN(HIDDEN)
    data = Featurizer().batch([graphs[1]]).data
    h = torch.randn(data.num_nodes, HIDDEN)
    with_edges = net(h, data)
    net.virtual_message = None
    assert (net(h, data) - with_edges).abs().max() > 1e-3


def encoders():
    torch.manual_seed(0)
    return {
        "gated": GatedGNN(HIDDEN),
        "gated, edges only": GatedGNN(HIDDEN, 2, virtual_edges=False),
        "graphormer": Graphormer(HIDDEN, 2, 2),
    }


@torch.no_grad()
@pytest.mark.parametrize("name", encoders())
def test_a_batch_of_different_graphs_equals_one_by_one(graphs, name):
    encoder, featurizer = encoders()[name], Featurizer()
    data = featurizer.batch(graphs).data
    h = torch.randn(data.num_nodes, HIDDEN, generator=torch.Generator().manual_seed(1))
    together = encoder(h, data)
    for graph, own, part in zip(graphs, h.split([*map(len, graphs)]), together.split([*map(len, graphs)]), strict=True):
        torch.testing.assert_close(encoder(own, featurizer.batch([graph]).data), part, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", encoders())
def test_nodes_of_other_graphs_have_no_influence(graphs, name):
    encoder, data = encoders()[name], Featurizer().batch(graphs).data
    h = torch.randn(data.num_nodes, HIDDEN, generator=torch.Generator().manual_seed(1))
    others = torch.where(data.batch[:, None] == 1, h, 100 * torch.randn_like(h))
    torch.testing.assert_close(encoder(others, data)[data.batch == 1], encoder(h, data)[data.batch == 1])


@torch.no_grad()
def test_padding_never_leaks(graphs):
    torch.manual_seed(0)
    encoder, data = Graphormer(HIDDEN, 2, 2), Featurizer().batch(graphs[:2]).data
    h = torch.randn(data.num_nodes, HIDDEN)
    tight = encoder._padded(h, data)
    data.places = F.pad(data.places, (0, 37, 0, 37), value=PADDING)
    torch.testing.assert_close(encoder._padded(h, data), tight, atol=1e-5, rtol=1e-5)
    for block in encoder.blocks:  # rows that are no nodes see a bias of their own; nobody may see them
        block.register_forward_pre_hook(lambda _, args: (_poison(args[0], data), args[1]))
    torch.testing.assert_close(encoder._padded(h, data), tight, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_in_large_graphs_a_few_queries_at_a_time_attend_to_the_same(graphs, monkeypatch):
    torch.manual_seed(0)
    encoder, data = Graphormer(HIDDEN, 2, 2), Featurizer().batch(graphs).data
    h = torch.randn(data.num_nodes, HIDDEN)
    whole = encoder(h, data)
    monkeypatch.setattr(encoders_module, "LARGE", 1)
    monkeypatch.setattr(encoders_module, "SCORES", 7 * 2 * max(data.ptr.diff().tolist()))  # does not divide the nodes
    torch.testing.assert_close(encoder(h, data), whole, atol=1e-5, rtol=1e-5)


def test_graph_by_graph_the_graphormer_computes_what_it_does_with_padding(graphs):
    """As it does on a CPU; its gradients are right for all that they can be asked for."""
    torch.manual_seed(0)
    encoder, data = Graphormer(8, 1, 2).double(), Featurizer().batch(graphs[:2]).data
    h = torch.randn(data.num_nodes, 8, dtype=torch.float64)
    with torch.no_grad():
        expected = encoder._padded(h, data)
        torch.testing.assert_close(encoder(h, data), expected)
    torch.testing.assert_close(encoder(h, data), expected)
    tables = [encoder.forward_path.weight, encoder.backward_path.weight, encoder.blocks[0].qkv.bias]
    assert torch.autograd.gradcheck(lambda *_: encoder(h, data).sum(0), tables)


def _poison(dense, data):
    sizes = torch.bincount(data.batch)
    padding = torch.arange(dense.shape[1]) >= sizes[:, None]
    assert padding.any()
    return torch.where(padding[..., None], torch.full_like(dense, 1e4), dense)


@torch.no_grad()
def test_graphormer_tells_directions_apart(graphs):
    """With its two path tables exchanged it gives something else."""
    torch.manual_seed(0)
    encoder, data = Graphormer(HIDDEN, 1, 2), Featurizer().batch([graphs[1]]).data
    h = torch.randn(data.num_nodes, HIDDEN)
    before = encoder(h, data)
    encoder.forward_path, encoder.backward_path = encoder.backward_path, encoder.forward_path
    assert (encoder(h, data) - before).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("name", encoders())
def test_encoders_do_not_depend_on_the_order_of_nodes(graphs, name):
    encoder, data = encoders()[name], Featurizer().batch([graphs[1]]).data
    n = data.num_nodes
    h = torch.randn(n, HIDDEN, generator=torch.Generator().manual_seed(1))
    expected = encoder(h, data)
    new = torch.randperm(n, generator=torch.Generator().manual_seed(2))  # new place of each node
    old = torch.argsort(new)
    data.edge_index, data.path_index = new[data.edge_index], new[data.path_index]
    data.level, data.x, data.places = data.level[old], data.x[old], data.places[:, old][:, :, old]
    torch.testing.assert_close(encoder(h[old], data)[new], expected, atol=1e-5, rtol=1e-5)
