"""Sections of a survey's first page, and the page of one estimator."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ghn.analysis.bias import Bias
from ghn.analysis.sets import Combinations
from ghn.analysis.stability import Stability
from ghn.graph.stats import PROPERTIES
from ghn.report.bias import bias_map, findings, likeness_findings, likeness_map, wrong_pair
from ghn.report.document import (
    Block,
    Cell,
    Fold,
    Heading,
    Items,
    Line,
    Page,
    Picture,
    Pictures,
    Table,
    Text,
    listed,
    warned,
)
from ghn.report.model import BETWEEN_SEEDS, Cost, Part, Survey, about
from ghn.report.networks import pair_figure
from ghn.report.sentences import verdict
from ghn.report.sets import combination_pictures, combination_sentences, combination_table
from ghn.report.stability import stability_pictures, stability_sentences
from ghn.report.survey.cost_figure import cost_pictures, front_of, points_of
from ghn.report.tables import columns, failed, main_table, ordered, statistic_cells
from ghn.report.words import DASH, budget, count, duration, joined, number, quantity, signed
from ghn.types import Space

_FAILURES_SHOWN = 20
_FINDINGS = 1  # said of a row on the first page; all of them are on its own


def survey_table(survey: Survey, part: Part, files: Mapping[str, str]) -> Table:
    """What each estimator costs and how well it orders, by falling Kendall; `files` has label -> name of the page."""
    costs = {cost.label: (cost.one_off_seconds, cost.seconds, cost.macs) for cost in survey.costs}
    rows = ordered(part.comparison)
    return main_table(part.comparison, rows=rows, costs=costs, seeds=part.spread, files=files)


def order_section(survey: Survey, number_of: int, files: Mapping[str, str]) -> list[Block]:
    """The table and the pictures of cost against one reference."""
    part = survey.parts[number_of - 1]
    comparison = part.comparison
    unit = f"; the reference is the {comparison.reference_unit}" if comparison.reference_unit else ""
    sure = " Brackets are 95 % intervals." if comparison.settings.bootstrap else ""
    text = (
        f"{comparison.n:,} of {comparison.n_given:,} networks, on which all rows are compared{unit}. Estimators are "
        f"numbered by falling Kendall.{sure} Bold is the best of a column, the ceiling aside; lower regret is better."
    )
    if part.spread:
        text += ' The line "seeds" has mean and standard deviation over the seeds or checkpoints that were run.'
    found = [Heading(2, f"Order and cost against {comparison.reference_name}"), *warned(comparison.warnings)]
    found += [Text(text, soft=True), survey_table(survey, part, files)]
    pictures = cost_pictures(survey, part, f"survey-{number_of}-cost")
    for axis, title in (("seconds", "Order against seconds"), ("macs", "Order against multiply-adds")):
        if shown := tuple(p for p in pictures if p.subject.startswith(axis)):
            found += [Heading(3, title), Pictures(shown)]
    if pictures:
        found.append(
            Text(
                "Higher is better and further left is cheaper; both pictures number estimators as the table does. The "
                "Pareto front joins those than which nothing cheaper orders better. What is paid once is not in it.",
                soft=True,
            )
        )
    return found + _failures(part)


def _failures(part: Part) -> list[Block]:
    """Who failed how often and why, with an example each: an estimator often fails on all networks for one reason."""
    failures = failed(part.comparison)
    if not failures:
        return []
    kinds, example = Counter(kind for _, kind in failures), {kind: item for item, kind in reversed(failures)}
    shown = kinds.most_common(_FAILURES_SHOWN)
    items = [f"{many:,} of {kind} (such as {example[kind]})" for kind, many in shown]
    if len(kinds) > len(shown):
        items.append("All of them are in survey.json.")
    return [Fold(f"{len(failures):,} failures", (listed(*items),))]


def bias_section(part: Part, number_of: int, shown: Mapping[str, str], space: Space[Any]) -> list[Block]:
    """The map, who overrates what, who errs like whom, and the wrong pairs of the rows `shown`, by name of the file."""
    bias, prefix = part.bias, f"survey-{number_of}"
    head: list[Block] = [Heading(2, f"Biases against {bias.reference_name}")]
    if not bias.rows:
        return [*head, Text("No row could be analysed.")]
    head += _overrated(bias, prefix)
    if len(bias.rows) > 1 and bias.likenesses:
        said = likeness_findings(bias)
        alt = f"Correlation of rank residuals. {' '.join(said)}"
        picture = Picture("likeness", "rows", likeness_map(bias), alt, f"{prefix}-likeness")
        head += [Heading(3, "Who errs like whom"), listed(*said), Pictures((picture,))]
    if pairs := [block for row, file in shown.items() for block in wrong_pairs(part, number_of, row, file, space)]:
        head += [Heading(3, "Pairs that the advised estimators get most confidently wrong"), *pairs]
    return head


def _overrated(bias: Bias, prefix: str) -> list[Block]:
    """The map and its strongest entries in words."""
    found: list[Block] = []
    if not bias.properties:
        found.append(Text("No property of networks varies, so no bias can be looked for."))
    else:
        alt = f"Biases over {bias.n} networks, as listed below."
        drawn = Picture("bias", "properties", bias_map(bias), alt, f"{prefix}-bias")
        found += [Text(_how(bias), soft=True), Pictures((drawn,)), Heading(3, "In words")]
        for kind, title in (("estimator", ""), ("baseline", "Baselines")):
            words = Items(tuple((row.name, _strongest(bias, row.name)) for row in bias.rows if row.kind == kind))
            if words.items:
                found.append(Fold(title, (words,)) if title else words)
    if bias.left_out:
        left_out = "; ".join(f"{name} ({why})" for name, why in bias.left_out.items())
        found.append(Text(f"Not analysed: {left_out}.", soft=True))
    if bias.properties:
        known = listed(*(f"{name}: {PROPERTIES[name]}" for name in bias.properties if name in PROPERTIES))
        found.append(Fold("What the properties are", (known,)))
    return found


def _strongest(bias: Bias, row: str) -> str:
    found = findings(bias, row)
    more = len(found) - _FINDINGS
    return "; ".join(found[:_FINDINGS]) + (f"; {more} more {'is' if more == 1 else 'are'} weaker" if more > 0 else "")


def _how(bias: Bias) -> str:
    tests = f"{bias.settings.permutations:,} permutations"
    text = (
        "What an estimate still has to do with a property of networks when the reference is known: Spearman's "
        f"partial rank correlation, {bias.n:,} networks. Stars: significant at {quantity(bias.settings.level)} after "
        f"correction for all pairs of estimator and property ({tests}). Positive: networks with more of it are "
        "overrated."
    )
    if bias.second_training is not None:
        text += f" A second training of {bias.repeated:,} networks shows what the reference's noise alone can feign."
    return text


def wrong_pairs(part: Part, number_of: int, row: str, file: str, space: Space[Any]) -> list[Block]:
    """The pair that a row gets most confidently wrong, drawn; the next ones in words."""
    pairs = part.bias.pairs_of(row)
    if not pairs:
        return []
    first, *others = (f"{wrong_pair(part.bias, pair)}." for pair in pairs)
    figure, name = pair_figure(part.bias, pairs[0], space), f"survey-{number_of}-pair-{file}"
    blocks: list[Block] = [Pictures((Picture("pair", row, figure, first, name, caption=first, many=True),))]
    return [*blocks, Fold("The next ones", (listed(*others),))] if others else blocks


def stability_section(found: Stability, heading: str, prefix: str) -> list[Block]:
    """From where on the order is that of the end, and what successive halving loses."""
    pictures = tuple(replace(one, name=f"{prefix}-{one.subject}") for one in stability_pictures(found))
    said = listed(*stability_sentences(found))
    return [Heading(2, heading), *warned(found.warnings), said, Pictures(pictures)]


def combination_section(found: Combinations) -> list[Block]:
    """Which sets order best at which cost."""
    drawn = zip(found.sizes, combination_pictures(found), strict=True)
    pictures = tuple(replace(one, name=f"survey-combinations-{size}") for size, one in drawn)
    front = [one for one in found.combinations if one.front]
    others = [one for one in found.combinations if not one.front]
    blocks = [Heading(2, "Combinations"), *warned(found.warnings), listed(*combination_sentences(found))]
    blocks += [Heading(3, "Sets on the front of cost and order, which was chosen on development networks")]
    blocks += [combination_table(found, front, "On the front"), Pictures(pictures)]
    if others:
        table = combination_table(found, others, "Not on the front")
        blocks.append(Fold("Single estimators and sets that are not on the front", (table,)))
    if aside := [f"{member.name}: {member.set_aside}" for member in found.members if member.set_aside]:
        blocks.append(Fold("In no set", (listed(*aside),)))
    return blocks


def estimator_page(survey: Survey, cost: Cost, name: str, space: Space[Any]) -> Page:
    """Everything that the survey knows of one estimator; the page's file has the `name`, without an ending."""
    words, known = about(cost.estimator), cost.estimator is not None
    needs = f"{words.needs}; their cost is not counted here" if words.needs else ""
    once = "nothing, or unknown" if cost.one_off_seconds is None else duration(cost.one_off_seconds)
    options = json.dumps(cost.options, ensure_ascii=False) if cost.options else "none"
    facts = [
        ("Family", words.family),
        ("Source", cost.source),
        ("Cost a network", _spent(cost)),
        ("Paid once before the first network", once),
        ("Needs besides", needs),
        ("In a config", f"estimator={cost.estimator}" if known else "not an estimator of this library"),
        ("Settings that differ from the defaults", options),
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
