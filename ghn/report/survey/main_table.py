"""The table of a survey: what each estimator costs and how well it orders, against one reference."""

from __future__ import annotations

from collections.abc import Mapping

from ghn.report.model import Comparison, Row
from ghn.report.survey.amounts import count, ordered, scale_of, spread, value_cell
from ghn.report.survey.document import Cell, Line, Table
from ghn.report.survey.model import Part, Survey
from ghn.report.words import DASH, duration, interval, number

_COSTS = ("one-off time", "time a network", "multiply-adds a network")


def columns(comparison: Comparison) -> dict[str, str]:
    """Statistic -> heading of the main table."""
    unit = scale_of(comparison)[1]
    found = {
        "kendall": "Kendall",
        "spearman": "Spearman",
        "kendall_best_half": "best half",
        "kendall_best_fifth": "best 20 %",
        "kendall_within_groups": "inside equal live parameters",
        **{f"regret@{k}": f"regret@{k}" + (f", {unit}" if unit else "") for k in comparison.settings.ks[:1]},
    }
    if not comparison.levels or not comparison.levels.count:
        del found["kendall_within_groups"]
    return found


def main_table(survey: Survey, part: Part, files: Mapping[str, str]) -> Table:
    """Ceiling on top, estimators by falling Kendall, baselines beneath.

    Args:
        survey: whose costs are shown.
        part: one of its `parts`.
        files: label -> name of the page.
    """
    comparison = part.comparison
    shown = columns(comparison)
    head = ("estimator", *_COSTS, *shown.values(), "Kendall minus best baseline", "failed")
    lines = [] if comparison.ceiling is None else [_ceiling(comparison, shown)]
    best = {key: _best(comparison, key) for key in shown}
    lines += [_line(survey, part, n, row, best, files) for n, row in ordered(comparison)]
    if comparison.baselines:
        lines.append(Line((Cell("Baselines"),), "group"))
        lines += [_line(survey, part, None, row, best, files) for row in comparison.baselines]
    half = head.index(shown["kendall_best_half"])
    narrow = (0, 2, 4, half, len(head) - 3, len(head) - 1)
    return Table(f"Against {comparison.reference_name}", head, tuple(lines), narrow)


def _ceiling(comparison: Comparison, shown: Mapping[str, str]) -> Line:
    top = comparison.ceiling
    assert top is not None
    nothing, name = Cell(DASH), f"ceiling: a second training ({top.n} networks, {top.seeds} seeds)"
    cells = []
    for key in shown:
        text, below = value_cell(top.statistics[key], key, comparison) if key in top.statistics else (DASH, "")
        cells.append(Cell(text, _some(below)))
    return Line((Cell(name), *[nothing] * len(_COSTS), *cells, nothing, nothing), "ceiling")


def _line(
    survey: Survey, part: Part, place: int | None, row: Row, best: Mapping[str, float | None], files: Mapping[str, str]
) -> Line:
    cost = survey.cost(row.name)
    # Baselines are known before anything is run, and are not in `costs`.
    spent = (cost.one_off_seconds, cost.seconds, cost.macs) if cost else (row.one_off_seconds, row.seconds, None)
    cells = [
        Cell(row.name if place is None else f"{place}. {row.name}", page=files.get(row.name)),
        Cell(duration(spent[0])),
        Cell(duration(spent[1])),
        Cell(count(spent[2])),
    ]
    cells += statistic_cells(part, row, best)
    versus = None if row.versus is None else row.versus.kendall
    cells.append(Cell(number(versus.value), _some(interval(versus))) if versus else Cell(DASH))
    return Line((*cells, Cell(str(row.failed))), row.kind if row.kind == "baseline" else "row")


def statistic_cells(part: Part, row: Row, best: Mapping[str, float | None]) -> list[Cell]:
    """The statistics of a row, each with interval and spread over seeds; one that was set aside says why.

    Args:
        part: whose comparison has the row.
        row: of it.
        best: statistic -> value that is set off, None for none.
    """
    comparison = part.comparison
    if row.set_aside is not None:
        return [Cell("set aside", (row.set_aside,)), *[Cell(DASH)] * (len(columns(comparison)) - 1)]
    cells = []
    for key in columns(comparison):
        found = row.get(key)
        text, below = value_cell(found, key, comparison)
        scale = scale_of(comparison)[0] if key.startswith("regret@") else 1.0
        seeds = spread(part.spread.get(row.name, {}).get(key, []), scale)
        own = found.value is not None and found.value == best.get(key)
        cells.append(Cell(text, _some(below, seeds and f"seeds {seeds}"), best=own))
    return cells


def _best(comparison: Comparison, key: str) -> float | None:
    values = [value for row in comparison.rows if (value := row.get(key).value) is not None]
    if not values:
        return None
    return min(values) if key.startswith("regret@") else max(values)


def _some(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text)
