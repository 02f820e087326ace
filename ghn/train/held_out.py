"""Images that the weights of a search never see: what chooses architectures learns from them."""

from __future__ import annotations

from dataclasses import replace

from ghn.errors import ConfigError
from ghn.tasks.images import ImageTask, Split
from ghn.tasks.order import hold_out


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
