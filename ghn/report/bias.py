"""Biases in words and in pictures: what a row overrates, which pairs it gets wrong, and who errs differently."""

from __future__ import annotations

from math import pi, sin, sqrt
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ghn.analysis.bias import Bias, Effect, WrongPair
from ghn.analysis.correlation import Statistic
from ghn.drawing.style import BLACK, BLUE, GREY, ORANGE, canvas, shorten
from ghn.graph.stats import phrase
from ghn.report.document import Picture
from ghn.report.networks import pair_figure
from ghn.report.words import DASH, MINUS, number, quantity, with_interval
from ghn.types import Space

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
    better = [p for p in pairs if promise[p] > max(order[p.one], order[p.other])]
    better.sort(key=lambda pair: -promise[pair])
    alike = [p for p in pairs if (p.partial.value or 0.0) > _ALIKE]
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
    """Correlation with the reference of the mean of two estimates from those of each, and of their residuals."""
    shared = one * other + alike * sqrt((1 - one**2) * (1 - other**2))
    return (one + other) / sqrt(2 + 2 * shared)


def _better_than_chance(kendall: Statistic) -> bool:
    surely = kendall.value if kendall.low is None else kendall.low
    return surely is not None and surely > 0


# --- pictures: readable in black and white and on a phone, as every number is written out with its sign ---

_ROW = 0.42  # inches: a name, and its cells below


def bias_map(bias: Bias) -> Figure:
    """Partial rank correlation of every row with every property; significant ones filled, bold and starred.

    Names stand above their cells, so that long ones fit at a phone's width; baselines are beneath a rule.
    """
    columns, second = bias.properties, bias.second_training
    lines = [row.name for row in bias.rows]
    first = 1 if second is not None else 0
    figure, axes = canvas(max(4.0, 0.44 * len(columns)), 1.35 + _ROW * (len(lines) + first))
    if second is not None:
        _name(axes, 0, f"a second training of {bias.repeated} networks")
        for x, name in enumerate(columns):
            _cell(axes, x, 0, second[name], filled=False)
    effects = {(effect.row, effect.property): effect for effect in bias.effects}
    for y, line in enumerate(lines, start=first):
        _name(axes, y, line)
        for x, name in enumerate(columns):
            effect = effects[line, name]
            _cell(axes, x, y, effect.partial, filled=effect.significant, mark="*" if effect.significant else "")
    estimators = sum(row.kind == "estimator" for row in bias.rows)
    if 0 < estimators < len(lines):
        axes.axhline(first + estimators - 0.02, color=GREY, linewidth=0.8, linestyle=":")
    _bare(axes, len(columns), len(lines) + first)
    axes.set_xticks(range(len(columns)), [shorten(name, 20) for name in columns], rotation=90, fontsize=8.5)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    signs = f"+ overrates networks with more of it, {MINUS} with less"
    axes.set_xlabel(f"{signs}\n* significant after correction", fontsize=8)
    return figure


def likeness_map(bias: Bias) -> Figure:
    """How the rank residuals of each two rows correlate; a column is the row whose number stands on the diagonal."""
    lines = [row.name for row in bias.rows]
    figure, axes = canvas(max(4.0, 0.4 * len(lines)), 0.65 + _ROW * len(lines))
    for y, line in enumerate(lines):
        _name(axes, y, f"{y + 1}  {line}")
        axes.text(y, y + 0.68, str(y + 1), ha="center", va="center", fontsize=8.5, weight="bold")
        for x, other in enumerate(lines[:y]):
            _cell(axes, x, y, bias.likeness(line, other), filled=True)
    _bare(axes, len(lines), len(lines))
    axes.set_xticks([])
    axes.set_xlabel("bold: the row of a column\n1: they err alike; 0: they err independently", fontsize=8)
    return figure


def bias_pictures(bias: Bias, space: Space[Any] | None = None) -> list[Picture]:
    """All pictures of an analysis.

    Args:
        bias: what to draw.
        space: of the networks, whose ids must be official strings; without it the wrong pairs are not drawn.

    Raises:
        ArchitectureError: a space is given of which an id is no member.
    """
    found = []
    if bias.properties:
        text = "; ".join(f"{row.name} {', '.join(findings(bias, row.name))}" for row in bias.rows)
        found.append(Picture("bias", "properties", bias_map(bias), f"Biases over {bias.n} networks: {text}."))
    if len(bias.rows) > 1:
        text = " ".join(likeness_findings(bias))
        found.append(Picture("likeness", "rows", likeness_map(bias), f"Correlation of rank residuals. {text}"))
    if space is not None:
        found += [
            Picture("pair", pair.row, pair_figure(bias, pair, space), f"{wrong_pair(bias, pair)}.")
            for pair in bias.wrong_pairs
        ]
    return found


def _name(axes: Axes, y: float, text: str) -> None:
    axes.text(-0.46, y + 0.2, shorten(text, 48), ha="left", va="center", fontsize=8.5)


def _cell(axes: Axes, x: int, y: int, found: Statistic, *, filled: bool, mark: str = "") -> None:
    text = DASH if found.value is None else _signed(found.value) + mark
    if filled and found.value is not None:
        colour = _shade(found.value)
        axes.add_patch(Rectangle((x - 0.47, y + 0.4), 0.94, 0.56, facecolor=colour, edgecolor="none", zorder=0))
    style: dict[str, Any] = {"weight": "bold"} if mark else {}
    axes.text(x, y + 0.68, text, ha="center", va="center", fontsize=8.5, color=BLACK if filled else GREY, **style)


def _signed(value: float) -> str:
    """+.41: the sign always, no leading zero, so that many columns fit."""
    text = number(value).replace("0.", ".", 1) if abs(value) < 0.995 else number(value, 1)
    return f"+{text}" if float(f"{value:.2f}") > 0 else text


def _shade(value: float) -> tuple[float, float, float]:
    """From white towards orange (more) or blue (less), light enough for black letters."""
    strength = 0.7 * min(1.0, abs(value) / 0.8)
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(ORANGE if value > 0 else BLUE))
    return red, green, blue


def _bare(axes: Axes, columns: int, lines: int) -> None:
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(lines, 0)
    axes.set_yticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
