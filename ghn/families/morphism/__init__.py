"""Network morphisms: a trained network becomes another one that computes the same, with weights and statistics.

Those of `exact` do; those of `shrink` nearly.
"""
