"""Roads to a pooled window: all give what PyTorch's own gives, and its gradients."""

import pytest
import torch
import torch.nn.functional as F

from ghn.graph.pooling import WORTH, average, greatest

WINDOWS = {"3x3": (3, 1, 1), "5x5": (5, 1, 2), "2x2 halves": (2, 2, 0), "3x3 halves": (3, 2, 1), "one side": (2, 1, 1)}


def images(side=17, wide=True, **how):
    torch.manual_seed(0)
    x = torch.randn(WORTH // (side * 8) + 1 if wide else 2, 4, side, side + 2, **how)
    assert (x.numel() >= WORTH) == wide
    return x.contiguous(memory_format=torch.channels_last)


def plain(x, kernel, stride, padding):
    return F.avg_pool2d(x, kernel, stride, padding, count_include_pad=False)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("window", WINDOWS)
def test_the_mean_is_that_of_what_lies_inside(window, wide):
    x = images(wide=wide)
    torch.testing.assert_close(average(x, *WINDOWS[window]), plain(x, *WINDOWS[window]))


@pytest.mark.parametrize("pools", [(average, plain), (greatest, F.max_pool2d)], ids=["mean", "greatest"])
def test_gradients_are_pytorchs_own(pools):
    x = images().round().requires_grad_()  # many values are equal
    grads = [torch.autograd.grad(pool(x, 3, 1, 1).square().sum(), x)[0] for pool in pools]
    assert torch.equal(*grads)


@pytest.mark.parametrize("window", ["3x3", "3x3 halves", "2x2 halves"])
def test_the_greatest_is_the_greatest(window):
    x = images().round()
    assert torch.equal(greatest(x, *WINDOWS[window]), F.max_pool2d(x, *WINDOWS[window]))


def test_the_input_stays_as_it_was():
    x = images()
    before = x.clone()
    average(x, 3, 1, 1), greatest(x, 3, 1, 1)
    assert torch.equal(x, before)


@pytest.mark.parametrize("how", ["double", "channels first", "autocast"])
def test_elsewhere_it_is_pytorchs_own_to_the_bit(how):
    x = images(dtype=torch.float64 if how == "double" else torch.float32)
    x = x.contiguous() if how == "channels first" else x
    with torch.autocast("cpu", enabled=how == "autocast"):
        assert torch.equal(average(x, 3, 1, 1), plain(x, 3, 1, 1))
        assert average(x, 3, 1, 1).dtype == x.dtype


def test_one_row_of_pixels_has_a_maximum_too():
    x = torch.randn(WORTH, 1, 1, 3).contiguous(memory_format=torch.channels_last)
    assert torch.equal(greatest(x, 3, 1, 1), F.max_pool2d(x, 3, 1, 1))
    torch.testing.assert_close(average(x, 3, 1, 1), plain(x, 3, 1, 1))
