"""Augmentation that changes what is to be learnt can be switched off."""

import pytest
import torch

from ghn.graph.ir import GraphBuilder
from ghn.tasks import from_arrays
from ghn.train.network import NetworkTrainer, Recipe
from ghn.types import Network


def network():
    """A linear classifier of pixels: what it cannot tell apart is not in the images."""
    builder = GraphBuilder((1, 8, 8))
    x = builder.add("conv", builder.input, name="head", out=2, kernel=8)
    return Network.of(builder.build(builder.add("global_pool", x, name="pool")))


@pytest.mark.parametrize(("augment", "learns"), [(None, False), ("flip", False), ("none", True), ("shift", True)])
def test_a_left_right_task(fabric, augment, learns):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    images = torch.randint(100, (400, 1, 8, 8), dtype=torch.uint8, generator=generator)
    images[labels == 0, :, :, :4] += 100  # bright on the left, or on the right
    images[labels == 1, :, :, 4:] += 100
    task = from_arrays("left-right", (images, labels), val_share=0.25, augment=augment)
    trainer = NetworkTrainer(network(), task, Recipe(epochs=6, batch_size=32, lr=0.001), 0, fabric)
    last = [trainer.run_epoch() for _ in range(6)][-1]
    if learns:
        assert last.val_accuracy == 1.0 and last.val_loss < 0.3
    else:
        assert last.val_loss > 0.6, "no better than a guess, 0.69: a flipped image is one of the other class"
