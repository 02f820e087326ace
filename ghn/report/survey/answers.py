"""The first lines of a survey: what to use (chosen on some networks, told on others), how far to trust it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from ghn.analysis.bias import Bias
from ghn.analysis.comparison import Comparison
from ghn.analysis.correlation import MIN_ITEMS, Statistic, kendall
from ghn.graph.stats import phrase
from ghn.report.bias import findings, overrates
from ghn.report.model import Advice, Cost, Survey, about
from ghn.report.sentences import verdict
from ghn.report.sets import combination_sentences
from ghn.report.stability import stability_sentences
from ghn.report.tables import ordered
from ghn.report.words import budget, duration, joined, pairs_right, regret, signed, with_interval


def advise(
    costs: Sequence[Cost],
    chosen_by: Mapping[str, float | None],
    told: Comparison,
    bias: Bias,
    budgets: Sequence[float],
    candidates: int,
) -> tuple[Advice, ...]:
    """For each budget the estimator with the best order among those that judge all candidates in time.

    What was paid once (a hypernetwork's training) is told beside and not counted: it is shared by all searches.

    Args:
        costs: of the estimators; those without known seconds are not advised.
        chosen_by: Kendall by label on the networks chosen on.
        told: comparison on other networks.
        bias: of the same.
        budgets: seconds.
        candidates: to be judged.
    """
    known = [
        (value, cost, cost.seconds * candidates)
        for cost in costs
        if cost.seconds is not None
        and (value := chosen_by.get(cost.label)) is not None
        and told.row(cost.label).set_aside is None
    ]

    def advice(budget: float) -> Advice:
        fast = [one for one in known if one[-1] <= budget]
        if not fast:
            none = Statistic(None)
            return Advice(budget, candidates, None, None, None, none, none, none, None, told.reference_name)
        value, cost, total = max(fast, key=lambda one: one[0])
        row = told.row(cost.label)
        tau, half, regret = map(row.get, ("kendall", "kendall_best_half", f"regret@{told.settings.ks[0]}"))
        certain = [effect for effect in bias.of(cost.label) if effect.significant]
        fooled = overrates(certain[0]) if certain else None
        return Advice(budget, candidates, cost.label, total, value, tau, half, regret, fooled, told.reference_name)

    return tuple(map(advice, budgets))


def orders_on(scores: Mapping[str, Sequence[float]], reference: Sequence[float]) -> dict[str, float | None]:
    """Kendall of each row of scores [n], NaN where it failed, with the reference [n]; None where too few are known."""
    enough = {label: int(np.isfinite(values).sum()) >= MIN_ITEMS for label, values in scores.items()}
    return {label: kendall(values, reference) if enough[label] else None for label, values in scores.items()}


_VERDICTS = {
    "better": "clearly better than",
    "worse": "clearly worse than",
    "no clear difference": "not clearly different from",
}
_FOOLED = 2  # biases said of each estimator here; the others are on its page


def answers(survey: Survey) -> list[tuple[str, str]]:
    """(question, answer) for the first page, about ten lines; the last reference is that of the figures."""
    lines = _budgets(survey)
    if survey.parts:
        comparison = survey.parts[-1].comparison
        lines += [*_trust(survey, comparison), *_fooled(survey), *_bar(comparison), *_dearer(survey, comparison)]
    if survey.combinations is not None and len(sentences := combination_sentences(survey.combinations)) > 1:
        lines.append(("Does combining help?", sentences[1]))
    if survey.stability is not None:
        lines.append(("How long must a training be to know?", stability_sentences(survey.stability)[1]))
    return lines


def _budgets(survey: Survey) -> list[tuple[str, str]]:
    """Neighbouring budgets with one answer are told together."""
    groups = [list(group) for _, group in groupby(survey.advice, key=lambda one: one.label)]
    return [
        (f"If you have {joined([budget(a.budget_seconds) for a in group], 'or')},", _advice(survey, group[0]))
        for group in groups
    ]


def _advice(survey: Survey, one: Advice) -> str:
    if one.label is None:
        return f"no estimator here is fast enough for {one.candidates:,} candidates."
    cost = survey.cost(one.label)
    once = f", after {duration(cost.one_off_seconds)} paid once" if cost and cost.one_off_seconds else ""
    needs = about(cost.estimator).needs if cost else None
    needs = f" (it needs {needs}: their cost is not counted)" if needs else ""
    lost = one.kendall.low is not None and one.kendall.low <= 0
    use = "no estimator chosen here is clearly better than chance; the one chosen is" if lost else "use"
    text = f"{use} {one.label}: {duration(one.total_seconds)} for {one.candidates:,} candidates{once}{needs}."
    if one.kendall.value is None:
        return f"{text} How well it orders could not be measured."
    text += (
        f" Of two networks it puts the better one first in {pairs_right(one.kendall)} of cases (Kendall "
        f"{with_interval(one.kendall)})"
    )
    if one.best_half.value is not None:
        text += f"; of two of the best half, in {pairs_right(one.best_half)} (Kendall {with_interval(one.best_half)})"
    if survey.parts and one.regret.value is not None:
        comparison = survey.parts[-1].comparison
        top = comparison.settings.ks[0]
        text += f". The best of its top {top} lies {regret(one.regret, comparison)} below the best of all"
    return f"{text}."


def advised(survey: Survey) -> list[str]:
    """The estimators that are advised, each once."""
    return list(dict.fromkeys(one.label for one in survey.advice if one.label is not None))


def _trust(survey: Survey, comparison: Comparison) -> list[tuple[str, str]]:
    where = f"{comparison.n:,} networks: {comparison.reference_name}."
    if all(one.told_on == comparison.reference_name for one in survey.advice):
        texts = [f"All figures in these lines stand on {where}"]
    else:  # a user's table is shown whole, and half of it was chosen on
        texts = [f"What to use was measured on networks that the choice had not seen; what follows, on {where}"]
    for label in advised(survey):
        row = comparison.row(label)
        if row.versus is not None and verdict(row) in _VERDICTS:
            texts.append(
                f"{label} is {_VERDICTS[verdict(row)]} the strongest baseline, {row.versus.baseline} "
                f"({signed(row.versus.kendall)} in Kendall)."
            )
    for part in survey.parts:
        top = part.comparison.ceiling
        if top is not None and top.get("kendall").value is not None:
            texts.append(
                f"For scale: against {part.comparison.reference_name}, a second training of the same networks reaches "
                f"Kendall {with_interval(top.get('kendall'))}."
            )
    return [("How far can you trust it?", " ".join(texts))]


def _fooled(survey: Survey) -> list[tuple[str, str]]:
    bias = survey.parts[-1].bias
    analysed = {row.name for row in bias.rows}
    strongest = {one.label: one.fooled for one in survey.advice}
    texts = []
    for label in advised(survey):
        own, first = findings(bias, label) if label in analysed else [], strongest[label]
        if first is not None and not (own and own[0].startswith(first)):  # known from other networks
            own = [first]
        texts += [f"{label}: {'; '.join(own[:_FOOLED])}."] if own else []
    estimators = [row.name for row in bias.rows if row.kind == "estimator"]
    certain = [effect for effect in bias.effects if effect.significant and effect.row in estimators]
    if len(estimators) > 1 and certain:
        (name, much), many = Counter((e.property, (e.partial.value or 0) > 0) for e in certain).most_common(1)[0]
        texts.append(f"The commonest bias: {many} of {len(estimators)} estimators overrate {phrase(name, much)}.")
    elif estimators and not certain:
        texts.append("No bias of any estimator is certain on these networks, which does not say that there is none.")
    return [("Where will it fool you?", " ".join(texts))] if texts else []


def _bar(comparison: Comparison) -> list[tuple[str, str]]:
    known = [row for row in comparison.estimators if row.versus is not None]
    found = Counter(verdict(row) for row in known)
    if not known or not comparison.baselines:
        return []
    best = max(comparison.baselines, key=lambda row: row.get("kendall").value or -1.0)
    return [
        (
            "Is it better than counting?",
            f"The strongest baseline is {best.name}, Kendall {with_interval(best.get('kendall'))}. Of {len(known)} "
            f"estimators {found['better']} order clearly better, {found['worse']} clearly worse, and "
            f"{found['no clear difference']} not clearly differently.",
        )
    ]


def _dearer(survey: Survey, comparison: Comparison) -> list[tuple[str, str]]:
    rows = [row for place, row in ordered(comparison) if place is not None]
    seconds = {row.name: cost.seconds for row in rows if (cost := survey.cost(row.name)) is not None}
    if len(rows) < 2 or (own := seconds.get(rows[0].name)) is None:
        return []
    dearer = [name for name, spent in seconds.items() if spent is not None and spent > own]
    text = f"The best order of all is that of {rows[0].name} ({duration(own)} a network): Kendall "
    text += f"{with_interval(rows[0].get('kendall'))}. "
    if dearer:
        verb = "estimator costs" if len(dearer) == 1 else "estimators cost"
        text += f"{len(dearer)} {verb} more a network and {'orders' if len(dearer) == 1 else 'order'} no better."
    else:
        text += "None of known cost costs more."
    return [("Does paying more help?", text)]
