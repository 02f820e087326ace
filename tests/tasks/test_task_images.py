"""Split and ImageTask: batches, samples, devices, checks at construction."""

import dataclasses
import json
import math

import pytest
import torch

from ghn.errors import DataError
from ghn.tasks import ImageTask, Normalisation, Split, from_arrays
from ghn.types import Task


@pytest.fixture
def split(pool):
    return Split(*pool, Normalisation.of(pool[0]))


@pytest.fixture
def task(pool):
    return from_arrays("toy", pool, val_share=0.2, test_share=0.2)


def test_normalisation_agrees_with_torch_and_is_that_of_the_train_split(task):
    x = task.train.images.double() / 255
    assert torch.tensor(task.train.normalisation.mean).allclose(x.mean((0, 2, 3)).float())
    assert torch.tensor(task.train.normalisation.std).allclose(x.std((0, 2, 3), correction=0).float())
    assert task.val.normalisation == task.test.normalisation == task.train.normalisation


def test_a_constant_channel_is_only_centred():
    normalisation = Normalisation.of(torch.full((2, 1, 4, 4), 51, dtype=torch.uint8))
    assert normalisation.mean == (pytest.approx(0.2),) and normalisation.std == (1.0,)


@pytest.mark.parametrize("index", [slice(3, 7), [3, 4, 5, 6], torch.arange(3, 7)])
def test_a_batch_is_normalised(split, index):
    x, y = split.batch(index)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in split.normalisation)
    assert x.shape == (4, 3, 8, 8) and x.dtype == torch.float32 and y.dtype == torch.int64
    assert torch.allclose(x, (split.images[3:7] / 255 - mean) / std, atol=1e-5)
    assert torch.equal(y, split.labels[3:7])


def test_take_is_stratified_fixed_and_mixed(split):
    sample = split.take(20, seed=3)
    assert sample.labels.bincount().tolist() == [10, 6, 4]
    assert torch.equal(sample.images, split.take(20, seed=3).images)
    assert not torch.equal(sample.images, split.take(20, seed=4).images)
    assert len(set(sample.labels[:5].tolist())) > 1, "a stretch of a sample must not be of one class"
    whole = split.take(len(split), seed=0)
    assert sorted(whole.labels.tolist()) == sorted(split.labels.tolist())


def test_take_of_too_many_is_refused(split):
    with pytest.raises(DataError, match="1 to 60"):
        split.take(61)


def test_describe_is_json_and_tells_the_task(task):
    told = json.loads(json.dumps(task.describe()))
    assert told["channels"] == 3 and told["image_size"] == [8, 8] and told["classes"] == 3
    assert told["sizes"] == {"train": 36, "val": 12, "test": 12} and told["checksum"] == task.checksum


def test_checksum_is_of_the_contents(task):
    again = dataclasses.replace(task, name="other")
    assert again.checksum == task.checksum and len(task.checksum) == 64
    changed = task.val.images.clone()
    changed[0, 0, 0, 0] ^= 1
    other = dataclasses.replace(task, val=dataclasses.replace(task.val, images=changed))
    assert other.checksum != task.checksum
    assert dataclasses.replace(task, classes=4).checksum != task.checksum
    assert task.to("cpu").checksum == task.checksum


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 3, 8, 8), "torch.float32"),
        (torch.zeros(2, 8, 8, dtype=torch.uint8), r"\(2, 8, 8\)"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), "no images"),
        ("nothing", "str"),
    ],
)
def test_wrong_images_are_refused(images, message):
    with pytest.raises(DataError, match=message):
        Split(images, torch.zeros(2, dtype=torch.int64), Normalisation((0.0,) * 3, (1.0,) * 3))


@pytest.mark.parametrize("labels", [torch.zeros(59, dtype=torch.int64), torch.zeros(60), torch.zeros(60, 1).long()])
def test_wrong_labels_are_refused(pool, labels):
    with pytest.raises(DataError, match="one label an image"):
        Split(pool[0], labels, Normalisation.of(pool[0]))


def test_wrong_normalisation_is_refused(pool):
    with pytest.raises(DataError, match="3 means"):
        Split(*pool, Normalisation((0.5,), (0.5,)))


def test_a_task_tells_the_first_label_out_of_range(split):
    labels = split.labels.clone()
    labels[7], labels[9] = 5, -1
    bad = dataclasses.replace(split, labels=labels)
    with pytest.raises(DataError, match=r"(?s)task t, split val: 2 of 60 .*label 5 at index 7.*0 to 2"):
        ImageTask("t", split, bad, split, classes=3)


def test_a_task_refuses_splits_that_differ(split):
    small = dataclasses.replace(split, images=split.images[:, :, :4])
    with pytest.raises(DataError, match=r"(?s)split test.*\[3, 4, 8\].*\[3, 8, 8\]"):
        ImageTask("t", split, split, small, classes=3)
    shifted = dataclasses.replace(split, normalisation=Normalisation((0.0,) * 3, (1.0,) * 3))
    with pytest.raises(DataError, match="another normalisation"):
        ImageTask("t", split, shifted, split, classes=3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_batches_and_samples(task):
    moved = task.to("cuda")
    x, y = moved.val.take(8, seed=1).batch(slice(0, 8))
    x_cpu, y_cpu = task.val.take(8, seed=1).batch(slice(0, 8))
    assert x.is_cuda and y.is_cuda and torch.equal(y.cpu(), y_cpu)
    assert torch.allclose(x.cpu(), x_cpu, atol=1e-6)
    assert moved.checksum == task.checksum


def test_loss_and_metric_of_classification(task):
    assert isinstance(task, Task)
    assert task.input_shape == (3, 8, 8) and task.output_shape == (task.classes,)
    output, target = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), torch.tensor([0, 1])
    each = [math.log(1 + 2 * math.exp(-2)), math.log(3)]
    assert float(task.loss(output, target)) == pytest.approx(sum(each) / 2)
    assert float(task.loss(output, target, reduction="sum")) == pytest.approx(sum(each))
    assert task.metric(output, target).tolist() == [1.0, 0.0]
