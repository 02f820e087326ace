"""The published accuracies of all NAS-Bench-201 cells, the distinct networks, and the committed samples."""

from __future__ import annotations

import importlib.util
import json
import pickle
import runpy
import sys
import types
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from ghn.assets import asset
from ghn.errors import DataError, MissingExtraError
from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.benchmark import load_sample
from ghn.spaces.nasbench201.published import read_analog_nasbench, read_nats_bench
from ghn.tables.lookup import distinct_references
from ghn.tables.references import ReferenceTable

SPACE = NASBench201((3, 32, 32), 10)
needs_extra = pytest.mark.skipif(find_spec("analognasbench") is None, reason="needs the extra nasbench")


@pytest.fixture(scope="module")
def published() -> ReferenceTable:
    return read_analog_nasbench()


@pytest.fixture(scope="module")
def distinct(published: ReferenceTable) -> dict[str, float]:
    return distinct_references(SPACE, published)


def conv_size(arch: str) -> int:
    """Orders cells by parameter count."""
    return 9 * arch.count("nor_conv_3x3") + arch.count("nor_conv_1x1")


@needs_extra
class TestAllCells:
    def test_every_cell_once(self, published: ReferenceTable) -> None:
        assert len(published) == len(published.archs()) == 15_625
        assert set(map(SPACE.parse, published.archs())) == set(SPACE)

    def test_known_facts(self, published: ReferenceTable) -> None:
        accuracy = published.value("test_accuracy")
        # Cells cut off from the input, and no others, end at chance: so the edges are read in order.
        cut = {arch for arch in accuracy if SPACE.canonical(SPACE.parse(arch)) == ""}
        assert len(cut) == 341 and cut == {arch for arch, value in accuracy.items() if value == 0.1}
        best = max(accuracy, key=lambda arch: accuracy[arch])
        assert best.split("+")[:2] == ["|nor_conv_3x3~0|", "|nor_conv_3x3~0|nor_conv_3x3~1|"]
        assert best.split("+")[2] == "|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
        assert accuracy[best] == pytest.approx(0.940664)

    def test_parameter_count_as_documented(self, published: ReferenceTable, distinct: dict[str, float]) -> None:
        found = []
        for accuracy in (published.value("test_accuracy"), distinct):
            order = sorted(accuracy, key=lambda arch: -accuracy[arch])
            for n in (len(order), round(len(order) / 2), round(len(order) / 5)):
                values = [accuracy[arch] for arch in order[:n]]
                found.append(kendalltau([conv_size(arch) for arch in order[:n]], values).statistic)
        # The representatives have no operation that is cut off, so there this is the count of live parameters.
        assert found == pytest.approx([0.568, 0.367, 0.248, 0.587, 0.329, 0.123], abs=0.0005)

    def test_the_package_is_not_imported(self, published: ReferenceTable) -> None:
        assert published.header.versions["analog-nasbench"] == "0.1.3"
        assert "analognasbench" not in sys.modules

    def test_distinct(self, published: ReferenceTable, distinct: dict[str, float]) -> None:
        assert len(distinct) == 4_930
        assert list(distinct) == sorted(distinct)
        assert {SPACE.format(arch) for arch in SPACE.distinct()} == set(distinct)
        arch = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
        equal = [a for a in SPACE if SPACE.canonical(a) == SPACE.canonical(SPACE.parse(arch))]
        values = published.value("test_accuracy")
        assert distinct[arch] == pytest.approx(np.mean([values[SPACE.format(a)] for a in equal]))

    def test_distinct_of_a_part(self, published: ReferenceTable) -> None:
        part = ReferenceTable(published.header, published.runs[:50])
        few = distinct_references(SPACE, part)
        assert 0 < len(few) <= 50

    def test_committed_samples_are_what_the_script_draws(self, distinct: dict[str, float]) -> None:
        script = runpy.run_path(str(asset("data/references/make_samples.py")))
        for name, text in script["contents"]().items():
            assert json.loads(asset(f"data/references/{name}").read_text()) == json.loads(text), name


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install"):
        read_analog_nasbench()
    with pytest.raises(MissingExtraError, match="nats-bench"):
        read_nats_bench("anywhere")


