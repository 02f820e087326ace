"""Speed and memory: `python -m tests.benchmarks` prints medians of several runs; pytest does not collect it."""
