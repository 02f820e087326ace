import pytest
import torch

from ghn.errors import GraphError
from ghn.graph.features import Group
from ghn.nets.decoder import Decoder, MatrixHead, centre, crop, normalise, tile_to


def test_crop_and_centre():
    assert crop(3, 8) == slice(0, 3)
    assert crop(30, 8) == slice(0, 8)
    assert [centre(k, 5) for k in (1, 3, 5)] == [slice(2, 3), slice(1, 4), slice(0, 5)]
    with pytest.raises(ValueError, match="kernel size 7 is larger than the decoder's 5"):
        centre(7, 5)


def test_tiles_repeat_until_they_reach_and_are_cut_off():
    x = torch.arange(6.0).reshape(1, 2, 3)
    assert tile_to(x, (2, 3)) is x
    assert tile_to(x, (3, 7))[0].tolist() == [[0, 1, 2, 0, 1, 2, 0], [3, 4, 5, 3, 4, 5, 3], [0, 1, 2, 0, 1, 2, 0]]


def test_normalisation_of_each_kind():
    x = torch.randn(2, 6, 4, 3, 3)
    torch.testing.assert_close(normalise(x, "conv_weight", 2.0), x * (2 / 36) ** 0.5)
    torch.testing.assert_close(normalise(x[..., 0, 0], "linear_weight", 1.0), x[..., 0, 0] / 2)
    v = x[:, :, 0, 0, 0]
    torch.testing.assert_close(normalise(v, "norm_weight", 2.0), 2 / (1 + torch.exp(-v / 2)))
    for kind in ("bias", "norm_bias", "linear_bias"):
        torch.testing.assert_close(normalise(v, kind, 1.0), torch.tanh(v / 5))


@pytest.fixture
def head():
    torch.manual_seed(0)
    return MatrixHead(embedding=8, hidden=16, tile=(6, 4), kernel=3)


def test_small_kernels_are_the_centre_of_large_ones(head):
    h = torch.randn(5, 8)
    large, small = head(h, (6, 4, 3, 3)), head(h, (6, 4, 1, 1))
    torch.testing.assert_close(small[..., 0, 0], large[..., 1, 1])
    assert (large[..., 0, 0] - large[..., 2, 2]).abs().max() > 0.1


def test_fewer_channels_are_a_slice_and_more_are_tiles(head):
    h = torch.randn(5, 8)
    full = head(h, (6, 4, 3, 3))
    torch.testing.assert_close(head(h, (2, 3, 3, 3)), full[:, :2, :3])
    large = head(h, (14, 10, 3, 3))
    assert large.shape == (5, 14, 10, 3, 3)
    for out, into in [(0, 0), (6, 4), (7, 9), (13, 5)]:
        torch.testing.assert_close(large[:, out, into], full[:, out % 6, into % 4])


def test_a_matrix_is_a_1x1_kernel(head):
    h = torch.randn(5, 8)
    torch.testing.assert_close(head(h, (6, 4)), head(h, (6, 4, 1, 1))[..., 0, 0])


def test_kernels_larger_than_the_tile_are_refused(head):
    with pytest.raises(GraphError, match=r"larger than the decoder makes\n +got: +5\n +expected: at most 3"):
        head(torch.randn(1, 8), (6, 4, 5, 5))


def test_an_unknown_kind_of_parameter_is_named():
    decoder = Decoder(8, 8, channels=4, classes=3, kernel=3)
    with pytest.raises(GraphError, match=r"no decoder head(?s:.*)got: +gate(?s:.*)conv_weight"):
        decoder(torch.randn(2, 8), {Group("gate", (3,), 1.0): torch.tensor([0])})


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
