"""Users' own data: any map-style torch dataset, read item by item into memory, and any folder of images."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor
from tqdm import tqdm

from ghn.errors import ConfigError, DataError
from ghn.tasks.arrays import as_bytes, from_arrays
from ghn.tasks.images import ImageTask
from ghn.tasks.sampling import Pool
from ghn.tasks.transforms import as_size, resize

_PARTS = ("train", "val", "test")


@runtime_checkable
class MapStyle(Protocol):
    """What a map-style dataset can do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def from_dataset(
    name: str,
    train: Any,
    val: Any = None,
    test: Any = None,
    *,
    classes: int | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> ImageTask:
    """Makes a task of map-style torch datasets; each is read once, into memory.

    Args:
        name: a short name for the task.
        train: a dataset whose items begin with (image, label). The image is a PIL image, a tensor `[c h w]`
            or an array `[h w c]`, of bytes or of floats in [0, 1], without random or normalising transforms.
        val: the same for scoring; None holds `val_share` of the train images out.
        test: the same for reporting; None holds `test_share` of the train images out.
        classes: number of classes; None counts them.
        size: height and width in pixels; another aspect ratio is cropped at the centre. None keeps the size.
        channels: 1 or 3 converts PIL images to grey or RGB.
        val_share: as in `from_arrays`.
        test_share: as in `from_arrays`.
        seed: as in `from_arrays`.

    Raises:
        DataError: an item cannot be read or has the wrong shape; the message names its index.
    """
    given = {part: dataset for part, dataset in zip(_PARTS, (train, val, test), strict=True) if dataset is not None}
    pools = {part: read_items(dataset, size, channels, f"task {name}, {part}") for part, dataset in given.items()}
    options: dict[str, Any] = {"val_share": val_share, "test_share": test_share, "seed": seed}
    return from_arrays(name, pools["train"], pools.get("val"), pools.get("test"), classes=classes, size=size, **options)


def image_folder(
    root: str | Path,
    size: int | tuple[int, int] | None = None,
    channels: int = 3,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> ImageTask:
    """A folder of images in torchvision's ImageFolder layout, `root/CLASS/IMAGE`.

    Where `root` has a folder `train`, the splits are `root/train` and, where they exist, `root/val` and
    `root/test`. The other options are those of `from_dataset`.

    Raises:
        DataError: there is no such folder, it holds no images, or its splits have different classes.
    """
    folder = Path(root).expanduser()
    split = (folder / "train").is_dir()
    paths = {part: folder / part for part in _PARTS if (folder / part).is_dir()} if split else {"train": folder}
    parts = {part: _open_folder(path) for part, path in paths.items()}
    names = parts["train"].classes
    for part, found in parts.items():
        if found.classes != names:
            raise DataError(
                f"{paths[part]} has other classes than {paths['train']}",
                got=sorted(set(found.classes) ^ set(names)),
                expected="the same class folders in every split",
            )
    options: dict[str, Any] = {"val_share": val_share, "test_share": test_share, "seed": seed}
    title = f"image_folder:{folder.resolve().name}"
    return from_dataset(title, **parts, classes=len(names), size=size, channels=channels, **options)


def dataset(
    train: Any,
    val: Any = None,
    test: Any = None,
    classes: int | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> ImageTask:
    """Any map-style torch dataset by config: `from_dataset` with datasets given by their import path.

    `train`, `val` and `test` are dataset objects, or mappings with `target`, the import path of a dataset class or
    function (`package.mod.Name`), and its arguments.

    Raises:
        ConfigError: a target cannot be imported or does not take these arguments.
        DataError: as in `from_dataset`.
    """
    target = train.get("target", "") if isinstance(train, Mapping) else type(train).__name__
    parts = [_construct(part) if isinstance(part, Mapping) else part for part in (train, val, test)]
    options: dict[str, Any] = {"val_share": val_share, "test_share": test_share, "seed": seed}
    title = f"dataset:{str(target).rpartition('.')[2]}"
    return from_dataset(title, *parts, classes=classes, size=size, channels=channels, **options)


def _construct(config: Mapping[str, Any]) -> Any:
    arguments = dict(config)
    target = str(arguments.pop("target", ""))
    module, _, attribute = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)(**arguments)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ConfigError(
            "the dataset could not be made",
            got=f"target {target!r} with {arguments}: {error}",
            expected="target: package.module.Name, and the arguments that it takes",
        ) from error


def _open_folder(path: Path) -> Any:
    from torchvision.datasets import ImageFolder  # heavy: only where it is used

    try:
        return ImageFolder(str(path))
    except OSError as error:
        raise DataError(
            f"{path} is not a folder of images",
            got=str(error),
            expected=f"{path}/CLASS/IMAGE, one folder a class with images in it",
        ) from error


def read_items(data: Any, size: int | tuple[int, int] | None, channels: int | None, where: str) -> Pool:
    """Reads every item, fits it to `size` where one is given, and stacks them."""
    if not isinstance(data, MapStyle):
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
    return as_bytes(image if image.ndim == 3 else image[None], where)


def _label(label: Any, where: str) -> int:
    """Converts one label: any whole number, also as a tensor or array of one element."""
    value = np.asarray(label)
    if value.size != 1 or value.dtype.kind not in "iu":
        raise DataError(f"{where}: wrong label", got=label, expected="one whole number")
    return int(value.item())
