"""Which sets of estimators order best at which cost."""
