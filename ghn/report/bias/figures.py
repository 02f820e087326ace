"""Pictures of biases: readable in black and white and on a phone, as every number is written out with its sign."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ghn.ranking import Statistic
from ghn.report.bias.cell_picture import pair_figure
from ghn.report.bias.model import Bias
from ghn.report.bias.words import findings, likeness_findings, wrong_pair
from ghn.report.figures import Picture
from ghn.report.style import BLACK, BLUE, GREY, ORANGE, canvas, shorten
from ghn.report.words import DASH, number
from ghn.types import Space

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
    axes.set_xlabel(
        "+ overrates networks with more of it, \N{MINUS SIGN} with less\n* significant after correction", fontsize=8
    )
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
