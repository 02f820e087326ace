"""The space of NAS-Bench-Macro against what is published of it, and the reader of its table."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from random_graphs import random_weights

from ghn.errors import ArchitectureError, ConfigError, DataError
from ghn.graph import Interpreter, function_key, graph_stats, simplify
from ghn.spaces import NASBenchMacro
from ghn.spaces.macro.published import read_nas_bench_macro
from ghn.tables.lookup import TableEstimator, distinct_references
from ghn.types import Trial

FULL = NASBenchMacro((3, 32, 32), classes=10)
SMALL = NASBenchMacro((3, 8, 8), classes=4, width=2)
TABLES = Path(__file__).parents[3] / "shared/tables"
GOLDEN = {  # parameters and multiply-adds, as published
    "22121122": (2_606_762, 88_168_960),
    "20102201": (1_348_266, 51_593_728),
    "01110200": (834_218, 34_484_736),
    "02012111": (1_698_090, 60_131_840),
    "00201000": (568_106, 23_753_216),
}


@pytest.mark.parametrize("arch", GOLDEN)
def test_members_have_their_published_sizes(arch: str) -> None:
    stats = graph_stats(FULL.network(FULL.parse(arch)).graph)
    assert (stats.params, stats.macs) == GOLDEN[arch]
    live = graph_stats(simplify(FULL.network(arch).graph))
    assert (live.params, live.macs) == GOLDEN[arch]


@pytest.mark.skipif(not TABLES.is_dir(), reason="needs the published tables")
def test_every_published_row_has_its_size() -> None:
    published: dict[str, set[tuple[int, int]]] = {}
    for name in ("macro_development.csv", "macro_report.csv"):
        with (TABLES / name).open(newline="") as file:
            for row in csv.DictReader(file):
                sizes = int(row["parameters"]), int(row["multiply_adds"])
                published.setdefault(FULL.canonical(row["blocks"]), set()).add(sizes)
    assert len(published) > 2000
    for arch, sizes in published.items():
        stats = graph_stats(FULL.network(arch).graph)
        assert (arch, sizes) == (arch, {(stats.params, stats.macs)})


def test_members_and_functions_are_as_many_as_they_are() -> None:
    members = SMALL.members()
    assert len(members) == len(set(members)) == len(SMALL) == 6561
    functions = SMALL.distinct()
    assert len(functions) == (3 * 3) * (3 * 7) * (3 * 7) == 3969
    assert {SMALL.canonical(arch) for arch in members} == set(functions)


def test_identities_within_a_stage_may_stand_anywhere() -> None:
    assert SMALL.canonical("00201000") == SMALL.canonical("00210000") == "00210000"
    assert SMALL.canonical("01000021") == "01000021"  # those at the head of a stage stay
    keys = {SMALL.canonical(arch) for arch in ("11112211", "11121211", "11112121")}
    assert len(keys) == 3


def test_keys_agree_with_the_graphs_of_members_that_are_alike() -> None:
    rng = Random(0)
    archs = {"".join(rng.choice("0012") for _ in range(8)) for _ in range(150)}
    keys = {(SMALL.canonical(a), function_key(simplify(SMALL.network(a).graph))) for a in archs}
    assert len(keys) == len({a for a, _ in keys}) == len({b for _, b in keys}) < len(archs)


def test_equal_members_give_equal_outputs() -> None:
    """The same weights under the names of the other member."""
    one, other = (SMALL.network(arch).live().graph for arch in ("10102020", "10120002"))
    weights, x = random_weights(one), torch.randn(2, 3, 8, 8, dtype=torch.float64)
    renamed = {b.name: weights[a.name] for a, b in zip(one.params(), other.params(), strict=True)}
    assert torch.equal(Interpreter(one).run(weights, x).output, Interpreter(other).run(renamed, x).output)


def test_stages_halve_the_image_and_double_the_channels() -> None:
    graph = NASBenchMacro((3, 32, 32), 10, width=8).network("10020210").graph
    names = {node.name: node.shape for node in graph.nodes}
    assert names["stem/conv"] == (8, 32, 32)
    assert names["stage0/layer0/mb3_k3/project/norm"] == (16, 16, 16)
    assert names["stage1/layer0/identity/norm"] == (32, 8, 8)
    assert names["stage2/layer2/identity"] == (64, 4, 4)
    assert names["head/conv"] == (320, 4, 4)
    assert names["stage1/layer1/mb6_k5/depthwise/conv"] == (6 * 32, 8, 8)
    assert "stage1/layer1/mb6_k5/sum" in names and "stage0/layer0/mb3_k3/sum" not in names


@pytest.mark.parametrize("size", [7, 12])
def test_images_may_have_any_size(size: int) -> None:
    space = NASBenchMacro((1, size, size), classes=3, width=2)
    for graph in (space.network("01201021").graph, space.supergraph([[]] * 8, mixed=False).graph):
        x = torch.randn(2, 1, size, size, dtype=torch.float64)
        assert Interpreter(graph).run(random_weights(graph), x).output.shape == (2, 3)


def test_what_is_drawn_is_the_live_chain() -> None:
    (found,) = SMALL.diagrams("10021012")
    assert found.labels == (
        *("in", "mb3 3x3/2", "conv 1x1/2", "mb6 5x5", "mb3 3x3", "conv 1x1/2", "mb3 3x3", "mb6 5x5", "out"),
    )
    assert found.edges == tuple((i, i + 1) for i in range(8)) and found.ends == {0, 8}


def test_features_are_those_of_the_function() -> None:
    assert SMALL.encode("00201000") == SMALL.encode("00210000") != SMALL.encode("00220000")
    features = SMALL.encode("12022111")
    assert (features["stage0_first_mb3_k3"], features["stage0_other_mb6_k5"], features["blocks"]) == (1, 1, 7)
    assert features["stage2_other_mb3_k3"] == 2 and len(features) == 13


def test_networks_grow_a_block_at_a_time() -> None:
    assert list(SMALL.simplest()) == ["00000000"]
    grown = list(SMALL.expand("11111100"))
    assert grown == ["11111110", "11111120", "11111101", "11111102"]
    assert not list(SMALL.expand("12121212"))


def test_discretising_takes_the_most_probable_options() -> None:
    probabilities = [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]] * 4
    assert SMALL.discretise(probabilities) == "10101010"


def test_settings_and_strings_that_do_not_fit_are_refused() -> None:
    for wrong in ({"input_shape": (3, 32)}, {"input_shape": (3, 0, 8)}, {"width": 0}, {"classes": 0}):
        with pytest.raises(ConfigError, match="NAS-Bench-Macro needs"):
            NASBenchMacro(**{"input_shape": (3, 32, 32), "classes": 10, **wrong})
    for text in ("1201022", "120102211", "12010223", "1201022a", "1 2 1 2 1 2 1 2", "1201022\u0661"):
        with pytest.raises(ArchitectureError, match="8 digits of 012"):
            SMALL.parse(text)
    assert SMALL.parse(" 12010221\n") == "12010221"


# --- the published table ---


def entry(*accuracies: float, params: Any = 1000) -> dict[str, Any]:
    """As the published file has it."""
    return {"test_acc": list(accuracies), "mean_acc": 1.0, "std": 0.1, "params": params, "flops": 2000}


def written(folder: Path, content: Any) -> Path:
    path = folder / "nas-bench-macro_cifar10.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_a_table_holds_each_function_once(tmp_path: Path) -> None:
    best = entry(92.83000183105469, 92.5, 92.0)
    path = written(tmp_path, {"00201000": best, "00210000": best, "11111111": entry(90, 91, 92.5, params=7)})
    table = read_nas_bench_macro(path)
    assert table.archs() == ["00210000", "11111111"] and len(table) == 6
    assert [run.test_accuracy for run in table.of("00210000")] == [0.9283, 0.925, 0.92]
    assert table.of("11111111")[2].params == 7 and table.seeds("test_accuracy")[1].shape == (2, 3)
    assert table.header.skeleton == FULL.describe() and table.header.recipe["epochs"] == 50
    table.save(tmp_path / "macro.jsonl")
    assert type(table).load(tmp_path / "macro.jsonl") == table


def test_every_member_is_found_in_a_table(tmp_path: Path) -> None:
    table = read_nas_bench_macro(written(tmp_path, {"00201000": entry(90, 91, 92)}))
    (score,) = TableEstimator(table, SMALL, metric="test_accuracy").score([Trial("a", "00210000")])
    assert score.value == pytest.approx(0.91)
    assert distinct_references(SMALL, table) == pytest.approx({"00210000": 0.91})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ([1], "no table of networks"),
        ({}, "no table of networks"),
        ({"0000": entry(1, 2, 3)}, r"(?s)not a table of NAS-Bench-Macro.*got:      0000.*digits"),
        ({"11111111": 3}, r"(?s)entry '11111111', test_acc.*nothing.*3 accuracies"),
        ({"11111111": entry(90, 91)}, r"(?s)entry '11111111', test_acc.*\[90, 91\]"),
        ({"11111111": entry(0.9, 0.91, 0.92)}, r"(?s)entry '11111111', test_acc.*percent, from 1 to 100"),
        ({"11111111": entry(90, 91, 101)}, "percent"),
        (b'{"11111111": {"test_acc": [NaN, 90, 90], "params": 3}}', "percent"),
        ({"11111111": entry(90, 91, True)}, "percent"),
        ({"11111111": entry(90, 91, 92, params=None)}, r"entry '11111111', params"),
        ({"11111111": entry(90, 91, 92, params=1.5)}, r"entry '11111111', params"),
        (
            {"00201000": entry(90, 91, 92), "00210000": entry(90, 91, 93)},
            r"(?s)entries '00201000' and '00210000'.*the same trainings",
        ),
    ],
)
def test_foreign_tables_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_nas_bench_macro(written(tmp_path, content))


def test_tables_that_are_missing_or_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_nas_bench_macro(tmp_path / "nothing.json")
    monkeypatch.setattr("ghn.spaces.macro.published.LARGEST", 10)
    with pytest.raises(DataError, match="too large"):
        read_nas_bench_macro(written(tmp_path, {"11111111": entry(90, 91, 92)}))
