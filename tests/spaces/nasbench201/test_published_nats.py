"""NATS-Bench archives: a tiny one is made in the official format with the official classes, then read."""

from __future__ import annotations

import bz2
import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from nats_archives import accuracy, write_archive

from ghn.errors import ConfigError, DataError
from ghn.graph import count_params
from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.published import read_nats_bench

pytestmark = pytest.mark.skipif(find_spec("nats_bench") is None, reason="needs the extra nasbench")

FIXTURE = Path(__file__).parents[4] / "shared/fixtures/nats_bench/NATS-tss-v1_0-3ffb9-simple"
ARCHS = (
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("NATS-tss-v1_0-3ffb9-simple"), ARCHS, (12, 200))


def test_agrees_with_the_official_api(archive: Path) -> None:
    import nats_bench

    api = nats_bench.create(str(archive), "tss", fast_mode=True, verbose=False)
    for epochs in (12, 200):
        table = read_nats_bench(archive, epochs=epochs)
        val = [api.get_more_info(i, "cifar10-valid", hp=str(epochs), is_random=False) for i in (0, 1)]
        test = [api.get_more_info(i, "cifar10", hp=str(epochs), is_random=False) for i in (0, 1)]
        assert table.archs() == list(ARCHS)
        assert [100 * v for v in table.value().values()] == pytest.approx([x["valid-accuracy"] for x in val])
        assert [100 * v for v in table.value("test_accuracy").values()] == pytest.approx(
            [x["test-accuracy"] for x in test]
        )
        assert table.of(ARCHS[0])[0].seconds == pytest.approx(val[0]["train-all-time"])


def test_curves_seeds_and_cost(archive: Path) -> None:
    table = read_nats_bench(archive)
    both, val_only, test_only = table.of(ARCHS[0])
    assert [r.seed for r in (both, val_only, test_only)] == [777, 888, 999]
    assert both.epochs == tuple(range(1, 201)) and both.params == 129306 and both.seconds == 400.0
    assert both.val_accuracy[99] == pytest.approx(accuracy("x-valid", 99, 777) / 100)
    assert both.train_accuracy[99] == pytest.approx(accuracy("train", 99, 777) / 100)
    assert both.test_accuracy == pytest.approx(accuracy("ori-test", 199, 777) / 100)
    assert val_only.test_accuracy is None and len(val_only.val_loss) == 200
    assert test_only.val_accuracy == () and test_only.test_accuracy is not None
    assert table.seeds()[1].shape == (2, 2)


def test_other_datasets(archive: Path) -> None:
    table = read_nats_bench(archive, "cifar100", indices=[1])
    only = table.runs[0]
    assert table.archs() == [ARCHS[1]] and only.epochs == (200,)  # validation is recorded there and only there
    assert only.val_accuracy == pytest.approx([accuracy("x-valid", 199, 777) / 100])
    assert only.test_accuracy == pytest.approx(accuracy("x-test", 199, 777) / 100)
    assert table.header.skeleton["classes"] == 100
    assert len(read_nats_bench(archive, "ImageNet16-120", epochs=12).runs[0].val_accuracy) == 12


def rewritten(archive: Path, folder: Path, name: str, content: Any) -> Path:
    for file in archive.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / name).write_bytes(bz2.compress(content if isinstance(content, bytes) else pickle.dumps(content)))
    return folder


def test_code_in_an_archive_is_refused_before_it_runs(archive: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (mark,)

    for name in ("meta.pickle.pbz2", "000001.pickle.pbz2"):
        folder = tmp_path / name
        folder.mkdir()
        rewritten(archive, folder, name, {"200": Evil(), "meta_archs": list(ARCHS)})
        with pytest.raises(DataError, match=f"(?s){name}.*not plain data"):
            read_nats_bench(folder)
    assert not mark.exists()


@pytest.mark.parametrize("where", ["state", "results"])
def test_what_an_archive_names_is_not_opened(archive: Path, tmp_path: Path, where: str) -> None:
    """The official API opens a string as the path of a pickle, with nothing to hold it back."""
    mark, evil = tmp_path / "ran", tmp_path / "evil.pickle.pbz2"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (mark,)

    evil.write_bytes(bz2.compress(pickle.dumps(Evil())))
    content = {"200": str(evil)} if where == "state" else {"200": {"all_results": {("cifar10", 777): str(evil)}}}
    folder = tmp_path / "archive"
    folder.mkdir()
    with pytest.raises(DataError, match=r"(?s)not the results of one NATS-Bench architecture.*is not opened"):
        read_nats_bench(rewritten(archive, folder, "000000.pickle.pbz2", content))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("meta.pickle.pbz2", {"meta_archs": ["8:8:8:8:8"]}, "topology space"),
        ("meta.pickle.pbz2", [1], "topology space"),
        ("meta.pickle.pbz2", {"meta_archs": list(ARCHS[::-1])}, "not the architecture that meta lists"),
        ("000000.pickle.pbz2", {"12": {}}, "not the results of one NATS-Bench architecture"),
        ("000000.pickle.pbz2", {"200": {"dataset_seed": 3}}, "not the results of one"),
        ("000001.pickle.pbz2", b"\x80\x04", "not a readable pickle"),
    ],
)
def test_foreign_archives(archive: Path, tmp_path: Path, name: str, content: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_nats_bench(rewritten(archive, tmp_path, name, content))


def test_wrong_questions(archive: Path, tmp_path: Path) -> None:
    for wrong in ({"dataset": "cifar10-valid"}, {"epochs": 100}):
        with pytest.raises(ConfigError, match="no such trainings"):
            read_nats_bench(archive, **wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"000007\.pickle\.pbz2 is missing"):
        read_nats_bench(archive, indices=[7])
    with pytest.raises(DataError, match=r"meta\.pickle\.pbz2 is missing"):
        read_nats_bench(tmp_path)


@pytest.mark.skipif(not FIXTURE.is_dir(), reason="needs a part of the published archive")
def test_the_published_archive() -> None:
    import nats_bench

    api = nats_bench.create(str(FIXTURE), "tss", fast_mode=True, verbose=False)
    for dataset, classes, size in (("cifar10", 10, 32), ("cifar100", 100, 32), ("ImageNet16-120", 120, 16)):
        table = read_nats_bench(FIXTURE, dataset)
        space = NASBench201((3, size, size), classes)
        assert table.header.skeleton == space.describe()
        assert table.archs() == [api.arch(index) for index in (0, 11, 284)]
        for run in table.runs:
            assert run.params == count_params(space.network(space.parse(run.arch)).graph)
        for index, value in zip((0, 11, 284), table.value("test_accuracy").values(), strict=True):
            known = api.get_more_info(index, dataset, hp="200", is_random=False)["test-accuracy"]
            assert 100 * value == pytest.approx(known)
