"""The page of one estimator: what it is, what it costs, how it orders, where it errs, when to use it."""

from __future__ import annotations

import json
from typing import Any

from ghn.report.bias import findings
from ghn.report.comparison import verdict
from ghn.report.document import Block, Cell, Heading, Items, Line, Page, Table, Text, listed, warned
from ghn.report.survey.about import about
from ghn.report.survey.cost_figure import front_of, points_of
from ghn.report.survey.model import BETWEEN_SEEDS, Cost, Part, Survey
from ghn.report.survey.sections import wrong_pairs
from ghn.report.tables import columns, ordered, statistic_cells
from ghn.report.words import DASH, budget, count, duration, joined, number, signed
from ghn.types import Space


def estimator_page(survey: Survey, cost: Cost, name: str, space: Space[Any]) -> Page:
    """Everything that the survey knows of one estimator.

    Args:
        survey: that it was part of.
        cost: its entry there.
        name: of the file, without an ending.
        space: of the networks.
    """
    words, known = about(cost.estimator), cost.estimator is not None
    needs = f"{words.needs}; their cost is not counted here" if words.needs else ""
    facts = [
        ("Family", words.family),
        ("Source", cost.source),
        ("Cost a network", _spent(cost)),
        ("Paid once before the first network", _once(cost)),
        ("Needs besides", needs),
        ("In a config", f"estimator={cost.estimator}" if known else "not an estimator of this library"),
        ("Settings that differ from the defaults", _settings(cost)),
        ("Seeds or checkpoints run", str(cost.replicates)),
        ("Networks that it could not judge", str(cost.failed)),
    ]
    blocks: list[Block] = [Text(words.what), *warned([cost.warning] if cost.warning else [])]
    blocks += [Items(tuple(fact for fact in facts if fact[1])), *_order(survey, cost)]
    return Page(name, cost.label, (*blocks, *_biases(survey, cost, name, space), *_use(survey, cost)))


def _spent(cost: Cost) -> str:
    known = [] if cost.seconds is None else [duration(cost.seconds)]
    known += [] if cost.macs is None else [f"{count(cost.macs)} multiply-adds"]
    return ", ".join(known) or "unknown"


def _once(cost: Cost) -> str:
    return "nothing, or unknown" if cost.one_off_seconds is None else duration(cost.one_off_seconds)


def _settings(cost: Cost) -> str:
    return json.dumps(cost.options, ensure_ascii=False) if cost.options else "none"


def _order(survey: Survey, cost: Cost) -> list[Block]:
    if not survey.parts:
        return []
    heads = tuple(dict.fromkeys(head for part in survey.parts for head in columns(part.comparison).values()))
    lines = []
    for part in survey.parts:
        comparison = part.comparison
        row, shown = comparison.row(cost.label), columns(comparison)
        found = statistic_cells(comparison, row, shown, part.spread.get(row.name))
        cells = dict(zip(shown.values(), found, strict=True))
        place = next((place for place, one in ordered(comparison) if one is row), None)
        where = f"{place} of {len(comparison.estimators)}" if place else DASH
        name = Cell(comparison.reference_name, (f"{row.n:,} networks",))
        lines.append(Line((name, Cell(where), *(cells.get(head, Cell(DASH)) for head in heads))))
    table = Table(f"Order of {cost.label}", ("reference", "place", *heads), tuple(lines))
    remarks = [text for part in survey.parts for text in _remarks(part, cost.label)]
    return [Heading(3, "How it orders"), table, *([listed(*remarks)] if remarks else [])]


def _remarks(part: Part, label: str) -> list[str]:
    """Whether it beats the strongest baseline, and what several seeds show."""
    where, row, found = part.comparison.reference_name, part.comparison.row(label), []
    if row.versus is not None:
        found.append(
            f"Against {where}: {row.versus.baseline} is the strongest baseline, and the verdict on this estimator is: "
            f"{verdict(row)} ({signed(row.versus.kendall)} in Kendall, on the same networks)."
        )
    for key, values in part.spread.get(label, {}).items():
        each = ", ".join(number(value) for value in values)
        if key == "kendall":
            found.append(f"Against {where}, Kendall of each seed or checkpoint: {each}.")
        if key == BETWEEN_SEEDS:
            found.append(f"On the networks of {where}, two seeds agree to Kendall {each}.")
    return found


def _biases(survey: Survey, cost: Cost, name: str, space: Space[Any]) -> list[Block]:
    items: list[tuple[str, str]] = []
    pairs: list[Block] = []
    for index, part in enumerate(survey.parts, start=1):
        where = f"Against {part.bias.reference_name}"
        if cost.label not in {row.name for row in part.bias.rows}:
            items.append((where, "not analysed, as its order was set aside"))
            continue
        items.append((where, "; ".join(findings(part.bias, cost.label))))
        pairs += wrong_pairs(part, index, cost.label, name, space)
    if not items:
        return []
    drawn = [Heading(4, "Pairs that it gets most confidently wrong"), *pairs] if pairs else []
    return [Heading(3, "Where it errs"), Items(tuple(items)), *drawn]


def _use(survey: Survey, cost: Cost) -> list[Block]:
    texts = [about(cost.estimator).when]
    if mine := [one for one in survey.advice if one.label == cost.label]:
        budgets = joined([budget(one.budget_seconds) for one in mine], "or")
        texts.append(f"Advised here for {mine[0].candidates:,} candidates in {budgets}.")
    elif any(one.label for one in survey.advice):
        texts.append("Not advised here for any of the budgets.")
    texts += [text for part in survey.parts if (text := _beside_others(survey, part, cost.label))]
    return [Heading(3, "When to use it"), listed(*texts)]


def _beside_others(survey: Survey, part: Part, label: str) -> str:
    """Whether something that is as cheap orders better."""
    points = points_of(survey, part.comparison, "kendall", "seconds")
    mine = next((i for i, point in enumerate(points) if point.name == label), None)
    if mine is None:
        return ""
    where = f"Against {part.comparison.reference_name}"
    if mine in front_of(points):
        return f"{where}, it is on the Pareto front: nothing that is as cheap orders better."
    better = [p.name for p in points if p.cost <= points[mine].cost and p.value > points[mine].value]
    if not better:
        return ""
    verbs = ("is", "orders") if len(better) == 1 else ("are", "order")
    return f"{where}, {len(better)} that {verbs[0]} no dearer {verbs[1]} better, the best of them {better[0]}."
