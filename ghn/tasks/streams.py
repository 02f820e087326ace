"""Data that is read batch by batch, by worker processes: datasets larger than memory, or without end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from ghn.display import brief
from ghn.errors import ConfigError, DataError, check_counts
from ghn.tasks.arrays import check_share, plain_tensor, units_of
from ghn.tasks.augmentation import Augmentation, usual_augmentation
from ghn.tasks.images import check_range
from ghn.tasks.inputs import concat, map_inputs, pick, stack
from ghn.tasks.items import Columns, MapStyle, as_image, as_tensors, split_item
from ghn.tasks.memory import ArraySplit
from ghn.tasks.normalisation import Normalisation
from ghn.tasks.objectives import Classification, Objective, prepare_targets
from ghn.tasks.sampling import permutation
from ghn.tasks.task import DataTask
from ghn.types import Batch

CPU = torch.device("cpu")
SAMPLE = 1024  # items that units, shapes and digests of a stream are taken from


def from_stream(
    name: str,
    train: Any,
    val: Any = None,
    test: Any = None,
    *,
    kind: str | Objective = "classification",
    columns: Columns | None = None,
    classes: int | Sequence[Any] | None = None,
    normalise: str | None = None,
    augment: Augmentation | None = None,
    workers: int = 0,
    items: int | Mapping[str, int] | None = None,
    sample: int = SAMPLE,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> DataTask:
    """Makes a task of data that is read as it is needed: larger than memory, or without end.

    Training batches are streamed; what scores are read on are fixed samples, which are read once and kept in memory.

    Args:
        name: a short name for the task.
        train: a map-style dataset, which is shuffled each epoch; or an iterable that begins anew each time, such as a
            torch `IterableDataset` or a WebDataset, which comes in its own order. Items are as in `from_dataset`; they
            have one shape, so images are to be resized by the dataset's own transforms.
        val: the same for scoring; None holds `val_share` of a map-style train dataset out.
        test: the same for reporting; None holds `test_share` of it out.
        kind: as in `from_arrays`.
        columns: as in `from_dataset`.
        classes: number of classes, or their names: a stream cannot be searched for them.
        normalise: as in `from_arrays`; means and deviations are those of the sample.
        augment: as in `from_arrays`.
        workers: processes that read training and evaluation batches; an iterable must share its items out among them
            by itself, as torch's documentation of `IterableDataset` says.
        items: of one pass through the train split, or {split: items}, for iterables without a length; None counts them.
        sample: items of each split from which units, shape and checksum are taken: the first, or random ones by index.
        val_share: as in `from_arrays`.
        test_share: as in `from_arrays`.
        seed: which items are held out.

    Raises:
        ConfigError: the number of classes is missing, or an iterable is to be cut.
        DataError: an item cannot be read, or has another shape or target than it should.
    """
    where = f"task {name}"
    check_counts(f"{where}: ", sample=sample)
    if kind == "classification" and classes is None:
        fix = "say how many classes there are (classes=10), or name them"
        raise ConfigError(f"{where}: classes of a stream cannot be counted", got="classes=None", fix=fix)
    lengths = {"train": items} if isinstance(items, int) else dict(items or {})
    given = {part: data for part, data in {"train": train, "val": val, "test": test}.items() if data is not None}
    read = Reader(kind, classes, columns, where)
    raw = {
        part: _open(data, replace(read, where=f"{where}, {part}"), workers, lengths.get(part))
        for part, data in given.items()
    }
    total = len(raw["train"])
    for part, share in (("test", test_share), ("val", val_share)):
        if part not in raw:
            check_share(name, part, share)
            raw["train"], raw[part] = raw["train"].hold_out(max(1, round(share * total)), seed or 0)
    samples = {part: split.take(min(sample, len(split))) for part, split in raw.items()}
    first = samples["train"]
    _, objective = prepare_targets(kind, {"train": first.targets}, _number(classes), where)
    if isinstance(objective, Classification) and not isinstance(classes, int) and classes is not None:
        objective = Classification(len(classes), tuple(classes))
    units = units_of(first.inputs, first.targets, objective, normalise, where)
    known = {"input_shape": first.input_shape, "input_dtypes": replace(first, **units).input_dtypes, **units}
    splits = {part: replace(split, **known, sample_digest=samples[part].digest()) for part, split in raw.items()}
    for part, one in samples.items():
        if one.input_shape != first.input_shape:
            got, expected = str(one.input_shape), str(first.input_shape)
            raise DataError(f"{where}, {part}: other inputs than the train split's", got=got, expected=expected)
    chosen = usual_augmentation(first.input_shape, objective) if augment is None else augment
    return DataTask(name, splits["train"], splits["val"], splits["test"], objective, chosen)


def _number(classes: int | Sequence[Any] | None) -> int | None:
    return classes if classes is None or isinstance(classes, int) else len(classes)


@dataclass(frozen=True)
class Reader:
    """Items as a batch of tensors; called in worker processes."""

    kind: str | Objective
    classes: int | Sequence[Any] | None
    columns: Columns | None
    where: str

    def __call__(self, items: Sequence[Any]) -> Batch:
        pairs = [split_item(item, self.columns, self.where) for item in items]
        inputs = stack([map_inputs(plain_tensor, _tensors(value, self.where)) for value, _ in pairs], self.where)
        answers = np.stack([np.asarray(target) for _, target in pairs])
        targets, objective = prepare_targets(self.kind, {"train": answers}, self.classes, self.where)
        if isinstance(objective, Classification):
            check_range(self.where, targets["train"], objective.classes)
        return inputs, targets["train"]


def _tensors(value: Any, where: str) -> Any:
    """Inputs of an item; pictures with their channels first."""
    from PIL import Image

    if isinstance(value, Image.Image) or (
        isinstance(value, np.ndarray) and value.ndim == 3 and value.dtype == np.uint8
    ):
        return as_image(value, None, where)
    return as_tensors(value, where)


class _Iterable(IterableDataset):
    """An iterable as torch's loader knows them."""

    def __init__(self, data: Iterable[Any]) -> None:
        self.data = data

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)


