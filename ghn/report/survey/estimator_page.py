"""The page of one estimator: what it is, what it costs, how it orders, where it errs, when to use it."""

from __future__ import annotations

import json
from typing import Any

from ghn.report.bias.words import findings
from ghn.report.combinations.words import signed
from ghn.report.survey.about import about
from ghn.report.survey.amounts import budget, count, joined, ordered
from ghn.report.survey.bias_section import wrong_pairs
from ghn.report.survey.cost_figure import front_of, points_of
from ghn.report.survey.document import Block, Cell, Heading, Items, Line, Page, Table, Text, listed
from ghn.report.survey.main_table import columns, statistic_cells
from ghn.report.survey.model import BETWEEN_SEEDS, Cost, Survey
from ghn.report.words import DASH, duration, number, verdict
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
