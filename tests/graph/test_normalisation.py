"""Normalisation that waits for the sum that reads it: the numbers of PyTorch's batch norm."""

import pytest
import torch
import torch.nn.functional as F

from ghn.graph.normalisation import WORTH, Scaled, normalised, pays, total

EPS = 1e-5


def images(c=8, b=32, h=9, w=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = 3 + 2 * torch.randn(b, c, h, w, generator=generator) * (0.5 + torch.rand(c, 1, 1, generator=generator))
    return x.contiguous(memory_format=torch.channels_last)


def plain(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=EPS)


@pytest.mark.parametrize(
    ("c", "b", "h", "w"), [(8, 32, 9, 8), (3, 61, 11, 13), (5, 64, 8, 8), (70, 16, 5, 5), (1, 99, 14, 14)]
)
@pytest.mark.parametrize("affine", [False, True])
def test_it_is_batch_norm_whatever_the_channels(c, b, h, w, affine):
    x, weight, bias = images(c, b, h, w), *((torch.rand(c), torch.randn(c)) if affine else (None, None))
    found = normalised(x, weight, bias, EPS)
    assert isinstance(found, Scaled)
    torch.testing.assert_close(found.done(), plain(x, weight, bias), atol=2e-5, rtol=2e-5)


def test_a_mean_far_from_zero_costs_no_digits():
    x = images() + 1000
    torch.testing.assert_close(
        normalised(x, None, None, EPS).done(), plain(x.double(), None, None).float(), atol=1e-3, rtol=1e-3
    )


@pytest.mark.parametrize(
    "x", [images(b=1, h=4), images().contiguous(), torch.randn(WORTH, 4)], ids=["small", "first", "flat"]
)
def test_where_waiting_does_not_pay_it_is_done_at_once(x):
    assert torch.equal(normalised(x, None, None, EPS), plain(x, None, None))


def test_a_sum_adds_what_waits_and_what_does_not():
    one, two, three, four = (images(seed=k) for k in range(4))
    weight, bias = torch.rand(8), torch.randn(8)
    waits = [normalised(one, weight, bias, EPS), normalised(two, None, None, EPS)]
    expected = plain(one, weight, bias) + plain(two, None, None)
    before = three.clone()
    torch.testing.assert_close(total(waits), expected, atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(total([three, waits[0], four, waits[1]]), expected + three + four, atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(total([three, four, one]), three + four + one)
    assert torch.equal(three, before)


def test_parts_of_what_waits_are_those_channels():
    x, weight, bias = images(24), torch.rand(24), torch.randn(24)
    whole, expected = normalised(x, weight, bias, EPS), plain(x, weight, bias)
    for start in (0, 8, 16):
        torch.testing.assert_close(
            whole.part(start, start + 8).done(), expected[:, start : start + 8], atol=2e-5, rtol=2e-5
        )
    together = total([whole.part(0, 8), whole.part(8, 16), images()])
    torch.testing.assert_close(together, expected[:, :8] + expected[:, 8:16] + images(), atol=2e-5, rtol=2e-5)


def test_it_waits_on_a_cpu_alone():
    assert pays(images())
    assert not pays(images().to("meta"))  # which stands for any other device


def test_other_precisions_are_pytorchs_own():
    for dtype in (torch.float64, torch.bfloat16):
        x = images().to(dtype)
        assert torch.equal(normalised(x, None, None, EPS), plain(x, None, None))
