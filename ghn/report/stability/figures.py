"""Pictures of stability: rank correlation against fidelity, and at which rung the eventual best was dropped."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ghn.report.figures import Picture
from ghn.report.stability.model import Stability
from ghn.report.stability.words import stability_sentences
from ghn.report.style import BLACK, BLUE, GREY, ORANGE, canvas, legend
from ghn.report.words import quantity

_RUNGS = ((BLUE, ""), ("white", "///"), (ORANGE, ""), ("white", "\\\\\\"), ("#cfcfcf", ""), ("white", "||"))


def stability_pictures(found: Stability) -> list[Picture]:
    """Both pictures; the second only where successive halving was replayed."""
    sentences = stability_sentences(found)
    out = [Picture("stability", "fidelity", draw_fidelities(found), sentences[0] + " " + sentences[1])]
    if found.halvings:
        out.append(Picture("stability", "halving", draw_halvings(found), " ".join(sentences[2:])))
    return out


def draw_fidelities(found: Stability) -> Figure:
    """Agreement with the last and with the previous fidelity, between seeds, and the share of the last top kept.

    The band is the 95 % interval of the first, the dotted rule stands where the top settles. The axis is logarithmic
    where fidelities span more than a factor of fifty.
    """
    figure, axes = canvas(4.6, 3.6)
    steps, top = found.steps, found.top
    lines = {
        "with the last": ([(s.fidelity, s.last) for s in steps[:-1]], BLUE, "o", "-"),
        "with the one before": ([(s.fidelity, s.previous) for s in steps[1:]], ORANGE, "s", "--"),
        "between seeds": ([(s.fidelity, s.seeds) for s in steps if s.seeds is not None], BLACK, "^", ":"),
        f"top {top} kept (share)": ([(s.fidelity, s.overlap) for s in steps[:-1]], GREY, "D", "-."),
    }
    for label, (points, colour, marker, dash) in lines.items():
        known = [(x, s.value) for x, s in points if s is not None and s.value is not None]
        fill = "white" if marker in "sD" else colour
        if known:
            axes.plot(
                *zip(*known, strict=True),
                label=label,
                color=colour,
                marker=marker,
                linestyle=dash,
                markerfacecolor=fill,
                markersize=4.5,
                linewidth=1.2,
            )
    sure = [s for s in steps if s.last.low is not None and s.last.high is not None]
    low, high = [s.last.low for s in sure], [s.last.high for s in sure]
    axes.fill_between([s.fidelity for s in sure], low, high, color=BLUE, alpha=0.15, linewidth=0)  # type: ignore[arg-type]
    if steps[-1].fidelity > 50 * steps[0].fidelity:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=all(s.fidelity.is_integer() for s in steps)))
    axes.axvline(found.settled, color=BLACK, linewidth=0.8, linestyle=(0, (1, 3)))
    axes.set_ylim(min(0.0, *axes.get_ylim()), 1.03)
    axes.set_xlabel(found.fidelity_name)
    axes.set_ylabel("Kendall tau, or share")
    legend(figure, axes)
    return figure


def draw_halvings(found: Stability) -> Figure:
    """A bar a bracket: in which share of the draws the eventual best was dropped, and after which rung."""
    halvings = found.halvings
    figure, axes = canvas(4.6, 0.9 + 0.44 * len(halvings))
    deepest = max(len(half.dropped) for half in halvings)
    for place, half in enumerate(halvings):
        left = 0.0
        for rung, share in enumerate(half.dropped):
            colour, hatch = _RUNGS[rung % len(_RUNGS)]
            axes.barh(place, share, 0.42, left, color=colour, hatch=hatch, edgecolor=BLACK, linewidth=0.6)
            left += share
        rungs = ", ".join(quantity(rung) for rung in half.rungs)
        who = f"all {half.sizes[0]}" if half.whole else f"{half.sizes[0]}"
        text = f"eta {half.eta:g}, {who} candidates, rungs {rungs}"
        axes.annotate(text, (0, place - 0.26), xycoords=("axes fraction", "data"), va="bottom", fontsize=8)
        axes.annotate(f"{100 * half.lost:.0f} %", (left, place), (3, 0), textcoords="offset points", va="center")
    for rung in range(deepest):
        colour, hatch = _RUNGS[rung % len(_RUNGS)]
        axes.barh(0, 0, color=colour, hatch=hatch, edgecolor=BLACK, linewidth=0.6, label=f"on rung {rung + 1}")
    axes.set_xlim(0, min(1.12, 0.12 + max(0.1, *(half.lost for half in halvings))))
    axes.set_ylim(len(halvings) - 0.6, -0.7)
    axes.set_yticks([])
    axes.set_xlabel("share of the draws in which the eventual best was dropped")
    legend(figure, axes)
    return figure
