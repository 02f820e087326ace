"""A task in a notebook: what is learnt from what, and, of images, the first few."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import torch
from PIL import Image

from ghn.display import card, facts, paragraph, picture
from ghn.tasks.augmentation import augmentation_name

if TYPE_CHECKING:  # tasks show themselves with this
    from ghn.tasks.images import ImageTask
    from ghn.tasks.task import DataTask

_IMAGES, _WIDE = 10, 480  # that are shown, and pixels of all of them side by side


def task_card(task: DataTask | ImageTask) -> str:
    """A table: kind, shapes, sizes of the splits."""
    rows = {
        "kind": task.objective.kind,
        "inputs": str(task.input_shape) if isinstance(task.input_shape, dict) else task.input_shape,
        "outputs": task.output_shape,
        **{f"{title} items": len(split) for title, split in task.splits().items()},
        "augmentation": augmentation_name(task.augmentation),
    }
    return card(f"Task {task.name}", facts(rows))


def image_task_card(task: ImageTask) -> str:
    """The same, with the first images of the train split."""
    few, names = min(_IMAGES, len(task.train)), task.class_names
    labels = [int(one) for one in task.train.labels[:few]]
    said = ", ".join(names[one] if names else str(one) for one in labels)
    shown = picture(_strip(task, few), "png", f"The first {few} images of the train split", width=_WIDE)
    return task_card(task) + shown + paragraph(f"Classes of these: {said}")


def _strip(task: ImageTask, few: int) -> bytes:
    """The first images side by side, as PNG; of other channels than three the first, in grey."""
    images = task.train.images[:few].cpu()
    images = images if images.shape[1] == 3 else images[:, :1].expand(-1, 3, -1, -1)
    strip = torch.cat(list(images), dim=2).permute(1, 2, 0).contiguous().numpy()
    buffer = io.BytesIO()
    Image.fromarray(strip).save(buffer, "PNG")
    return buffer.getvalue()
