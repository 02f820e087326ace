"""The table of a survey: what each estimator costs and how well it orders, against one reference.

Where estimators err: the map, who overrates what, who errs like whom, and wrong pairs as graphs.

Sections of a survey: order and cost, stability, combinations; biases have a file of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ghn.analysis.bias import Bias
from ghn.analysis.comparison import Comparison, Row
from ghn.analysis.sets import Combination, Combinations
from ghn.analysis.stability import Stability
from ghn.graph.properties import PROPERTIES
from ghn.report.bias import bias_map, findings, likeness_findings, likeness_map, wrong_pair
from ghn.report.document import Block, Cell, Drawing, Drawings, Fold, Heading, Items, Line, Table, Text, drawing, listed
from ghn.report.figures import PARTS
from ghn.report.networks import pair_figure
from ghn.report.sets import combination_pictures, combination_sentences, signed
from ghn.report.stability import stability_pictures, stability_sentences
from ghn.report.survey.amounts import count, ordered, scale_of, spread, value_cell
from ghn.report.survey.cost_figure import AXES, cost_pictures
from ghn.report.survey.model import Part, Survey
from ghn.report.words import DASH, duration, interval, number, quantity
from ghn.types import Space

_COSTS = ("one-off time", "time a network", "multiply-adds a network")


def columns(comparison: Comparison) -> dict[str, str]:
    """Statistic -> heading of the main table."""
    unit = scale_of(comparison)[1]
    found = {
        "kendall": "Kendall",
        "spearman": "Spearman",
        "kendall_best_half": "best half",
        "kendall_best_fifth": "best 20 %",
        "kendall_within_groups": "inside equal live parameters",
        **{f"regret@{k}": f"regret@{k}" + (f", {unit}" if unit else "") for k in comparison.settings.ks[:1]},
    }
    if not comparison.levels or not comparison.levels.count:
        del found["kendall_within_groups"]
    return found


def main_table(survey: Survey, part: Part, files: Mapping[str, str]) -> Table:
    """Ceiling on top, estimators by falling Kendall, baselines beneath.

    Args:
        survey: whose costs are shown.
        part: one of its `parts`.
        files: label -> name of the page.
    """
    comparison = part.comparison
    shown = columns(comparison)
    head = ("estimator", *_COSTS, *shown.values(), "Kendall minus best baseline", "failed")
    lines = [] if comparison.ceiling is None else [_ceiling(comparison, shown)]
    best = {key: _best(comparison, key) for key in shown}
    lines += [_line(survey, part, n, row, best, files) for n, row in ordered(comparison)]
    if comparison.baselines:
        lines.append(Line((Cell("Baselines"),), "group"))
        lines += [_line(survey, part, None, row, best, files) for row in comparison.baselines]
    half = head.index(shown["kendall_best_half"])
    narrow = (0, 2, 4, half, len(head) - 3, len(head) - 1)
    return Table(f"Against {comparison.reference_name}", head, tuple(lines), narrow)


def _ceiling(comparison: Comparison, shown: Mapping[str, str]) -> Line:
    top = comparison.ceiling
    assert top is not None
    nothing, name = Cell(DASH), f"ceiling: a second training ({top.n} networks, {top.seeds} seeds)"
    cells = []
    for key in shown:
        text, below = value_cell(top.statistics[key], key, comparison) if key in top.statistics else (DASH, "")
        cells.append(Cell(text, _some(below)))
    return Line((Cell(name), *[nothing] * len(_COSTS), *cells, nothing, nothing), "ceiling")


def _line(
    survey: Survey, part: Part, place: int | None, row: Row, best: Mapping[str, float | None], files: Mapping[str, str]
) -> Line:
    cost = survey.cost(row.name)
    # Baselines are known before anything is run, and are not in `costs`.
    spent = (cost.one_off_seconds, cost.seconds, cost.macs) if cost else (row.one_off_seconds, row.seconds, None)
    cells = [
        Cell(row.name if place is None else f"{place}. {row.name}", page=files.get(row.name)),
        Cell(duration(spent[0])),
        Cell(duration(spent[1])),
        Cell(count(spent[2])),
    ]
    cells += statistic_cells(part, row, best)
    versus = None if row.versus is None else row.versus.kendall
    cells.append(Cell(number(versus.value), _some(interval(versus))) if versus else Cell(DASH))
    return Line((*cells, Cell(str(row.failed))), row.kind if row.kind == "baseline" else "row")


def statistic_cells(part: Part, row: Row, best: Mapping[str, float | None]) -> list[Cell]:
    """The statistics of a row, each with interval and spread over seeds; one that was set aside says why.

    Args:
        part: whose comparison has the row.
        row: of it.
        best: statistic -> value that is set off, None for none.
    """
    comparison = part.comparison
    if row.set_aside is not None:
        return [Cell("set aside", (row.set_aside,)), *[Cell(DASH)] * (len(columns(comparison)) - 1)]
    cells = []
    for key in columns(comparison):
        found = row.get(key)
        text, below = value_cell(found, key, comparison)
        scale = scale_of(comparison)[0] if key.startswith("regret@") else 1.0
        seeds = spread(part.spread.get(row.name, {}).get(key, []), scale)
        own = found.value is not None and found.value == best.get(key)
        cells.append(Cell(text, _some(below, seeds and f"seeds {seeds}"), best=own))
    return cells


def _best(comparison: Comparison, key: str) -> float | None:
    values = [value for row in comparison.rows if (value := row.get(key).value) is not None]
    if not values:
        return None
    return min(values) if key.startswith("regret@") else max(values)


def _some(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


# --- Where estimators err: the map, who overrates what, who errs like whom, and wrong pairs as graphs ---

_FINDINGS = 1  # said of a row on the first page; all of them are on its own


def bias_section(part: Part, number_of: int, shown: Mapping[str, str], space: Space[Any]) -> list[Block]:
    """The map, who overrates what, who errs like whom, and the wrong pairs of a few.

    Args:
        part: of the survey.
        number_of: the part, from 1.
        shown: rows whose most confidently wrong pair is drawn here, and names of their files.
        space: of the networks.
    """
    bias = part.bias
    head: list[Block] = [Heading(2, f"Biases against {bias.reference_name}")]
    if not bias.rows:
        return [*head, Text("No row could be analysed.")]
    if not bias.properties:
        head.append(Text("No property of networks varies, so no bias can be looked for."))
    else:
        drawn = Drawing(f"survey-{number_of}-bias", bias_map(bias), f"Biases over {bias.n} networks, as listed below.")
        head += [Text(_how(bias), soft=True), Drawings((drawn,)), Heading(3, "In words")]
        for kind, title in (("estimator", ""), ("baseline", "Baselines")):
            words = Items(tuple((row.name, _strongest(bias, row.name)) for row in bias.rows if row.kind == kind))
            if words.items:
                head.append(Fold(title, (words,)) if title else words)
    if bias.left_out:
        head.append(Text("Not analysed: " + "; ".join(f"{k} ({v})" for k, v in bias.left_out.items()) + ".", soft=True))
    if bias.properties:
        head.append(
            Fold(
                "What the properties are",
                (listed(*(f"{n}: {PROPERTIES[n]}" for n in bias.properties if n in PROPERTIES)),),
            )
        )
    if len(bias.rows) > 1 and bias.likenesses:
        alike = " ".join(likeness_findings(bias))
        picture = Drawing(f"survey-{number_of}-likeness", likeness_map(bias), f"Correlation of rank residuals. {alike}")
        head += [Heading(3, "Who errs like whom"), listed(*likeness_findings(bias)), Drawings((picture,))]
    pairs = [p for row, file in shown.items() for p in wrong_pairs(part, number_of, row, file, space)]
    return [
        *head,
        *([Heading(3, "Pairs that the advised estimators get most confidently wrong"), *pairs] if pairs else []),
    ]


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
    caption = f"{wrong_pair(part.bias, pairs[0])}."
    picture = Drawing(
        f"survey-{number_of}-pair-{file}", pair_figure(part.bias, pairs[0], space), caption, caption, many=True
    )
    others = [f"{wrong_pair(part.bias, pair)}." for pair in pairs[1:]]
    return [Drawings((picture,)), *([Fold("The next ones", (listed(*others),))] if others else [])]


# --- Sections of a survey: order and cost, stability, combinations; biases have a file of their own ---

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
