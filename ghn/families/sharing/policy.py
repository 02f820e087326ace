"""What chooses paths while weights are trained: its place beside the bank, its images, and a look at its choices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from ghn.errors import ConfigError
from ghn.families.sharing.bank import Bank
from ghn.graph.ir import Graph
from ghn.spaces.choices import Choices
from ghn.tasks.images import ImageTask, Split
from ghn.tasks.sampling import hold_out
from ghn.types import WeightDict


class SharedSearch(nn.Module):
    """Makes weights as its bank does; `policy` is trained beside it.

    Args:
        bank: the shared weights.
        policy: a controller, or architecture parameters.
    """

    def __init__(self, bank: Bank, policy: nn.Module) -> None:
        super().__init__()
        self.bank, self.policy = bank, policy

    def forward(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        return self.bank(graphs)


def hold_out_images(task: ImageTask, share: float, images: int, seed: int) -> tuple[ImageTask, Split]:
    """Cuts a stratified part off the train split; the val split, on which scores are read, is never touched.

    Args:
        task: whose train split is cut.
        share: of the train split that is held out.
        images: that must be there at least.
        seed: of the draw.

    Returns:
        The task with the rest as its train split, and what was cut off.

    Raises:
        ConfigError: an impossible share, or too few images.
    """
    train = task.train
    count = round(share * len(train)) if 0 < share < 1 else 0
    if not 0 < images <= count:
        raise ConfigError(
            "weights.held_out must leave images for the weights, and weights.images for what chooses architectures",
            got=f"held_out {share}, images {images}, a train split of {len(train)}",
        )
    kept, held = (index.to(train.device) for index in hold_out(train.labels, count, seed))
    rest, part = (replace(train, images=train.images[i], labels=train.labels[i]) for i in (kept, held))
    return replace(task, train=rest), part


def count_options(space: Choices[Any], options: Sequence[Sequence[int]]) -> dict[str, int]:
    """How often each option occurs in some architectures; a rising number of skips is how searches fail."""
    names = [choice.options for choice in space.choices()]
    counts = Counter(own[o] for one in options for own, o in zip(names, one, strict=True))
    return {name: counts[name] for own in names for name in own}
