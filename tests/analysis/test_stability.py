"""Stability: planted orders whose answers are known, the shipped curves, and wrong input."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ghn.analysis.correlation import kendall
from ghn.analysis.stability import Stability, measure_stability
from ghn.assets import asset
from ghn.drawing.style import to_bytes
from ghn.errors import ConfigError, DataError
from ghn.report.stability import stability_pictures, stability_sentences
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.tables import ReferenceTable, stability_of_table

N = 27
RISING = np.arange(float(N))


def measure(values: Any, **options: Any) -> Stability:
    return measure_stability(values, **{"bootstrap": 50, "draws": 40, "top": 5, "unit": "points", **options})


def noisy_values() -> dict[float, np.ndarray]:
    rng = np.random.default_rng(0)
    return {epoch: RISING + 60 / epoch * rng.normal(size=N) for epoch in (1.0, 3.0, 9.0, 27.0)}


def test_an_order_that_never_changes_loses_nothing() -> None:
    found = measure({epoch: RISING + epoch for epoch in (1, 3, 9, 27)})
    assert [step.last.value for step in found.steps] == [1.0] * 4
    assert [step.previous.value for step in found.steps] == [None, 1.0, 1.0, 1.0]
    assert found.settled == 1.0
    assert found.halvings and all(half.lost == half.regret == half.regret_high == 0 for half in found.halvings)
    assert any("from 1 epoch on" in sentence for sentence in stability_sentences(found))
    assert any("never dropped" in sentence for sentence in stability_sentences(found))


def test_halving_that_must_drop_the_best_on_the_first_rung() -> None:
    """The eventual best of all is the worst after the first epoch."""
    first = RISING.copy()
    first[-1] = -1.0
    found = measure({1: first, 3: RISING, 9: RISING, 27: RISING}, etas=(3,))
    whole = next(half for half in found.halvings if half.whole)
    assert (whole.rungs, whole.sizes) == ((1.0, 3.0, 9.0, 27.0), (27, 9, 3, 1))
    assert whole.dropped == (1.0, 0.0, 0.0) and whole.lost == 1.0
    assert whole.regret == whole.regret_high == pytest.approx(RISING[-1] - RISING[-2])
    assert any("eta 3 drops it after 1, and loses 1 points" in sentence for sentence in stability_sentences(found))
    later = next(half for half in found.halvings if half.rungs[0] == 3.0)
    assert later.lost == 0  # a bracket that begins later never sees that epoch


def test_draws_without_the_network_that_is_misjudged_lose_nothing() -> None:
    first = RISING.copy()
    first[-1] = -1.0
    found = measure({1: first, 27: RISING}, etas=(4,), draws=400, seed=1)
    drawn = next(half for half in found.halvings if not half.whole)
    assert drawn.sizes[0] < N and drawn.bests > 1
    assert drawn.lost == pytest.approx(drawn.sizes[0] / N, abs=0.08)  # the share of draws that hold it


def test_the_last_rung_holds_several_and_ties_are_no_loss() -> None:
    last = np.minimum(RISING, 20.0)  # seven are equally good in the end
    found = measure({1: RISING[::-1], 2: last}, etas=(2,))
    whole = next(half for half in found.halvings if half.whole)
    assert whole.sizes == (27, 13) and whole.lost == 1.0 and whole.regret == pytest.approx(20.0 - 12.0)
    assert measure({1: RISING, 2: last}, etas=(2,)).halvings[-1].lost == 0


def test_the_top_settles_when_its_members_do_whatever_their_order() -> None:
    shuffled = RISING.copy()
    shuffled[-5:] = shuffled[-5:][::-1]
    wrong = RISING.copy()
    wrong[-1], wrong[0] = 0.0, RISING[-1]
    found = measure({1: RISING, 2: wrong, 3: shuffled, 4: RISING}, etas=())
    assert [step.overlap.value for step in found.steps] == pytest.approx([1.0, 0.8, 1.0, 1.0])
    assert found.settled == 3.0 and not found.halvings
    assert found.step(2).last.value == pytest.approx(kendall(wrong, RISING))
    assert any("from 3 epochs on" in sentence for sentence in stability_sentences(found))


def test_intervals_hold_the_value_and_seeds_are_measured_where_there_are_several() -> None:
    rng = np.random.default_rng(1)
    seeds = np.full((N, 2), np.nan)
    seeds[:12] = RISING[:12, None] + rng.normal(size=(12, 2))
    found = measure(noisy_values(), seeds={27: seeds})
    for step in found.steps:
        assert step.last.low is not None and step.last.high is not None and step.last.value is not None
        assert step.last.low <= step.last.value <= step.last.high
    assert found.step(1).seeds is None and found.step(27).seeds is not None and found.seeds_n == 12
    assert any("Two seeds of the same 12 networks" in sentence for sentence in stability_sentences(found))
    seeds[3:] = np.nan
    few = measure(noisy_values(), seeds={27: seeds})
    assert few.seeds_n == 0 and "fewer than 10" in few.warnings[0]


def test_networks_without_a_value_are_left_out_and_counted() -> None:
    values = noisy_values()
    values[3.0][4] = np.nan
    found = measure(values)
    assert (found.n, found.n_given) == (N - 1, N) and "1 of 27" in found.warnings[0]


def test_json_and_pictures() -> None:
    found = measure(noisy_values(), seeds={27: RISING[:, None] + np.random.default_rng(0).normal(size=(N, 2))})
    assert Stability.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    pictures = stability_pictures(found)
    assert [picture.subject for picture in pictures] == ["fidelity", "halving"]
    for picture in pictures:
        assert to_bytes(picture.figure, "png") == to_bytes(picture.figure, "png")
        assert "Kendall" in picture.alt or "eta" in picture.alt
    with pytest.raises(DataError, match="schema"):
        Stability.from_json({"schema": "ghn.report/1"})
    with pytest.raises(DataError, match="damaged"):
        Stability.from_json({**found.to_json(), "steps": [{}]})


def test_the_shipped_curves() -> None:
    table = ReferenceTable.load(asset(EMBEDDED))
    found = stability_of_table(table, scale=100, unit="points", bootstrap=0, draws=20)
    assert (found.n, len(found.steps), found.seeds_n) == (96, 20, 16)
    first = [table.of(arch)[0].val_accuracy[0] for arch in table.archs()]
    last = [table.of(arch)[0].val_accuracy[-1] for arch in table.archs()]
    assert found.step(1).last.value == pytest.approx(kendall(first, last))
    losses = stability_of_table(table, "val_loss", bootstrap=0, draws=5, etas=())
    assert losses.step(19).last.value > 0.8  # negated at both ends
    assert {half.eta for half in found.halvings} == {2.0, 3.0, 4.0}
    assert all(0 <= half.lost <= 1 and 0 < half.cost < 1 for half in found.halvings)


@pytest.mark.parametrize(
    ("values", "options", "error", "match"),
    [
        ({1: RISING}, {}, ConfigError, "at least two"),
        ({0: RISING, 1: RISING}, {}, ConfigError, "positive"),
        ({1: RISING, 2: RISING[1:]}, {}, DataError, "same networks"),
        ({1: RISING[:9], 2: RISING[:9]}, {}, DataError, "too few"),
        ({1: RISING, 2: np.ones(N)}, {}, DataError, "all references are equal"),
        ({1: RISING, 2: RISING}, {"top": N}, ConfigError, "top"),
        ({1: RISING, 2: RISING}, {"draws": 0}, ConfigError, "draws"),
        ({1: RISING, 2: RISING}, {"etas": (1,)}, ConfigError, "eta must be above 1"),
        ({1: RISING, 2: RISING}, {"seeds": {3: np.ones((N, 2))}}, ConfigError, "without values"),
    ],
)
def test_wrong_input(values: Any, options: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        measure(values, **options)


def test_a_fidelity_without_an_order_has_none() -> None:
    found = measure({1: np.ones(N), 2: RISING, 3: RISING})
    assert found.step(1).last.value is None and found.step(2).previous.value is None
    assert found.settled == 2 and stability_sentences(found) and stability_pictures(found)
