"""Surrogates: estimators that learn from a few trained references, with calibrated uncertainty.

`SurrogateEstimator(space, inputs=[...], model="...")`: inputs are feature sources in any combination, models are
regressors of scikit-learn or a graph network. docs/surrogates.md says which are worth what.
"""
