"""The survey: every estimator on the same networks, and what follows from it."""
