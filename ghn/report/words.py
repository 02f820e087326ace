"""Numbers and findings in words; page, terminal and alternative texts all say it the same way."""

from __future__ import annotations

from ghn.analysis.comparison import Comparison, Row
from ghn.analysis.correlation import Statistic
from ghn.report.report import Report

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


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


def interval(statistic: Statistic, digits: int = 2) -> str:
    """[low, high], or nothing when there is no interval."""
    if statistic.low is None or statistic.high is None:
        return ""
    return f"[{number(statistic.low, digits)}, {number(statistic.high, digits)}]"


def with_interval(statistic: Statistic) -> str:
    """0.52 [0.46, 0.57]."""
    return f"{number(statistic.value)} {interval(statistic)}".rstrip()


def duration(seconds: float | None) -> str:
    """0.8 ms, 1.5 s, 12 min, 3.2 h."""
    if seconds is None:
        return DASH
    for unit, size, below in (("µs", 1e-6, 1e-3), ("ms", 1e-3, 1), ("s", 1, 120), ("min", 60, 7200)):
        if seconds < below:
            return f"{seconds / size:.3g} {unit}" if seconds else "0 s"
    return f"{seconds / 3600:.3g} h"


def best_row(rows: list[Row], key: str = "kendall") -> Row | None:
    """The row with the highest value of a statistic; None when none has one."""
    ranked = [(value, row) for row in rows if (value := row.get(key).value) is not None]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


def verdict(row: Row) -> str:
    """Whether an estimator beats the strongest baseline, from the paired interval."""
    if row.versus is None or row.versus.kendall.value is None:
        return "not measured"
    low, high = row.versus.kendall.low, row.versus.kendall.high
    if low is None or high is None:
        return "better" if row.versus.kendall.value > 0 else "worse"
    return "better" if low > 0 else "worse" if high < 0 else "no clear difference"


def summary(comparison: Comparison) -> str:
    """What came out against one reference, in at most five sentences."""
    best = best_row(comparison.estimators)
    where = f"Against {comparison.reference_name}, on {comparison.n:,} networks"
    if best is None:
        return f"{where}: no estimator gives an order."
    value, many = with_interval(best.get("kendall")), len(comparison.estimators)
    if many == 1:
        parts = [f"{where}: {best.name} reaches Kendall {value}."]
    else:
        parts = [f"{where}: the highest Kendall of {many} estimators is {value}, by {best.name}."]
    half = best.get("kendall_best_half")
    if half.value is not None:
        parts.append(f"Within the best half it is {with_interval(half)}.")
    parts += _against_baseline(comparison, best) + _under_ceiling(comparison)
    return " ".join(parts)


def _against_baseline(comparison: Comparison, best: Row) -> list[str]:
    if best.versus is None:
        return []
    bar = comparison.row(best.versus.baseline)
    beaten = [row.name for row in comparison.estimators if verdict(row) == "better"]
    ends = {
        "better": f"which {best.name} beats",
        "worse": f"and {best.name} loses to it",
        "no clear difference": f"and {best.name} is not clearly different from it",
    }
    end = ends.get(verdict(best), "")
    sentence = f"The strongest baseline, {bar.name}, reaches {with_interval(bar.get('kendall'))}, {end}."
    return [sentence] if beaten else [sentence + " No estimator here is clearly better than that baseline."]


def _under_ceiling(comparison: Comparison) -> list[str]:
    top = comparison.ceiling
    if top is None:
        return []
    value = with_interval(top.statistics["kendall"])
    return [f"A second training of the same networks would reach {value} (the ceiling, from {top.n} networks)."]


def summaries(report: Report) -> list[str]:
    """One summary for each comparison."""
    return [summary(comparison) for comparison in report.comparisons]
