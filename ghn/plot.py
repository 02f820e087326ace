"""Pictures of networks, scores, rankings, trainings and searches, for notebooks and figures of one's own.

Every function draws into the axes that it is given, touches nothing else, and returns them. Without axes it makes a new
figure of pyplot, which a notebook shows. Nothing is drawn that colour alone tells apart.

    ax = ghn.plot.scatter(scores, accuracies)
    ax.figure.savefig("scatter.pdf")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ghn.analysis.comparison import Comparison
from ghn.drawing.scatter import draw_scatter
from ghn.drawing.style import BLUE, STYLE, place_labels, shorten
from ghn.errors import ConfigError, DataError, check_known
from ghn.graph.diagram import graph_diagram
from ghn.graph.ir import Graph
from ghn.graph.layout import MOST
from ghn.graph.network import Network
from ghn.graph.picture import diagram_size, draw_diagram
from ghn.report.figures import PARTS, draw_dots
from ghn.report.model import Report, Survey
from ghn.report.searches import draw_search
from ghn.report.survey.cost_figure import AXES, ESTIMATOR, Point, draw_points, points_of
from ghn.report.tables import ordered
from ghn.scoring.scores import Scores
from ghn.search.result import SearchResult
from ghn.spaces.members import diagrams
from ghn.train.loop import LOG, read_lines
from ghn.types import Score, Space, Trial

__all__ = ["cost", "graph", "ranking", "scatter", "search", "training"]

Given = Sequence[Score] | Sequence[float]


def graph(what: Any, ax: Axes | None = None, *, space: Space[Any] | None = None, part: int = 0) -> Axes:
    """Draws a network from top to bottom, without its normalisations and activations.

    Args:
        what: a graph, a network (as `model.network` gives it), or, with a `space`, an architecture of it.
        ax: where to draw; letters are as large as they fit.
        space: of an architecture, which is drawn as its space says, such as its cell.
        part: which picture, of spaces with several, such as the normal cell (0) and the reduction cell (1) of DARTS.

    Raises:
        ConfigError: it is neither, there is no such part, or more than 150 labels, of which nothing would be seen.
    """
    if space is not None:
        found = diagrams(space, what)
        if not 0 <= part < len(found):
            raise ConfigError(
                "there is no such picture of this architecture", got=part, expected=f"0..{len(found) - 1}"
            )
        diagram = found[part]
    elif isinstance(what, Graph | Network):
        diagram = graph_diagram(what.graph if isinstance(what, Network) else what)
    else:
        raise ConfigError(
            "this is no network to be drawn",
            got=type(what).__name__,
            expected="a Graph or a Network",
            fix="graph(model.network(architecture)), or graph(architecture, space=space)",
        )
    if len(diagram.labels) > MOST:
        raise ConfigError("too large to be drawn", got=f"{len(diagram.labels)} labels", expected=f"at most {MOST}")
    ax = _axes(ax, *diagram_size(diagram))
    draw_diagram(ax, diagram)
    return ax


def scatter(
    scores: Given, references: Sequence[float] | Mapping[str, float], ax: Axes | None = None, *, top: int = 10
) -> Axes:
    """Draws estimates against measured values; the `top` of the estimate are triangles, the best of all is a star.

    Args:
        scores: as `Model.score` and `Model.rank` return them, or n numbers; failures (NaN) are left out.
        references: n measured values in the same order, higher is better, NaN where there is none; or values by
            architecture, of scores that know their names.
        ax: where to draw.
        top: how many of the estimate's first are marked.

    Raises:
        DataError: lengths differ, or fewer than two networks have both.
        ConfigError: values by architecture, and scores without names; or a top of none.
    """
    if top < 1:
        raise ConfigError("scatter marks the first few", got=f"top={top}", expected="1 or more")
    x, y = _pair(scores, references)
    ax = _axes(ax, 4.4, 3.8)
    note = draw_scatter(ax, x, y, min(top, len(x)))
    ax.set_xlabel(f"estimate{note}")
    ax.set_ylabel("measured")
    _legend(ax)
    return ax


def ranking(found: Comparison | Report, ax: Axes | None = None, *, key: str = "kendall") -> Axes:
    """Draws the rank correlation of each row with its interval: estimators filled, baselines open.

    Args:
        found: what `ghn.compare` returns; of a report, the first comparison.
        ax: where to draw.
        key: `kendall`, `kendall_best_half` or `kendall_best_fifth`.

    Raises:
        ConfigError: an unknown key, or neither a comparison nor a report.
    """
    check_known("part of the networks", key, PARTS)
    comparison = _comparison(found)
    ax = _axes(ax, 4.4, 0.9 + 0.42 * len(comparison.rows))
    draw_dots(ax, comparison, key)
    return ax


def training(run: Path | str | Sequence[Mapping[str, Any]], ax: Axes | None = None, *, value: str = "loss") -> Axes:
    """Draws what a training logged, against its steps.

    Args:
        run: the folder of a run, its `log.jsonl`, or the rows of that.
        ax: where to draw.
        value: what is drawn, such as `loss`, `lr` or `kendall` (where the training was checked).

    Raises:
        DataError: there is no log, or nothing of that name in it.
    """
    if isinstance(run, Path | str):
        path = Path(run)
        run = read_lines(path if path.suffix == ".jsonl" else path / LOG)
    points = [(row["step"], row[value]) for row in run if row.get(value) is not None]
    if not points:
        known = sorted({name for row in run for name in row} - {"step", "crc"})
        raise DataError(f"nothing called {value!r} was logged", expected=" | ".join(known) or "rows of a log")
    ax = _axes(ax, 4.6, 3.2)
    ax.plot(*zip(*points, strict=True), color=BLUE, linewidth=1.2, marker="." if len(points) < 40 else "")
    ax.set_xlabel("steps")
    ax.set_ylabel(shorten(f"{value}, nats" if value == "loss" else value))
    return ax


def search(history: SearchResult | Sequence[tuple[Trial[Any], Score]], ax: Axes | None = None) -> Axes:
    """Draws every success of a search against what was spent until then, and the best so far.

    Args:
        history: what `run_search` returns, or trials with their scores in order.
        ax: where to draw.

    Raises:
        DataError: there is no success in it.
    """
    if not isinstance(history, SearchResult):
        pairs, history = history, SearchResult()
        for trial, score in pairs:
            history.add(trial, score)
    if history.best is None:
        raise DataError("there is nothing to draw", got=f"{len(history.steps)} trials without a success")
    ax = _axes(ax, 4.6, 3.2)
    draw_search(ax, history)
    _legend(ax)
    return ax


def cost(found: Comparison | Report | Survey, ax: Axes | None = None, *, key: str = "kendall") -> Axes:
    """Draws the order that each estimator reaches against its seconds a network, with the Pareto front.

    Baselines stand at the left margin. Rows whose seconds nobody measured are left out.

    Args:
        found: what `ghn.compare` returns; of a report the first comparison, of a survey the last part.
        ax: where to draw.
        key: as in `ranking`.

    Raises:
        DataError: no row has both an order and known seconds.
        ConfigError: as in `ranking`.
    """
    check_known("part of the networks", key, PARTS)
    if isinstance(found, Survey):
        comparison = found.parts[-1].comparison
        points = points_of(found, comparison, key, "seconds")
    else:
        comparison = _comparison(found)
        points = [
            Point("", row.name, ESTIMATOR, row.seconds, row.get(key))
            for place, row in ordered(comparison)
            if place is not None and row.seconds is not None and row.get(key).value is not None
        ]
    if not points:
        raise DataError("no row has an order and known seconds", fix="compare(..., seconds={row: seconds a network})")
    ax = _axes(ax, 4.8, 3.8)
    spots = draw_points(ax, [replace(point, mark=shorten(point.name, 22)) for point in points], comparison, key)
    ax.set_xlabel(AXES["seconds"])
    _legend(ax)
    figure = ax.figure
    assert isinstance(figure, Figure)
    place_labels(figure, ax, spots[: len(points)])
    return ax


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes given, or those of a new figure of so many inches."""
    if ax is not None:
        return ax
    from matplotlib import pyplot  # which chooses how figures are shown: only where it is to show one

    figure = pyplot.figure(figsize=(width, height), layout="constrained")
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]  # not above: pyplot's first figure sets whether it shows
        return figure.add_subplot()


def _legend(ax: Axes) -> None:
    ax.legend(frameon=False, fontsize="small")


def _comparison(found: Any) -> Comparison:
    if isinstance(found, Comparison):
        return found
    if isinstance(found, Report):
        return found.comparisons[0]
    expected = "what ghn.compare returns, or a report (ghn.report.read_report)"
    raise ConfigError("this is no comparison", got=type(found).__name__, expected=expected)


def _pair(scores: Given, references: Sequence[float] | Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """[n] and [n] where both are known."""
    if isinstance(references, Mapping):
        if not isinstance(scores, Scores) or len(scores.names) != len(scores):
            fix = "give a list in the order of the scores"
            raise ConfigError("these scores do not know their architectures", got=type(scores).__name__, fix=fix)
        references = [references.get(name, np.nan) for name in scores.names]
    x = np.array([one.value if isinstance(one, Score) else one for one in scores], dtype=float)
    y = np.array(references, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError("scores and references do not belong together", got=f"{x.shape} and {y.shape}")
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 2:
        raise DataError("too few networks have a score and a reference", got=int(both.sum()), expected="2 or more")
    return x[both], y[both]
