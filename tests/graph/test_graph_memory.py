"""Parts of images and images side by side give what slicing and `torch.cat` give, and gradients that lie as they do."""

import pytest
import torch

from ghn.graph.memory import part_of, side_by_side

WHERE = [(0, 0, 2), (1, 1, 1), (1, 0, 3)]


def image(channels=4, **how):
    drawn = torch.randn(2, channels, 5, 7, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    return drawn.requires_grad_(**how)


def lies_by_pixel(grad):
    return grad.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("where", WHERE)
def test_a_part_is_the_slice(where):
    x, (top, left, every) = image(), where
    made, expected = part_of(x, *where), x[:, :, top::every, left::every]
    assert torch.equal(made, expected)
    towards = torch.randn_like(expected)
    own, plain = (torch.autograd.grad(y, x, towards)[0] for y in (made, expected))
    assert torch.equal(own, plain)
    assert lies_by_pixel(own)
    assert not lies_by_pixel(plain)  # or nothing is gained


def test_a_part_of_a_part_lies_by_pixel_too():
    x = image()
    inner = part_of(x, 1, 1)
    (grad,) = torch.autograd.grad(part_of(inner, every=2).sum(), inner)
    assert lies_by_pixel(grad)


def test_side_by_side_is_cat():
    parts = [image(2), image(3), image(1, requires_grad=False)]
    made, expected = side_by_side(parts), torch.cat(parts, 1)
    assert torch.equal(made, expected)
    towards = torch.randn_like(expected)
    own, plain = (torch.autograd.grad(y, parts[:2], towards) for y in (made, expected))
    assert all(map(torch.equal, own, plain))
    assert all(map(lies_by_pixel, own))
    assert not any(map(lies_by_pixel, plain))


def test_vectors_and_other_layouts_are_left_to_pytorch():
    vectors = [torch.randn(2, 3, requires_grad=True), torch.randn(2, 1, requires_grad=True)]
    assert "Cat" in side_by_side(vectors).grad_fn.name()
    rows = torch.randn(2, 4, 5, 7, requires_grad=True)
    assert "_Part" not in part_of(rows, 1, 1).grad_fn.name()


def test_gradients_of_gradients_are_right():
    x, y = image()[:1, :, :3, :3].detach().requires_grad_(), image(2)[:1, :, :3, :3].detach().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: part_of(x, 1, 0, 2) ** 3, x)
    assert torch.autograd.gradgradcheck(lambda x, y: side_by_side([x, y]) ** 3, (x, y))
