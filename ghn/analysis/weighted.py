"""The statistics themselves, each for a whole matrix of bootstrap resamples at once.

A resample of n items is a vector of multiplicities, so every function takes `w[b, n]`: how often each of b
resamples drew each item. The point value is the row of ones, and so point and interval share one code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
MIN_PART = 5  # a correlation inside a part of fewer says nothing
PARTS = {"": 1.0, "_best_half": 0.5, "_best_fifth": 0.2}
TOP = 0.1  # of the networks, for the discounted gain


class Ties:
    """The tie groups of one array, in ascending order, and what they hold in each resample."""

    def __init__(self, values: Floats) -> None:
        self.values = values
        _, codes = np.unique(values, return_inverse=True)
        self.codes = codes.reshape(-1)
        self.order = np.argsort(self.codes, kind="stable")
        self.starts = np.searchsorted(self.codes[self.order], np.arange(self.codes.max() + 1))

    def mass(self, w: Floats) -> Floats:
        """[b, n] -> [b, groups]: how many draws fall into each tie group."""
        return np.add.reduceat(w[:, self.order], self.starts, axis=1)

    def untied(self, w: Floats) -> Floats:
        """[b]: pairs of draws whose values differ."""
        return (w.sum(1) ** 2 - (self.mass(w) ** 2).sum(1)) / 2

    def midranks(self, w: Floats) -> Floats:
        """[b, n]: ranks in the resample, ties sharing their mean rank."""
        mass = self.mass(w)
        return (mass.cumsum(1) - mass / 2 + 0.5)[:, self.codes]

    def better(self, w: Floats) -> Floats:
        """[b, n]: draws strictly better than each item."""
        return (w.sum(1, keepdims=True) - self.mass(w).cumsum(1))[:, self.codes]

    def chance_in_top(self, w: Floats, k: int) -> Floats:
        """[b, n]: probability of a draw of the item being among the top k when ties fall at random."""
        mass = self.mass(w)
        room = np.clip(k - (w.sum(1, keepdims=True) - mass.cumsum(1)), 0, mass)
        return (room / np.maximum(mass, 1))[:, self.codes]


def _agreement(x: Ties, y: Ties, w: Floats) -> Floats:
    """Pairs in the right order minus those in the wrong one, of every resample: w' S w, S = sign(dx) sign(dy).

    Two draws of one item tie in both arrays and so leave numerator and denominator together, which keeps the
    bootstrap centred on the sample's tau-b. float32 products are exact here: each is a multiple of one half below
    2**23.
    """
    used = np.flatnonzero(w.any(0))
    a, b = x.codes[used].astype(np.float32), y.codes[used].astype(np.float32)
    wide, w32 = w[:, used], w[:, used].astype(np.float32)
    total = np.zeros(len(w))
    for start in range(0, len(used), 512):
        rows = slice(start, start + 512)
        signs = np.sign(a[rows, None] - a[start:]) * np.sign(b[rows, None] - b[start:])
        signs[:, :512] /= 2  # pairs inside the block are met from both sides, all others once
        total += np.einsum("bm,bm->b", wide[:, rows], w32[:, start:] @ signs.T)
    return total


def _tau(x: Ties, y: Ties, w: Floats, agreement: Floats | None = None) -> Floats:
    """Tau-b of every resample, exact; the `agreement` where it is known already.

    Source: Kendall, The treatment of ties in ranking problems, Biometrika 1945 (tau-b).
    """
    total = _agreement(x, y, w) if agreement is None else agreement
    return _ratio(total, np.sqrt(x.untied(w) * y.untied(w)))


def _concordance(x: Ties, y: Ties, w: Floats, agreement: Floats) -> Floats:
    """Of the pairs that differ in y, the share that x puts in the same order; those that x ties count half.

    Source: Harrell et al., Evaluating the yield of medical tests, JAMA 1982 (the concordance index).
    """
    return (1 + _ratio(agreement, np.where(x.untied(w) > 0, y.untied(w), 0))) / 2


def _correlation(x: Floats, y: Floats, w: Floats, defined: NDArray[np.bool_]) -> Floats:
    """Pearson of every resample; x and y are [1, n] or [b, n]."""
    mass = w.sum(1, keepdims=True)
    dx = x - (w * x).sum(1, keepdims=True) / mass
    dy = y - (w * y).sum(1, keepdims=True) / mass
    scale = np.sqrt((w * dx**2).sum(1)) * np.sqrt((w * dy**2).sum(1))
    return np.clip(_ratio((w * dx * dy).sum(1), np.where(defined, scale, 0)), -1, 1)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)


def _best(reference: Ties, w: Floats, share: float) -> Floats:
    """[b, n]: multiplicities inside the best share of each resample, ties at the cut all in."""
    return w * (reference.better(w) < np.ceil(share * w.sum(1, keepdims=True)))


def _precision(x: Ties, y: Ties, w: Floats, k: int) -> Floats:
    return (w * x.chance_in_top(w, k) * (y.better(w) < k)).sum(1) / k


def _regret(x: Ties, y: Ties, w: Floats, k: int) -> Floats:
    """Expected regret over all ways in which ties of the estimate at the cut can fall (hypergeometric)."""
    order = np.argsort(-y.values, kind="stable")
    value, chance, w = y.values[order], x.chance_in_top(w, k)[:, order], w[:, order]
    sure = (w * (chance == 1)).cumsum(1)
    tied = (w * ((chance > 0) & (chance < 1))).cumsum(1)
    room, size = k - sure[:, -1:], tied[:, -1:]
    left = size - tied
    # The chance that none of the best items so far was chosen: C(left, room) / C(size, room).
    logs = gammaln(left + 1) - gammaln(np.maximum(left - room, 0) + 1)
    logs = logs - gammaln(size + 1) + gammaln(np.maximum(size - room, 0) + 1)
    missed = np.where((sure > 0) | (left < room), 0.0, np.exp(logs))
    before = np.concatenate([np.ones((len(w), 1)), missed[:, :-1]], axis=1)
    best = np.where(w > 0, value, -np.inf).max(1)
    return np.maximum(best - ((before - missed) * value).sum(1), 0)


def _ndcg(x: Ties, y: Ties, w: Floats, share: float) -> Floats:
    """Normalised discounted cumulative gain of the top share; ties of the estimate have the mean gain of their group.

    Source: Jarvelin & Kekalainen, Cumulated gain-based evaluation of IR techniques, ACM TOIS 2002; the gain of an item
    is the share of the items that it is better than, ties counting half.
    """
    n = int(w[0].sum())
    gain = w * (y.midranks(w) - 0.5) / n
    places = np.arange(1, n + 1)
    weight = np.where(places <= np.ceil(share * n), 1 / np.log2(1 + places), 0.0)
    so_far = np.concatenate([[0.0], weight.cumsum()])

    def gained(side: Ties) -> Floats:
        mass = side.mass(w)[:, ::-1].astype(int)
        total = np.add.reduceat(gain[:, side.order], side.starts, axis=1)[:, ::-1]
        last = mass.cumsum(1)
        gains: Floats = (total / np.maximum(mass, 1) * (so_far[last] - so_far[last - mass])).sum(1)
        return gains

    return _ratio(gained(x), gained(y))


def levels_of(groups: NDArray, reference: Floats, min_size: int) -> list[NDArray[np.intp]]:
    """Index arrays of the groups that are large enough and whose references differ."""
    _, codes = np.unique(groups, return_inverse=True)
    found = (np.flatnonzero(codes.reshape(-1) == level) for level in range(codes.max() + 1))
    return [index for index in found if len(index) >= min_size and np.ptp(reference[index]) > 0]


def _within(x: Ties, y: Ties, w: Floats, levels: list[NDArray[np.intp]]) -> Floats:
    top, bottom, ordered = np.zeros(len(w)), np.zeros(len(w)), np.zeros(len(w), bool)
    for index in levels:
        xs, ys, ws = Ties(x.values[index]), Ties(y.values[index]), w[:, index]
        mass, tau = ws.sum(1), _tau(xs, ys, ws)
        pairs = np.where(ys.untied(ws) > 0, mass * (mass - 1) / 2, 0)
        ordered |= np.isfinite(tau)
        # A level that the estimate leaves entirely tied is a level it does not order: 0, not left out.
        top, bottom = top + pairs * np.nan_to_num(tau), bottom + pairs
    return _ratio(top, np.where(ordered, bottom, 0))


def evaluate(
    x: Ties, y: Ties, w: Floats, ks: Sequence[int], levels: list[NDArray[np.intp]] | None
) -> dict[str, Floats]:
    """Every statistic of every resample, {name: [b]}."""
    out: dict[str, Floats] = {}
    nothing = np.full(len(w), np.nan)
    for suffix, share in PARTS.items():
        ws = _best(y, w, share) if share < 1 else w
        if np.ceil(share * len(x.codes)) < MIN_PART:
            out |= {name + suffix: nothing for name in ("kendall", "concordance", "spearman", "pearson")}
            continue
        defined = (x.untied(ws) > 0) & (y.untied(ws) > 0)
        agreement = _agreement(x, y, ws)
        out["kendall" + suffix] = _tau(x, y, ws, agreement)
        out["concordance" + suffix] = _concordance(x, y, ws, agreement)
        out["spearman" + suffix] = _correlation(x.midranks(ws), y.midranks(ws), ws, defined)
        out["pearson" + suffix] = _correlation(x.values[None], y.values[None], ws, defined)
    out[f"ndcg@{TOP:.0%}"] = _ndcg(x, y, w, TOP)
    if levels is not None:
        out["kendall_within_groups"] = _within(x, y, w, levels)
    for k in ks:
        possible = k < len(x.codes)
        out[f"precision@{k}"] = _precision(x, y, w, k) if possible else nothing
        out[f"regret@{k}"] = _regret(x, y, w, k) if possible else nothing
    return out
