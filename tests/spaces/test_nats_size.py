"""The size space of NATS-Bench against what is published of it, and the reader of its archive."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import product
from pathlib import Path
from random import Random

import pytest
from nats_archives import accuracy, write_archive

from ghn.errors import ArchitectureError, ConfigError, DataError
from ghn.families.sharing.roles import SAMPLED, holds, key_of
from ghn.graph import function_key, graph_stats, simplify
from ghn.spaces import NATSBenchSize
from ghn.spaces.candidates import choose_ranked
from ghn.spaces.choices import choice_space
from ghn.spaces.nats_size.published import read_nats_bench_sizes
from ghn.spaces.nats_size.space import CHANNELS
from ghn.tables.pickles import restricted_load
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader

FULL = NATSBenchSize((3, 32, 32), classes=10)
SMALL = NATSBenchSize((3, 8, 8), classes=4, width=2)
FIXTURE = Path(__file__).parents[3] / "shared/fixtures/nats_bench/NATS-sss-v1_0-50262-simple"
GOLDEN = {  # number, parameters and FLOPs as published, which count the bias of the class head: one a class
    "8:8:8:8:8": (0, 11_714, 4_481_114),
    "8:8:8:16:32": (11, 49_202, 6_840_650),
    "8:8:40:32:40": (284, 144_834, 21_827_994),
}
needs_api = pytest.mark.skipif(find_spec("nats_bench") is None, reason="needs the extra nasbench")


@pytest.mark.parametrize("text", GOLDEN)
def test_members_have_their_published_numbers(text: str) -> None:
    number, params, flops = GOLDEN[text]
    arch = FULL.parse(text)
    stats = graph_stats(FULL.network(arch).graph)
    assert (FULL.index(arch), stats.params, stats.macs + 10) == (number, params, flops)
    assert FULL.member(number) == arch


def test_other_data_sets_have_their_published_sizes() -> None:
    stats = graph_stats(NATSBenchSize((3, 16, 16), classes=120).network((8, 8, 40, 32, 40)).graph)
    assert (stats.params, stats.macs + 120) == (149_344, 5_461_816)


def test_all_members_are_listed_by_their_numbers() -> None:
    members = FULL.distinct()
    assert len(members) == len(FULL) == 32_768
    assert [FULL.index(arch) for arch in members[::97]] == list(range(0, 32_768, 97))
    assert FULL.format(members[-1]) == "64:64:64:64:64"
    for wrong in (-1, 32_768, True, 1.0):
        with pytest.raises(ArchitectureError, match="0 to 32767"):
            FULL.member(wrong)  # type: ignore[arg-type]


def test_members_compute_different_functions() -> None:
    around = [(8, 8, 16, 16, 8), (16, 8, 8, 16, 8), (8, 16, 16, 8, 8), (16, 16, 8, 8, 8), (8,) * 5, (16,) * 5]
    assert len({function_key(simplify(SMALL.network(arch).graph)) for arch in around}) == len(around)


def test_skips_are_convolutions_where_channels_change() -> None:
    names = {node.name: node.shape for node in FULL.network((8, 16, 16, 24, 32)).graph.nodes}
    assert names["stem/conv"] == (8, 32, 32) and names["reduction1/sum"] == (16, 16, 16)
    assert "cell0/0-3/skip" in names and "cell2/0-3/skip" in names
    assert names["cell4/0-3/conv"] == (32, 8, 8) and "cell4/0-3/skip" not in names


def test_a_narrower_setting_narrows_all_layers() -> None:
    graph = NATSBenchSize((3, 8, 8), 4, width=4).network((8, 16, 24, 40, 64)).graph
    shapes = {node.name: node.shape[0] for node in graph.nodes}
    layers = ("cell0/node3", "reduction1/sum", "cell2/node3", "reduction3/sum", "cell4/node3")
    assert [shapes[name] for name in layers] == [4, 8, 12, 20, 32]


def test_a_bank_holds_every_member() -> None:
    """It holds what 500 members have: among them all pairs of layers side by side, of which shapes follow."""
    rng = Random("members")
    drawn = [SMALL.sample(rng) for _ in range(SAMPLED)]
    pairs = list(product(CHANNELS, CHANNELS))
    assert all({arch[i : i + 2] for arch in drawn} == set(pairs) for i in range(4))
    graphs = (SMALL.network((a, b, a, b, a)).graph for a, b in pairs)
    keys = {key_of(param): param.kind for graph in graphs for param in graph.params()}
    assert all(holds(keys, SMALL, SMALL.sample(Random(seed))) for seed in range(30))


def test_there_is_no_mixed_supergraph() -> None:
    with pytest.raises(ConfigError, match="nats_size has no network in which all options stand side by side"):
        choice_space(SMALL)


def test_networks_grow_a_step_at_a_time() -> None:
    assert list(SMALL.simplest()) == [(8,) * 5]
    assert list(SMALL.expand((8, 64, 64, 16, 64))) == [(16, 64, 64, 16, 64), (8, 64, 64, 24, 64)]


def test_what_is_drawn_and_encoded() -> None:
    (found,) = SMALL.diagrams((8, 16, 24, 40, 64))
    assert found.labels == ("in", "cell 8", "reduction 16", "cell 24", "reduction 40", "cell 64", "out")
    assert list(SMALL.encode((8, 16, 24, 40, 64)).values()) == [8, 16, 24, 40, 64]


def test_settings_and_strings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="size space skeleton, which halves them twice"):
        NATSBenchSize((3, 30, 30), 10)
    for wrong in ({"width": 0}, {"classes": 0}):
        with pytest.raises(ConfigError, match="size space needs width"):
            NATSBenchSize(**{"input_shape": (3, 32, 32), "classes": 10, **wrong})
    for text in ("8:8:8:8", "8:8:8:8:8:8", "8:8:8:8:12", "8:8:8:8:72", "8,8,8,8,8", "8:8:8:8:-8", "8: 8:8:8:8"):
        with pytest.raises(ArchitectureError, match="size space"):
            SMALL.parse(text)
    for arch in ((8, 8, 8, 8, 8.0), [8] * 5, (8, 8, 8, 8, 12)):
        with pytest.raises(ArchitectureError, match="size space"):
            SMALL.check(arch)


# --- the published archive ---


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("NATS-sss-v1_0-50262-simple")
    return write_archive(folder, ["8:8:8:8:8", "8:8:8:8:16"], (1, 12, 90))


@needs_api
def test_the_archive_is_read_as_the_official_api_reads_it(archive: Path) -> None:
    import nats_bench

    api = nats_bench.create(str(archive), "sss", fast_mode=True, verbose=False)
    for epochs in (1, 12, 90):
        table = read_nats_bench_sizes(archive, epochs=epochs)
        for index, text in enumerate(table.archs()):
            for dataset, metric, name in (
                ("cifar10-valid", "val_accuracy", "valid-accuracy"),
                ("cifar10", "test_accuracy", "test-accuracy"),
            ):
                known = api.get_more_info(index, dataset, hp=f"{epochs:02d}", is_random=False)[name]
                assert 100 * table.value(metric)[text] == pytest.approx(known)
    other = read_nats_bench_sizes(archive, "cifar100", indices=[1])
    assert other.archs() == ["8:8:8:8:16"] and other.header.skeleton == NATSBenchSize((3, 32, 32), 100).describe()
    assert other.runs[0].test_accuracy == pytest.approx(accuracy("x-test", 89, 777) / 100)


@needs_api
def test_what_is_no_archive_of_this_space_is_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="epochs of \\(1, 12, 90\\)"):
        read_nats_bench_sizes(archive, epochs=200)
    write_archive(tmp_path, ["|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"], (12,))
    with pytest.raises(DataError, match=r"(?s)not a NATS-Bench archive of the size space.*NATS-sss"):
        read_nats_bench_sizes(tmp_path)


@needs_api
@pytest.mark.skipif(not FIXTURE.is_dir(), reason="needs a part of the published archive")
def test_the_published_archive(tmp_path: Path) -> None:
    names = restricted_load(FIXTURE / "meta.pickle.pbz2")["meta_archs"]
    assert [FULL.format(arch) for arch in FULL.distinct()] == names
    for dataset, classes, size in (("cifar10", 10, 32), ("cifar100", 100, 32), ("ImageNet16-120", 120, 16)):
        table = read_nats_bench_sizes(FIXTURE, dataset)
        space = NATSBenchSize((3, size, size), classes)
        assert table.archs() == list(GOLDEN) and table.header.skeleton == space.describe()
        for run in table.runs:
            assert run.params == graph_stats(space.network(space.parse(run.arch)).graph).params
            assert len(run.val_accuracy) == 90 and run.seed == 777
    assert len(read_nats_bench_sizes(FIXTURE, epochs=12).of("8:8:8:8:8")) == 3
    table.save(tmp_path / "sizes.jsonl")
    assert ReferenceTable.load(tmp_path / "sizes.jsonl") == table


def test_published_networks_are_ranked_without_a_benchmark(tmp_path: Path) -> None:
    """A published table is sorted: of its first networks all have 8 channels in front."""
    every = FULL.distinct()[:2000]
    header = TableHeader(SMALL.name, "cifar10", skeleton=FULL.describe(), recipe={"epochs": 90})
    runs = tuple(Run(FULL.format(arch), 777, test_accuracy=0.5 + i / 10_000) for i, arch in enumerate(every))
    ReferenceTable(header, runs).save(tmp_path / "sizes.jsonl")
    archs, (reference,), _ = choose_ranked(50, "any", str(tmp_path / "sizes.jsonl"), SMALL, "other images")
    assert len(archs) == 50 and len({arch.split(":")[1] for arch in archs}) > 2
    assert reference.note is not None and "'width': 8" in reference.note
