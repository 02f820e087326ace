"""Numbers of a survey in words: shares of pairs, points, multiply-adds, spreads over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from ghn.analysis.comparison import Comparison, Row
from ghn.analysis.correlation import Statistic
from ghn.report.words import DASH, duration, interval, number, quantity


def pairs_right(tau: Statistic) -> str:
    """Kendall's tau as the share of pairs that are put in the right order: 75 % [71, 78]; ties count half."""
    if tau.value is None:
        return "an unknown share"
    share = f"{_percent(tau.value)} %"
    return share if tau.low is None or tau.high is None else f"{share} [{_percent(tau.low)}, {_percent(tau.high)}]"


def _percent(tau: float) -> str:
    return f"{50 * (1 + tau):.0f}"


def scale_of(comparison: Comparison) -> tuple[float, str]:
    """What regret is multiplied by to be read, and its unit: accuracies are read in points, others as they are."""
    if "accuracy" not in comparison.reference_unit.lower():
        return 1.0, comparison.reference_unit
    fractions = all(0 <= value <= 1 for value in comparison.reference)
    return (100.0 if fractions else 1.0), "points"


def scaled(found: Statistic, comparison: Comparison) -> tuple[str, str]:
    """A regret and its interval, without the unit."""
    scale, unit = scale_of(comparison)
    values = [None if value is None else scale * value for value in (found.value, found.low, found.high)]
    text, low, high = (number(value) if unit == "points" else quantity(value) for value in values)
    return text, "" if found.low is None or found.high is None else f"[{low}, {high}]"


def regret(found: Statistic, comparison: Comparison) -> str:
    """0.31 [0.10, 0.52] points."""
    if found.value is None:
        return "an unknown amount"
    return " ".join(part for part in (*scaled(found, comparison), scale_of(comparison)[1]) if part)


def count(value: float | None) -> str:
    """A count of multiply-adds, three digits: 0, 3.79 M, 647 M, 1.2 G."""
    if value is None:
        return DASH
    for size, sign in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{sign}"
    return f"{value:.3g}"


def spread(values: Sequence[float], scale: float = 1.0) -> str:
    """Mean and standard deviation over seeds, "0.58 ± 0.02"; nothing for fewer than two."""
    if len(values) < 2:
        return ""
    return f"{number(scale * mean(values))} ± {number(scale * stdev(values))}"


def budget(seconds: float) -> str:
    """A minute, an hour, a day, or the duration."""
    return {60: "a minute", 3600: "an hour", 86400: "a day"}.get(int(seconds), duration(seconds))


def value_cell(found: Statistic, key: str, comparison: Comparison) -> tuple[str, str]:
    """A statistic and its interval as a table shows them."""
    return scaled(found, comparison) if key.startswith("regret@") else (number(found.value), interval(found))


def ordered(comparison: Comparison) -> list[tuple[int | None, Row]]:
    """Estimators by falling Kendall with their numbers, then those without one; tables and pictures number alike."""
    known = [row for row in comparison.estimators if row.set_aside is None and row.get("kendall").value is not None]
    known.sort(key=lambda row: -(row.get("kendall").value or 0.0))
    others = [row for row in comparison.estimators if row not in known]
    return [*enumerate(known, start=1), *((None, row) for row in others)]


def joined(texts: Sequence[str], word: str = "and") -> str:
    """A, b and c."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"
