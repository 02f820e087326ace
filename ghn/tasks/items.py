"""Reads map-style torch datasets item by item: PIL images, tensors or arrays, with whole-number labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor
from tqdm import tqdm

from ghn.errors import DataError
from ghn.tasks.convert import as_bytes
from ghn.tasks.resize import as_size, resize
from ghn.tasks.store import Pool


def read_items(data: Any, size: int | tuple[int, int] | None, channels: int | None, where: str) -> Pool:
    """Reads every item, fits it to `size` where one is given, and stacks them."""
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise DataError(f"{where}: not a map-style dataset", got=type(data).__name__, expected="__len__, __getitem__")
    images: list[Tensor] = []
    labels: list[int] = []
    for index in tqdm(range(len(data)), desc=where, delay=5, leave=False):
        here = f"{where}[{index}]"
        try:
            image, label = data[index][:2]
        except Exception as error:  # a broken file, mostly: say which item it is
            raise DataError(f"{here}: the item cannot be read as (image, label)", got=f"{error!r}") from error
        image = _image(image, channels, here)
        image = image if size is None else _fit(image, size)
        if images and image.shape != images[0].shape:
            raise DataError(
                f"{here}: another shape than the images before it",
                got=f"[c h w] = {list(image.shape)}",
                expected=f"[c h w] = {list(images[0].shape)}",
                fix="use the option size= where sizes differ, channels= where grey and colour are mixed",
            )
        images.append(image)
        labels.append(_label(label, here))
    if not images:
        raise DataError(f"{where}: the dataset is empty", expected="at least one image")
    return torch.stack(images), torch.tensor(labels, dtype=torch.int64)


def _fit(image: UInt8[Tensor, "c h w"], size: int | tuple[int, int]) -> UInt8[Tensor, "c h2 w2"]:
    """Crops the largest rectangle of the wanted aspect ratio out of the centre, and resizes it."""
    from torchvision.transforms.v2 import functional as transforms

    height, width = as_size(size)
    h, w = image.shape[-2:]
    scale = min(h / height, w / width)
    cropped = transforms.center_crop(image, [round(height * scale), round(width * scale)])
    return resize(cropped[None], (height, width))[0]


def _image(image: Any, channels: int | None, where: str) -> UInt8[Tensor, "c h w"]:
    """Converts one image of a map-style dataset.

    Args:
        image: a PIL image, a tensor `[c h w]` or `[h w]`, or an array `[h w c]` or `[h w]`.
        channels: 1 or 3 converts PIL images to grey or RGB; None takes only these two as they are.
        where: what is converted, for messages.

    Raises:
        DataError: it is none of these.
    """
    from PIL import Image

    if isinstance(image, Image.Image):
        mode = {1: "L", 3: "RGB"}.get(channels or 0, image.mode)
        if mode not in ("L", "RGB"):
            raise DataError(
                f"{where}: PIL image of mode {mode}",
                expected="mode L or RGB",
                fix="convert with the option channels=1 or channels=3",
            )
        image = np.array(image.convert(mode))
    if isinstance(image, np.ndarray):
        image = torch.from_numpy(image)
        image = rearrange(image, "h w c -> c h w") if image.ndim == 3 else image
    if not isinstance(image, Tensor) or image.ndim not in (2, 3):
        got = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise DataError(f"{where}: not an image", got=got, expected="a PIL image, a tensor [c h w] or an array [h w c]")
    return as_bytes(image if image.ndim == 3 else image[None], where)


def _label(label: Any, where: str) -> int:
    """Converts one label of a map-style dataset: any whole number, also as a tensor or array of one element.

    Raises:
        DataError: it is not a whole number.
    """
    value = np.asarray(label)
    if value.size != 1 or value.dtype.kind not in "iu":
        raise DataError(f"{where}: wrong label", got=label, expected="one whole number")
    return int(value.item())
