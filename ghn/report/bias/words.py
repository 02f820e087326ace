"""Biases in words: what a row overrates, which pairs it gets wrong, and who errs differently."""

from __future__ import annotations

from math import pi, sin, sqrt
from statistics import median

from ghn.ranking import Statistic
from ghn.report.bias.model import Bias, Effect, WrongPair
from ghn.report.bias.properties import phrase
from ghn.report.words import number, quantity, with_interval

_ALIKE = 0.8
_SHOWN = 3


def overrates(effect: Effect) -> str:
    """`overrates networks with few convolutions: -0.41 [-0.47, -0.34]`."""
    much = (effect.partial.value or 0.0) > 0
    return f"overrates {phrase(effect.property, much)}: {with_interval(effect.partial)}"


def findings(bias: Bias, row: str) -> list[str]:
    """The significant biases of a row, strongest first, or one sentence that there is none."""
    effects = [effect for effect in bias.of(row) if effect.partial.value is not None]
    found = [overrates(effect) + _feigned(bias, effect) for effect in effects if effect.significant]
    if found:
        return found
    if not bias.properties:
        return ["not analysed: no property varies over these networks"]
    if not effects:
        return ["not analysed: it gives every network the same value, or makes no error"]
    least = min(effect.corrected for effect in effects if effect.corrected is not None)
    many = "1 property" if len(effects) == 1 else f"{len(effects)} properties"
    return [f"no bias found in {many} (least corrected p {number(least)}{_reach(effects)})"]


def _reach(effects: list[Effect]) -> str:
    """How wide the intervals are, so that "none found" is not read as "none there"."""
    known = [(e.partial.low, e.partial.high) for e in effects]
    widths = [high - low for low, high in known if low is not None and high is not None]
    return f"; intervals reach about ±{number(median(widths) / 2)}" if widths else ""


def _feigned(bias: Bias, effect: Effect) -> str:
    if not bias.feigned(effect) or bias.second_training is None:
        return ""
    shown = with_interval(bias.second_training[effect.property])
    return f" (a second training of {bias.repeated} networks shows {shown}: perhaps mere noise)"


def wrong_pair(bias: Bias, pair: WrongPair) -> str:
    """Which network a row puts above which, with places and references."""
    better, worse = pair.better, pair.worse
    unit = f" {bias.reference_unit}" if bias.reference_unit else ""
    return (
        f"{pair.row} puts network {worse.id} at place {worse.estimate_rank:g} and {better.id} at "
        f"{better.estimate_rank:g} of {bias.n}; by the reference they are at {worse.reference_rank:g} and "
        f"{better.reference_rank:g} ({quantity(worse.reference)} and {quantity(better.reference)}{unit})"
    )


def likeness_findings(bias: Bias) -> list[str]:
    """Of which two estimators the mean should order best, and which err alike.

    Only estimators whose order is better than chance are looked at: a random order errs unlike all others too.
    """
    useful = [row for row in bias.rows if row.kind == "estimator" and _better_than_chance(row.kendall)]
    order = {row.name: sin(pi / 2 * (row.kendall.value or 0.0)) for row in useful}  # tau as a correlation
    pairs = [p for p in bias.likenesses if {p.one, p.other} <= set(order) and p.partial.value is not None]
    if not pairs:
        return ["There are no two estimators whose order is better than chance, and so none to combine."]
    promise = {p: mean_of_two(order[p.one], order[p.other], p.partial.value or 0.0) for p in pairs}
    better = [pair for pair in pairs if promise[pair] > max(order[pair.one], order[pair.other])]
    better.sort(key=lambda pair: -promise[pair])
    alike = [pair for pair in pairs if (pair.partial.value or 0.0) > _ALIKE]
    alike.sort(key=lambda pair: -(pair.partial.value or 0.0))
    out = [
        f"{pair.one} and {pair.other} err differently enough (rank residuals correlate {with_interval(pair.partial)}): "
        "combining them should help."
        for pair in better[:_SHOWN]
    ]
    if not better:
        out.append("No two estimators err so differently that their mean should order better than the better of them.")
    return out + [
        f"{pair.one} and {pair.other} err alike ({with_interval(pair.partial)}): together they are little better."
        for pair in alike[:_SHOWN]
    ]


def mean_of_two(one: float, other: float, alike: float) -> float:
    """Correlation with the reference of the mean of two standardised estimates.

    Args:
        one: correlation of the first estimate with the reference.
        other: of the second.
        alike: how their residuals correlate.
    """
    shared = one * other + alike * sqrt((1 - one**2) * (1 - other**2))
    return (one + other) / sqrt(2 + 2 * shared)


def _better_than_chance(kendall: Statistic) -> bool:
    surely = kendall.value if kendall.low is None else kendall.low
    return surely is not None and surely > 0
