"""What came out of a measurement of stability: in sentences, and as pictures of fidelities and dropped rungs."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ghn.analysis.stability import Fidelity, Halving, Stability
from ghn.drawing.style import BLACK, BLUE, GREY, ORANGE, canvas, legend
from ghn.report.document import Picture
from ghn.report.words import number, quantity, with_interval


def stability_sentences(found: Stability) -> list[str]:
    """The order along the fidelities, when the top settles, what halving loses, and what seeds agree to."""
    first, middle = found.steps[0], found.steps[(len(found.steps) - 1) // 2]
    what = f"{found.name}, {found.n:,} networks" if found.name else f"{found.n:,} networks"
    order = (
        f"{what}: the order after {_at(first.fidelity, found)} agrees with that after "
        f"{_at(found.steps[-1].fidelity, found)} to Kendall {with_interval(first.last)}"
    )
    if middle is not first:
        order += f", after {quantity(middle.fidelity)} to {with_interval(middle.last)}"
    return [order + ".", _top(found), *_halving(found), *_seeds(found)]


def _top(found: Stability) -> str:
    shares = [step for step in found.steps[:-1] if step.overlap.value is not None]
    text = f"The top {found.top} no longer changes from {_at(found.settled, found)} on"
    if found.settled == found.steps[-1].fidelity:
        text = f"The top {found.top} changes up to the last of the {found.fidelity_name}"
    if not shares:
        return text + "."
    kept = ", ".join(f"{_share(s.overlap.value)} after {quantity(s.fidelity)}" for s in _spread(shares))
    return f"{text}; of it, the networks that led earlier already made up {kept}."


def _spread(steps: Sequence[Fidelity]) -> list[Fidelity]:
    """The first, the middle and the last."""
    return list({s.fidelity: s for s in (steps[0], steps[len(steps) // 2], steps[-1])}.values())


def _halving(found: Stability) -> list[str]:
    """The first bracket of each factor, which begins cheapest and widest, and all networks at once."""
    drawn = {half.eta: half for half in reversed(found.halvings) if not half.whole}
    texts = [_lost(half, found) for half in sorted(drawn.values(), key=lambda half: half.eta)]
    if whole := [half for half in found.halvings if half.whole]:
        texts.append(f"With all {found.n:,} networks as candidates, {'; '.join(_whole(h, found) for h in whole)}.")
    return texts


def _lost(half: Halving, found: Stability) -> str:
    where = (
        f"Successive halving of {half.sizes[0]} candidates with eta {half.eta:g}, from {_at(half.rungs[0], found)} up"
    )
    begin = f"{where}, at {_share(half.cost)} of the cost of training all of them:"
    draws = f"{half.draws} draws (in which {half.bests} different networks were the best)"
    if not half.lost:
        return f"{begin} the eventual best was never dropped in {draws}."
    return (
        f"{begin} the eventual best was dropped in {_share(half.lost)} of {draws}, most often after {_worst(half)}; "
        f"what survived lacks {quantity(half.regret)}{_unit(found)} to it on average, and "
        f"{quantity(half.regret_high)} or more in the worst 5 %."
    )


def _whole(half: Halving, found: Stability) -> str:
    """One set of candidates has one best: it is kept or not, but for ties."""
    if not half.lost:
        return f"eta {half.eta:g} keeps the best"
    share = "" if half.lost > 1 - 1e-9 else f" in {_share(half.lost)} of the orders in which ties can fall"
    return f"eta {half.eta:g} drops it after {_worst(half)}{share}, and loses {quantity(half.regret)}{_unit(found)}"


def _worst(half: Halving) -> str:
    rung = max(range(len(half.dropped)), key=lambda i: half.dropped[i])
    return quantity(half.rungs[rung]) + ("" if half.whole else f" ({_share(half.dropped[rung])})")


def _seeds(found: Stability) -> list[str]:
    known = [step for step in found.steps if step.seeds is not None and step.seeds.value is not None]
    ends = _spread(known) if known else []
    each = ", ".join(f"{with_interval(s.seeds)} after {_at(s.fidelity, found)}" for s in ends if s.seeds)
    return [f"Two seeds of the same {found.seeds_n} networks agree to Kendall {each}."] if known else []


def _at(fidelity: float, found: Stability) -> str:
    """1 epoch, 20 epochs."""
    name = found.fidelity_name
    return f"{quantity(fidelity)} {name.removesuffix('s') if fidelity == 1 else name}"


def _share(value: float | None) -> str:
    return number(None) if value is None else f"{100 * value:.0f} %"


def _unit(found: Stability) -> str:
    return f" {found.unit}" if found.unit else ""


# --- pictures ---

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
        style = {"color": colour, "marker": marker, "linestyle": dash, "markersize": 4.5, "linewidth": 1.2}
        style["markerfacecolor"] = "white" if marker in "sD" else colour
        if known:
            axes.plot(*zip(*known, strict=True), label=label, **style)  # type: ignore[arg-type]
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
