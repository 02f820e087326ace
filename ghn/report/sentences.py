"""What came out of a comparison, in sentences: pages, Markdown and terminals begin with the same ones."""

from __future__ import annotations

from ghn.analysis.compare import LIVE_PARAMETERS, RANDOM_ORDER
from ghn.analysis.comparison import Ceiling, Comparison, Row
from ghn.analysis.correlation import Statistic, concordance
from ghn.report.document import Items, Text
from ghn.report.words import regret, share, with_interval

_NONE_BETTER = "No estimator here is clearly better than that baseline."
FIRST = 5  # networks that are named
_COUNTED = (LIVE_PARAMETERS, "multiply-adds", "convolutions")


def headline(comparison: Comparison) -> str:
    """What a reader wants to know first: how often the best estimator is right, and whether counting does as well."""
    where = f"{comparison.n:,} networks; {comparison.reference_name}"
    best = best_row(comparison)
    if best is None:
        return f"No estimator gives an order ({where})."
    text = f"{best.name} puts the better of two networks first in {share(right(comparison, best).value)} of cases"
    if (bar := strongest(comparison)) is not None:
        text += f"; {counting(bar)} in {share(right(comparison, bar).value)}"
        text += {"": "", **_ENDS}[_lead(best)]
    return f"{text} ({where})."


_ENDS = {
    "better": ": clearly better",
    "worse": ": it loses to that",
    "no clear difference": ": no clear difference",
    "above": ", without an interval",
    "below": ": it loses to that, without an interval",
}


def row_sentences(comparison: Comparison) -> Items:
    """One sentence a row: estimators, baselines, and what a second training of the same networks would reach."""
    bar = strongest(comparison)
    found = [(row.name, _sentence(comparison, row, bar)) for row in comparison.estimators]
    found += [(_capital(counting(row)), _sentence(comparison, row, None)) for row in comparison.baselines]
    top = comparison.ceiling
    if top is not None and top.get("concordance").value is not None:
        text = f"{_pairs(top.get('concordance'), top.get('concordance_best_half'), '', None, None)}; the ceiling, from"
        found.append(("A second training", f"{text} {top.n} networks."))
    return Items(tuple(found))


def first_networks(comparison: Comparison) -> list[Text | Items]:
    """The networks that the best estimator puts first, with what is known of them; none where they have no names."""
    best = best_row(comparison)
    if best is None or comparison.ids is None:
        return []
    known = [(value, i) for i, value in enumerate(best.estimates) if value is not None and comparison.common[i]]
    order = [i for _, i in sorted(known, reverse=True)[:FIRST]]
    unit = comparison.reference_unit
    told = [("", f"{comparison.ids[i]} ({comparison.reference[i]:.4g}{f' {unit}' if unit else ''})") for i in order]
    return [Text(f"What {best.name} puts first, and the reference of each:"), Items(tuple(told))]


def best_row(comparison: Comparison) -> Row | None:
    """The estimator that most often puts the better of two networks first; None where none gives an order."""
    return _highest(comparison, comparison.estimators)


def strongest(comparison: Comparison) -> Row | None:
    """The baseline that does so most often; None where there is none."""
    return _highest(comparison, comparison.baselines)


def right(comparison: Comparison, row: Row | Ceiling, part: str = "") -> Statistic:
    """The share of pairs in the right order; of a report of before there was this statistic, from its own numbers."""
    key = "concordance" + part
    if isinstance(row, Ceiling) or key in row.statistics or row.set_aside is not None or part:
        return row.get(key)
    pairs = [
        (estimate, reference)
        for estimate, reference, common in zip(row.estimates, comparison.reference, comparison.common, strict=True)
        if common and estimate is not None
    ]
    return Statistic(concordance(*zip(*pairs, strict=True)))


def counting(row: Row) -> str:
    """A baseline in words."""
    if row.name == RANDOM_ORDER:
        return "a random order"
    return f"counting {row.name}" if row.name in _COUNTED else row.name


