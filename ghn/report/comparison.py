"""A report of comparisons: what it says, as a document, to a folder and to a terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ghn.analysis.comparison import Comparison, Row
from ghn.errors import ExistsError
from ghn.report.document import Block, Document, Fold, Heading, Items, Picture, Pictures, Text, listed, warned
from ghn.report.figures import pictures
from ghn.report.model import Report
from ghn.report.tables import every_statistic, failed, main_table, measured
from ghn.report.terminal import print_blocks
from ghn.report.words import free_name, slug, with_interval
from ghn.report.write import write_document

_FAILURES_SHOWN = 50
_SAME = "on the same networks"
_NONE_BETTER = "No estimator here is clearly better than that baseline."


def write_report(report: Report, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Writes `report.html`, `report.json` and `figures/*.png` into a folder, each file whole or not at all.

    Args:
        report: what to write.
        folder: made when missing; other files in it are left alone.
        overwrite: replace a report that is there, figures of it that no longer exist included.

    Returns:
        The path of `report.html`.

    Raises:
        ExistsError: there is a report in the folder and `overwrite` is False.
    """
    folder = Path(folder)
    there = [name for name in ("report.html", "report.json") if (folder / name).exists()]
    if there and not overwrite:
        raise ExistsError(
            "there is a report in this folder already",
            got=f"{' and '.join(there)} in {folder}",
            fix="choose another folder, or pass overwrite=True",
        )
    text = json.dumps(report.to_json(), indent=1, allow_nan=False, ensure_ascii=False)
    return write_document(report_document(report), folder, "[0-9]*-*-*.png", {"report.json": text})


def print_report(report: Report, console: Console | None = None) -> None:
    """Prints tables, what came out, and warnings; on a TTY in colour, elsewhere as plain text of a fixed width."""
    blocks: list[Block] = []
    for comparison in report.comparisons:
        unit = f", {comparison.reference_unit}" if comparison.reference_unit else ""
        table = main_table(comparison)
        title = f"{table.title} ({comparison.n:,} of {comparison.n_given:,} networks{unit})"
        blocks += [replace(table, title=title), Text(summary(comparison)), *warned(comparison.warnings), Text("")]
    print_blocks([*blocks, *warned(report.warnings, "Warning")], console)


def to_text(report: Report, width: int = 120) -> str:
    """What `print_report` prints, as a string."""
    file = io.StringIO()
    print_report(report, Console(file=file, width=width, color_system=None))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def report_document(report: Report) -> Document:
    """Everything that a report says; each number in it is one of `report.to_json()`."""
    blocks: list[Block] = [listed(*map(summary, report.comparisons), kind="answers")]
    blocks += warned(report.warnings, "Before you read on")
    for index, comparison in enumerate(report.comparisons, start=1):
        blocks += _section(comparison, _named(pictures(comparison), index))
    blocks += measured(report, report.comparisons, _reading(report))
    return Document("report", report.title, report.created, tuple(blocks))


def _section(comparison: Comparison, drawn: Sequence[Picture]) -> list[Block]:
    def of(row: Row) -> tuple[Picture, ...]:
        return tuple(one for one in drawn if one.kind != "dots" and one.subject == row.name)

    blocks = [Heading(2, f"Against {comparison.reference_name}"), *warned(comparison.warnings)]
    unit = f"; reference and regret in {comparison.reference_unit}" if comparison.reference_unit else ""
    sure = " Brackets: 95 % intervals." if comparison.settings.bootstrap else ""
    aside = " (the ceiling aside)" if comparison.ceiling else ""
    how = f"{comparison.n:,} of {comparison.n_given:,} networks{unit}.{sure} Bold: best of the column{aside}; lower"
    blocks.append(Text(f"{how} regret is better.", soft=True))
    blocks.append(main_table(comparison, tops=len(comparison.settings.ks)))
    verdicts = [
        (row.name, f"against {vs.baseline}: {verdict(row)} ({with_interval(vs.kendall)} in Kendall, {_SAME}).")
        for row in comparison.estimators
        if (vs := row.versus) is not None
    ]
    blocks += [Items(tuple(verdicts))] if verdicts else []
    if dots := tuple(one for one in drawn if one.kind == "dots"):
        ceiling = "; the dashed line is the ceiling" if comparison.ceiling else ""
        about = f"Filled circles are estimators, open squares baselines{ceiling}."
        blocks += [Heading(3, "Rank correlation, with intervals"), Pictures(dots), Text(about, soft=True)]
    for row in comparison.estimators:
        blocks += [Heading(3, row.name), Pictures(of(row))] if of(row) else []
    if comparison.baselines:
        baselines = tuple(one for row in comparison.baselines for one in of(row))
        blocks.append(Fold("Rank plots of the baselines", (Pictures(baselines),)))
    return [*blocks, Fold("Every statistic", (every_statistic(comparison),)), *_failures(comparison)]


