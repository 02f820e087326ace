"""How well an estimate orders what was measured: correlations, regret, intervals, ceiling, bias, stability, sets.

Every function takes plain arrays `estimate[n]` and `reference[n]`, **higher is better in both**. A non-finite
estimate is a failure: it is dropped and counted, never ranked. A statistic that does not exist (a constant
estimate, a part of fewer than `MIN_PART` items) is None, never a made-up number. Needs numpy, scipy and, for sets of
estimators, scikit-learn. `ghn.compare` is here too, in `compare.py`.
"""

from ghn.analysis.bias import Bias, measure_bias
from ghn.analysis.choose_sets import search_combinations
from ghn.analysis.comparison import Comparison
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
from ghn.analysis.front import pareto_front
from ghn.analysis.partial import (
    holm,
    partial_ceiling,
    partial_spearman,
    partial_table,
    permutation_test,
    rank_residuals,
)
from ghn.analysis.sets import Combinations, ScoreMatrix
from ghn.analysis.stability import Stability, measure_stability
from ghn.analysis.weighted import MIN_PART, PARTS, levels_of
from ghn.analysis.wrong_pairs import Reversal, reversals

__all__ = [
    "MIN_ITEMS",
    "MIN_PART",
    "PARTS",
    "Bias",
    "Combinations",
    "Comparison",
    "Ranking",
    "Reversal",
    "ScoreMatrix",
    "Stability",
    "Statistic",
    "ceiling",
    "difference",
    "holm",
    "kendall",
    "levels_of",
    "mean_ranking",
    "measure_bias",
    "measure_stability",
    "pareto_front",
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
    "search_combinations",
    "spearman",
    "within_groups",
]
