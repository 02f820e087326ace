"""What a search over sets of estimators found: in sentences, as a table, and as a picture of order against cost."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ghn.analysis.correlation import Statistic
from ghn.analysis.sets import Combination, Combinations
from ghn.drawing.style import BLACK, BLUE, GREY, ORANGE, canvas, draw_point, lay_out, legend, shorten
from ghn.report.document import Cell, Line, Picture, Table, some
from ghn.report.words import DASH, duration, interval, number, signed, with_interval

_HEAD = (
    "references",
    "members",
    "time a network",
    "one-off time",
    "Kendall, development networks",
    "Kendall, report networks",
    "best half",
    "Kendall minus best single",
)


def combination_sentences(found: Combinations) -> list[str]:
    """For each number of references: the best of the front, whether it beats a single estimator, what members add."""
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
    begin = f"With {size} references" if size else "Weighed without references"
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
    clear = "clearly better than" if _above(change) else "not clearly different from"
    clear = "clearly worse than" if change.high is not None and change.high < 0 else clear
    return f", {clear} {one.versus.baseline}, the single one that was chosen at that cost ({signed(change)})"


def _gains(one: Combination) -> str:
    order = sorted(one.gains, key=lambda gain: -(gain.kendall.value or 0.0))
    texts = [f"{g.member} {signed(g.kendall)}" for g in order]
    nothing = [g.member for g in order if not _above(g.kendall)]
    return "; ".join(texts) + (f" (not clearly above zero: {'; '.join(nothing)})" if nothing else "")


def _above(change: Statistic) -> bool:
    return bool(change.value) and (change.value or 0) > 0 and (change.low is None or change.low > 0)


def combination_table(found: Combinations, shown: Sequence[Combination] | None = None, title: str = "") -> Table:
    """Sets (those `shown`, by default all, with a star at those on the development front) and what is known of them.

    `ghn.report.print_blocks` prints it.
    """
    title = title or (
        f"Sets of estimators: chosen on {found.n_development:,} networks, Kendall on {found.n_report:,} others "
        "(* on the development front)"
    )
    lines = []
    for one in found.combinations if shown is None else shown:
        star = "" if shown is not None else "* " if one.front else "  "
        draws = "" if one.spread is None else f"draws ± {number(one.spread)}"
        costs = (duration(one.seconds), duration(one.one_off_seconds))
        cells = (
            *map(Cell, (str(one.references), star + one.name, *costs, number(one.development))),
            Cell(number(one.kendall.value), some(interval(one.kendall), draws)),
            Cell(number(one.best_half.value), some(interval(one.best_half))),
            Cell(DASH if one.versus is None else signed(one.versus.kendall)),
        )
        lines.append(Line(cells))
    return Table(title, _HEAD, tuple(lines), left=(1,))


# --- the picture ---

_LINE, _LETTER = 0.042, 0.019  # height of a label and width of a letter, as shares of the axes


def combination_pictures(found: Combinations) -> list[Picture]:
    """A picture for each number of references."""
    out = []
    for size in found.sizes:
        values = "; ".join(f"{c.name}, {duration(c.seconds)}, {with_interval(c.kendall)}" for c in found.front(size))
        label = f"{size} references" if size else "no references"
        alt = f"Kendall tau against seconds a candidate, {label}; the front from the cheapest up: {values}."
        out.append(Picture("combinations", label, draw_combinations(found, size), alt))
    return out


def draw_combinations(found: Combinations, references: int = 0) -> Figure:
    """Single estimators by name, and the numbered front chosen on development networks, with report intervals."""
    singles, front = found.singles(references), found.front(references)
    figure, axes = canvas(4.6, 3.5 + 0.17 * len(front))
    positive = [c.seconds for c in (*singles, *front) if c.seconds > 0]
    floor = min(positive, default=1.0) / 3  # where what costs nothing stands
    for c in singles:
        _point(axes, c, floor, ORANGE, "s", "white", 9.5 if c in front else 5.5, "single estimator")
    for c in front:
        if not c.single:
            _point(axes, c, floor, BLUE, "o", BLUE, 9.5, "set on the front")
    places = [max(c.seconds, floor) for c in front]
    values = [c.kendall.value or 0.0 for c in front]
    axes.step(places, values, where="post", color=BLACK, linewidth=1.0, linestyle="--", zorder=1, label="front")
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.1)
    axes.set_ylabel(f"Kendall tau, {found.n_report:,} report networks")
    key = [f"{i}  {shorten(c.name, 54)}: {number(c.kendall.value)}" for i, c in enumerate(front, start=1)]
    axes.set_xlabel("seconds a candidate\n" + "\n".join(key), loc="left", fontsize=8, linespacing=1.35)
    for rank, c in enumerate(front, start=1):
        if c.kendall.value is not None:
            colour = BLACK if c.single else "white"
            place = (max(c.seconds, floor), c.kendall.value)
            axes.annotate(str(rank), place, ha="center", va="center_baseline", fontsize=7, color=colour, zorder=4)
    _label(figure, axes, [c for c in singles if c not in front], front, floor)
    legend(figure, axes)
    return figure


def _point(
    axes: Axes, one: Combination, floor: float, colour: str, marker: str, fill: str, size: float, label: str
) -> None:
    x, value, low, high = max(one.seconds, floor), one.kendall.value, one.kendall.low, one.kendall.high
    if value is None:
        return
    if low is not None and high is not None:
        axes.plot([x, x], [low, high], color=colour, linewidth=1.1, solid_capstyle="butt", zorder=2)
    draw_point(axes, (x, value), marker, colour, fill=fill, size=size, edge=1.3, label=label, zorder=3)


def _label(
    figure: Figure, axes: Axes, named: Sequence[Combination], front: Sequence[Combination], floor: float
) -> None:
    """Writes each name beside its point, moved up or down until it is clear of other points and names."""
    lay_out(figure)  # limits are final from here on

    def place(one: Combination) -> tuple[float, float]:
        shown = axes.transData.transform((max(one.seconds, floor), one.kendall.value or 0.0))
        x, y = axes.transAxes.inverted().transform(shown)
        return float(x), float(y)

    known = [one for one in named if one.kendall.value is not None]
    taken = [(x - 0.02, x + 0.02, y) for x, y in map(place, [*known, *front])]  # left, right, height of what is there
    steps = sorted((k * 0.4 * _LINE for k in range(-20, 21)), key=abs)
    for one in known:
        (x, y), name = place(one), shorten(one.name, 22)
        left, right = x + 0.021, x + 0.021 + _LETTER * len(name)
        clear = (s for s in steps if all(right < a or b < left or abs(y + s - c) > _LINE for a, b, c in taken))
        y += next(clear, 0.0)
        taken.append((left, right, y))
        style = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "center", "fontsize": 8}
        text = axes.annotate(name, (x, y), (6, 0), color=GREY, zorder=2.5, **style)  # type: ignore[arg-type]
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])  # legible where it crosses an interval
