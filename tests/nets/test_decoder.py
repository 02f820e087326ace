import pytest
import torch
from torch import nn

from ghn.errors import ConfigError, GraphError
from ghn.graph.features import Group
from ghn.graph.op import Param
from ghn.nets.decoder import Decoder
from ghn.nets.heads import VectorHead
from ghn.nets.initial import draw
from ghn.nets.kinds import BASE_KINDS, PARAMETER_KINDS, Kind, initial_of, makeable, normalise, register_kind

SHAPES = [
    ("conv_weight", (8, 3, 3, 5)),  # rectangular, larger than the decoder's kernel
    ("conv_weight", (24, 20, 7, 7)),
    ("conv_weight", (8, 4, 1, 3)),
    ("conv_weight", (8, 4, 3)),  # 1-D
    ("conv_weight", (8, 4, 9)),
    ("conv_weight", (8, 4, 2, 2, 2)),  # 3-D, of an even size
    ("conv_weight", (40, 1, 5, 3, 3)),
    ("transposed_weight", (8, 4, 2, 2)),
    ("transposed_weight", (4, 32, 4)),
    ("linear_weight", (7, 40)),
    ("linear_bias", (7,)),
    ("matrix", (40, 7)),
    ("bias", (40,)),
    ("bias", (1, 12, 1, 1)),
    ("norm_weight", (6, 5, 4)),
    ("norm_bias", (3, 8)),
    ("scale", (12, 1, 1)),
    ("scale", (1,)),
    ("embedding", (1, 50, 24)),
    ("embedding", (1, 1, 24)),
    ("embedding", (300, 4)),
    ("tensor", (3, 16, 20)),
    ("tensor", (2, 3, 4, 5, 6)),
]


def test_normalisation_of_each_kind():
    x = torch.randn(2, 6, 4, 3, 3)
    torch.testing.assert_close(normalise(x, "conv_weight", 2.0), x * (2 / 36) ** 0.5)
    torch.testing.assert_close(normalise(x[..., 0, 0], "linear_weight", 1.0), x[..., 0, 0] / 2)
    v = x[:, :, 0, 0, 0]
    torch.testing.assert_close(normalise(v, "norm_weight", 2.0), 2 / (1 + torch.exp(-v / 2)))
    for kind in ("bias", "norm_bias", "linear_bias"):
        torch.testing.assert_close(normalise(v, kind, 1.0), torch.tanh(v / 5))


def test_a_kind_without_a_head_is_left_out():
    decoder = Decoder(8, 8, channels=4, classes=3, kernel=3)
    groups = {Group("gate", (3,), 1.0): torch.tensor([0]), Group("bias", (3,), 1.0): torch.tensor([1])}
    assert [group.kind for group in decoder(torch.randn(2, 8), groups)] == ["bias"]


def test_more_classes_than_there_were_are_refused():
    decoder = Decoder(8, 8, channels=4, classes=3, kernel=3)
    rows = torch.tensor([0])
    for kind, fewer, more in (("linear_weight", (2, 5), (4, 5)), ("linear_bias", (3,), (4,))):
        assert decoder(torch.randn(1, 8), {Group(kind, fewer, 1.0): rows})
        with pytest.raises(GraphError, match=r"more classes(?s:.*)got: +4 classes\n +expected: at most 3\n.*train"):
            decoder(torch.randn(1, 8), {Group(kind, more, 1.0): rows})


def test_unknown_kinds_are_refused_before_anything_is_made():
    for kind in ("gate", "scalar"):
        with pytest.raises(ConfigError, match=rf"no head for these kinds(?s:.*){kind}(?s:.*)register_kind"):
            Decoder(8, 8, channels=4, classes=3, kernel=3, kinds=("bias", kind))


def test_a_head_of_ones_own_makes_a_kind_of_ones_own():
    register_kind(Kind("twist", lambda sizes: VectorHead(sizes.embedding, 4, 6), lambda x, gain: 5 + x, 5.0))
    try:
        decoder = Decoder(8, 8, channels=4, classes=3, kernel=3, kinds=(*BASE_KINDS, "twist"))
        (made,) = decoder(torch.randn(2, 8), {Group("twist", (6,), 1.0): torch.tensor([0, 1])}).values()
        assert made.shape == (2, 6) and 4 < made.mean() < 6
        drawn = draw(Param("a/twist", (6,), "twist"), torch.Generator())
        assert drawn.tolist() == [5.0] * 6
        with pytest.raises(ConfigError, match="a name of its own"):
            register_kind(PARAMETER_KINDS["twist"])
    finally:
        del PARAMETER_KINDS["twist"]


