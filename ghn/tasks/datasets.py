"""Users' own data: any torch or Hugging Face style dataset, read item by item into memory, and any folder of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ghn.errors import ConfigError, DataError
from ghn.extras import need
from ghn.reading import is_folder, reading
from ghn.targets import find_target
from ghn.tasks.arrays import from_arrays
from ghn.tasks.augmentation import Augmentation
from ghn.tasks.images import ImageTask
from ghn.tasks.inputs import stack
from ghn.tasks.items import Columns, MapStyle, as_image, as_label, as_tensors, fit_image, seems_image, split_item
from ghn.tasks.objectives import Objective
from ghn.tasks.streams import from_stream
from ghn.types import Task

_PARTS = ("train", "val", "test")


def from_dataset(
    name: str,
    train: Any,
    val: Any = None,
    test: Any = None,
    *,
    kind: str | Objective = "classification",
    columns: Columns | None = None,
    images: bool | None = None,
    classes: int | Sequence[Any] | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    normalise: str | None = None,
    augment: Augmentation | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> Task:
    """Makes a task of datasets, map-style or iterable; each is read once, into memory (`from_stream` does not).

    Args:
        name: a short name for the task.
        train: a dataset whose items begin with (input, target), or are dicts. An input is a PIL image, a tensor
            `[c h w]` or an array `[h w c]`, of bytes or of floats in [0, 1], without random or normalising transforms;
            or a tensor of another number of axes, or of whole numbers, or several in a tuple or dict.
        val: the same for scoring; None holds `val_share` of the train items out.
        test: the same for reporting; None holds `test_share` of the train items out.
        kind: as in `from_arrays`.
        columns: names of the input (or a list of several) and of the target, where items are dicts; None: usual names,
            such as `image` and `label`.
        images: whether tensors of two or three axes are images; None: they are, unless `normalise` is given.
        classes: number of classes, or their names; None counts them.
        size: height and width in pixels; another aspect ratio is cropped at the centre. None keeps the size.
        channels: 1 or 3 converts PIL images to grey or RGB.
        normalise: as in `from_arrays`.
        augment: as in `from_arrays`.
        val_share: as in `from_arrays`.
        test_share: as in `from_arrays`.
        seed: as in `from_arrays`.

    Raises:
        DataError: an item cannot be read or has the wrong shape; the message names its index.
    """
    given = {part: dataset for part, dataset in zip(_PARTS, (train, val, test), strict=True) if dataset is not None}
    reader = _Reader(kind, columns, images if normalise is None else bool(images), size, channels)
    pools = {part: reader.read(dataset, f"task {name}, {part}") for part, dataset in given.items()}
    return from_arrays(
        name,
        pools["train"],
        pools.get("val"),
        pools.get("test"),
        kind=kind,
        classes=classes,
        layout="NCHW",
        normalise=normalise,
        augment=augment,
        val_share=val_share,
        test_share=test_share,
        seed=seed,
    )


def image_folder(
    root: str | Path,
    size: int | tuple[int, int] | None = None,
    channels: int = 3,
    augment: Augmentation | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> Task:
    """A folder of images in torchvision's ImageFolder layout, `root/CLASS/IMAGE`.

    Where `root` has a folder `train`, the splits are `root/train` and, where they exist, `root/val` and
    `root/test`. The other options are those of `from_dataset`.

    Raises:
        DataError: there is no such folder, it holds no images, or its splits have different classes.
    """
    folder = Path(root).expanduser()
    paths = {part: folder / part for part in _PARTS if is_folder(folder / part)}
    paths = paths if "train" in paths else {"train": folder}
    parts = {part: _open_folder(path) for part, path in paths.items()}
    names = parts["train"].classes
    for part, found in parts.items():
        if found.classes != names:
            raise DataError(
                f"{paths[part]} has other classes than {paths['train']}",
                got=sorted(set(found.classes) ^ set(names)),
                expected="the same class folders in every split",
            )
    options: dict[str, Any] = {
        "augment": augment,
        "val_share": val_share,
        "test_share": test_share,
        "seed": seed,
    }
    title = f"image_folder:{folder.resolve().name}"
    task = from_dataset(title, **parts, classes=len(names), size=size, channels=channels, **options)
    return replace(task, class_names=tuple(names)) if isinstance(task, ImageTask) else task


def dataset(
    train: Any,
    val: Any = None,
    test: Any = None,
    kind: str | Objective = "classification",
    columns: Columns | None = None,
    images: bool | None = None,
    classes: int | Sequence[Any] | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    normalise: str | None = None,
    augment: Augmentation | None = None,
    stream: bool = False,
    workers: int = 0,
    items: int | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> Task:
    """Any torch or Hugging Face style dataset by config: `from_dataset`, or `from_stream`, with an import path.

    `train`, `val` and `test` are dataset objects, or mappings with `target`, the import path of a dataset class or
    function (`package.mod.Name`), and its arguments. With `stream` the data is not read into memory, but batch by batch
    by so many `workers`; then `items` may be said, and `images`, `size` and `channels` are left to the dataset.

    Raises:
        ConfigError: a target cannot be imported or does not take these arguments.
        DataError: as in `from_dataset`.
    """
    target = train.get("target", "") if isinstance(train, Mapping) else type(train).__name__
    parts = [_construct(part) if isinstance(part, Mapping) else part for part in (train, val, test)]
    title = f"dataset:{str(target).replace(':', '.').rpartition('.')[2]}"
    chosen = None if columns is None else (columns[0], columns[1])
    options: dict[str, Any] = {
        "kind": kind,
        "columns": chosen,
        "classes": classes,
        "normalise": normalise,
        "augment": augment,
        "val_share": val_share,
        "test_share": test_share,
        "seed": seed,
    }
    if stream:
        for option, value in {"size": size, "channels": channels, "images": images}.items():
            if value is not None:
                raise ConfigError(f"a streamed dataset has no {option}=", got=value, fix="do it in its own transforms")
        return from_stream(title, *parts, workers=workers, items=items, **options)
    return from_dataset(title, *parts, images=images, size=size, channels=channels, **options)


def _construct(config: Mapping[str, Any]) -> Any:
    arguments = dict(config)
    target = str(arguments.pop("target", ""))
    make = find_target(target if ":" in target else ":".join(target.rsplit(".", 1)))
    try:
        return make(**arguments)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ConfigError(
            "the dataset could not be made",
            got=f"target {target!r} with {arguments}: {error}",
            expected="target: package.module:Name, and the arguments that it takes",
        ) from error


def _open_folder(path: Path) -> Any:
    datasets = need("torchvision.datasets", "vision", "a folder of images")
    expected = f"{path}/CLASS/IMAGE, one folder a class with images in it"
    fix = "check the path, or make a folder a class there"
    with reading(f"{path} is not a folder of images", expected=expected, fix=fix):
        return datasets.ImageFolder(str(path))


class _Reader:
    """Reads datasets into memory."""

    def __init__(
        self,
        kind: str | Objective,
        columns: Columns | None,
        images: bool | None,
        size: int | tuple[int, int] | None,
        channels: int | None,
    ) -> None:
        self.kind, self.columns, self.images, self.size, self.channels = kind, columns, images, size, channels

    def read(self, data: Any, where: str) -> tuple[Any, list[Any]]:
        """Reads every item: inputs, stacked, and targets."""
        inputs: list[Any] = []
        targets: list[Any] = []
        for index, item in enumerate(_items(data, where)):
            value, target = split_item(item, self.columns, f"{where}[{index}]")
            inputs.append(self._input(value, inputs, f"{where}[{index}]"))
            targets.append(as_label(target, f"{where}[{index}]") if self.kind == "classification" else target)
        if not inputs:
            raise DataError(f"{where}: the dataset is empty", expected="at least one image")
        plain = targets if self.kind == "classification" else stack([as_tensors(t, where) for t in targets], where)
        return stack(inputs, where), plain

    def _input(self, value: Any, before: list[Any], here: str) -> Any:
        if self.images is None:  # the first item says it for all
            self.images = seems_image(value)
        if not self.images and not _is_pil(value):
            return as_tensors(value, here)
        image = as_image(value, self.channels, here)
        image = image if self.size is None else fit_image(image, self.size)
        if before and image.shape != before[0].shape:
            raise DataError(
                f"{here}: another shape than the images before it",
                got=f"[c h w] = {list(image.shape)}",
                expected=f"[c h w] = {list(before[0].shape)}",
                fix="use the option size= where sizes differ, channels= where grey and colour are mixed",
            )
        return image


def _is_pil(value: Any) -> bool:
    from PIL import Image

    return isinstance(value, Image.Image)


def _items(data: Any, where: str) -> Iterator[Any]:
    """The items of a map-style dataset, or of one that can be gone through again."""
    if isinstance(data, MapStyle):
        for index in tqdm(range(len(data)), desc=where, delay=5, leave=False):
            try:
                yield data[index]
            except Exception as error:  # a broken file, mostly: say which item it is
                what = f"{where}[{index}]: the item cannot be read as (image, label)"
                raise DataError(what, got=f"{error!r}") from error
    elif isinstance(data, Iterable) and not isinstance(data, Iterator):
        yield from tqdm(data, desc=where, delay=5, leave=False)
    else:
        raise DataError(
            f"{where}: not a map-style dataset, nor one that can be gone through more than once",
            got=type(data).__name__,
            expected="__len__, __getitem__; or __iter__, which begins anew each time",
        )
