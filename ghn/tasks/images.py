"""Image classification: validated train, val and test splits held in memory as bytes, their loss and their metric."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from ghn.display import brief
from ghn.errors import ConfigError, DataError
from ghn.tasks.augmentation import USUAL, Augmentation, apply_augmentation, augmentation_name, check_augmentation
from ghn.tasks.card import image_task_card
from ghn.tasks.memory import Index, InMemory
from ghn.tasks.normalisation import Normalisation
from ghn.tasks.objectives import Classification
from ghn.tasks.transforms import resize
from ghn.types import Inputs
from ghn.types import Split as TaskSplit


@brief
@dataclass(frozen=True, eq=False)
class Split(InMemory):
    """Images with their labels, and the normalisation that was computed from the task's train split."""

    images: UInt8[Tensor, "n c h w"]
    labels: Int64[Tensor, " n"]
    normalisation: Normalisation

    def __post_init__(self) -> None:
        _check_tensors(self.images, self.labels)
        if self.labels.device != self.images.device:
            raise DataError(
                "images and labels lie on different devices",
                got=f"{self.images.device} and {self.labels.device}",
                expected="one device; use Split.to(device)",
            )
        channels = self.images.shape[1]
        if {len(self.normalisation.mean), len(self.normalisation.std)} != {channels}:
            raise DataError("wrong normalisation", got=self.normalisation, expected=f"{channels} means and deviations")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def device(self) -> torch.device:
        return self.images.device

    @property
    def strata(self) -> Int64[Tensor, " n"]:
        return self.labels

    @cached_property
    def _affine(self) -> tuple[Float32[Tensor, "1 c 1 1"], Float32[Tensor, "1 c 1 1"]]:
        """Scale and offset from bytes to normalised values, made once: no copy to the device a batch."""
        return self.normalisation.affine(self.images)

    def batch(self, index: Index) -> tuple[Float32[Tensor, "b c h w"], Int64[Tensor, " b"]]:
        """Normalised images and labels of a slice, or of indices (best on the split's own device), on that device."""
        if not isinstance(index, slice):
            index = torch.as_tensor(index, dtype=torch.int64).to(self.device, non_blocking=True)
        scale, offset = self._affine
        return self.images[index].to(torch.float32) * scale + offset, self.labels[index]

    def to(self, device: torch.device | str) -> Split:
        """The same split on another device; itself when it is there already."""
        if self.device == torch.device(device):
            return self
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def pick(self, index: Int64[Tensor, " b"]) -> Split:
        return replace(self, images=self.images[index], labels=self.labels[index])


