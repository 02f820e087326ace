"""A small survey in which every part occurs, made by the library's own analyses from invented scores."""

from __future__ import annotations

from functools import cache

import numpy as np

import ghn
from ghn.analysis.bias import measure_bias
from ghn.analysis.choose_sets import search_combinations
from ghn.analysis.compare import compare
from ghn.analysis.comparison import Comparison
from ghn.analysis.sets import ScoreMatrix
from ghn.analysis.stability import measure_stability
from ghn.report.model import Cost, Part, Report, Survey
from ghn.report.survey.answers import advise
from ghn.spaces.members import space_properties

SPACE = ghn.NASBench201((3, 16, 16), 10, width=8, depth=1)
N = 60
EVIL = "<b>me & you</b> | [x](y) $z$ *w*"


def cost(key: str, label: str, estimator: str | None, seconds: float | None, **more: object) -> Cost:
    fields = {"options": {}, "macs": None, "one_off_seconds": None, "replicates": 1, "failed": 0, "warning": None}
    return Cost(
        **{"key": key, "label": label, "estimator": estimator, "source": "A paper, 2020", "seconds": seconds}
        | fields
        | more
    )


@cache
def survey() -> Survey:
    """Estimators good, dear and poor, one from elsewhere with an evil name, and one that is set aside."""
    rng = np.random.default_rng(0)
    archs = [SPACE.format(arch) for arch in SPACE.distinct()[100:4900:80][:N]]
    truth = rng.normal(size=N)
    fractions = (0.6 + 0.05 * truth + 0.005 * rng.normal(size=N)).round(4)
    scores = {
        "good": truth + 0.4 * rng.normal(size=N),
        "dear": truth + 0.5 * rng.normal(size=N),
        "poor": 0.3 * truth + rng.normal(size=N),
        EVIL: truth + rng.normal(size=N),
        "broken": np.full(N, np.nan),
    }
    scores["poor"][4] = np.nan
    costs = (
        cost("good", "good", "synflow", 0.0123, macs=3.21e6, replicates=2),
        cost("dear", "dear", "ghn", 12.3, macs=4.56e9, one_off_seconds=3690.0, warning="It is young."),
        cost("poor", "poor", "surrogate", 0.00321, options={"surrogate": {"model": "ridge"}}, failed=1),
        cost(EVIL, EVIL, None, None),
        cost("broken", "broken", "zen", 0.5, failed=N),
    )
    properties = space_properties(SPACE, archs)
    seeds = np.full((N, 2), np.nan)
    seeds[:20] = fractions[:20, None] + 0.01 * rng.normal(size=(20, 2))
    parts = []
    for name, reference, own in (("own trainings", fractions, seeds), ("a published table", 100 * fractions, None)):
        comparison = compare(
            scores,
            reference,
            baselines={"live parameters": properties["live parameters"], "random order": rng.normal(size=N)},
            ids=archs,
            live_params=properties["live parameters"],
            seeds=own,
            min_level=5,
            bootstrap=40,
            reference_name=name,
            reference_unit="test accuracy",
            warnings=["Some were picked."] if own is not None else [],
        )
        bias = measure_bias(comparison, properties, seeds=own, permutations=99)
        parts.append(Part(comparison, _spread(), bias))
    named = {name: scores[name] for name in ("good", "dear", "poor")}
    halves = [
        ScoreMatrix({k: v[some] for k, v in named.items()}, truth[some], [archs[i] for i in range(N)[some]])
        for some in (slice(30), slice(30, N))
    ]
    seconds = {"good": 0.0123, "dear": 12.3, "poor": 0.00321}
    combinations = search_combinations(
        *halves, seconds, sizes=(0, 12), draws=2, bootstrap=20, reference_name="a published table"
    )
    epochs = {float(e): truth + rng.normal(size=N) / e for e in (1, 2, 4, 8)}
    advice = advise(
        costs, {"good": 0.7, "dear": 0.8, "poor": 0.1}, parts[-1].comparison, parts[-1].bias, (60, 3600, 86400), 1000
    )
    report = Report(
        (),
        title="A title",
        protocol=["Trained by hand."],
        warnings=["It is young."],
        metadata={"machine": "a machine", "command": "evaluate.py experiment=survey", "date": "2026-01-01"},
    )
    stability = measure_stability(epochs, draws=20, bootstrap=20, name="trainings", unit="points")
    return Survey(report, costs, tuple(parts), stability, (), combinations, advice, ("A note.",))


def _spread() -> dict[str, dict[str, list[float]]]:
    return {"good": {"kendall": [0.7111, 0.7533], "regret@10": [0.001, 0.002]}}


def comparison_of(found: Survey, part: int = -1) -> Comparison:
    return found.parts[part].comparison
