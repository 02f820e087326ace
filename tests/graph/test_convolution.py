"""Roads to a convolution: all give what PyTorch's own gives, and its gradients."""

import pytest
import torch
import torch.nn.functional as F

from ghn.graph.convolution import DilatedDepthwise, convolve

# in channels, out channels, kernel, stride, padding, dilation, groups
CASES = {
    "dilated depthwise": (4, 4, 3, 1, 2, 2, 4),
    "dilated depthwise 5x5": (4, 4, 5, 1, 4, 2, 4),
    "all but the middle sees padding": (4, 4, 5, 1, 14, 7, 4),
    "dilated depthwise, less padding": (4, 4, 3, 1, 1, 2, 4),
    "padding beyond reach": (4, 4, 3, 1, 5, 2, 4),
    "dilated, several outputs a channel": (4, 8, 3, 1, 2, 2, 4),
    "dilated depthwise with a stride": (4, 4, 3, 2, 2, 2, 4),
    "dilated with a stride, odd padding": (4, 4, 3, 2, 3, 2, 4),
    "dense, dilated with a stride": (4, 6, 3, 3, 3, 6, 1),
    "pointwise": (4, 6, 1, 1, 0, 1, 1),
    "pointwise with a stride": (4, 6, 1, 2, 0, 1, 1),
    "pointwise with padding": (4, 6, 1, 1, 1, 1, 1),
    "pointwise in groups": (4, 6, 1, 1, 0, 1, 2),
}


def inputs(case, *, bias, dtype=torch.float64):
    torch.manual_seed(0)
    c, out, kernel, *how, groups = case
    image = torch.randn(2, c, 7, 10, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(out, c // groups, kernel, kernel, dtype=dtype)
    given = [image, weight, *([torch.randn(out, dtype=dtype)] if bias else [])]
    return [x.requires_grad_() for x in given], (*how, groups)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_it_is_the_convolution_with_its_gradients(name, bias):
    given, how = inputs(CASES[name], bias=bias)
    image, weight, *rest = given
    made, expected = (f(image, weight, rest[0] if bias else None, *how) for f in (convolve, F.conv2d))
    torch.testing.assert_close(made, expected)
    towards = torch.randn_like(expected)
    gradients = (torch.autograd.grad(y, given, towards) for y in (made, expected))
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("name", ["dilated depthwise", "all but the middle sees padding", "pointwise"])
def test_gradients_of_its_gradients_are_right(name):
    given, how = inputs(CASES[name], bias=False)
    small = [given[0].detach()[:1, :, :4, :5].clone().requires_grad_(), given[1]]
    assert torch.autograd.gradgradcheck(lambda image, weight: convolve(image, weight, None, *how), small)


def test_only_what_is_asked_for_is_differentiated():
    (image, weight), how = inputs(CASES["dilated depthwise"], bias=False)
    for held, asked in ((image, weight), (weight, image)):
        held.requires_grad_(False)
        made = convolve(image, weight, None, *how)
        torch.testing.assert_close(
            torch.autograd.grad(made.square().sum(), asked),
            torch.autograd.grad(F.conv2d(image, weight, None, *how).square().sum(), asked),
        )
        held.requires_grad_()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[3] == 1])
def test_without_gradients_it_is_bitwise_pytorchs_own(name):
    (image, weight), how = inputs(CASES[name], bias=False, dtype=torch.float32)
    with torch.no_grad():
        assert torch.equal(convolve(image, weight, None, *how), F.conv2d(image, weight, None, *how))


def test_in_mixed_precision_pytorch_computes_it():
    """Its own backward pass knows the types that it saved."""
    (image, weight), how = inputs(CASES["dilated depthwise"], bias=False, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        made = convolve(image, weight, None, *how)
    assert made.dtype == torch.bfloat16 and DilatedDepthwise.__name__ not in type(made.grad_fn).__name__
    made.float().sum().backward()
    assert image.grad.dtype == weight.grad.dtype == torch.float32
