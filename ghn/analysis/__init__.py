"""How well an estimate orders what was measured: correlations, regret, intervals, ceiling, bias, stability, sets.

Every function takes plain arrays `estimate[n]` and `reference[n]`, **higher is better in both**. A non-finite
estimate is a failure: it is dropped and counted, never ranked. A statistic that does not exist (a constant
estimate, a part of fewer than `MIN_PART` items) is None, never a made-up number. Needs numpy, scipy and, for sets of
estimators, scikit-learn. `ghn.compare` is here too, in `compare.py`.
"""