class Architecture:
    """As the package would pickle it."""


def stored(path: Path, change: dict[tuple[int, ...], Any] | None = None, drop: int = 0) -> Path:
    """Writes a file like the package's, with its class names."""
    Architecture.__module__ = "analognasbench.data"
    module = types.ModuleType("analognasbench.data")
    module.Architecture = Architecture  # type: ignore[attr-defined]
    cells: dict[tuple[int, ...], Any] = {}
    for cell in list(product(range(5), repeat=6))[drop:]:
        cells[cell] = Architecture()
        vars(cells[cell]).update(architecture=cell, baseline_accuracy=90.0 + cell[0])
    cells.update(change or {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "analognasbench", types.ModuleType("analognasbench"))
        patch.setitem(sys.modules, "analognasbench.data", module)
        path.write_bytes(pickle.dumps(cells))
    return path


class TestForeignFiles:
    def test_the_format(self, tmp_path: Path) -> None:
        table = read_analog_nasbench(stored(tmp_path / "data.anb"))
        first = "|avg_pool_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"  # 0-1 is the first number
        assert table.value("test_accuracy")[first] == 0.94
        assert len(table.header.versions["sha256"]) == 64

    def test_incomplete(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="15624 entries"):
            read_analog_nasbench(stored(tmp_path / "data.anb", drop=1))

    @pytest.mark.parametrize("entry", [1.0, {"baseline_accuracy": 90.0}, None])
    def test_malformed_entry(self, tmp_path: Path, entry: Any) -> None:
        with pytest.raises(DataError, match=r"malformed entry for \(0, 0, 0, 0, 0, 0\)"):
            read_analog_nasbench(stored(tmp_path / "data.anb", {(0,) * 6: entry}))

    def test_foreign_global(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="not plain data"):
            read_analog_nasbench(stored(tmp_path / "data.anb", {(0,) * 6: print}))


class TestSamples:
    def test_disjoint_and_distinct(self) -> None:
        development, report = load_sample("development"), load_sample("report")
        assert (len(development.accuracy), len(report.accuracy)) == (500, 1000)
        both = [*development.accuracy, *report.accuracy]
        assert len({SPACE.canonical(SPACE.parse(arch)) for arch in both}) == 1500
        assert set(map(SPACE.parse, both)) <= set(SPACE.distinct())

    def test_groups(self) -> None:
        development = load_sample("development")
        embedded = json.loads(asset("data/references/embedded_archs.json").read_text())
        assert sorted(development.archs("embedded-random")) == embedded["random"] and len(embedded["random"]) == 80
        assert sorted(development.archs("embedded-top")) == embedded["top"] and len(embedded["top"]) == 16
        assert len(set(embedded["three_seeds"]) & {*embedded["random"], *embedded["top"]}) == 16
        assert set(load_sample("report").group.values()) == {"random"}

    @pytest.mark.parametrize("text", ["", "{}", '{"schema": "ghn.sample/9"}', None])
    def test_damaged(self, tmp_path: Path, text: str | None) -> None:
        if text is not None:
            (tmp_path / "s.json").write_text(text)
        with pytest.raises(DataError, match="not a sample"):
            load_sample(tmp_path / "s.json")

    def test_out_of_range_or_twice(self, tmp_path: Path) -> None:
        content = json.loads(asset("data/references/development.json").read_text())
        for rows in ([["a", 90.0, "random"]], [["a", 0.5, "random"]] * 2):
            (tmp_path / "s.json").write_text(json.dumps(content | {"rows": rows}))
            with pytest.raises(DataError, match="twice, or an accuracy outside"):
                load_sample(tmp_path / "s.json")
