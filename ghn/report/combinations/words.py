"""What a search over sets of estimators found, in sentences and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from ghn.ranking import Statistic
from ghn.report.combinations.model import Combination, Combinations
from ghn.report.words import DASH, MINUS, duration, number, with_interval


def combination_sentences(found: Combinations) -> list[str]:
    """For each number of references: the best of the front, whether it beats a single estimator, what members add.

    Args:
        found: by `search_combinations`.
    """
    how = (
        f"of all sets of up to {found.largest}" if found.exhaustive else f"by greedy selection of up to {found.largest}"
    )
    names = sum(member.set_aside is None for member in found.members)
    first = (
        f"Against {found.reference_name}: sets of {names} estimators were chosen on {found.n_development:,} "
        f"development networks, {how}, and are reported on {found.n_report:,} others. References are those that "
        "a set is given to weigh its members with; an estimator that learns has had its own."
    )
    return [first, *(sentence for size in found.sizes for sentence in _of_size(found, size))]


def _of_size(found: Combinations, size: int) -> list[str]:
    front = found.front(size)
    best = front[-1]
    begin = f"With {size} references" if size else "Without references"
    first = f"{begin}, which leave {found.n_development - size} networks to choose on," if size else begin
    value = f"Kendall {with_interval(best.kendall)}, {with_interval(best.best_half)} in the best half"
    if best.single:
        out = [f"{first} no set is chosen over {best.name} alone ({duration(best.seconds)} a candidate): {value}."]
    else:
        out = [
            f"{first} the set chosen is {best.name} ({duration(best.seconds)} a candidate): {value}{_versus(best)}.",
            f"{begin} its members add {_gains(best)}.",
        ]
    if cheaper := [one for one in front[:-1] if not one.single]:
        each = "; ".join(f"{one.name} at {duration(one.seconds)}, {with_interval(one.kendall)}" for one in cheaper)
        out.append(f"{begin}, cheaper sets on the front: {each}.")
    return out


def _versus(one: Combination) -> str:
    if one.versus is None or one.versus.kendall.value is None:
        return ""
    change = one.versus.kendall
    clear = {True: "clearly better than", False: "not clearly different from"}[_above(change)]
    clear = "clearly worse than" if change.high is not None and change.high < 0 else clear
    return f", {clear} {one.versus.baseline}, the best single estimator at that cost ({signed(change)})"


def _gains(one: Combination) -> str:
    order = sorted(one.gains, key=lambda gain: -(gain.kendall.value or 0.0))
    texts = [f"{g.member} {signed(g.kendall)}" for g in order]
    nothing = [g.member for g in order if not _above(g.kendall)]
    return "; ".join(texts) + (f" (not clearly above zero: {'; '.join(nothing)})" if nothing else "")


def _above(change: Statistic) -> bool:
    return bool(change.value) and (change.value or 0) > 0 and (change.low is None or change.low > 0)


def signed(change: Statistic) -> str:
    """+0.03 [0.01, 0.05]."""
    text = with_interval(change)
    return text if text.startswith((MINUS, DASH)) else f"+{text}"


def combination_table(found: Combinations, references: Sequence[int] | None = None) -> Table:
    """Every set that was chosen and every single estimator.

    Args:
        found: by `search_combinations`.
        references: numbers of references to show; None for all.
    """
    title = (
        f"Sets of estimators: chosen on {found.n_development:,} networks, Kendall on {found.n_report:,} others "
        "(* on the development front)"
    )
    out = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    out.add_column("references", justify="right")
    out.add_column("members")
    for heading in ("a candidate", "one-off", "development", "Kendall", "best half", "against the best single"):
        out.add_column(heading, justify="right", no_wrap=True)
    shown = [c for c in found.combinations if references is None or c.references in references]
    for place, one in enumerate(shown):
        out.add_row(
            str(one.references),
            Text(("* " if one.front else "  ") + one.name),
            duration(one.seconds),
            duration(one.one_off_seconds),
            number(one.development),
            with_interval(one.kendall),
            with_interval(one.best_half),
            signed(one.versus.kendall) if one.versus else DASH,
            end_section=place + 1 == len(shown) or shown[place + 1].references != one.references,
        )
    return out
