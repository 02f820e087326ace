"""Training of a candidate as an estimator: to the end, or cut short."""
