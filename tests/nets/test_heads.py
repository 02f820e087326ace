import pytest
import torch

from ghn.nets.heads import EmbeddingHead, LowRankHead, MatrixHead, VectorHead, centre, channel_axis, crop, tile_to


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


def test_rectangular_kernels_are_the_centre_along_each_side(head):
    h = torch.randn(5, 8)
    large = head(h, (6, 4, 3, 3))
    torch.testing.assert_close(head(h, (6, 4, 1, 3)), large[..., 1:2, :])
    torch.testing.assert_close(head(h, (6, 4, 3, 2)), large[..., :2])


def test_larger_kernels_are_interpolated(head):
    """As image software resizes: the middle stays where it was, and the scale of the weights is kept."""
    h = torch.randn(200, 8)
    small, large = head(h, (6, 4, 3, 3)), head(h, (6, 4, 7, 7))
    middle = large[..., 3, 3] / small[..., 1, 1]
    torch.testing.assert_close(middle, middle.flatten()[0].expand_as(middle))
    assert 1 <= middle.flatten()[0] < 1.2
    assert large.std().item() == pytest.approx(small.std().item(), rel=0.1)
    one_side = head(h, (6, 4, 3, 7))
    torch.testing.assert_close(
        one_side[..., 3] / small[..., 1], (one_side[..., 3] / small[..., 1]).mean().expand(200, 6, 4, 3)
    )


def test_kernels_of_one_and_three_axes(head):
    h = torch.randn(5, 8)
    large = head(h, (6, 4, 3, 3))
    torch.testing.assert_close(head(h, (6, 4, 3)), large[..., 1, :])
    volume = head(h, (14, 4, 2, 3, 1))
    assert volume.shape == (5, 14, 4, 2, 3, 1)
    torch.testing.assert_close(volume[:, :6, :, 0], large[..., 1:2])
    torch.testing.assert_close(volume[:, :, :, 1], volume[:, :, :, 0])


@pytest.fixture
def low_rank():
    torch.manual_seed(0)
    return LowRankHead(embedding=8, hidden=16, mix=24, rank=5, rows=64)


def written_out(head, h, shape):
    """Figure 5 of the paper: everything is computed, then cut."""
    c_out, c_in, k_out, k_in = shape
    x = head.codes(head.second(head.first(h).relu()).relu()).view(-1, 2 * head.rank, head.rank)
    x = head.last(x.relu()).view(-1, 2 * head.rows, head.rank)
    a, b = torch.split(x, head.rows, dim=1)
    w = a[:, : c_out * k_out] @ b[:, : c_in * k_in].transpose(1, 2)
    return w.reshape(-1, c_out, k_out, c_in, k_in).transpose(2, 3) / head.rank**0.5


@torch.no_grad()
@pytest.mark.parametrize("shape", [(4, 3, 1, 1), (13, 20, 1, 1), (64, 64, 1, 1), (8, 4, 3, 5), (20, 16, 3, 4)])
def test_low_rank_weights_are_those_of_the_paper(low_rank, shape):
    h = torch.randn(3, 8)
    torch.testing.assert_close(low_rank(h, shape), written_out(low_rank, h, shape))


@torch.no_grad()
def test_low_rank_weights_have_their_rank_and_repeat_nothing(low_rank):
    made = low_rank(torch.randn(3, 8), (64, 60))
    assert torch.linalg.matrix_rank(made).tolist() == [5, 5, 5]
    assert torch.pdist(made[0]).min() > 1e-3 and torch.pdist(made[0].T).min() > 1e-3
    wider = low_rank(torch.randn(3, 8), (100, 60))
    torch.testing.assert_close(wider[:, 64:], wider[:, :36])


def test_low_rank_weights_cost_what_is_needed(low_rank):
    """Of a small matrix: the first code of each factor, and as many rows of the last layer as it has numbers."""
    low_rank(torch.randn(3, 8), (4, 3)).sum().backward()
    used = low_rank.last.weight.grad.abs().sum(1) > 0
    assert used[:20].all() and not used[20:].any()
    codes = (low_rank.codes.weight.grad.abs().sum(1) > 0).view(2, 5, 5)
    assert codes[:, 0].any() and not codes[:, 1:].any()


def test_vectors_run_along_the_axis_of_channels():
    shapes = {(7,): 0, (1, 7, 1, 1): 1, (5, 7): 1, (9, 4, 4): 0, (1, 1, 3): 2, (1, 1): 0, (1, 9, 4, 4): 1}
    assert {shape: channel_axis(shape) for shape in shapes} == shapes
    torch.manual_seed(0)
    head, h = VectorHead(8, 16, 6), torch.randn(3, 8)
    vector = head(h, (6,))
    torch.testing.assert_close(head(h, (1, 6, 1)), vector[:, None, :, None])
    torch.testing.assert_close(head(h, (6, 2, 3)), vector[:, :, None, None].expand(3, 6, 2, 3))


@torch.no_grad()
def test_rows_of_an_embedding_are_all_different_however_many():
    torch.manual_seed(0)
    head, h = EmbeddingHead(8, 16, 12), torch.randn(2, 8)
    table = head(h, (1, 300, 10))
    assert table.shape == (2, 1, 300, 10)
    assert torch.pdist(table[0, 0]).min() > 1e-3
    torch.testing.assert_close(head(h, (40, 10)), table[:, 0, :40])  # a place means the same in every table
    assert torch.pdist(table[0, 0, :2]) < torch.pdist(table[0, 0, ::150]).max()
