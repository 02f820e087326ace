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
from ghn.report.document import Beside, Block, Document, Fold, Heading, Items, Picture, Pictures, Text, listed, warned
from ghn.report.figures import pictures
from ghn.report.model import Report
from ghn.report.sentences import best_row, first_networks, headline, row_sentences, summary, verdict
from ghn.report.tables import every_statistic, failed, main_table, measured
from ghn.report.terminal import print_blocks
from ghn.report.words import free_name, slug, with_interval
from ghn.report.write import ours, write_document

_FILES = ("report.html", "report.md", "report.json")
_FAILURES_SHOWN = 50
_SAME = "on the same networks"


def write_report(report: Report, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Writes `report.html`, `report.md`, `report.json` and `figures/` into a folder, each file whole or not at all.

    Args:
        report: what to write.
        folder: made when missing; other files in it are left alone.
        overwrite: replace a report that is there, figures of it that no longer exist included.

    Returns:
        The path of `report.html`.

    Raises:
        ExistsError: there is a report in the folder and `overwrite` is False, or a `report.md` that is none.
    """
    folder = Path(folder)
    there = [name for name in _FILES if (folder / name).exists()]
    if "report.md" in there and not ours(folder / "report.md", "report"):
        fix = "choose another folder, or rename that file"
        raise ExistsError("a report.md that is no report of ghn is in this folder", got=str(folder), fix=fix)
    if there and not overwrite:
        raise ExistsError(
            "there is a report in this folder already",
            got=f"{' and '.join(there)} in {folder}",
            fix="choose another folder, or pass overwrite=True",
        )
    text = json.dumps(report.to_json(), indent=1, allow_nan=False, ensure_ascii=False)
    more = {"report.json": text}
    return write_document(report_document(report), folder, "[0-9]*-*-*.[ps][nv]g", more, as_markdown=True)


def print_report(report: Report, console: Console | None = None) -> None:
    """Prints what came out, tables, and warnings; on a TTY in colour, elsewhere as plain text of a fixed width."""
    blocks: list[Block] = []
    for comparison in report.comparisons:
        unit = f", {comparison.reference_unit}" if comparison.reference_unit else ""
        table = main_table(comparison)
        title = f"{table.title} ({comparison.n:,} of {comparison.n_given:,} networks{unit})"
        blocks += [listed(headline(comparison), kind="answers"), row_sentences(comparison), Text("")]
        blocks += [replace(table, title=title), *first_networks(comparison), *warned(comparison.warnings), Text("")]
    print_blocks([*blocks, *warned(report.warnings, "Warning")], console)


def to_text(report: Report, width: int = 120) -> str:
    """What `print_report` prints, as a string."""
    file = io.StringIO()
    print_report(report, Console(file=file, width=width, color_system=None))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def report_document(report: Report) -> Document:
    """Everything that a report says; each number in it is one of `report.to_json()`, or a count of what is there."""
    several, blocks = len(report.comparisons) > 1, list[Block]()
    for index, comparison in enumerate(report.comparisons, start=1):
        blocks += [Heading(2, f"Against {comparison.reference_name}")] if several else []
        blocks += _opening(comparison, drawn := _named(pictures(comparison), index))
        notes = (*(report.warnings if index == 1 else ()), *comparison.warnings)
        blocks += [*warned(notes, "Keep in mind"), *_folds(comparison, drawn)]
    more = Fold(
        "How this was measured, and how to read it", tuple(measured(report, report.comparisons, _reading(report)))
    )
    return Document("report", report.title, report.created, (*blocks, more))


def _opening(comparison: Comparison, drawn: Sequence[Picture]) -> list[Block]:
    """What came out in one sentence, the scatter of the best estimator, and beside it a sentence a row."""
    found: list[Block] = [listed(headline(comparison), kind="answers")]
    best, sentences = best_row(comparison), row_sentences(comparison)
    scatter = [one for one in drawn if one.kind == "scatter" and best is not None and one.subject == best.name]
    if not scatter:
        return [*found, sentences, *first_networks(comparison)]
    top = comparison.top
    caption = (
        f"{scatter[0].subject}: each network's estimate and its measured value. Triangles: the {top} that it puts "
    )
    shown = replace(scatter[0], caption=f"{caption}first; star: the best of all, filled if it is one of them.")
    return [*found, Beside(shown, (sentences,)), *first_networks(comparison)]


def _folds(comparison: Comparison, drawn: Sequence[Picture]) -> list[Block]:
    """All else, each a click away: intervals, pictures, every statistic, failures."""

    def of(row: Row) -> tuple[Picture, ...]:
        return tuple(one for one in drawn if one.kind != "dots" and one.subject == row.name)

    blocks: list[Block] = [Fold("With intervals", tuple(_intervals(comparison, drawn)))]
    if estimators := [row for row in comparison.estimators if of(row)]:
        each = (block for row in estimators for block in (Heading(3, row.name), Pictures(of(row))))
        blocks.append(Fold("Pictures of each estimator", tuple(each)))
    if comparison.baselines:
        baselines = tuple(one for row in comparison.baselines for one in of(row))
        blocks.append(Fold("Rank plots of the baselines", (Pictures(baselines),)))
    return [*blocks, Fold("Every statistic", (every_statistic(comparison),)), *_failures(comparison)]


def _intervals(comparison: Comparison, drawn: Sequence[Picture]) -> list[Block]:
    unit = f"; reference and regret in {comparison.reference_unit}" if comparison.reference_unit else ""
    sure = " Brackets: 95 % intervals." if comparison.settings.bootstrap else ""
    aside = " (the ceiling aside)" if comparison.ceiling else ""
    how = f"{comparison.n:,} of {comparison.n_given:,} networks{unit}.{sure} Bold: best of the column{aside}; lower"
    blocks: list[Block] = [Text(summary(comparison)), Text(f"{how} regret is better.", soft=True)]
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
    return blocks


def _failures(comparison: Comparison) -> list[Block]:
    failures = failed(comparison)
    if not failures:
        return []
    shown = failures[:_FAILURES_SHOWN]
    blocks: list[Block] = [Items(tuple(shown))]
    if len(failures) > len(shown):
        blocks.append(Text(f"The first {len(shown)}; the others are in report.json.", soft=True))
    return [Fold(f"{len(failures)} failures", tuple(blocks))]


def _named(found: Sequence[Picture], index: int) -> list[Picture]:
    names: list[str] = []
    for picture in found:  # two subjects may differ only in signs that a file name should not have
        names.append(free_name(f"{index}-{picture.kind}-{slug(picture.subject)}", names))
    return [replace(picture, name=name) for picture, name in zip(found, names, strict=True)]


def _reading(report: Report) -> list[tuple[str, str]]:
    found = [
        (
            "Puts the better of two first",
            "the share of pairs in the right order, of all pairs whose references differ; a pair to which an estimate "
            "gives one value counts half, as a coin would decide it. Half of them is chance.",
        ),
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
