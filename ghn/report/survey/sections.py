"""Sections of a survey: order and cost, stability, combinations; biases have a file of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ghn.report.combinations.figures import combination_pictures
from ghn.report.combinations.model import Combination, Combinations
from ghn.report.combinations.words import combination_sentences, signed
from ghn.report.figures import PARTS
from ghn.report.stability.figures import stability_pictures
from ghn.report.stability.model import Stability
from ghn.report.stability.words import stability_sentences
from ghn.report.survey.cost_figure import AXES, cost_pictures
from ghn.report.survey.document import (
    Block,
    Cell,
    Drawings,
    Fold,
    Heading,
    Line,
    Table,
    Text,
    drawing,
    listed,
)
from ghn.report.survey.main_table import main_table
from ghn.report.survey.model import Part, Survey
from ghn.report.words import DASH, duration, interval, number

_FAILURES_SHOWN = 20


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
    found: list[Block] = [Heading(2, f"Order and cost against {comparison.reference_name}")]
    if comparison.warnings:
        found.append(listed(*comparison.warnings, kind="warnings"))
    found += [Text(text, soft=True), main_table(survey, part, files)]
    pictures = [drawing(p, _cost_name(p.subject, number_of)) for p in cost_pictures(survey, part)]
    for axis, title in (("seconds", "Order against seconds"), ("macs", "Order against multiply-adds")):
        if shown := tuple(p for p in pictures if f"-{axis}-" in p.name):
            found += [Heading(3, title), Drawings(shown)]
    if pictures:
        found.append(
            Text(
                "Higher is better and further left is cheaper; both pictures number estimators as the table does. The "
                "Pareto front joins those than which nothing cheaper orders better. What is paid once is not in it.",
                soft=True,
            )
        )
    return found + _failures(part)


def _cost_name(subject: str, number_of: int) -> str:
    axis, key = subject.split(" ")
    assert axis in AXES and key in PARTS
    return f"survey-{number_of}-cost-{axis}-{'all' if key == 'kendall' else 'best-half'}"


def _failures(part: Part) -> list[Block]:
    """Who failed how often and why, with an example each: an estimator often fails on all networks for one reason."""
    failures = part.comparison.failures
    if not failures:
        return []
    kinds = Counter((one.estimator, one.reason or "reason not given") for one in failures)
    example = {(one.estimator, one.reason or "reason not given"): one.item for one in reversed(failures)}
    shown = kinds.most_common(_FAILURES_SHOWN)
    items = [f"{many:,} of {kind[0]}: {kind[1]} (such as {example[kind]})" for kind, many in shown]
    if len(kinds) > len(shown):
        items.append("All of them are in survey.json.")
    return [Fold(f"{len(failures):,} failures", (listed(*items),))]


def stability_section(found: Stability) -> list[Block]:
    """From which epoch on the order is that of the end, and what successive halving loses."""
    pictures = tuple(drawing(p, f"survey-{p.kind}-{p.subject}") for p in stability_pictures(found))
    warnings = [listed(*found.warnings, kind="warnings")] if found.warnings else []
    return [
        Heading(2, "Stability: how long must a training be to know?"),
        *warnings,
        listed(*stability_sentences(found)),
        Drawings(pictures),
    ]


def training_section(found: Stability, number: int) -> list[Block]:
    """How the order that weights give changes while they are trained."""
    pictures = tuple(drawing(p, f"survey-training-{number}-{p.subject}") for p in stability_pictures(found))
    warnings = [listed(*found.warnings, kind="warnings")] if found.warnings else []
    heading = Heading(2, f"Stability over a training: {found.name}")
    return [heading, *warnings, listed(*stability_sentences(found)), Drawings(pictures)]


def combination_section(found: Combinations) -> list[Block]:
    """Which sets order best at which cost."""
    pictures = tuple(
        drawing(p, f"survey-combinations-{size}")
        for size, p in zip(found.sizes, combination_pictures(found), strict=True)
    )
    warnings = [listed(*found.warnings, kind="warnings")] if found.warnings else []
    aside = [f"{member.name}: {member.set_aside}" for member in found.members if member.set_aside]
    front = [one for one in found.combinations if one.front]
    others = [one for one in found.combinations if not one.front]
    blocks: list[Block] = [Heading(2, "Combinations"), *warnings, listed(*combination_sentences(found))]
    blocks += [Heading(3, "Sets on the front of cost and order, which was chosen on development networks")]
    blocks += [_sets("On the front", front), Drawings(pictures)]
    if others:
        blocks.append(
            Fold("Single estimators and sets that are not on the front", (_sets("Not on the front", others),))
        )
    if aside:
        blocks.append(Fold("In no set", (listed(*aside),)))
    return blocks


def _sets(title: str, shown: Sequence[Combination]) -> Table:
    head = (
        "references",
        "members",
        "time a network",
        "one-off time",
        "Kendall, development networks",
        "Kendall, report networks",
        "best half",
    )
    lines = []
    for one in shown:
        draws = (f"draws ± {number(one.spread)}",) if one.spread is not None else ()
        versus = None if one.versus is None else one.versus.kendall
        cells = (
            Cell(str(one.references)),
            Cell(one.name),
            Cell(duration(one.seconds)),
            Cell(duration(one.one_off_seconds)),
            Cell(number(one.development)),
            Cell(number(one.kendall.value), tuple(t for t in (interval(one.kendall), *draws) if t)),
            Cell(number(one.best_half.value), tuple(t for t in (interval(one.best_half),) if t)),
            Cell(DASH if versus is None else signed(versus)),
        )
        lines.append(Line(cells))
    return Table(title, (*head, "Kendall minus best single"), tuple(lines), left=(1,))
