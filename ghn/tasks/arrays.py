"""From data in memory to a task: images of bytes, and inputs of any other shape and dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from ghn.errors import ConfigError, DataError, check_known
from ghn.tasks.augmentation import USUAL, Augmentation, usual_augmentation
from ghn.tasks.images import ImageTask, Split, check_alike, check_range
from ghn.tasks.inputs import map_inputs, named, pick, shapes_of
from ghn.tasks.memory import ArraySplit
from ghn.tasks.normalisation import Normalisation, bytes_of_one, normalisation_of
from ghn.tasks.objectives import Classification, Objective, Regression, count_classes, prepare_targets
from ghn.tasks.sampling import Pool, Pools, hold_out, permutation, sort_by_content, sort_items, strata_of
from ghn.tasks.task import DataTask
from ghn.tasks.transforms import resize
from ghn.types import Inputs

ArrayLike = Tensor | np.ndarray | list[Any]
Given = ArrayLike | tuple[ArrayLike, ...] | Mapping[str, ArrayLike]  # one input, or several
LAYOUTS = ("NCHW", "NHWC")
NORMALISE = ("standardise", "none")
FEW = 4  # channels that a last axis of images may have: grey, grey and opacity, colours, colours and opacity


def from_arrays(
    name: str,
    train: tuple[Given, ArrayLike],
    val: tuple[Given, ArrayLike] | None = None,
    test: tuple[Given, ArrayLike] | None = None,
    *,
    kind: str | Objective = "classification",
    classes: int | Sequence[Any] | None = None,
    size: int | tuple[int, int] | None = None,
    layout: str | None = None,
    normalise: str | None = None,
    augment: Augmentation | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> ImageTask | DataTask:
    """Makes a task of data in memory (tensors, numpy arrays or lists).

    Four axes are images: uint8 or float in [0, 1], which are kept as bytes. Everything else is taken as it is: floats
    such as features `[n k]` and signals `[n c t]` are standardised, whole numbers such as tokens `[n t]` are not.
    Several inputs are a tuple or a dict of arrays.

    Args:
        name: a short name for the task.
        train: inputs `[n ...]` and targets.
        val: the same for scoring; None holds `val_share` of the train items out.
        test: the same for reporting; None holds `test_share` of the train items out.
        kind: `classification`: targets `[n]` are whole numbers from 0, or strings; `multi_label`: `[n k]` of 0 and 1;
            `regression`: `[n]` or `[n k]` of numbers, which are standardised; or a `Custom` loss and metric.
        classes: number of classes, or their names or numbers in order, such as `[1, 2, 3]`; None counts them, and then
            none of 0, 1, ... may be missing.
        size: height and width to resize images to; None keeps the size.
        layout: `NCHW` or `NHWC`, of four axes; None takes `NCHW`, unless the last axis looks like colours.
        normalise: `standardise`: by mean and deviation of each channel or feature (the second axis) of the train split;
            `none`: as they are, bytes in [0, 1]; None: images of bytes and floats but for these are standardised.
        augment: of training batches: none | flip | shift | flip_shift, or a function (inputs, generator) -> inputs;
            None flips and shifts images whose targets are classes or labels, and nothing else.
        val_share: share of the given train items, stratified by class.
        test_share: as `val_share`, cut off before it.
        seed: which items are held out; None takes the first by digest. The arrays' order never matters.

    Raises:
        DataError: a wrong shape, dtype, label or size; the message names the split and the offending value.
        ConfigError: an unknown option, or a share that is not between 0 and 1.
    """
    where = f"task {name}"
    given = {part: pair for part, pair in {"train": train, "val": val, "test": test}.items() if pair is not None}
    for part, pair in given.items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise DataError(
                f"{where}, split {part}: not a pair",
                got=type(pair).__name__,
                expected="(inputs, targets)",
                fix="from_dataset takes datasets, from_frame tables, from_stream what does not fit into memory",
            )
    inputs = {part: as_inputs(x, layout, f"{where}, split {part}") for part, (x, _) in given.items()}
    labels: dict[str, Any] = {part: y for part, (_, y) in given.items()}
    cuts: dict[str, Any] = {"val_share": val_share, "test_share": test_share, "seed": seed}
    if kind == "classification" and normalise is None and _are_images(inputs["train"]):
        labels, names = _numbered(labels, classes, where)
        pools = {part: as_pool(x, labels[part], f"{where}, split {part}") for part, x in inputs.items()}
        task = _image_task(name, pools, classes, size, augment, **cuts)
        return task if names is None else replace(task, class_names=names)
    if size is not None:
        inputs = {part: _resized(x, size, where) for part, x in inputs.items()}
    return _data_task(name, inputs, labels, kind, classes, normalise, augment, **cuts)


def _are_images(inputs: Any) -> bool:
    """Whether these are bytes of images, or floats, to be taken as bytes: four axes, or bytes with an axis too few."""
    return isinstance(inputs, Tensor) and (inputs.ndim == 4 or (inputs.ndim == 3 and inputs.dtype == torch.uint8))


def _numbered(
    labels: dict[str, Any], classes: int | Sequence[Any] | None, where: str
) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """Labels as numbers, and the names of the classes, where they are given by name."""
    by_name = not (classes is None or isinstance(classes, int))
    if not by_name and np.asarray(labels["train"]).dtype.kind not in "OU":
        return labels, None
    numbers, objective = prepare_targets("classification", labels, classes, where)
    assert isinstance(objective, Classification)
    return dict(numbers), tuple(str(name) for name in objective.names or ())


def _image_task(
    name: str,
    pools: Pools,
    classes: int | Sequence[Any] | None,
    size: int | tuple[int, int] | None,
    augment: Augmentation | None,
    **cuts: Any,
) -> ImageTask:
    """The special case: images in bytes that are classified."""
    if classes is None:
        classes = count_classes(f"task {name}", {part: labels for part, (_, labels) in pools.items()})
    classes = classes if isinstance(classes, int) else len(classes)
    for part, (images, labels) in pools.items():
        check_range(f"task {name}, split {part}", labels, classes)  # here, where indices are still the user's
        check_alike(f"task {name}, split {part}", images, pools["train"][0])
        pools[part] = sort_by_content(images, labels)[:2]
    return assemble(name, cut(name, resized(pools, size), **cuts), classes, augment=augment)


def _data_task(
    name: str,
    inputs: Mapping[str, Any],
    labels: Mapping[str, Any],
    kind: str | Objective,
    classes: int | Sequence[Any] | None,
    normalise: str | None,
    augment: Augmentation | None,
    **cuts: Any,
) -> DataTask:
    """Everything else."""
    where = f"task {name}"
    for part, x in inputs.items():
        _check_inputs(x, labels[part], inputs["train"], f"{where}, split {part}")
    targets, objective = prepare_targets(kind, dict(labels), classes, where)
    if isinstance(objective, Classification):
        for part, values in targets.items():
            check_range(f"{where}, split {part}", values, objective.output_shape[0])
    pools = cut(name, {part: sort_items(x, targets[part]) for part, x in inputs.items()}, **cuts)
    train, answers = pools["train"]
    units = units_of(train, answers, objective, normalise, where)
    splits = {part: ArraySplit(*pool, **units) for part, pool in pools.items()}
    chosen = usual_augmentation(splits["train"].input_shape, objective) if augment is None else augment
    return DataTask(name, splits["train"], splits["val"], splits["test"], objective, chosen)


def units_of(
    inputs: Inputs, targets: Tensor, objective: Objective, normalise: str | None, where: str
) -> dict[str, Any]:
    """The units in which networks see inputs and targets: `normalisation` and `target_normalisation` of a split."""
    check_known(f"normalise of {where}", normalise or "none", NORMALISE)
    usual = bytes_of_one if normalise == "none" else normalisation_of
    return {
        "normalisation": map_inputs(usual, inputs),
        "target_normalisation": Normalisation.of_floats(targets) if isinstance(objective, Regression) else None,
    }


def as_inputs(given: Given, layout: str | None, where: str) -> Any:
    """Inputs as tensors on the CPU: 32-bit floats, 64-bit whole numbers, bytes as they are; channels of images first.

    Raises:
        DataError: something else, such as text; or images whose channels seem to come last, and nothing is said.
    """
    if layout is not None:
        check_known(f"layout of {where}", layout, LAYOUTS)
    several = dict(given) if isinstance(given, Mapping) else given
    return map_inputs(lambda x: _as_tensor(x, layout, where), several)


def _as_tensor(values: Any, layout: str | None, where: str) -> Tensor:
    try:
        x = torch.as_tensor(values).cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{where}: inputs are no numbers", got=str(error), expected="tensors, arrays or lists"
        ) from None
    if x.ndim != 4:
        return plain_tensor(x)
    if layout == "NHWC":
        return plain_tensor(x.permute(0, 3, 1, 2))
    if layout is None and x.shape[3] <= FEW < x.shape[1]:
        raise DataError(
            f"{where}: the channels seem to come last",
            got=f"shape {tuple(x.shape)}",
            expected="[n c h w]",
            fix="say layout=NHWC where they do, layout=NCHW where they come first",
        )
    return plain_tensor(x)


def plain_tensor(x: Tensor) -> Tensor:
    """In one of the dtypes that tasks keep; what is kept as it is, images are checked for later."""
    if x.dtype in (torch.float64, torch.float16, torch.bfloat16):
        return x.float()
    return x.long() if x.dtype in (torch.int8, torch.int16, torch.int32, torch.bool) else x


def _check_inputs(inputs: Inputs, targets: Any, train: Inputs, where: str) -> None:
    """Raises DataError for inputs of other shapes than the train split's, not as many as targets, or not finite."""
    if shapes_of(inputs, skip=1) != shapes_of(train, skip=1):
        raise DataError(
            f"{where}: inputs differ in shape from the train split's",
            got=f"{shapes_of(inputs, skip=1)}",
            expected=f"{shapes_of(train, skip=1)}",
        )
    for title, x in named(inputs):
        if len(x) != len(targets) or x.numel() == 0:
            raise DataError(
                f"{where}: input{title} and targets must be as many, and at least one",
                got=f"shape {tuple(x.shape)}, {len(targets)} targets",
                expected="[n ...] and [n ...]",
            )
        if x.dtype.is_floating_point and not bool(x.isfinite().all()):
            first = (~x.isfinite()).nonzero()[0].tolist()
            raise DataError(f"{where}: input{title} is not finite", got=f"{float(x[tuple(first)])} at index {first}")


