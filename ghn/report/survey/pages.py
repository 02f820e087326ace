"""The page of one estimator: what it is, what it costs, how it orders, where it errs, when to use it.

A survey as a document: the first page, and a page an estimator.
"""

from __future__ import annotations

import json
from typing import Any

from ghn.analysis.weighted import MIN_PART
from ghn.report.bias import findings
from ghn.report.document import Block, Cell, Document, Heading, Items, Line, Page, Table, Text, listed
from ghn.report.html import flatten
from ghn.report.sets import signed
from ghn.report.survey.about import about
from ghn.report.survey.amounts import budget, count, joined, ordered
from ghn.report.survey.answers import advised, answers
from ghn.report.survey.cost_figure import front_of, points_of
from ghn.report.survey.model import BETWEEN_SEEDS, Cost, Survey
from ghn.report.survey.sections import (
    bias_section,
    columns,
    combination_section,
    order_section,
    stability_section,
    statistic_cells,
    training_section,
    wrong_pairs,
)
from ghn.report.words import DASH, MINUS, duration, number, verdict
from ghn.report.write import slug
from ghn.types import Space


def estimator_page(survey: Survey, cost: Cost, name: str, space: Space[Any]) -> Page:
    """Everything that the survey knows of one estimator.

    Args:
        survey: that it was part of.
        cost: its entry there.
        name: of the file, without an ending.
        space: of the networks.
    """
    words = about(cost.estimator)
    facts = [
        ("Family", words.family),
        ("Source", cost.source),
        ("Cost a network", _spent(cost)),
        ("Paid once before the first network", _once(cost)),
        *([("Needs besides", f"{words.needs}; their cost is not counted here")] if words.needs else []),
        (
            "In a config",
            "not an estimator of this library" if cost.estimator is None else f"estimator={cost.estimator}",
        ),
        (
            "Settings that differ from the defaults",
            json.dumps(cost.options, ensure_ascii=False) if cost.options else "none",
        ),
        ("Seeds or checkpoints run", str(cost.replicates)),
        ("Networks that it could not judge", str(cost.failed)),
    ]
    blocks: list[Block] = [Text(words.what)]
    if cost.warning:
        blocks.append(listed(cost.warning, kind="warnings"))
    blocks += [Items(tuple(facts)), *_order(survey, cost), *_biases(survey, cost, name, space), *_use(survey, cost)]
    return Page(name, cost.label, tuple(blocks))


def _spent(cost: Cost) -> str:
    known = [] if cost.seconds is None else [duration(cost.seconds)]
    known += [] if cost.macs is None else [f"{count(cost.macs)} multiply-adds"]
    return ", ".join(known) or "unknown"


def _once(cost: Cost) -> str:
    return "nothing, or unknown" if cost.one_off_seconds is None else duration(cost.one_off_seconds)


def _order(survey: Survey, cost: Cost) -> list[Block]:
    heads: dict[str, None] = {}
    for part in survey.parts:
        heads |= dict.fromkeys(columns(part.comparison).values())
    lines, remarks = [], []
    for part in survey.parts:
        comparison = part.comparison
        row = comparison.row(cost.label)
        cells = dict(zip(columns(comparison).values(), statistic_cells(part, row, {}), strict=True))
        place = next((place for place, one in ordered(comparison) if one is row), None)
        where = f"{place} of {len(comparison.estimators)}" if place else DASH
        name = Cell(comparison.reference_name, (f"{row.n:,} networks",))
        lines.append(Line((name, Cell(where), *(cells.get(head, Cell(DASH)) for head in heads))))
        if row.versus is not None:
            remarks.append(
                f"Against {comparison.reference_name}: {row.versus.baseline} is the strongest baseline, and the "
                f"verdict on this estimator is: {verdict(row)} ({signed(row.versus.kendall)} in Kendall, on the same "
                "networks)."
            )
        for key, values in part.spread.get(cost.label, {}).items():
            if key == "kendall":
                each = ", ".join(number(value) for value in values)
                remarks.append(f"Against {comparison.reference_name}, Kendall of each seed or checkpoint: {each}.")
            if key == BETWEEN_SEEDS:
                each = ", ".join(number(value) for value in values)
                remarks.append(f"On the networks of {comparison.reference_name}, two seeds agree to Kendall {each}.")
    if not lines:
        return []
    table = Table(f"Order of {cost.label}", ("reference", "place", *heads), tuple(lines))
    return [Heading(3, "How it orders"), table, *([listed(*remarks)] if remarks else [])]


def _biases(survey: Survey, cost: Cost, name: str, space: Space[Any]) -> list[Block]:
    items, pairs = [], []
    for index, part in enumerate(survey.parts, start=1):
        if cost.label not in {row.name for row in part.bias.rows}:
            items.append((f"Against {part.bias.reference_name}", "not analysed, as its order was set aside"))
            continue
        items.append((f"Against {part.bias.reference_name}", "; ".join(findings(part.bias, cost.label))))
        pairs += wrong_pairs(part, index, cost.label, name, space)
    if not items:
        return []
    drawn = [Heading(4, "Pairs that it gets most confidently wrong"), *pairs] if pairs else []
    return [Heading(3, "Where it errs"), Items(tuple(items)), *drawn]


def _use(survey: Survey, cost: Cost) -> list[Block]:
    texts = [about(cost.estimator).when]
    budgets = [budget(one.budget_seconds) for one in survey.advice if one.label == cost.label]
    if budgets:
        candidates = next(one.candidates for one in survey.advice if one.label == cost.label)
        texts.append(f"Advised here for {candidates:,} candidates in {joined(budgets, 'or')}.")
    elif any(one.label for one in survey.advice):
        texts.append("Not advised here for any of the budgets.")
    for part in survey.parts:
        points = points_of(survey, part.comparison, "kendall", "seconds")
        mine = next((i for i, point in enumerate(points) if point.name == cost.label), None)
        if mine is None:
            continue
        better = [p.name for p in points if p.cost <= points[mine].cost and _value(p) > _value(points[mine])]
        where = f"Against {part.comparison.reference_name}"
        if mine in front_of(points):
            texts.append(f"{where}, it is on the Pareto front: nothing that is as cheap orders better.")
        elif better:
            verbs = ("is", "orders") if len(better) == 1 else ("are", "order")
            number_of = f"{len(better)} that {verbs[0]} no dearer {verbs[1]} better"
            texts.append(f"{where}, {number_of}, the best of them {better[0]}.")
    return [Heading(3, "When to use it"), listed(*texts)]


def _value(point: Any) -> float:
    return float(point.found.value or 0.0)


# --- A survey as a document: the first page, and a page an estimator ---

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
    for index, training in enumerate(survey.trainings, start=1):
        blocks += training_section(training, index)
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
