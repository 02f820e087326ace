"""A survey as a document - the first page, and a page an estimator -, to a folder and to a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from ghn.errors import ExistsError
from ghn.report.document import Block, Cell, Document, Heading, Items, Line, Table, warned
from ghn.report.model import Survey, about
from ghn.report.survey.answers import advised, answers
from ghn.report.survey.sections import (
    bias_section,
    combination_section,
    estimator_page,
    order_section,
    stability_section,
    survey_table,
)
from ghn.report.tables import measured
from ghn.report.terminal import print_blocks
from ghn.report.words import free_name, slug
from ghn.report.write import FIRST, ours, write_document
from ghn.types import Space

_LOG = 240  # columns where there is no terminal
_READING = (
    (
        "Shares of pairs",
        "in words are (1 + Kendall) / 2, which is the share in the right order where nothing ties.",
    ),
    (
        "Costs",
        "mean wall-clock seconds and multiply-adds a network, on the machine below. What is paid once, such as a "
        "hypernetwork's training, stands apart.",
    ),
    (
        "Advice",
        "the estimator with the best order on the networks chosen on, among those that judge all candidates in the "
        "time; what is paid once is not counted. Its figures stand on other networks, where there are enough.",
    ),
)


def write_survey(survey: Survey, space: Space[Any], folder: str | Path) -> Path:
    """Writes `survey.html`, `index.md`, a `KEY.md` an estimator, and `figures/`, each file whole or not at all.

    Pages and figures of a survey that was here before are replaced, and removed where they no longer exist.

    Args:
        survey: to write; its JSON is written by the job.
        space: of its networks.
        folder: made when missing; other files in it are left alone.

    Returns:
        The path of `survey.html`.

    Raises:
        ExistsError: a page that no survey wrote has the name of one to be written.
    """
    folder = Path(folder)
    names = ["survey.html", *(f"{name}.md" for name in (FIRST, *file_names(survey).values()))]
    if foreign := [name for name in names if (folder / name).exists() and not ours(folder / name, "survey")]:
        raise ExistsError(
            "there are pages in this folder that no survey wrote",
            got=", ".join(foreign),
            fix="choose another folder, or rename them",
        )
    return write_document(survey_document(survey, space), folder, "survey-*", as_markdown=True)


def print_survey(survey: Survey, console: Console | None = None) -> None:
    """Prints a table a reference, the answers, and what a reader must know; narrow terminals get fewer columns."""
    blocks: list[Block] = []
    for part in survey.parts:
        blocks += [survey_table(survey, part, {}), *warned(part.comparison.warnings)]
    blocks += [Items(tuple(answers(survey)), "answers"), *warned((*survey.report.warnings, *survey.notes))]
    print_blocks(blocks, console, log=_LOG)


def survey_document(survey: Survey, space: Space[Any]) -> Document:
    """Everything that a survey says; each number in it is one of the survey's."""
    files = file_names(survey)
    blocks: list[Block] = [Items(tuple(answers(survey)), "answers")]
    blocks += warned((*survey.report.warnings, *survey.notes), "Before you read on")
    for index in range(1, len(survey.parts) + 1):
        blocks += order_section(survey, index, files)
    for index, part in enumerate(survey.parts, start=1):
        # The pairs of those that are advised stand here, for the reference that the advice stands on.
        shown = [n for n in advised(survey) if part is survey.parts[-1] and n in {row.name for row in part.bias.rows}]
        blocks += bias_section(part, index, {name: files[name] for name in shown}, space)
    if survey.stability is not None:
        heading = "Stability: how long must a training be to know?"
        blocks += stability_section(survey.stability, heading, "survey-stability")
    for index, training in enumerate(survey.trainings, start=1):
        heading = f"Stability over a training: {training.name}"
        blocks += stability_section(training, heading, f"survey-training-{index}")
    if survey.combinations is not None:
        blocks += combination_section(survey.combinations)
    blocks += [Heading(2, "The estimators"), _contents(survey, files)]
    blocks += measured(survey.report, [part.comparison for part in survey.parts], _READING)
    pages = tuple(estimator_page(survey, cost, files[cost.label], space) for cost in survey.costs)
    report = survey.report
    return Document(
        "survey", report.title, report.created, tuple(blocks), pages, "Estimator by estimator", "All estimators"
    )


def file_names(survey: Survey) -> dict[str, str]:
    """Label -> name of the page, from the key in the config; names that a user chose may need another."""
    names: dict[str, str] = {}
    for cost in survey.costs:
        name = cost.key if slug(cost.key).replace("-", "_") == cost.key else slug(cost.key)
        names[cost.label] = free_name(name, {FIRST, *names.values()})
    return names


def _contents(survey: Survey, files: dict[str, str]) -> Table:
    lines = [
        Line((Cell(cost.label, page=files[cost.label]), Cell(about(cost.estimator).family), Cell(cost.source)))
        for cost in survey.costs
    ]
    return Table("The estimators", ("estimator", "family", "source"), tuple(lines), left=(1, 2))
