"""What came out of a measurement of stability, in sentences with their figures."""

from __future__ import annotations

from collections.abc import Sequence

from ghn.report.stability.model import Halving, Stability, Step
from ghn.report.words import number, quantity, with_interval


def stability_sentences(found: Stability) -> list[str]:
    """The order along the fidelities, when the top settles, what halving loses, and what seeds agree to.

    Args:
        found: what was measured.
    """
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


def _spread(steps: Sequence[Step]) -> list[Step]:
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
    return (
        f"{quantity(half.rungs[rung])} ({_share(half.dropped[rung])})" if not half.whole else quantity(half.rungs[rung])
    )


def _seeds(found: Stability) -> list[str]:
    known = [step for step in found.steps if step.seeds is not None and step.seeds.value is not None]
    if not known:
        return []
    ends = _spread(known)
    each = ", ".join(f"{with_interval(s.seeds)} after {_at(s.fidelity, found)}" for s in ends if s.seeds)
    return [f"Two seeds of the same {found.seeds_n} networks agree to Kendall {each}."]


def _at(fidelity: float, found: Stability) -> str:
    """1 epoch, 20 epochs."""
    name = found.fidelity_name
    return f"{quantity(fidelity)} {name.removesuffix('s') if fidelity == 1 else name}"


def _share(value: float | None) -> str:
    return number(None) if value is None else f"{100 * value:.0f} %"


def _unit(found: Stability) -> str:
    return f" {found.unit}" if found.unit else ""
