"""Tasks from users' arrays, datasets and folders, and by name."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset
from torchvision.datasets import FakeData
from torchvision.transforms import ToTensor

from ghn.errors import ConfigError, DataError
from ghn.tasks import TASKS, from_arrays, from_dataset, make_task


def members(split):
    return {(image.numpy().tobytes(), int(label)) for image, label in zip(split.images, split.labels, strict=True)}


def test_from_arrays_holds_out_stratified_disjoint_splits(pool):
    task = from_arrays("toy", pool, val_share=0.2, test_share=0.1)
    assert task.classes == 3 and task.channels == 3 and task.image_size == (8, 8)
    counts = [split.labels.bincount().tolist() for split in task.splits().values()]
    assert counts == [[21, 12, 9], [6, 4, 2], [3, 2, 1]]
    parts = [members(split) for split in task.splits().values()]
    assert len(parts[0] | parts[1] | parts[2]) == 60


def test_from_arrays_does_not_depend_on_the_order_given(pool):
    images, labels = pool
    reverse = from_arrays("toy", (images.flip(0), labels.flip(0)))
    assert reverse.checksum == from_arrays("toy", pool).checksum
    assert from_arrays("toy", pool, seed=1).checksum != reverse.checksum


def test_given_splits_are_kept(pool):
    images, labels = pool
    task = from_arrays("toy", pool, val=(images[:5], labels[:5]), test=(images[5:9], labels[5:9]))
    assert [len(split) for split in task.splits().values()] == [60, 5, 4]


def test_floats_and_numpy_are_converted(pool):
    images, labels = pool
    task = from_arrays("toy", ((images / 255).numpy(), labels.numpy().astype(np.int32)), size=4)
    assert task.checksum == from_arrays("toy", pool, size=4).checksum and task.image_size == (4, 4)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda x, y: (x[:, 0], y), {}, r"(?s)\(60, 8, 8\).*add the channel axis"),
        (lambda x, y: (x.long(), y), {}, "torch.int64"),
        (lambda x, y: (x.float(), y), {}, r"(?s)from 0 to 255.*0 to 1"),
        (lambda x, y: (x / 127.5 - 1, y), {}, "(?s)from -1 to 1.*normalisation"),
        (lambda x, y: (x * float("nan"), y), {}, "nan"),
        (lambda x, y: (x[:0], y[:0]), {}, "at least one image"),
        (lambda x, y: (x, y[:-1]), {}, r"\(59,\)"),
        (lambda x, y: (x, y.float()), {}, "torch.float32"),
        (lambda x, y: (x, y + 1), {}, "(?s)no image of class 0.*renumber"),
        (lambda x, y: (x, y - 1), {}, "(?s)label -1"),
        (lambda x, y: (x, y), {"classes": 2}, "(?s)12 of 60 .*label 2 at index 48.*0 to 1"),
        (lambda x, y: (x[:2], y[:2]), {}, "too few images"),
    ],
)
def test_wrong_arrays_are_refused_clearly(pool, change, options, message):
    with pytest.raises(DataError, match=message) as caught:
        from_arrays("mine", change(*pool), **options)
    assert "mine" in str(caught.value)


def test_splits_of_other_shapes_and_bad_shares_are_refused(pool):
    with pytest.raises(DataError, match=r"split val.*\n.*\[3, 4, 8\]"):
        from_arrays("mine", pool, val=(pool[0][:, :, :4], pool[1]))
    with pytest.raises(ConfigError, match="val_share"):
        from_arrays("mine", pool, val_share=1.5)


def test_map_style_datasets_of_any_item_kind_agree(pool):
    images, labels = pool
    pil = [(Image.fromarray(np.moveaxis(x.numpy(), 0, -1)), int(y)) for x, y in zip(*pool, strict=True)]
    arrays = [(np.moveaxis(x.numpy(), 0, -1), np.int64(y)) for x, y in zip(*pool, strict=True)]
    floats = [(ToTensor()(x), y) for x, y in pil]
    tasks = [from_dataset("toy", data) for data in (TensorDataset(images, labels), pil, arrays, floats)]
    assert len({task.checksum for task in tasks}) == 1
    assert tasks[0].checksum == from_arrays("toy", pool).checksum


def test_datasets_of_mixed_sizes_and_modes_are_fitted():
    data = [(Image.new("RGB", (20 + i, 30), (i, 0, 0)), i % 2) for i in range(20)]
    data += [(Image.new("L", (8, 12), i), i % 2) for i in range(20)]
    task = from_dataset("toy", data, size=(9, 6), channels=3)
    assert task.image_size == (9, 6) and task.channels == 3
    with pytest.raises(DataError, match=r"(?s)train\[1\].*size="):
        from_dataset("toy", data)
    with pytest.raises(DataError, match=r"(?s)train\[20\].*channels="):
        from_dataset("toy", data, size=8)


class Broken(TensorDataset):
    def __getitem__(self, index):
        if index == 2:
            raise OSError("truncated file")
        return super().__getitem__(index)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "empty"),
        (Broken(torch.rand(4, 1, 2, 2), torch.arange(4)), r"(?s)train\[2\].*truncated file"),
        ([(torch.rand(1, 4, 4), 0.5)], r"(?s)train\[0\].*whole number"),
        ([(torch.rand(1, 4, 4), torch.tensor([0, 1]))], r"(?s)train\[0\].*whole number"),
        ([("a path", 0)], r"(?s)train\[0\]: not an image.*str"),
        ([(torch.rand(1, 4, 4) - 2, 0)], r"(?s)train\[0\].*out of range"),
        ([(Image.new("CMYK", (4, 4)), 0)], "(?s)CMYK.*channels="),
        (iter([1]), "map-style"),
    ],
)
def test_wrong_datasets_are_refused_clearly(data, message):
    with pytest.raises(DataError, match=message):
        from_dataset("toy", data)


def test_datasets_by_config():
    config = {
        "target": "torchvision.datasets.FakeData",
        "size": 40,
        "image_size": [3, 8, 8],
        "num_classes": 2,
    }
    task = make_task("dataset", train=config, classes=2)
    data = FakeData(40, (3, 8, 8), 2)
    assert task.name == "dataset:FakeData" and task.checksum == from_dataset("x", data, classes=2).checksum
    for wrong in ("torchvision.datasets.Nothing", "no.such.Module", "", "torchvision.datasets.FakeData"):
        with pytest.raises(ConfigError, match="target"):
            make_task("dataset", train={"target": wrong, "wrong": 1})


def write_folder(root, classes=("cat", "dog"), count=15, mode="RGB"):
    for label, title in enumerate(classes):
        (root / title).mkdir(parents=True)
        for i in range(count):
            Image.new(mode, (12, 12), (i,) * len(mode)).save(root / title / f"{label}{i}.png")


def test_image_folder_with_and_without_splits(tmp_path):
    write_folder(tmp_path / "plain")
    task = make_task("image_folder", root=str(tmp_path / "plain"), size=6)
    assert task.name == "image_folder:plain" and task.classes == 2 and task.image_size == (6, 6)
    assert [len(split) for split in task.splits().values()] == [24, 3, 3]
    for part, count in (("train", 10), ("test", 3)):
        write_folder(tmp_path / "split" / part, count=count)
    task = make_task("image_folder", root=tmp_path / "split", channels=1, val_share=0.2)
    assert task.channels == 1 and [len(split) for split in task.splits().values()] == [16, 4, 6]


def test_wrong_folders_are_refused_clearly(tmp_path):
    with pytest.raises(DataError, match="CLASS/IMAGE"):
        make_task("image_folder", root=tmp_path / "nowhere")
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "val", classes=("cat", "wolf"))
    with pytest.raises(DataError, match=r"(?s)other classes.*dog.*wolf"):
        make_task("image_folder", root=tmp_path)
    (tmp_path / "train" / "cat" / "03.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"(?s)train\[\d+\].*03\.png"):
        make_task("image_folder", root=tmp_path / "train")


def test_unknown_names_and_options_are_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean cifar10_embedded") as caught:
        make_task("cifar10_embeded")
    assert all(name in str(caught.value) for name in TASKS)
    with pytest.raises(ConfigError, match=r"(?s)option of task cifar10.*did you mean size"):
        make_task("cifar10", sise=16)
    with pytest.raises(ConfigError, match="needs the option root"):
        make_task("image_folder")
