"""An item of a dataset: which part of it is the input, which the target, and both as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor

from ghn.errors import DataError
from ghn.extras import need
from ghn.tasks.arrays import as_bytes
from ghn.tasks.transforms import as_size, resize

Columns = tuple[str | Sequence[str], str]  # of inputs and of targets, where items are dicts
INPUTS, TARGETS = ("image", "img", "input", "inputs", "x"), ("label", "labels", "target", "targets", "y")


@runtime_checkable
class MapStyle(Protocol):
    """What a map-style dataset can do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def split_item(item: Any, columns: Columns | None, where: str) -> tuple[Any, Any]:
    """Input and target of an item: its first two parts, or what a dict has under these columns.

    Raises:
        DataError: it has none of them.
    """
    if isinstance(item, Mapping):
        inputs, target = columns or (_usual(item, INPUTS), _usual(item, TARGETS))
        wanted = [inputs] if isinstance(inputs, str) else list(inputs or ())
        if not wanted or target is None or not {*wanted, target} <= item.keys():
            raise DataError(
                f"{where}: the item has no such columns",
                got=f"columns {list(item)}",
                expected="those of columns=" if columns else f"one of {INPUTS} and one of {TARGETS}",
                fix="say which they are: columns=[INPUT, TARGET]",
            )
        return item[inputs] if isinstance(inputs, str) else {name: item[name] for name in wanted}, item[target]
    try:
        first, second = item[:2]
    except Exception as error:
        raise DataError(f"{where}: the item cannot be read as (image, label)", got=f"{error!r}") from error
    return first, second


def _usual(item: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in item), None)


def seems_image(value: Any) -> bool:
    """Whether an input is an image unless something else is said: not where it has one axis or whole numbers."""
    if isinstance(value, (tuple, list, dict)):
        return False
    if not isinstance(value, (Tensor, np.ndarray)):
        return True  # a PIL image; what is none is refused as such
    x = torch.as_tensor(value)
    return x.ndim in (2, 3) and (x.dtype == torch.uint8 or x.dtype.is_floating_point)


def as_tensors(value: Any, where: str) -> Any:
    """An input as a tensor, or several."""
    if isinstance(value, dict):
        return {name: as_tensors(one, where) for name, one in value.items()}
    if isinstance(value, tuple):
        return tuple(as_tensors(one, where) for one in value)
    try:
        return torch.as_tensor(value if isinstance(value, Tensor) else np.asarray(value))
    except TypeError:
        got = type(value).__name__
        raise DataError(
            f"{where}: an input is no tensor", got=got, expected="numbers, or a tuple or dict of them"
        ) from None


def as_image(image: Any, channels: int | None, where: str) -> UInt8[Tensor, "c h w"]:
    """Converts a PIL image, a tensor `[c h w]` or `[h w]`, or an array `[h w c]` or `[h w]`.

    1 or 3 `channels` convert PIL images to grey or RGB; None takes only these two as they are.
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
    none = "where it is no image, such as a signal: images=False (task.images=false)"
    return as_bytes(image if image.ndim == 3 else image[None], where, none)


def fit_image(image: UInt8[Tensor, "c h w"], size: int | tuple[int, int]) -> UInt8[Tensor, "c h2 w2"]:
    """Crops the largest rectangle of the wanted aspect ratio out of the centre, and resizes it."""
    transforms = need("torchvision.transforms.v2.functional", "vision", "cropping an image")
    height, width = as_size(size)
    h, w = image.shape[-2:]
    scale = min(h / height, w / width)
    cropped = transforms.center_crop(image, [round(height * scale), round(width * scale)])
    return resize(cropped[None], (height, width))[0]


def as_label(label: Any, where: str) -> int | str:
    """Converts one label: text, or any whole number, also as a tensor or array of one element."""
    if isinstance(label, str):
        return label
    value = np.asarray(label)
    if value.size != 1 or value.dtype.kind not in "iu":
        raise DataError(f"{where}: wrong label", got=label, expected="one whole number, or text")
    return int(value.item())
