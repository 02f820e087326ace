"""Two architectures side by side that an estimate puts in the wrong order."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from ghn.analysis.bias import Bias, WrongPair
from ghn.drawing.style import panels, shorten
from ghn.graph.layout import lay_out
from ghn.graph.picture import LAYER, LETTERS, character, draw
from ghn.report.words import quantity
from ghn.spaces.members import diagrams
from ghn.types import Space

_HALF = 2.0  # inches of half the width
_ABOVE, _BELOW = 0.28, 0.62  # inches of text


def pair_figure(bias: Bias, pair: WrongPair, space: Space[Any]) -> Figure:
    """Two networks side by side that a row puts in the wrong order, with their places below.

    Raises:
        ArchitectureError: an id is not the official string of a member of the space.
    """
    sides = [(pair.better, "better"), (pair.worse, "worse")]
    drawn = [diagrams(space, judged.id) for judged, _ in sides]
    laid = [[lay_out(one) for one in own] for own in drawn]
    widest = max(layout.right - layout.left for own in laid for layout in own)
    size = min(LETTERS, LETTERS * (_HALF - 0.08) / (widest * character(LETTERS)))
    titled = bool(drawn[0][0].title)
    layers = [titled + max(layout.layers for layout in both) for both in zip(*laid, strict=True)]
    heights = [many * LAYER for many in layers]
    figure, axes = panels(2 * _HALF, heights, 2, above=_ABOVE, below=_BELOW)
    words: dict[str, Any] = {"ha": "center", "va": "top"}
    for column, (judged, word) in enumerate(sides):
        x, height = 0.25 + 0.5 * column, sum(heights) + _ABOVE + _BELOW
        figure.text(x, 1 - 0.06 / height, f"really {word}", fontsize=9, weight="bold", **words)
        measured = f"measured {quantity(judged.reference)}\nplace {judged.reference_rank:g} of {bias.n}"
        place = f"{measured}\n{shorten(pair.row, 16)}: place {judged.estimate_rank:g}"
        figure.text(x, _BELOW / height, place, fontsize=8, linespacing=1.3, **words)
        for row, diagram in enumerate(drawn[column]):
            draw(axes[row][column], diagram, laid[column][row], _HALF, size, layers[row])
    return figure
