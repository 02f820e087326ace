"""How well an estimate orders what was really measured: correlations, regret, intervals, ceiling.

Every function takes plain arrays `estimate[n]` and `reference[n]`, **higher is better in both**. A non-finite
estimate is a failure: it is dropped and counted, never ranked. A statistic that does not exist (a constant
estimate, a part of fewer than `MIN_PART` items) is None, never a made-up number. Needs numpy and scipy only.
"""

from ghn.analysis.bias import Reversal, reversals
from ghn.analysis.correlation import (
    MIN_ITEMS,
    Ranking,
    Statistic,
    ceiling,
    difference,
    kendall,
    mean_ranking,
    pearson,
    precision_at,
    rank,
    regret_at,
    spearman,
    within_groups,
)
from ghn.analysis.partial import (
    holm,
    partial_ceiling,
    partial_spearman,
    partial_table,
    permutation_test,
    rank_residuals,
)
from ghn.analysis.weighted import MIN_PART, PARTS, levels_of

__all__ = [
    "MIN_ITEMS",
    "MIN_PART",
    "PARTS",
    "Ranking",
    "Reversal",
    "Statistic",
    "ceiling",
    "difference",
    "holm",
    "kendall",
    "levels_of",
    "mean_ranking",
    "partial_ceiling",
    "partial_spearman",
    "partial_table",
    "pearson",
    "permutation_test",
    "precision_at",
    "rank",
    "rank_residuals",
    "regret_at",
    "reversals",
    "spearman",
    "within_groups",
]