def test_a_head_that_gives_another_shape_is_named():
    register_kind(Kind("wrong", lambda sizes: nn.Identity(), lambda x, gain: x, 0.0))
    try:
        decoder = Decoder(8, 8, channels=4, classes=3, kernel=3, kinds=("wrong",))
        decoder.heads["wrong"].forward = lambda h, shape: h
        with pytest.raises(GraphError, match=r"head of wrong gave another shape\n +got: +\(8,\)\n +expected: \(3,\)"):
            decoder(torch.randn(1, 8), {Group("wrong", (3,), 1.0): torch.tensor([0])})
    finally:
        del PARAMETER_KINDS["wrong"]


@torch.no_grad()
@pytest.mark.parametrize("rank", [None, 16])
@pytest.mark.parametrize(("kind", "shape"), SHAPES)
def test_any_shape_of_every_kind(kind, shape, rank):
    """Finite, of its shape, of the scale of its kind, and different for different nodes."""
    kinds, group, every = sorted(makeable({*PARAMETER_KINDS})), Group(kind, shape, 1.0), []
    for seed in range(8):
        torch.manual_seed(seed)
        decoder = Decoder(32, 64, channels=256 if rank else 64, classes=10, kernel=3, rank=rank, kinds=kinds)
        every.append(decoder(torch.randn(8, 32), {group: torch.arange(8)})[group])
    made = torch.cat(every)
    assert made.shape == (64, *shape) and made.isfinite().all()
    start = initial_of(kind)
    if isinstance(start, float):
        assert made.mean().item() == pytest.approx(start, abs=0.15)
    else:  # at random He's gain is in it, in a hypernetwork that of what is read
        gain = 2**0.5 if kind in ("conv_weight", "transposed_weight") else 1
        assert made.square().mean().sqrt().item() == pytest.approx(start(shape) / gain, rel=0.5 if rank else 0.3)
    assert (made[0] - made[1]).abs().max() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("shape", [(96, 32), (64, 64)])
def test_the_rank_of_a_hidden_layer_has_nothing_to_do_with_classes(shape):
    torch.manual_seed(0)
    decoder = Decoder(16, 32, channels=64, classes=2, kernel=3, kinds=(*BASE_KINDS, "matrix"))
    h, rows = torch.randn(3, 16), torch.arange(3)
    made = decoder(h, {(group := Group("matrix", shape, 1.0)): rows})[group]
    assert torch.linalg.matrix_rank(made).tolist() == [min(shape)] * 3
    tiled = decoder(h, {(group := Group("matrix", (256, 128), 1.0)): rows})[group]
    assert torch.linalg.matrix_rank(tiled).tolist() == [64] * 3  # of the tile


def test_old_heads_draw_the_same_weights_whatever_kinds_there_are_beside():
    def states(kinds):
        torch.manual_seed(0)
        return Decoder(8, 8, channels=4, classes=3, kernel=3, kinds=kinds).state_dict()

    old, new = states(BASE_KINDS), states((*BASE_KINDS, "embedding", "matrix"))
    assert set(old) < set(new) and all(torch.equal(old[name], new[name]) for name in old)


@torch.no_grad()
@pytest.mark.parametrize(
    ("kind", "shape", "gain"),
    [
        ("conv_weight", (16, 16, 3, 3), 2.0),
        ("conv_weight", (16, 16, 1, 1), 2.0),
        ("conv_weight", (16, 3, 3, 3), 1.0),
        ("conv_weight", (40, 36, 3, 3), 2.0),  # tiled
        ("linear_weight", (10, 16), 1.0),
    ],
)
def test_weights_start_at_the_scale_of_he(kind, shape, gain):
    """Root mean square near sqrt(gain / fan in), over several initialisations."""
    rms = []
    for seed in range(8):
        torch.manual_seed(seed)
        decoder = Decoder(32, 64, channels=16, classes=10, kernel=3)
        group = Group(kind, shape, gain)
        made = decoder(torch.randn(32, 32), {group: torch.arange(32)})[group]
        rms.append(made.square().mean().sqrt().item())
    fan_in = torch.Size(shape[1:]).numel()
    assert sum(rms) / 8 == pytest.approx((gain / fan_in) ** 0.5, rel=0.15)


@torch.no_grad()
def test_vectors_start_near_the_identity_of_a_normalisation():
    torch.manual_seed(0)
    decoder = Decoder(32, 64, channels=16, classes=10, kernel=3)
    groups = {Group(kind, (24,), 1.0): torch.arange(64) for kind in ("norm_weight", "norm_bias")}
    weight, bias = decoder(torch.randn(64, 32), groups).values()
    assert weight.mean().item() == pytest.approx(1, abs=0.1)
    assert weight.min() > 0 and weight.max() < 2
    assert bias.mean().item() == pytest.approx(0, abs=0.05)
    assert 0.1 < bias.std() < 0.3