def _resized(inputs: Any, size: int | tuple[int, int], where: str) -> Tensor:
    if not isinstance(inputs, Tensor) or inputs.ndim != 4:
        raise ConfigError(f"{where}: size= is of images", got=f"inputs of shape {shapes_of(inputs)}")
    return resize(as_bytes(inputs, where), size)


def resized(pools: Pools, size: int | tuple[int, int] | None) -> Pools:
    """Resizes every part; None keeps the size."""
    return {p: (images if size is None else resize(images, size), labels) for p, (images, labels) in pools.items()}


def assemble(
    name: str,
    pools: Pools,
    classes: int,
    normalisation: Normalisation | None = None,
    augment: Augmentation | None = None,
) -> ImageTask:
    """Makes a task of its three splits; the normalisation is the train split's unless given."""
    normalisation = normalisation or Normalisation.of(pools["train"][0])
    splits = {part: Split(images, labels, normalisation) for part, (images, labels) in pools.items()}
    usual = USUAL if augment is None else augment
    return ImageTask(name, splits["train"], splits["val"], splits["test"], classes, usual)


def cut(name: str, pools: Mapping[str, Any], val_share: float, test_share: float, seed: int | None) -> dict[str, Any]:
    """Holds the missing ones of val and test out of train, stratified by class, as shares of the given items."""
    train, total = pools["train"], len(pools["train"][1])
    held: dict[str, Any] = {}
    for part, share in (("test", test_share), ("val", val_share)):
        if part in pools:
            held[part] = pools[part]
            continue
        check_share(name, part, share)
        items = round(share * total)
        if not 0 < items < len(train[1]):
            raise DataError(
                f"task {name}: too few images to hold a {part} split out",
                got=f"{total} images, share {share}",
                expected="at least one image for each of train, val and test",
                fix=f"give more images, another {part}_share, or a {part} split of your own",
            )
        kept_index, held_index = hold_out(strata_of(train[1]), items, seed)
        held[part], train = _pick(train, held_index), _pick(train, kept_index)
    cuts = {"train": train, "val": held["val"], "test": held["test"]}
    # What a cut leaves starts with the classes that filled their share first: mix them again.
    return {part: _pick(pool, permutation(len(pool[1]), seed=0)) for part, pool in cuts.items()}