@brief
@dataclass(frozen=True, eq=False)
class ImageTask:
    """An image classification problem with its three splits; labels are `0 .. classes - 1`.

    The hypernetwork is trained on `train` alone, candidates are scored on `val`, and nothing is ever selected on
    `test`, which is for reports. Its short name is kept in checkpoints. A subclass may have a `loss` and a `metric` of
    its own. Training batches are flipped and shifted unless `augmentation` says otherwise.
    """

    name: str
    train: Split
    val: Split
    test: Split
    classes: int
    augmentation: Augmentation = USUAL
    class_names: tuple[str, ...] | None = None  # in the order of the labels, where they are known

    def __post_init__(self) -> None:
        check_augmentation(self.augmentation, self.input_shape, f"task {self.name}")
        for title, split in self.splits().items():
            where = f"task {self.name}, split {title}"
            check_alike(where, split.images, self.train.images)
            check_range(where, split.labels, self.classes)
            if split.normalisation != self.train.normalisation:
                what = f"{where}: another normalisation than the train split's"
                raise DataError(what, got=split.normalisation, expected=self.train.normalisation)

    _repr_html_ = image_task_card

    def splits(self) -> dict[str, Split]:
        return {"train": self.train, "val": self.val, "test": self.test}

    @property
    def channels(self) -> int:
        return self.train.images.shape[1]

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of every image, in pixels."""
        height, width = self.train.images.shape[-2:]
        return height, width

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return self.channels, *self.image_size

    @property
    def output_shape(self) -> tuple[int]:
        return (self.classes,)

    @cached_property
    def objective(self) -> Classification:
        return Classification(self.classes)

    def loss(
        self, output: Float[Tensor, "b k"], target: Int64[Tensor, " b"], reduction: str = "mean"
    ) -> Float[Tensor, ""]:
        """Cross-entropy in nats, the `mean` or `sum` over a batch: what trainings minimise and read-outs negate."""
        return self.objective.loss(output, target, reduction)

    def metric(self, output: Float[Tensor, "b k"], target: Int64[Tensor, " b"]) -> Float[Tensor, " b"]:
        """Which images are classified rightly: 1 or 0 each, so that the mean is the accuracy; higher is better."""
        return self.objective.metric(output, target)

    def target_vectors(self, target: Int64[Tensor, " b"]) -> Float[Tensor, "b k"]:
        return self.objective.target_vectors(target)

    def augment(self, inputs: Inputs, generator: torch.Generator, shift: int) -> Inputs:
        return apply_augmentation(self.augmentation, inputs, generator, shift)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 hex digest of the class count and of every split's images and labels, in order.

        That of a task with a loss or a metric of its own, a subclass, or with another augmentation than is usual, is
        another: scores and trainings of the two do not mix.
        """
        total = hashlib.sha256(f"classes={self.classes}".encode())
        if type(self) is not ImageTask:
            total.update(type(self).__qualname__.encode())
        if self.augmentation != USUAL:
            total.update(f"augmentation={augmentation_name(self.augmentation)}".encode())
        for title, split in self.splits().items():
            total.update(f"{title}{tuple(split.images.shape)}".encode())
            total.update(split.images.cpu().contiguous().numpy().data)
            total.update(split.labels.cpu().contiguous().numpy().astype("<i8").data)
        return total.hexdigest()

    def to(self, device: torch.device | str) -> ImageTask:
        moved = replace(self, train=self.train.to(device), val=self.val.to(device), test=self.test.to(device))
        if "checksum" in self.__dict__:  # cached: the contents are the same, so it need not be computed again
            moved.__dict__["checksum"] = self.checksum
        return moved

    def with_splits(self, **splits: TaskSplit) -> ImageTask:
        return replace(self, **splits)  # type: ignore[arg-type]

    def normalised_as(self, description: Mapping[str, Any]) -> ImageTask:
        """The same images, normalised by the mean and deviation of a description; itself where that has none."""
        if "mean" not in description:
            return self
        own = Normalisation(tuple(description["mean"]), tuple(description["std"]))
        return self.with_splits(**{title: replace(split, normalisation=own) for title, split in self.splits().items()})

    def resized(self, size: int) -> ImageTask:
        """The task with smaller images, of so many pixels each way; ConfigError for larger ones."""
        if size > min(self.image_size):
            raise ConfigError("fidelity: images are only made smaller", got=size, expected=f"<= {self.image_size}")
        small = {t: replace(split, images=resize(split.images, size)) for t, split in self.splits().items()}
        return self.with_splits(**small)

    def describe(self) -> dict[str, Any]:
        """What a checkpoint keeps of its task: JSON-able, enough to tell whether another task fits."""
        return {
            "name": self.name,
            "kind": self.objective.kind,
            "input_shape": list(self.input_shape),
            "output_shape": list(self.output_shape),
            "channels": self.channels,
            "image_size": list(self.image_size),
            "classes": self.classes,
            "sizes": {title: len(split) for title, split in self.splits().items()},
            "mean": list(self.train.normalisation.mean),
            "std": list(self.train.normalisation.std),
            "augmentation": augmentation_name(self.augmentation),
            **({"class_names": list(self.class_names)} if self.class_names else {}),
            "checksum": self.checksum,
        }


def _check_tensors(images: Tensor, labels: Tensor) -> None:
    """Raises DataError unless these are a non-empty uint8 tensor `[n c h w]`, and int64 of one label an image."""
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.ndim != 4 or 0 in images.shape[1:]:
        raise DataError(
            "images are not of the right kind",
            got=_kind(images),
            expected="a uint8 tensor [n c h w] with values 0 to 255",
            fix="build the task with ghn.tasks.from_arrays or from_dataset, which convert images",
        )
    if len(images) == 0:
        raise DataError("a split has no images", expected="at least one image")
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != (len(images),):
        expected = f"an int64 tensor of shape ({len(images)},), one label an image"
        raise DataError("labels are not of the right kind", got=_kind(labels), expected=expected)


def _kind(value: object) -> str:
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def check_alike(where: str, images: Tensor, train: Tensor) -> None:
    """Raises DataError unless the images have the channels and size of the train split's."""
    if images.shape[1:] != train.shape[1:]:
        raise DataError(
            f"{where}: images differ in channels or size from the train split's",
            got=f"[c h w] = {list(images.shape[1:])}",
            expected=f"[c h w] = {list(train.shape[1:])}",
            fix="give every split the same channels and size, for example with the option size=",
        )


def check_range(where: str, labels: Tensor, classes: int) -> None:
    """Raises DataError, naming the first offender, unless every label is one of `0 .. classes - 1`."""
    outside = ((labels < 0) | (labels >= classes)).nonzero()[:, 0]
    if len(outside):
        first = int(outside[0])
        raise DataError(
            f"{where}: {len(outside)} of {len(labels)} labels are out of range",
            got=f"label {int(labels[first])} at index {first}",
            expected=f"0 to {classes - 1}, as the task has {classes} classes",
            fix="renumber the labels from 0, or set the number of classes",
        )
