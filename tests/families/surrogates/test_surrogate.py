"""What a surrogate learns, what it says of its uncertainty, and what it refuses."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest
import toy
from cases_surrogates import Readings, accuracy, fitted, history, surrogate_of, trials
from toy_models import CHAIN, CUT_OFF, EDGE, cells

from ghn.analysis.correlation import kendall
from ghn.errors import ArchitectureError, ConfigError, DataError
from ghn.families.surrogates.inputs import Scores
from ghn.families.surrogates.models import MODELS, GraphNetwork
from ghn.families.surrogates.regression import coverage
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.spaces import DARTS
from ghn.types import Score, Trial

SMALL_GNN = partial(GraphNetwork, members=2, steps=40)
NEW = cells(60, seed=1)


@pytest.mark.parametrize(
    ("model", "target"), [*((m, "rank") for m in MODELS if m != "gnn"), ("random_forest", "value")]
)
def test_orders_networks_it_has_not_seen(model: str, target: str) -> None:
    scores = fitted(model=model, target=target).score(trials(NEW))
    values = [accuracy(arch) for arch in NEW]
    assert kendall([s.value for s in scores], values) > 0.7
    assert np.mean(np.abs(np.subtract([s.value for s in scores], values))) < 0.03  # in the references' unit
    assert all(s.std > 0 and s.cost_seconds > 0 for s in scores)


@pytest.mark.parametrize("inputs", [(), ("summary",)])
def test_a_graph_network_learns_from_graphs_alone_and_with_features(inputs: tuple[str, ...]) -> None:
    scores = fitted(model=SMALL_GNN, inputs=inputs, folds=2).score(trials(NEW))
    assert kendall([s.value for s in scores], [accuracy(arch) for arch in NEW]) > 0.5


def test_an_input_that_tells_all_is_used() -> None:
    plain = fitted(inputs=["adjacency"], model="ridge").score(trials(NEW))
    told = fitted(inputs=["adjacency", Scores(Readings())], model="ridge").score(trials(NEW))
    values = [accuracy(arch) for arch in NEW]
    assert kendall([s.value for s in told], values) > kendall([s.value for s in plain], values) + 0.02


def test_intervals_are_nested_around_the_value_and_honest() -> None:
    rng = np.random.default_rng(0)
    noisy = {arch: accuracy(arch) + rng.normal(0, 0.05) for arch in cells(260)}
    known, held = list(noisy)[:60], list(noisy)[60:]
    for model in ("ridge", "random_forest"):
        surrogate = surrogate_of(model=model)
        surrogate.fit([(t, Score(noisy[t.arch])) for t in trials(known)])
        scores = surrogate.score(trials(held))
        for score in scores:
            ends = [score.extra["intervals"][level] for level in ("95%", "80%", "50%")]
            flat = [low for low, _ in ends] + [score.value] + [high for _, high in reversed(ends)]
            assert flat == sorted(flat)
        shares = coverage(scores, [noisy[arch] for arch in held])
        assert all(abs(share - level) < 0.13 for level, share in shares.items()), shares


def test_the_order_of_values_is_all_that_matters_to_ranks() -> None:
    bent = surrogate_of()
    bent.fit([(t, Score(float(np.exp(9 * s.value)))) for t, s in history()])
    straight = fitted().score(trials(NEW))
    assert kendall([s.value for s in bent.score(trials(NEW))], [s.value for s in straight]) == pytest.approx(
        1, abs=1e-3
    )


def test_asked_before_it_was_fitted() -> None:
    surrogate = surrogate_of()
    surrogate.fit([])
    assert surrogate.score([]) == []
    with pytest.raises(ConfigError, match="before it was fitted"):
        surrogate.score(trials(NEW[:1]))


def test_failed_references_are_left_out_and_counted() -> None:
    known = history(20)
    surrogate = surrogate_of()
    surrogate.fit([*known, (Trial("broken", NEW[0]), Score.failed("diverged"))])
    assert (surrogate.left_out, len(surrogate.references)) == (1, 20)
    same = surrogate_of()
    same.fit(known)
    assert [s.value for s in surrogate.score(trials(NEW))] == [s.value for s in same.score(trials(NEW))]


def test_a_nan_is_no_score() -> None:
    with pytest.raises(ValueError, match="finite"):
        surrogate_of().fit([*history(20), (Trial("nan", NEW[0]), Score(float("nan")))])


def test_too_few_references() -> None:
    few = history(9)
    for known in (few, [*few, (Trial("again", few[0][0].arch), few[0][1])], [(t, Score.failed("x")) for t, _ in few]):
        with pytest.raises(ConfigError, match=r"too few references[\s\S]*at least 10"):
            surrogate_of().fit(known)
    surrogate_of(least=9).fit(few)


def test_too_few_references_are_refused_before_features_that_train_are_made() -> None:
    class Training(Readings):
        asked = 0

        def score(self, trials: Any) -> Any:
            self.asked += len(trials)
            return super().score(trials)

    training = Training()
    with pytest.raises(ConfigError, match="too few references"):
        surrogate_of(inputs=["curve"], training=training).fit(history(9))
    assert training.asked == 0


def test_inputs_that_the_space_lacks_are_refused_at_once_and_its_own_are_the_default() -> None:
    darts = DARTS((3, 8, 8), classes=4, width=2, depth=3)
    for name in ("adjacency", "paths"):
        with pytest.raises(ConfigError, match=rf"space darts has no features for the input '{name}'(?s:.*)statistics"):
            SurrogateEstimator(darts, inputs=[name])
    assert [source.name for source in SurrogateEstimator(darts).inputs] == ["summary"]
    assert [source.name for source in surrogate_of().inputs] == ["summary", "adjacency", "paths"]


def test_references_of_one_function_become_one() -> None:
    rest = [(t, s) for t, s in history(20) if toy.SPACE.canonical(t.arch) != toy.SPACE.canonical(EDGE)]
    surrogate = surrogate_of()
    surrogate.fit([(Trial("a", CHAIN), Score(0.60)), (Trial("b", EDGE), Score(0.61)), *rest])
    assert surrogate.merged == 1
    assert surrogate.references[toy.SPACE.format(CHAIN)] == pytest.approx(0.605)
    with pytest.raises(DataError, match="disagree") as error:
        surrogate.fit([(Trial("a", CHAIN), Score(0.4)), (Trial("b", EDGE), Score(0.9)), *rest])
    assert toy.SPACE.format(CHAIN) in str(error.value) and "[0.4, 0.9]" in str(error.value)
    tolerant = surrogate_of(tolerance=10)
    tolerant.fit([(Trial("a", CHAIN), Score(0.4)), (Trial("b", EDGE), Score(0.9)), *rest])
    assert tolerant.references[toy.SPACE.format(CHAIN)] == pytest.approx(0.65)


def test_references_that_cannot_be_learnt_from_together() -> None:
    known = history(20)
    mixed = [(Trial(t.id, t.arch, budget=1 + i % 2), s) for i, (t, s) in enumerate(known)]
    with pytest.raises(ConfigError, match="several budgets"):
        surrogate_of().fit(mixed)
    with pytest.raises(ArchitectureError):
        surrogate_of().fit([*known, (Trial("x", "nonsense"), Score(0.5))])


def test_a_failed_fit_leaves_the_last_one() -> None:
    surrogate = fitted(20)
    before = [s.value for s in surrogate.score(trials(NEW[:5]))]
    with pytest.raises(ConfigError):
        surrogate.fit(history(3))
    assert [s.value for s in surrogate.score(trials(NEW[:5]))] == before


def test_an_input_that_fails_makes_a_failure() -> None:
    known = history(20)
    source = Scores(Readings(fails=[known[3][0].arch, NEW[1]]))
    surrogate = surrogate_of(inputs=["adjacency", source])
    surrogate.fit(known)
    assert (surrogate.left_out, len(surrogate.references)) == (1, 19)
    first, second, third = surrogate.score(trials(NEW[:3]))
    assert first.ok and third.ok
    assert not second.ok and "no features" in second.error
    assert [s.ok for s in surrogate.score(trials(NEW[1:2]))] == [False]


def test_inputs_that_tell_nothing() -> None:
    class Flat:
        name, identity = "flat", None

        def __call__(self, space: Any, archs: Any) -> np.ndarray:
            return np.ones((len(archs), 2))

    with pytest.raises(DataError, match="tells its references apart"):
        surrogate_of(inputs=[Flat()]).fit(history(20))


def test_references_that_are_all_alike_are_what_is_expected() -> None:
    surrogate = surrogate_of()
    surrogate.fit([(t, Score(0.5)) for t, _ in history(12)])
    assert {s.value for s in surrogate.score(trials([*NEW[:5], CUT_OFF]))} == {0.5}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"inputs": ["pathes"]}, "statistics"),
        ({"inputs": []}, "needs inputs"),
        ({"inputs": ["paths", "paths"]}, "each once"),
        ({"inputs": ["scores"]}, "hypernetwork"),
        ({"inputs": ["curve"]}, "training"),
        ({"model": "forest"}, "random_forest"),
        ({"target": "log"}, "rank"),
        ({"least": 2}, "least >= 3"),
        ({"folds": 1}, "folds >= 2"),
        ({"tolerance": float("nan")}, "tolerance >= 0"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        SurrogateEstimator(toy.SPACE, **settings)


def test_identity_tells_surrogates_apart() -> None:
    one, same, other = fitted(20), fitted(20), fitted(21)
    assert json.dumps(one.identity) == json.dumps(same.identity) != json.dumps(other.identity)
    assert one.identity != fitted(20, inputs=[Scores(Readings()), "adjacency", "paths"]).identity
    assert one.identity != fitted(20, target="value").identity
