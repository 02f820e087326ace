"""A survey as a document: the first page, and a page an estimator."""

from __future__ import annotations

from typing import Any

from ghn.ranking import MIN_PART
from ghn.report.page import flatten
from ghn.report.survey.about import about
from ghn.report.survey.answers import advised, answers
from ghn.report.survey.bias_section import bias_section
from ghn.report.survey.document import Block, Cell, Document, Heading, Items, Line, Table, Text, listed
from ghn.report.survey.estimator_page import estimator_page
from ghn.report.survey.model import Survey
from ghn.report.survey.sections import combination_section, order_section, stability_section, training_section
from ghn.report.words import MINUS
from ghn.report.write import slug
from ghn.types import Space

FIRST = "index"


def survey_document(survey: Survey, space: Space[Any]) -> Document:
    """Everything that a survey says; each number in it is one of the survey's.

    Args:
        survey: to tell of.
        space: of its networks.
    """
    files = file_names(survey)
    blocks: list[Block] = [Items(tuple(answers(survey)), "answers")]
    if said := (*survey.report.warnings, *survey.notes):
        blocks.append(listed(*said, kind="warnings", title="Before you read on"))
    for index in range(1, len(survey.parts) + 1):
        blocks += order_section(survey, index, files)
    for index, part in enumerate(survey.parts, start=1):
        # The pairs of those that are advised stand here, for the reference that the advice stands on.
        shown = [n for n in advised(survey) if part is survey.parts[-1] and n in {row.name for row in part.bias.rows}]
        blocks += bias_section(part, index, {name: files[name] for name in shown}, space)
    if survey.stability is not None:
        blocks += stability_section(survey.stability)
    for number, training in enumerate(survey.trainings, start=1):
        blocks += training_section(training, number)
    if survey.combinations is not None:
        blocks += combination_section(survey.combinations)
    blocks += [Heading(2, "The estimators"), _contents(survey, files), *_measured(survey)]
    pages = tuple(estimator_page(survey, cost, files[cost.label], space) for cost in survey.costs)
    return Document(survey.report.title, survey.report.created, tuple(blocks), pages)


def file_names(survey: Survey) -> dict[str, str]:
    """Label -> name of the page, from the key in the config; names that a user chose may need another."""
    names: dict[str, str] = {}
    for cost in survey.costs:
        name = cost.key if slug(cost.key).replace("-", "_") == cost.key else slug(cost.key)
        while name == FIRST or name in names.values():
            name += "-2"
        names[cost.label] = name
    return names


def _contents(survey: Survey, files: dict[str, str]) -> Table:
    lines = [
        Line((Cell(cost.label, page=files[cost.label]), Cell(about(cost.estimator).family), Cell(cost.source)))
        for cost in survey.costs
    ]
    return Table("The estimators", ("estimator", "family", "source"), tuple(lines), left=(1, 2))


def _measured(survey: Survey) -> list[Block]:
    blocks: list[Block] = [Heading(2, "How this was measured"), *(Text(text) for text in survey.report.protocol)]
    blocks += [Heading(3, "How to read the numbers"), Items(tuple(_reading(survey)))]
    if survey.report.metadata:
        blocks += [Heading(2, "Machine, versions, commands"), Items(tuple(flatten(survey.report.metadata)))]
    return blocks


def _reading(survey: Survey) -> list[tuple[str, str]]:
    comparisons = [part.comparison for part in survey.parts]
    draws = sorted({(c.settings.bootstrap, c.settings.seed) for c in comparisons if c.settings.bootstrap})
    reading = [
        (
            "Kendall",
            "tau-b: the share of pairs put in the right order minus the share put in the wrong one, with ties "
            f"accounted for. 1 is the reference's order, 0 is chance, {MINUS}1 is the order reversed. The shares of "
            "pairs in words are (1 + Kendall) / 2.",
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
        ("Ceiling", "one training as the estimate of another, mean over all pairs of seeds."),
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
    ]
    if draws:
        each = "; ".join(f"{resamples:,} resamples, seed {seed}" for resamples, seed in draws)
        text = f"95 % percentile bootstrap intervals over networks ({each}). They say how far a value would move with "
        reading.append(("Brackets", text + "other networks, not with another training of the estimator."))
    return reading
