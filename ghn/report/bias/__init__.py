"""Where estimators err: properties, pairs, and whether two of them err alike."""