def _failures(comparison: Comparison) -> list[Block]:
    failures = failed(comparison)
    if not failures:
        return []
    shown = failures[:_FAILURES_SHOWN]
    blocks: list[Block] = [Items(tuple(shown))]
    if len(failures) > len(shown):
        blocks.append(Text(f"The first {len(shown)}; the others are in report.json.", soft=True))
    return [Fold(f"{len(failures)} failures", tuple(blocks), unfolded=True)]


def _named(found: Sequence[Picture], index: int) -> list[Picture]:
    names: list[str] = []
    for picture in found:  # two subjects may differ only in signs that a file name should not have
        names.append(free_name(f"{index}-{picture.kind}-{slug(picture.subject)}", names))
    return [replace(picture, name=name) for picture, name in zip(found, names, strict=True)]


def _reading(report: Report) -> list[tuple[str, str]]:
    found = [
        ("precision@k", "the share of the estimate's top k that is in the reference's top k."),
        (
            "Where to look first",
            "at the best parts, as an estimator can look good overall and fail there, and inside equal live "
            "parameters, where counting them cannot help.",
        ),
        (
            "Differences from the best baseline",
            "are paired over the same resamples, each of which chooses its best half anew. Intervals of regret are "
            "rough.",
        ),
    ]
    if any(comparison.ceiling for comparison in report.comparisons):
        text = (
            "a guide and no limit: an estimator that knew the noise-free accuracy could be slightly above it, and it "
            "may rest on other networks than the rows do."
        )
        found.append(("What the ceiling is", text))
    return found


# --- what came out, in sentences ---


def verdict(row: Row) -> str:
    """Whether an estimator beats the strongest baseline, from the paired interval."""
    if row.versus is None or row.versus.kendall.value is None:
        return "not measured"
    low, high = row.versus.kendall.low, row.versus.kendall.high
    if low is None or high is None:
        return "better" if row.versus.kendall.value > 0 else "worse"
    return "better" if low > 0 else "worse" if high < 0 else "no clear difference"


def summary(comparison: Comparison) -> str:
    """What came out against one reference, in at most five sentences."""
    ranked = [(tau, row) for row in comparison.estimators if (tau := row.get("kendall").value) is not None]
    where = f"Against {comparison.reference_name}, on {comparison.n:,} networks"
    if not ranked:
        return f"{where}: no estimator gives an order."
    best = max(ranked, key=lambda pair: pair[0])[1]
    value, many = with_interval(best.get("kendall")), len(comparison.estimators)
    if many == 1:
        parts = [f"{where}: {best.name} reaches Kendall {value}."]
    else:
        parts = [f"{where}: the highest Kendall of {many} estimators is {value}, by {best.name}."]
    half = best.get("kendall_best_half")
    if half.value is not None:
        parts.append(f"Within the best half it is {with_interval(half)}.")
    parts += _over_baseline(comparison, best)
    if top := comparison.ceiling:
        value = with_interval(top.get("kendall"))
        parts.append(
            f"A second training of the same networks would reach {value} (the ceiling, from {top.n} networks)."
        )
    return " ".join(parts)


def _over_baseline(comparison: Comparison, best: Row) -> list[str]:
    if best.versus is None:
        return []
    bar = comparison.row(best.versus.baseline)
    ends = {
        "better": f", which {best.name} beats",
        "worse": f", and {best.name} loses to it",
        "no clear difference": f", and {best.name} is not clearly different from it",
    }
    reached = f"reaches {with_interval(bar.get('kendall'))}{ends.get(verdict(best), '')}."
    none = [] if any(verdict(row) == "better" for row in comparison.estimators) else [_NONE_BETTER]
    return [f"The strongest baseline, {bar.name}, {reached}", *none]