@brief
@dataclass(frozen=True, eq=False)
class StreamSplit:
    """A split that is read as it is needed; a `ghn.types.Split`.

    Args:
        data: a map-style dataset, or an iterable that begins anew each time.
        read: makes a batch of items.
        length: items of one pass; what ends earlier begins anew.
        index: items of a map-style dataset that belong to the split; None: it is an iterable.
        workers: processes that read.
        normalisation: of each input, in the structure of the inputs.
        target_normalisation: of the targets of a regression.
        sample_digest: of a sample, which stands for the contents.
    """

    data: Any
    read: Reader
    length: int
    index: Tensor | None = None
    workers: int = 0
    device: torch.device = CPU
    input_shape: Any = ()
    input_dtypes: list[str] = field(default_factory=list)
    normalisation: Any = None
    target_normalisation: Normalisation | None = None
    sample_digest: str = ""

    def __len__(self) -> int:
        return self.length

    def to(self, device: torch.device | str) -> StreamSplit:
        return self if self.device == torch.device(device) else replace(self, device=torch.device(device))

    def batches(self, size: int) -> Iterator[Batch]:
        every = self._by_index(torch.arange(self.length), size) if self._indexed else self._by_pass(size)
        return map(self._seen, every)

    def epoch(self, size: int, generator: torch.Generator, start: int = 0) -> Iterator[Batch]:
        """One pass; items that a dataset changes at random are another draw each time."""
        steps, device = max(1, self.length // size), generator.device
        order = torch.randperm(self.length if self._indexed else 1, generator=generator, device=device).cpu()
        seed = int(torch.randint(2**31, (), generator=generator, device=device))
        if not self._indexed:
            return map(self._seen, islice(self._by_pass(size, seed), start, steps))
        return map(self._seen, self._by_index(order[start * size : steps * size], size, seed))

    def take(self, n: int, seed: int = 0) -> ArraySplit:
        """A fixed sample in memory: random items of a map-style dataset, the first ones of an iterable."""
        if not 0 < n <= self.length:
            raise DataError("a sample of this size cannot be drawn", got=n, expected=f"1 to {self.length} items")
        if self._indexed:
            read = self._by_index(permutation(self.length, seed)[:n], min(n, 256))
        else:
            read = self._by_pass(min(n, 256))
        parts, seen = [], 0
        while seen < n:
            inputs, targets = next(read)
            parts.append((pick(inputs, slice(0, n - seen)), targets[: n - seen]))
            seen += len(targets)
        inputs, targets = concat([x for x, _ in parts]), torch.cat([y for _, y in parts])
        return ArraySplit(inputs, targets, self.normalisation, self.target_normalisation).to(self.device)

    def hold_out(self, n: int, seed: int = 0) -> tuple[StreamSplit, StreamSplit]:
        """Cuts random items off a map-style dataset."""
        if self.index is None:
            raise DataError(
                f"{self.read.where}: an iterable cannot be cut",
                got=type(self.data).__name__,
                expected="a map-style dataset (__len__ and __getitem__)",
                fix="give val and test datasets of their own",
            )
        if not 0 < n < self.length:
            raise DataError("so many items cannot be held out", got=n, expected=f"1 to {self.length - 1}")
        order = permutation(self.length, seed)
        held, kept = self.index[order[:n]], self.index[order[n:].sort().values]
        return replace(self, index=kept, length=len(kept)), replace(self, index=held, length=len(held))

    def digest(self) -> str:
        """Of what is known: the length, and a sample."""
        return hashlib.sha256(f"stream/{self.length}/{self.sample_digest}".encode()).hexdigest()

    @property
    def _indexed(self) -> bool:
        return self.index is not None

    def _seen(self, batch: Batch) -> Batch:
        """A batch as networks see it: normalised, on the device."""
        move = partial(Tensor.to, device=self.device, non_blocking=True)
        whole = ArraySplit(map_inputs(move, batch[0]), move(batch[1]), self.normalisation, self.target_normalisation)
        return whole.batch(slice(None))

    def _load(self, data: Any, seed: int, **how: Any) -> DataLoader[Any]:
        """A loader whose workers draw from a seed; the global generator is left alone."""
        seeds = torch.Generator().manual_seed(seed)
        return DataLoader(data, collate_fn=self.read, num_workers=self.workers, generator=seeds, **how)

    def _by_index(self, order: Tensor, size: int, seed: int = 0) -> Iterator[Batch]:
        assert self.index is not None
        plan = [chunk.tolist() for chunk in self.index[order].split(size)]
        return iter(self._load(self.data, seed, batch_sampler=plan))

    def _by_pass(self, size: int, seed: int = 0) -> Iterator[Batch]:
        """Batches of a pass of `length` items; an iterable that ends before begins anew."""
        left, rest = self.length, None
        while left:
            empty = True
            for part in self._load(_Iterable(self.data), seed, batch_size=size):
                empty = False
                joined = part if rest is None else (concat([rest[0], part[0]]), torch.cat([rest[1], part[1]]))
                full = min(size, left)
                if len(joined[1]) < full:
                    rest = joined
                    continue
                yield pick(joined[0], slice(0, full)), joined[1][:full]
                left -= full
                rest = (pick(joined[0], slice(full, None)), joined[1][full:]) if len(joined[1]) > full else None
                if not left:
                    return
            if empty:
                raise DataError(
                    f"{self.read.where}: the stream gives nothing",
                    got="an iterable that is empty, or used up",
                    expected="one that begins anew each time it is gone through",
                    fix="give an object whose __iter__ opens the data again, not a generator",
                )


def _open(data: Any, read: Reader, workers: int, items: int | None) -> StreamSplit:
    """A split of a dataset as it is given."""
    if isinstance(data, MapStyle) and not isinstance(data, IterableDataset):
        return StreamSplit(data, read, len(data), torch.arange(len(data)), workers)
    if not isinstance(data, Iterable) or isinstance(data, Iterator):
        raise DataError(
            f"{read.where}: not a dataset",
            got=type(data).__name__,
            expected="__len__ and __getitem__, or an __iter__ that begins anew each time",
        )
    if items is None:
        items = len(data) if isinstance(data, Sized) else sum(1 for _ in data)
    return StreamSplit(data, read, items, None, workers)
