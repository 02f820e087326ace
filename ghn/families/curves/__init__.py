"""Learning-curve extrapolation: from the first epochs to the last, with an uncertainty."""
