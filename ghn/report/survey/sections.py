"""Sections of a survey: order and cost, biases, stability, combinations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ghn.analysis.bias import Bias
from ghn.analysis.sets import Combinations
from ghn.analysis.stability import Stability
from ghn.graph.stats import PROPERTIES
from ghn.report.bias import bias_map, findings, likeness_findings, likeness_map, wrong_pair
from ghn.report.document import Block, Fold, Heading, Items, Picture, Pictures, Table, Text, listed, warned
from ghn.report.networks import pair_figure
from ghn.report.sets import combination_pictures, combination_sentences, combination_table
from ghn.report.stability import stability_pictures, stability_sentences
from ghn.report.survey.cost_figure import cost_pictures
from ghn.report.survey.model import Part, Survey
from ghn.report.tables import main_table, ordered
from ghn.report.words import quantity
from ghn.types import Space

_FAILURES_SHOWN = 20
_FINDINGS = 1  # said of a row on the first page; all of them are on its own


def survey_table(survey: Survey, part: Part, files: Mapping[str, str]) -> Table:
    """What each estimator costs and how well it orders, by falling Kendall.

    Args:
        survey: whose costs are shown.
        part: one of its `parts`.
        files: label -> name of the page.
    """
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
    failures = [(one.item, f"{one.estimator}: {one.reason or 'reason not given'}") for one in part.comparison.failures]
    if not failures:
        return []
    kinds, example = Counter(kind for _, kind in failures), {kind: item for item, kind in reversed(failures)}
    shown = kinds.most_common(_FAILURES_SHOWN)
    items = [f"{many:,} of {kind} (such as {example[kind]})" for kind, many in shown]
    if len(kinds) > len(shown):
        items.append("All of them are in survey.json.")
    return [Fold(f"{len(failures):,} failures", (listed(*items),))]


def bias_section(part: Part, number_of: int, shown: Mapping[str, str], space: Space[Any]) -> list[Block]:
    """The map, who overrates what, who errs like whom, and the wrong pairs of a few.

    Args:
        part: of the survey.
        number_of: the part, from 1.
        shown: rows whose most confidently wrong pair is drawn here, and names of their files.
        space: of the networks.
    """
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
    """The pair that a row gets most confidently wrong, drawn; the next ones in words.

    Args:
        part: of the survey.
        number_of: the part, from 1.
        row: whose pairs.
        file: what its files are called by.
        space: of the networks.
    """
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
