"""What every page shows of a comparison: its table, who failed, how it was measured, and how to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ghn.analysis.comparison import Ceiling, Comparison, Row
from ghn.analysis.correlation import Statistic
from ghn.analysis.weighted import MIN_PART
from ghn.report.document import Block, Cell, Heading, Items, Line, Table, Text, some
from ghn.report.model import Report
from ghn.report.words import DASH, MINUS, count, duration, interval, number, scale_of, scaled, spread

Spread = Mapping[str, Mapping[str, Sequence[float]]]  # row -> statistic -> a value a seed
Spent = tuple[float | None, float | None, float | None]  # one-off seconds, seconds and multiply-adds a network
_COSTS = ("one-off time", "time a network", "multiply-adds a network")


def columns(comparison: Comparison, tops: int = 1) -> dict[str, str]:
    """Statistic -> heading of the main table, with the regret of the first `tops` sizes."""
    unit = scale_of(comparison)[1]
    found = {
        "kendall": "Kendall",
        "concordance": "pairs right",
        "spearman": "Spearman",
        "kendall_best_half": "best half",
        "kendall_best_fifth": "best 20 %",
        "kendall_within_groups": "inside equal live parameters",
        **{f"regret@{k}": f"regret@{k}" + (f", {unit}" if unit else "") for k in comparison.settings.ks[:tops]},
    }
    if not comparison.levels or not comparison.levels.count:
        del found["kendall_within_groups"]
    if not any("concordance" in row.statistics for row in comparison.rows):  # of a report of before there was it
        del found["concordance"]
    return found


def ordered(comparison: Comparison) -> list[tuple[int | None, Row]]:
    """Estimators by falling Kendall with their numbers, then those without one; tables and pictures number alike."""
    known = [row for row in comparison.estimators if row.set_aside is None and row.get("kendall").value is not None]
    known.sort(key=lambda row: -(row.get("kendall").value or 0.0))
    others = [row for row in comparison.estimators if row not in known]
    return [*enumerate(known, start=1), *((None, row) for row in others)]


def main_table(
    comparison: Comparison,
    *,
    rows: Sequence[tuple[int | None, Row]] | None = None,
    costs: Mapping[str, Spent] | None = None,
    seeds: Spread | None = None,
    files: Mapping[str, str] | None = None,
    tops: int = 1,
) -> Table:
    """Ceiling on top, estimators, baselines beneath.

    Args:
        comparison: whose rows are shown.
        rows: estimators with their numbers; by default in the comparison's order, without numbers.
        costs: by row; rows that are not in it have those of the comparison. By default multiply-adds are not shown.
        seeds: values of several seeds or checkpoints.
        files: row -> name of the page.
        tops: sizes of the top whose regret is shown.
    """
    shown = columns(comparison, tops)
    heads = _COSTS[: 2 if costs is None else 3]

    def line(place: int | None, row: Row) -> Line:
        once, each, macs = (costs or {}).get(row.name, (row.one_off_seconds, row.seconds, None))
        name = Cell(row.name if place is None else f"{place}. {row.name}", page=(files or {}).get(row.name))
        spent = [Cell(duration(once)), Cell(duration(each)), Cell(count(macs))][: len(heads)]
        found = statistic_cells(comparison, row, shown, (seeds or {}).get(row.name), best)
        versus = Cell(DASH) if row.versus is None else _cell(row.versus.kendall, "kendall", comparison)
        kind = "baseline" if row.kind == "baseline" else "row"
        return Line((name, *spent, *found, versus, Cell(str(row.failed))), kind)

    best = {key: _best(comparison, key) for key in shown}
    lines = [line(place, row) for place, row in rows or [(None, row) for row in comparison.estimators]]
    if comparison.ceiling is not None:
        lines.insert(0, _ceiling(comparison, shown, len(heads)))
    if comparison.baselines:
        lines += [Line((Cell("Baselines"),), "group"), *(line(None, row) for row in comparison.baselines)]
    head = ("estimator", *heads, *shown.values(), "Kendall minus best baseline", "failed")
    first = 1 + len(heads)
    place = {key: first + i for i, key in enumerate(shown)}
    least = (place["kendall"], place["kendall_best_half"], *(i for key, i in place.items() if "regret" in key))[:3]
    roomy = (place["kendall"], *(i for key, i in place.items() if key not in ("kendall", "concordance", "spearman")))
    narrow = tuple((0, 2, *some_of, len(head) - 1) for some_of in (roomy, least))
    return Table(f"Against {comparison.reference_name}", head, tuple(lines), narrow)


def statistic_cells(
    comparison: Comparison,
    row: Row,
    keys: Sequence[str] | Mapping[str, str],
    seeds: Mapping[str, Sequence[float]] | None = None,
    best: Mapping[str, float | None] | None = None,
) -> list[Cell]:
    """Statistics of a row, each with interval and spread over `seeds`; one that was set aside says why.

    By statistic, `seeds` has values of several seeds or checkpoints, and `best` the value that is set off.
    """
    if row.set_aside is not None:
        return [Cell("set aside", (row.set_aside,)), *[Cell(DASH)] * (len(keys) - 1)]
    cells = []
    for key in keys:
        found, scale = row.get(key), scale_of(comparison)[0] if key.startswith("regret@") else 1.0
        several = spread((seeds or {}).get(key, []), scale)
        first = found.value is not None and found.value == (best or {}).get(key)
        cells.append(_cell(found, key, comparison, several and f"seeds {several}", best=first))
    return cells


def every_statistic(comparison: Comparison) -> Table:
    """All statistics of all rows and of the ceiling: a line a statistic."""
    keys = sorted({key for row in comparison.rows for key in row.statistics})
    head = ["statistic", *(row.name for row in comparison.rows)]
    shown: list[Row | Ceiling] = [*comparison.rows]
    if comparison.ceiling is not None:
        head.append("ceiling")
        shown.append(comparison.ceiling)
    lines = (Line((Cell(key), *(_cell(one.get(key), key, comparison) for one in shown))) for key in keys)
    return Table(f"Every statistic against {comparison.reference_name}", tuple(head), tuple(lines))


def _ceiling(comparison: Comparison, shown: Mapping[str, str], costs: int) -> Line:
    top = comparison.ceiling
    assert top is not None
    nothing, name = Cell(DASH), Cell(f"ceiling: a second training ({top.n} networks, {top.seeds} seeds)")
    cells = [_cell(top.get(key), key, comparison) for key in shown]
    return Line((name, *[nothing] * costs, *cells, nothing, nothing), "ceiling")


def _cell(found: Statistic, key: str, comparison: Comparison, *more: str, best: bool = False) -> Cell:
    """A statistic with its interval beneath, and whatever else."""
    regret = key.startswith("regret@")
    text, below = scaled(found, comparison) if regret else (number(found.value), interval(found))
    return Cell(text, some(below, *more), best)


def _best(comparison: Comparison, key: str) -> float | None:
    values = [value for row in comparison.rows if (value := row.get(key).value) is not None]
    return (min if key.startswith("regret@") else max)(values, default=None)


def failed(comparison: Comparison) -> list[tuple[str, str]]:
    """(network, estimator and reason) of each failure."""
    return [(one.item, f"{one.estimator}: {one.reason or 'reason not given'}") for one in comparison.failures]


# --- the last sections of every page ---


def measured(report: Report, comparisons: Sequence[Comparison], more: Sequence[tuple[str, str]]) -> list[Block]:
    """How it was measured, how to read the numbers and whatever `more` there is to know, and with what machine."""
    blocks: list[Block] = [Heading(2, "How this was measured"), *(Text(text) for text in report.protocol)]
    blocks += [Heading(3, "How to read the numbers"), Items((*_reading(comparisons), *more, *_brackets(comparisons)))]
    if report.metadata:
        facts = Items(tuple(_flatten(report.metadata)), "facts")
        blocks += [Heading(2, "Machine, versions, commands"), facts]
    return blocks


def _reading(comparisons: Sequence[Comparison]) -> list[tuple[str, str]]:
    ceiling = [("Ceiling", "one training as the estimate of another, mean over all pairs of seeds.")]
    return [
        (
            "Kendall",
            "tau-b: the share of pairs put in the right order minus the share put in the wrong one, with ties "
            f"accounted for. 1 is the reference's order, 0 is chance, {MINUS}1 is the order reversed.",
        ),
        (
            "Best half, best 20 %",
            "the part that is best by the reference, ties at the cut included. Choosing a network is done there. "
            f"Parts of fewer than {MIN_PART} networks are not measured.",
        ),
        *(
            (
                "Inside equal live parameters",
                f"Kendall among networks with the same number of weights on paths from input to output, weighted by "
                f"pairs. Against {c.reference_name}: {c.levels.count} groups of at least {c.settings.min_level}, "
                f"{c.levels.networks:,} networks in all.",
            )
            for c in comparisons
            if c.levels and c.levels.count
        ),
        (
            "Regret",
            "how far the best network of the estimate's top lies below the best of all. Ties at the cut fall at "
            "random; the expected value is given.",
        ),
        (
            "Failed",
            "networks that an estimator could not judge. They are left out for all rows of that reference, and "
            "counted; they are never given a bad score.",
        ),
        *(ceiling if any(c.ceiling for c in comparisons) else []),
    ]


def _brackets(comparisons: Sequence[Comparison]) -> list[tuple[str, str]]:
    draws = sorted({(c.settings.bootstrap, c.settings.seed) for c in comparisons if c.settings.bootstrap})
    if not draws:
        return []
    each = "; ".join(f"{resamples:,} resamples, seed {seed}" for resamples, seed in draws)
    text = f"95 % percentile bootstrap intervals over networks ({each}). They say how far a value would move with "
    return [("Brackets", text + "other networks, not with another training of the estimator.")]


def _flatten(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested metadata as (key, value) in words."""
    rows: list[tuple[str, str]] = []
    for key, value in data.items():
        if isinstance(value, Mapping):
            rows += _flatten(value, f"{prefix}{key} / ")
        else:
            values = value if isinstance(value, list) else [value]
            rows.append((f"{prefix}{key}", ", ".join(DASH if one is None else str(one) for one in values)))
    return rows