def _highest(comparison: Comparison, rows: list[Row]) -> Row | None:
    known = [(value, row) for row in rows if (value := right(comparison, row).value) is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def _lead(row: Row) -> str:
    """How it stands to the strongest baseline, from the paired interval of the shares."""
    if row.versus is None or row.versus.concordance.value is None:
        return ""
    found = row.versus.concordance
    if found.low is None or found.high is None:
        return "above" if (found.value or 0.0) > 0 else "below"
    return "better" if found.low > 0 else "worse" if found.high < 0 else "no clear difference"


def _sentence(comparison: Comparison, row: Row, bar: Row | None) -> str:
    if row.set_aside is not None:
        return f"set aside, as it {row.set_aside}."
    whole, half = right(comparison, row), right(comparison, row, "_best_half")
    if whole.value is None:
        return "gives every network the same value, which is no order."
    word = "counting" if bar is not None and bar.name in _COUNTED else "" if bar is None else counting(bar)
    own = None if bar is None else right(comparison, bar)
    own_half = None if bar is None else right(comparison, bar, "_best_half")
    text = _pairs(whole, half, word, own, own_half)
    k = comparison.settings.ks[0] if comparison.settings.ks else None
    if k is not None and 2 * k <= comparison.n and (lost := row.get(f"regret@{k}")).value is not None:
        below = f"the best of its top {k} lies {regret(Statistic(lost.value), comparison)} below the best of all"
        text += f"; {below if lost.value else f'the best of all is in its top {k}'}"
    return f"{text}."


def _pairs(whole: Statistic, half: Statistic, word: str, bar: Statistic | None, bar_half: Statistic | None) -> str:
    def beside(found: Statistic | None, before: str) -> str:
        return "" if found is None or found.value is None else f" ({before}{share(found.value)})"

    text = f"puts the better of two networks first in {share(whole.value)} of cases{beside(bar, f'{word}: ')}"
    if half.value is not None:
        text += f", and of two of the best half in {share(half.value)}{beside(bar_half, '')}"
    return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- with intervals ---


def verdict(row: Row) -> str:
    """Whether an estimator beats the strongest baseline in Kendall, from the paired interval."""
    if row.versus is None or row.versus.kendall.value is None:
        return "not measured"
    low, high = row.versus.kendall.low, row.versus.kendall.high
    if low is None or high is None:
        return "better" if row.versus.kendall.value > 0 else "worse"
    return "better" if low > 0 else "worse" if high < 0 else "no clear difference"


def summary(comparison: Comparison) -> str:
    """What came out against one reference in Kendall, in at most five sentences."""
    ranked = [(tau, row) for row in comparison.estimators if (tau := row.get("kendall").value) is not None]
    where = f"Against {comparison.reference_name}, on {comparison.n:,} networks"
    if not ranked:
        return f"{where}: no estimator gives an order."
    best = max(ranked, key=lambda pair: pair[0])[1]
    value, many = with_interval(best.get("kendall")), len(comparison.estimators)
    if many == 1:
        parts = [f"{where}: {best.name} reaches Kendall {value}."]
    else:
        parts = [f"{where}: the highest Kendall of {many} estimators is {value}, by {best.name}."]
    half = best.get("kendall_best_half")
    if half.value is not None:
        parts.append(f"Within the best half it is {with_interval(half)}.")
    parts += _over_baseline(comparison, best)
    if top := comparison.ceiling:
        value = with_interval(top.get("kendall"))
        parts.append(
            f"A second training of the same networks would reach {value} (the ceiling, from {top.n} networks)."
        )
    return " ".join(parts)


def _over_baseline(comparison: Comparison, best: Row) -> list[str]:
    if best.versus is None:
        return []
    bar = comparison.row(best.versus.baseline)
    ends = {
        "better": f", which {best.name} beats",
        "worse": f", and {best.name} loses to it",
        "no clear difference": f", and {best.name} is not clearly different from it",
    }
    reached = f"reaches {with_interval(bar.get('kendall'))}{ends.get(verdict(best), '')}."
    none = [] if any(verdict(row) == "better" for row in comparison.estimators) else [_NONE_BETTER]
    return [f"The strongest baseline, {bar.name}, {reached}", *none]
