"""`ghn.plot`: axes in, axes out, nothing else touched; and what is said of what cannot be drawn."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import report_cases
import toy
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from survey_case import survey

import ghn
from ghn.analysis.comparison import Comparison
from ghn.errors import ConfigError, DataError
from ghn.files import write_atomic
from ghn.graph import GraphBuilder
from ghn.report.model import Report
from ghn.scoring.scores import Scores
from ghn.search.result import SearchResult
from ghn.spaces import DARTS
from ghn.types import Score, Trial

LOG = "".join(f'{{"step": {i}, "loss": {2 - 0.01 * i}}}\n' for i in range(1, 30)) + '{"step": 30, "kendall": 0.4}\n'


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return ghn.compare(**report_cases.arrays())


@pytest.fixture
def ax() -> Axes:
    figure = Figure(figsize=(5, 4))
    FigureCanvasAgg(figure)
    return figure.subplots(1, 2)[1]


@pytest.fixture(autouse=True)
def untouched() -> Any:
    """No plot into axes that are given makes a figure of pyplot, or changes its settings."""
    mpl.use("agg")
    from matplotlib import pyplot

    before, figures = dict.copy(mpl.rcParams), pyplot.get_fignums()
    yield
    assert dict.copy(mpl.rcParams) == before
    assert pyplot.get_fignums() == figures
    pyplot.close("all")


def drawn(axes: Axes) -> bytes:
    axes.figure.canvas.draw()  # type: ignore[attr-defined]
    return bytes(axes.figure.canvas.buffer_rgba())  # type: ignore[attr-defined]


def found() -> SearchResult:
    result = SearchResult()
    for i, value in enumerate((0.1, 0.5, 0.3)):
        result.add(Trial(str(i), i), Score(value, cost_seconds=1.0))
    result.add(Trial("bad", 9), Score.failed("why"))
    return result


class TestAxes:
    def test_all_return_the_axes_that_they_were_given(self, ax: Axes, tmp_path: Path, comparison: Comparison) -> None:
        report = Report((comparison,))
        write_atomic(tmp_path / "log.jsonl", LOG)
        arch = toy.SPACE.sample(Random(0))
        calls: list[Any] = [
            lambda: ghn.plot.graph(arch, ax, space=toy.SPACE),
            lambda: ghn.plot.graph(toy.SPACE.network(arch), ax),
            lambda: ghn.plot.scatter([1.0, 2.0, math.nan], [1.0, 2.0, 3.0], ax),
            lambda: ghn.plot.ranking(comparison, ax, key="kendall_best_half"),
            lambda: ghn.plot.ranking(report, ax),
            lambda: ghn.plot.training(tmp_path, ax),
            lambda: ghn.plot.training(tmp_path / "log.jsonl", ax, value="kendall"),
            lambda: ghn.plot.training([{"step": 1, "loss": 0.5}], ax),
            lambda: ghn.plot.search(found(), ax),
            lambda: ghn.plot.search(found().history, ax),
            lambda: ghn.plot.cost(report, ax),
            lambda: ghn.plot.cost(survey(), ax),
        ]
        empty = drawn(ax)
        for call in calls:
            ax.clear()
            assert call() is ax
            assert drawn(ax) != empty

    def test_without_axes_a_figure_of_pyplot_is_made(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from matplotlib import pyplot

        axes = ghn.plot.scatter([1.0, 2.0], [1.0, 2.0])
        assert pyplot.get_fignums() and pyplot.gcf() is axes.figure
        pyplot.close(axes.figure)

    def test_it_is_imported_when_it_is_asked_for(self) -> None:
        assert "plot" in ghn.__all__ and ghn.plot.__name__ == "ghn.plot"


class TestScatter:
    def test_references_by_name_and_without_failures(self, ax: Axes) -> None:
        scores = Scores([Score(0.1), Score.failed("why"), Score(0.3), Score(0.2)], ["a", "b", "c", "d"])
        ghn.plot.scatter(scores, {"a": 1.0, "b": 2.0, "c": 3.0}, ax, top=1)
        others, top, best = (one.get_offsets() for one in ax.collections)
        assert np.allclose(others, [[0.1, 1.0]]) and np.allclose(top, [[0.3, 3.0]]) and np.allclose(best, [[0.3, 3.0]])
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["others", "its top 1", "best of all"]

    def test_what_does_not_fit_is_said(self, ax: Axes) -> None:
        with pytest.raises(DataError, match=r"got: +\(2,\) and \(3,\)"):
            ghn.plot.scatter([1.0, 2.0], [1.0, 2.0, 3.0], ax)
        with pytest.raises(DataError, match="too few networks"):
            ghn.plot.scatter([1.0, math.nan], [1.0, 2.0], ax)
        with pytest.raises(ConfigError, match="do not know their architectures"):
            ghn.plot.scatter([Score(1.0), Score(2.0)], {"a": 1.0}, ax)
        with pytest.raises(ConfigError, match="top=0"):
            ghn.plot.scatter([1.0, 2.0], [1.0, 2.0], ax, top=0)
        assert not ax.collections


class TestOthers:
    def test_a_part_of_an_architecture(self, ax: Axes) -> None:
        space = DARTS((3, 16, 16), 10, width=4, depth=3)
        arch = space.sample(Random(0))
        cells = [[t.get_text() for t in ghn.plot.graph(arch, ax, space=space, part=i).texts] for i in (0, 1)]
        assert cells[0][0] != cells[1][len(cells[0])]  # titles
        with pytest.raises(ConfigError, match=r"(?s)no such picture.*0\.\.1"):
            ghn.plot.graph(arch, ax, space=space, part=2)

    def test_what_is_no_network_or_too_large(self, ax: Axes) -> None:
        with pytest.raises(ConfigError, match=r"(?s)no network to be drawn.*space=space"):
            ghn.plot.graph("|none~0|", ax)
        builder = GraphBuilder((3, 4, 4))
        x = builder.input
        for i in range(160):
            x = builder.add("conv", x, name=f"c{i}", out=1, kernel=1)
        with pytest.raises(ConfigError, match="too large to be drawn"):
            ghn.plot.graph(builder.build(x), ax)

    def test_trainings_name_what_was_logged(self, ax: Axes, tmp_path: Path) -> None:
        write_atomic(tmp_path / "log.jsonl", LOG)
        with pytest.raises(DataError, match=r"(?s)'lose' was logged.*kendall \| loss"):
            ghn.plot.training(tmp_path, ax, value="lose")
        with pytest.raises(DataError, match=r"log\.jsonl"):
            ghn.plot.training(tmp_path / "nowhere", ax)

    def test_what_has_nothing_to_show(self, ax: Axes, comparison: Comparison) -> None:
        with pytest.raises(DataError, match="0 trials without a success"):
            ghn.plot.search(SearchResult(), ax)
        with pytest.raises(ConfigError, match="no comparison"):
            ghn.plot.ranking([1.0], ax)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="kendall_best_half"):
            ghn.plot.ranking(comparison, ax, key="kendal")
        values = np.arange(12.0)
        with pytest.raises(DataError, match="known seconds"):
            ghn.plot.cost(ghn.compare({"a": values}, values, bootstrap=0), ax)
