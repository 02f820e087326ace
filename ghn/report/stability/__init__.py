"""Whether an order holds when the fidelity rises."""
