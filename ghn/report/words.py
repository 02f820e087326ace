"""Numbers and amounts in words; pages, terminal, pictures and alternative texts all say them the same way."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from statistics import mean, stdev

from ghn.analysis.comparison import Comparison
from ghn.analysis.correlation import Statistic

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"


def number(value: float | None, digits: int = 2) -> str:
    """A correlation or share: two decimals, a real minus sign, a dash for None; -0.00 is 0.00."""
    if value is None:
        return DASH
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("-")


def quantity(value: float | None) -> str:
    """A number with a unit, three significant digits: 0.0123, 4.56, 15,625."""
    if value is None:
        return DASH
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", MINUS)


def interval(statistic: Statistic) -> str:
    """[low, high], or nothing when there is no interval."""
    if statistic.low is None or statistic.high is None:
        return ""
    return f"[{number(statistic.low)}, {number(statistic.high)}]"


def with_interval(statistic: Statistic) -> str:
    """0.52 [0.46, 0.57]."""
    return f"{number(statistic.value)} {interval(statistic)}".rstrip()


def signed(change: Statistic) -> str:
    """+0.03 [0.01, 0.05]."""
    text = with_interval(change)
    return text if text.startswith((MINUS, DASH)) else f"+{text}"


def spread(values: Sequence[float], scale: float = 1.0) -> str:
    """Mean and standard deviation over seeds, "0.58 ± 0.02"; nothing for fewer than two."""
    if len(values) < 2:
        return ""
    return f"{number(scale * mean(values))} ± {number(scale * stdev(values))}"


def duration(seconds: float | None) -> str:
    """0.8 ms, 1.5 s, 12 min, 3.2 h."""
    if seconds is None:
        return DASH
    for unit, size, below in (("µs", 1e-6, 1e-3), ("ms", 1e-3, 1), ("s", 1, 120), ("min", 60, 7200)):
        if seconds < below:
            return f"{seconds / size:.3g} {unit}" if seconds else "0 s"
    return f"{seconds / 3600:.3g} h"


def budget(seconds: float) -> str:
    """A minute, an hour, a day, or the duration."""
    return {60: "a minute", 3600: "an hour", 86400: "a day"}.get(int(seconds), duration(seconds))


def count(value: float | None) -> str:
    """A count of multiply-adds, three digits: 0, 3.79 M, 647 M, 1.2 G."""
    if value is None:
        return DASH
    for size, sign in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{sign}"
    return f"{value:.3g}"


def pairs_right(tau: Statistic) -> str:
    """Kendall's tau as the share of pairs that are put in the right order: 75 % [71, 78]; ties count half."""
    if tau.value is None:
        return "an unknown share"
    share, *ends = (None if value is None else f"{50 * (1 + value):.0f}" for value in (tau.value, tau.low, tau.high))
    return f"{share} %" if None in ends else f"{share} % [{', '.join(map(str, ends))}]"


def share(value: float | None) -> str:
    """A share in per cent, 87 %, which no line breaks apart; what is not all or nothing does not look so."""
    if value is None:
        return "an unknown share"
    digits = 0 if value in (0, 1) or 0.005 <= value < 0.995 else 1
    return f"{min(max(100 * value, 0.1 * (value > 0)), 100 - 0.1 * (value < 1)):.{digits}f}{NO_BREAK}%"


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


def joined(texts: Sequence[str], word: str = "and") -> str:
    """A, b and c."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"


def slug(name: str) -> str:
    """A name as the file of a page or a picture may have it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:60].strip("-") or "row"


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or the name with as many "-2" behind it as make it one that is not taken."""
    while name in taken:
        name += "-2"
    return name
