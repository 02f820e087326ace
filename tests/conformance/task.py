"""What every `Task` must do."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from ghn.errors import ConfigError, DataError
from ghn.tasks.inputs import count, listed, shapes_of, tensors_of
from ghn.tasks.outputs import example_inputs, kind_of
from ghn.tasks.streams import StreamSplit
from ghn.types import Batch, Split, Task

SEED = 3


def generator(seed: int = SEED) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def same(a: Batch, b: Batch) -> bool:
    pairs = [*zip(tensors_of(a[0]), tensors_of(b[0]), strict=True), (a[1], b[1])]
    return all(torch.equal(x, y) for x, y in pairs)


def random_output(task: Task, n: int) -> Tensor:
    return torch.randn(n, *task.output_shape, generator=generator())


def is_a_task(task: Task) -> None:
    assert isinstance(task, Task)
    assert task.name
    assert all(isinstance(split, Split) for split in (task.train, task.val, task.test))


def batches_have_the_shapes_that_are_said(task: Task) -> None:
    for split in (task.train, task.val, task.test):
        x, y = next(split.batches(4))
        assert shapes_of(x, skip=1) == task.input_shape
        assert count(x) == len(y) <= 4
        assert all(t.dtype in (torch.float32, torch.int64) for t in tensors_of(x))
        assert all(t.isfinite().all() for t in tensors_of(x))


def a_pass_has_every_item_once(task: Task) -> None:
    sizes = [len(y) for _, y in task.val.batches(5)]
    assert sum(sizes) == len(task.val)
    assert set(sizes[:-1]) <= {5}
    first, again = (list(task.val.batches(5)) for _ in range(2))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


def an_epoch_is_of_full_batches_and_can_begin_later(task: Task) -> None:
    whole = list(task.train.epoch(6, generator()))
    assert len(whole) == len(task.train) // 6
    assert {len(y) for _, y in whole} == {6}
    later = list(task.train.epoch(6, generator(), start=2))
    assert all(same(a, b) for a, b in zip(whole[2:], later, strict=True))
    few = list(task.train.epoch(len(task.train) + 1, generator()))
    assert [len(y) for _, y in few] == [len(task.train)], "a split that is smaller than a batch is one batch"


def samples_are_fixed_and_in_memory(task: Task) -> None:
    sample = task.val.take(5, SEED)
    assert len(sample) == 5
    (batch,) = sample.batches(5)
    assert same(batch, next(task.val.take(5, SEED).batches(5)))
    assert shapes_of(batch[0], skip=1) == task.input_shape
    with pytest.raises(DataError, match=f"1 to {len(task.val)}"):
        task.val.take(len(task.val) + 1)


def what_is_held_out_is_not_in_the_rest(task: Task) -> None:
    if isinstance(task.train, StreamSplit) and task.train.index is None:
        with pytest.raises(DataError, match="iterable"):
            task.train.hold_out(9, SEED)
        return
    rest, held = task.train.hold_out(9, SEED)
    assert (len(rest), len(held)) == (len(task.train) - 9, 9)

    def rows(split: Split) -> set[bytes]:
        x, _ = next(split.batches(len(split)))
        each = [t.flatten(1) if t.ndim > 1 else t[:, None] for t in tensors_of(x)]
        return {b"".join(t[i].numpy().tobytes() for t in each) for i in range(len(split))}

    assert not rows(rest) & rows(held)
    other = task.with_splits(train=rest)
    assert (len(other.train), len(other.val)) == (len(rest), len(task.val))
    assert other.checksum != task.checksum


def loss_and_metric_go_together(task: Task) -> None:
    _, y = next(task.train.batches(8))
    output = random_output(task, len(y)).requires_grad_()
    mean, total = task.loss(output, y), task.loss(output, y, reduction="sum")
    assert mean.shape == () and total.detach() == pytest.approx(float(mean.detach()) * len(y), rel=1e-4)
    assert task.metric(output.detach(), y).shape == (len(y),)
    optimizer = torch.optim.Adam([output], 0.2)
    before = task.metric(output.detach(), y).mean()
    for _ in range(60):
        optimizer.zero_grad()
        task.loss(output, y).backward()
        optimizer.step()
    assert task.loss(output, y) < 0.5 * mean
    assert task.metric(output.detach(), y).mean() > before, "what is minimised is what counts; higher is better"


def an_output_that_does_not_fit_is_refused(task: Task) -> None:
    _, y = next(task.train.batches(4))
    wrong = torch.zeros(len(y), *task.output_shape[:-1], task.output_shape[-1] + 1)
    for use in (task.loss, task.metric):
        with pytest.raises(ConfigError) as error:
            use(wrong, y)
        assert str(tuple(wrong.shape[1:])) in str(error.value) and str(task.output_shape) in str(error.value)


def targets_as_vectors_are_read_by_the_metric(task: Task) -> None:
    _, y = next(task.val.batches(6))
    try:
        vectors = task.target_vectors(y)
    except ConfigError:
        return
    assert vectors.shape == (len(y), *task.output_shape)
    assert task.metric(vectors, y).tolist() == [1.0] * len(y), "no output is better than the target"


def augmentation_keeps_shapes_and_is_driven_by_its_generator(task: Task) -> None:
    x, _ = next(task.train.batches(8))
    once, again = (task.augment(x, generator(), 1) for _ in range(2))
    assert shapes_of(once) == shapes_of(x)
    assert all(torch.equal(a, b) for a, b in zip(tensors_of(once), tensors_of(again), strict=True))


def description_is_json_and_tells_the_kind(task: Task) -> None:
    told = task.describe()
    assert json.loads(json.dumps(told)) == told
    assert kind_of(told)["input_shape"] == listed(task.input_shape)
    assert kind_of(told)["output_shape"] == list(task.output_shape)
    example, given = example_inputs(told), next(task.val.batches(2))[0]
    assert shapes_of(example) == shapes_of(given)
    assert [x.dtype for x in tensors_of(example)] == [x.dtype for x in tensors_of(given)]
    assert told["checksum"] == task.checksum
    assert told["sizes"] == {"train": len(task.train), "val": len(task.val), "test": len(task.test)}


def units_are_those_of_another_description(task: Task) -> None:
    same_units = task.normalised_as(json.loads(json.dumps(task.describe())))
    assert same(next(same_units.val.batches(4)), next(task.val.batches(4)))


def moving_to_a_device_changes_nothing(task: Task) -> None:
    moved = task.to("cpu")
    assert moved.checksum == task.checksum
    assert moved.train.device == torch.device("cpu")
    assert same(next(moved.val.batches(4)), next(task.val.batches(4)))


TASK_CHECKS: tuple[Any, ...] = (
    is_a_task,
    batches_have_the_shapes_that_are_said,
    a_pass_has_every_item_once,
    an_epoch_is_of_full_batches_and_can_begin_later,
    samples_are_fixed_and_in_memory,
    what_is_held_out_is_not_in_the_rest,
    loss_and_metric_go_together,
    an_output_that_does_not_fit_is_refused,
    targets_as_vectors_are_read_by_the_metric,
    augmentation_keeps_shapes_and_is_driven_by_its_generator,
    description_is_json_and_tells_the_kind,
    units_are_those_of_another_description,
    moving_to_a_device_changes_nothing,
)


def check_task(task: Task) -> None:
    """Runs the whole suite."""
    for check in TASK_CHECKS:
        check(task)
