import torch

from ghn.nets import RandomInit


def test_the_seed_decides(graphs):
    first, again, other = (RandomInit(seed)([graphs[2]])[0] for seed in (0, 0, 1))
    assert all(torch.equal(first[n], again[n]) for n in first)
    assert not torch.equal(first["stem/conv/weight"], other["stem/conv/weight"])


def test_scale_and_constants(graphs):
    weights = RandomInit()([graphs[2]])[0]
    assert torch.equal(weights["stem/norm/weight"], torch.ones(8))
    assert not weights["stem/norm/bias"].any() and not weights["head/linear/bias"].any()
    conv = weights["stage2/cell0/0-1/conv/weight"]
    assert 0.95 < conv.std() / (2 / (32 * 9)) ** 0.5 < 1.05


def test_weights_differ_between_layers(graphs):
    weights = RandomInit()([graphs[2]])[0]
    assert not torch.equal(weights["stage2/cell0/0-1/conv/weight"], weights["stage2/cell1/0-1/conv/weight"])
