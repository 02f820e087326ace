"""Small synthetic datasets."""

import pytest
import torch


@pytest.fixture
def pool():
    """60 random 3x8x8 images of three classes of 30, 18 and 12, sorted by class."""
    images = torch.randint(256, (60, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return images, torch.tensor([0] * 30 + [1] * 18 + [2] * 12)
