"""One statistic at a time, without its interval."""

from __future__ import annotations

from numpy.typing import ArrayLike

from ghn.ranking.measure import rank


def kendall(estimate: ArrayLike, reference: ArrayLike) -> float | None:
    """Kendall's tau-b of [n] against [n], failures dropped; None when undefined. Errors as in `rank`."""
    return rank(estimate, reference, ks=(), bootstrap=0)["kendall"].value


def spearman(estimate: ArrayLike, reference: ArrayLike) -> float | None:
    """Spearman's rho of [n] against [n], failures dropped; None when undefined. Errors as in `rank`."""
    return rank(estimate, reference, ks=(), bootstrap=0)["spearman"].value


def pearson(estimate: ArrayLike, reference: ArrayLike) -> float | None:
    """Pearson's r of [n] against [n], failures dropped; None when undefined. Errors as in `rank`."""
    return rank(estimate, reference, ks=(), bootstrap=0)["pearson"].value


def within_groups(estimate: ArrayLike, reference: ArrayLike, groups: ArrayLike, *, min_size: int = 15) -> float | None:
    """Mean tau-b inside equal groups, weighted by pairs; None without a group. Errors as in `rank`."""
    found = rank(estimate, reference, groups=groups, ks=(), min_level=min_size, bootstrap=0)
    return found["kendall_within_groups"].value


def precision_at(estimate: ArrayLike, reference: ArrayLike, k: int = 10) -> float | None:
    """Share of the estimate's top k that is in the reference's; None when k >= n. Errors as in `rank`."""
    return rank(estimate, reference, ks=(k,), bootstrap=0)[f"precision@{k}"].value


def regret_at(estimate: ArrayLike, reference: ArrayLike, k: int = 10) -> float | None:
    """Best reference minus the best among the estimate's top k; None when k >= n. Errors as in `rank`."""
    return rank(estimate, reference, ks=(k,), bootstrap=0)[f"regret@{k}"].value