def check_share(name: str, part: str, share: float) -> None:
    """Refuses a share that would hold nothing out, or everything."""
    if not 0 < share < 1:
        raise ConfigError(f"task {name}: bad {part}_share", got=share, expected="a number between 0 and 1")


def _pick(pool: Any, index: Tensor) -> Any:
    return pick(pool[0], index), pool[1][index]


def as_pool(images: ArrayLike, labels: ArrayLike, where: str) -> Pool:
    """Images `[n c h w]` as uint8 and whole labels `[n]` as int64, on the CPU; a DataError where they are not so."""
    x, y = torch.as_tensor(images).cpu(), torch.as_tensor(labels).cpu()
    if x.ndim != 4:
        hint = "add the channel axis: images[:, None]" if x.ndim == 3 else None
        raise DataError(f"{where}: wrong shape of images", got=tuple(x.shape), expected="[n c h w]", fix=hint)
    if y.dtype.is_floating_point or y.dtype.is_complex or y.dtype == torch.bool or y.shape != (len(x),):
        raise DataError(
            f"{where}: wrong labels",
            got=f"{y.dtype} of shape {tuple(y.shape)}",
            expected=f"whole numbers of shape ({len(x)},), one label an image",
        )
    if x.numel() == 0:
        raise DataError(f"{where}: no images", got=f"shape {tuple(x.shape)}", expected="at least one image")
    return as_bytes(x, where), y.to(torch.int64)


def as_bytes(images: Tensor, where: str, none: str | None = None) -> UInt8[Tensor, "..."]:
    """Converts uint8 or float in [0, 1] to uint8, of any shape; a DataError for other dtypes or values out of range.

    The error says too what to do where these are no images (`none`).
    """
    if images.dtype == torch.uint8:
        return images
    if not images.dtype.is_floating_point:
        expected = "uint8, or float in [0, 1]"
        raise DataError(f"{where}: wrong dtype of images", got=images.dtype, expected=expected, fix=none)
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):  # NaN fails too
        raise DataError(
            f"{where}: float images are out of range",
            got=f"values from {low:.4g} to {high:.4g}",
            expected="values from 0 to 1 (or uint8 from 0 to 255), not yet normalised",
            fix="leave the normalisation to the task, which computes it from the train split; "
            "or say normalise=standardise or normalise=none, for images of floats of any range"
            + (f"; {none}" if none else ""),
        )
    return (images * 255).round().to(torch.uint8)
