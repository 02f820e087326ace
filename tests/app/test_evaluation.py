"""Scoring, references, baselines and report in one: the numbers must hang together, and nothing may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy
from lightning_fabric import Fabric
from scipy.stats import kendalltau
from toy_models import SAMPLE, toy_net

from ghn.app.evaluation import compare_with, evaluate
from ghn.app.setting import Entry
from ghn.errors import ArchitectureError, ConfigError, DataError, ExistsError
from ghn.graph.simplify import simplify
from ghn.graph.stats import GraphStats, count_params
from ghn.report.model import Report, read_report
from ghn.scoring.engine import WeightedEstimator
from ghn.types import Reference, Score, Trial

ARCHS = toy.SPACE.benchmark().candidates(24, "development")
RNG = np.random.default_rng(0)
SOME = Reference("some trainings", "accuracy", dict(zip(ARCHS[:20], RNG.random(20), strict=True)), {}, "a note")
SEEDS = {a: (v, v + 0.01, v - 0.01) for a, v in list(SOME.values.items())[:12]}
ALL = Reference("a table", "accuracy", dict(zip(ARCHS, RNG.random(24), strict=True)), SEEDS)


class Counted(WeightedEstimator):
    """Counts what it scores, fails at one network, and may be killed at another."""

    killed_at: int | None = None

    def stream(self, trials: Any) -> Any:
        self.asked = 0
        for trial, score in super().stream(trials):
            if self.asked == self.killed_at:
                raise KeyboardInterrupt
            self.asked += 1
            yield trial, Score.failed("it was odd") if trial.id == ARCHS[3] else score


@pytest.fixture
def entry(fabric: Fabric) -> Entry:
    engine = Counted(toy_net().eval(), toy.SPACE, toy.make_task(), fabric, sample=SAMPLE, weights_id="x", block=4)
    return Entry("GHN, loss", engine, {"toy": 90.0}, "trained for a minute only")


def run(entries: Sequence[Entry], folder: Path, **changes: Any) -> Report:
    references = changes.pop("references", [SOME, ALL])
    archs = changes.pop("archs", ARCHS)
    return evaluate(entries, toy.SPACE, archs, references, folder, bootstrap=20, progress=False, **changes)


def test_the_numbers_in_the_report_are_those_of_scores_and_references(entry: Entry, tmp_path: Path) -> None:
    report = run([entry], tmp_path, metadata={"who": "me"})
    assert read_report(tmp_path).to_json() == report.to_json()
    assert "GHN, loss" in (tmp_path / "report.html").read_text() and list((tmp_path / "figures").glob("*.png"))
    scores = dict(zip(ARCHS, entry.estimator.score(trials()), strict=True))
    for comparison, reference, n in zip(report.comparisons, (SOME, ALL), (20, 24), strict=True):
        kept = [a for a in ARCHS[:n] if a != ARCHS[3]]
        truth = [reference.values[a] for a in kept]
        assert (comparison.n_given, comparison.n) == (n, n - 1)
        row = comparison.row("GHN, loss")
        assert row.get("kendall").value == pytest.approx(kendalltau([scores[a].value for a in kept], truth).statistic)
        assert (row.failed, row.one_off_seconds) == (1, 90.0) and row.seconds is not None and row.seconds > 0
        sizes = {a: count_params(simplify(toy.SPACE.network(toy.SPACE.parse(a)).graph)) for a in kept}
        live = comparison.row("live parameters").get("kendall").value
        assert live == pytest.approx(kendalltau([sizes[a] for a in kept], truth).statistic)
        assert {"multiply-adds", "convolutions", "random order"} <= {r.name for r in comparison.baselines}
        assert [(f.item, f.reason) for f in comparison.failures] == [(ARCHS[3], "it was odd")]
    some, table = report.comparisons
    assert some.ceiling is None and table.ceiling is not None and (table.ceiling.n, table.ceiling.seeds) == (12, 3)
    assert "a note" in some.warnings and report.warnings == ("trained for a minute only",)
    assert report.metadata["who"] == "me" and report.metadata["torch"]


def test_killed_and_resumed_scores_nothing_twice(entry: Entry, tmp_path: Path) -> None:
    engine = entry.estimator
    engine.killed_at = 10
    with pytest.raises(KeyboardInterrupt):
        run([entry], tmp_path)
    engine.killed_at = None
    with pytest.raises(ExistsError, match="resume=true"):
        run([entry], tmp_path)
    first = run([entry], tmp_path, references=[ALL], resume=True)
    assert engine.asked == 14
    scores = [None if a == ARCHS[3] else s.value for a, s in zip(ARCHS, engine.score(trials()), strict=True)]
    assert first.comparisons[0].row("GHN, loss").estimates == pytest.approx(scores, abs=1e-5)  # other blocks
    engine.asked = 0
    again = run([entry], tmp_path, references=[SOME], resume=True)  # made anew from the scores on disk
    assert engine.asked == 0 and read_report(tmp_path).to_json() == again.to_json()
    engine.weights_id = "y"
    with pytest.raises(DataError, match="weights differ"):
        run([entry], tmp_path, resume=True)
    assert read_report(tmp_path).to_json() == again.to_json()


def trials() -> list[Trial[str]]:
    return [Trial(arch, arch) for arch in ARCHS]


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"archs": [*ARCHS, "|fft~0|"]}, ArchitectureError, "fft"),
        ({"archs": ARCHS[:9]}, DataError, "at least 10"),
        ({"archs": [*ARCHS, ARCHS[0]]}, DataError, "unique"),
    ],
)
def test_what_cannot_be_reported_is_found_before_scoring(
    entry: Entry, tmp_path: Path, change: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        run([entry], tmp_path / "out", **change)
    assert not (tmp_path / "out").exists() and not hasattr(entry.estimator, "asked")


def test_estimators_need_names_of_their_own(entry: Entry, tmp_path: Path) -> None:
    for entries in ([], [entry, entry], [entry, replace(entry, name="ghn; loss")]):
        with pytest.raises(ConfigError, match="different names"):
            run(entries, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sample", ["report", "development"])
def test_the_random_order_is_not_that_in_which_a_sample_was_drawn(sample: str) -> None:
    archs = toy.SPACE.benchmark().candidates(1000 if sample == "report" else 500, sample)
    alphabet = Reference("the alphabet", "place", {arch: float(i) for i, arch in enumerate(sorted(archs))}, {})
    stats = [GraphStats(i, i, 1, 1, {}, {3: i}) for i in range(len(archs))]
    scores = {"any": [Score(float(i)) for i in range(len(archs))]}
    found = compare_with(alphabet, archs, scores, stats, bootstrap=0)
    assert abs(found.row("random order").get("kendall").value) < 0.07
