"""Tasks from users' datasets and folders of images."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset
from torchvision.datasets import FakeData
from torchvision.transforms import ToTensor

from ghn.errors import ConfigError, DataError
from ghn.tasks import from_arrays, from_dataset, make_task


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
        ([(torch.rand(1, 4, 4) - 2, 0)], r"(?s)train\[0\].*out of range.*images=False"),
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
    named = make_task("dataset", train={**config, "target": "torchvision.datasets:FakeData"}, classes=2)
    assert task.name == named.name == "dataset:FakeData" and task.checksum == named.checksum
    assert task.checksum == from_dataset("x", data, classes=2).checksum
    for wrong, says in {
        "torchvision.datasets.Nothing": "has no 'Nothing'",
        "no.such:Module": "cannot be imported",
        "": "a target is a module",
        "torchvision.datasets.FakeData": "could not be made",
    }.items():
        with pytest.raises(ConfigError, match=says):
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
    assert task.describe()["class_names"] == ["cat", "dog"]
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
