"""Judging all cells of a space with a surrogate."""

from __future__ import annotations

from random import Random

from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.spaces import NASBench201
from ghn.types import Score, Trial
from tests.benchmarks.measure import Figure, timed

REFERENCES = 100


def judging(runs: int, candidates: int) -> list[Figure]:
    """Features of candidates never seen before and their scores, by a random forest."""
    space = NASBench201((3, 16, 16), 10, width=8, depth=1)
    trials = [Trial(str(i), arch) for i, arch in zip(range(candidates), space, strict=False)]
    known = Random(0).sample(space.distinct(), REFERENCES)
    history = [(Trial(str(i), arch), Score(space.encode(arch)["mean_convs"])) for i, arch in enumerate(known)]
    default, statistics = ("summary", "adjacency", "paths"), ("summary", "adjacency", "paths", "statistics")
    rows = {"encodings": (default, 5.0), "encodings and graph statistics": (statistics, None)}
    figures = []
    for name, (inputs, target) in rows.items():
        fits, scores = [], []
        for _ in range(runs):
            surrogate = SurrogateEstimator(space, inputs)
            fits.append(timed(lambda made=surrogate: made.fit(history))[0])
            scores.append(timed(lambda made=surrogate: made.score(trials))[0])
        note = f"random forest, {REFERENCES} references; features in the time"
        title = f"surrogate on {name}"
        figures += [
            Figure.of(f"{title}: {candidates} candidates", "s", scores, target=target, note=note),
            Figure.of(f"{title}: fit and calibration", "s", fits, note=note),
        ]
    return figures
