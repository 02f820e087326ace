"""ghn inside Optuna: proposals, pruning, studies that come and go, and what is refused."""

from __future__ import annotations

import json
import pickle
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext as nothing
from random import Random
from typing import Any

import numpy as np
import optuna
import pytest
from doubles import Double
from function_spaces import SHAPE, tiny
from optuna.trial import TrialState
from torch import nn

from ghn.adapters.optuna import (
    CurvePruner,
    GHNSampler,
    add_to_study,
    references_of_study,
    suggest_architecture,
    table_of_study,
)
from ghn.adapters.optuna_learning import StudyLearner
from ghn.errors import ConfigError, DataError, MissingExtraError
from ghn.search import Limit, RandomSearch, run_search
from ghn.search.surrogate import Surrogate
from ghn.spaces import FunctionSpace, NASBench201, make_space
from ghn.types import Score, Trial

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Judge(Double):
    """Knows how good an architecture is, but for an error that depends on it."""

    def __init__(self, truth: Any, error: float = 0.0) -> None:
        self.truth, self.error = truth, error

    def score(self, trials: Any) -> list[Score]:
        return [Score(self.truth(t.arch) + self.error * Random(str(t.arch)).gauss(0, 1)) for t in trials]


class Learnt(Judge):
    """The same, once it has learnt from three; quicker, as nothing else is read."""

    least = 3


class Known(Double):
    """Can be pickled."""

    least = 2

    def score(self, trials: Any) -> list[Score]:
        return [Score(float(trial.arch.count("nor_conv_3x3"))) for trial in trials]


@pytest.fixture(scope="module")
def truth(toy_space: Any) -> Any:
    return lambda arch: float(arch.count("nor_conv_3x3") + 0.5 * arch.count("nor_conv_1x1") - arch.count("none"))


def stack(trial: Any) -> nn.Module:
    """A small perceptron, as objectives for Optuna build it: activations are asked for as often as it is deep."""
    width, drop, layers, before = trial.suggest_categorical("width", [4, 8]), 0.0, list[nn.Module](), 4
    for i in range(trial.suggest_int("depth", 1, 2)):
        layers += [nn.Linear(before, width), getattr(nn, trial.suggest_categorical(f"act{i}", ["ReLU", "GELU"]))()]
        before = width
    drop = trial.suggest_float("drop", 0.0, 0.2, step=0.1)
    return nn.Sequential(*layers, nn.Dropout(drop), nn.Linear(before, 3))


@pytest.fixture(scope="module")
def space() -> FunctionSpace:
    return FunctionSpace(stack, (4,), 3)


def size(arch: Any) -> float:
    own = dict(arch)
    return float(own["depth"] + own["width"] / 100)


def categorical(space: Any, name: str) -> optuna.distributions.CategoricalDistribution:
    options = {choice.name: choice.options for choice in space.choices()}
    return optuna.distributions.CategoricalDistribution(options[name])


def attribute(trial: Any) -> str:
    """What was proposed for a trial."""
    return trial.system_attrs["ghn:architecture"]


def text(space: Any, trial: Any) -> str:
    """What a trial has tried."""
    return space.format(tuple(trial.params[choice.name] for choice in space.choices()))


def made(truth: Any, space: Any, pool: int = 16) -> optuna.Study:
    return optuna.create_study(direction="maximize", sampler=GHNSampler(Learnt(truth), space, pool=pool, seed=0))


def keys(study: optuna.Study, space: Any) -> list[Any]:
    """Which functions were tried, in order."""
    return [space.canonical(space.parse(attribute(trial))) for trial in study.trials if attribute(trial)]


# --- the sampler ---


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_proposals_are_far_above_what_is_usual_and_none_comes_twice(toy_space: Any, truth: Any, direction: str) -> None:
    sign = 1 if direction == "maximize" else -1
    sampler = GHNSampler(Judge(lambda arch: sign * truth(arch), 1.0), toy_space, pool=16, seed=1)
    study = optuna.create_study(direction=direction, sampler=sampler)
    study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=12)
    usual = [sign * truth(arch) for arch in toy_space.distinct()]
    assert np.mean([sign * trial.value for trial in study.trials]) > np.mean(usual) + np.std(usual)
    assert len(set(keys(study, toy_space))) == 12
    sampler.reseed_rng()
    study.ask({"0-1": categorical(toy_space, "0-1")})  # the last trial is told when the next is asked for
    assert sampler.surrogate.best[1] == study.best_value and sampler.surrogate.direction == direction


def test_a_function_written_for_trials_is_a_space_and_the_objective_stays_as_it_is(space: FunctionSpace) -> None:
    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("lr", 1e-4, 1e-1, log=True)  # no choice of the space
        stack(trial)
        return trial.params["depth"] + rate

    study = made(lambda arch: float(dict(arch)["depth"]), space, pool=8)
    study.optimize(objective, n_trials=7)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE}
    assert {t.params["depth"] for t in study.trials[3:]} == {2} and len(set(keys(study, space))) == 7
    for trial in study.trials:
        assert space.format(space.decide(lambda name, options, t=trial: t.params[name])) == attribute(trial)
        assert [name for name in trial.params if name.startswith("act")] == ["act0", "act1"][: trial.params["depth"]]
    assert len({trial.params["lr"] for trial in study.trials}) == 7
    study.sampler = optuna.samplers.RandomSampler(seed=0)  # what others drew is read as well, rounded steps included
    study.optimize(objective, n_trials=6)
    assert len(references_of_study(study, space)) > 7


def test_what_is_open_in_a_step_needs_an_end(space: FunctionSpace) -> None:
    def build(trial: Any) -> Any:
        trial.suggest_float("drop", 0.0, 0.5)

    with pytest.raises(ConfigError, match="no end of options"):
        FunctionSpace(build, SHAPE, 10)


def test_conditional_choices_with_any_sampler(space: FunctionSpace) -> None:
    for sampler in (GHNSampler(Learnt(size), space, pool=8, seed=0), optuna.samplers.TPESampler(seed=0)):
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(lambda trial: size(suggest_architecture(trial, space)), n_trials=8)
        for trial in study.trials:
            assert sum(name.startswith("act") for name in trial.params) == trial.params["depth"]
        assert len(references_of_study(study, space)) >= 2


def test_what_is_no_member_is_pruned_where_a_sampler_does_not_know_better() -> None:
    cells = make_space("nasbench101", input_shape=(3, 8, 8), classes=4)
    for sampler, states in (
        (optuna.samplers.RandomSampler(seed=0), {TrialState.PRUNED, TrialState.COMPLETE}),
        (GHNSampler(Learnt(len), cells, pool=8, seed=0), {TrialState.COMPLETE}),
    ):
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(lambda trial: len(suggest_architecture(trial, cells)), n_trials=8)
        assert {trial.state for trial in study.trials} == states


def test_it_learns_from_the_trials_of_a_study_that_it_is_added_to(toy_space: Any, truth: Any) -> None:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        arch = suggest_architecture(trial, toy_space)
        if trial.number in (3, 4):
            trial.report(-9.0, 0)
            raise optuna.TrialPruned if trial.number == 3 else ValueError("broken")
        return float("nan") if trial.number == 5 else truth(arch)

    study.optimize(objective, n_trials=10, catch=(ValueError,))
    study.sampler = GHNSampler(Learnt(truth), toy_space, pool=16, seed=0)
    study.optimize(objective, n_trials=1)
    assert (
        study.sampler.surrogate.observed
        == references_of_study(study, toy_space) | {text(toy_space, study.trials[3]): -9.0}
        or len(study.trials) == 11
    )
    told = study.sampler.surrogate.observed
    assert told[text(toy_space, study.trials[3])] == -9.0  # pruned: the last value that it reported
    assert not {text(toy_space, study.trials[i]) for i in (4, 5)} & set(told)  # failed, and NaN, which Optuna fails
    assert len(told) == 8


def test_parallel_workers_do_not_try_the_same(toy_space: Any, truth: Any) -> None:
    study, together = made(truth, toy_space), threading.Barrier(4, timeout=30)

    def objective(trial: optuna.Trial) -> float:
        together.wait()  # none has finished when the others ask
        return truth(suggest_architecture(trial, toy_space))

    study.optimize(objective, n_trials=12, n_jobs=4)
    assert len(set(keys(study, toy_space))) == 12


def test_processes_see_what_the_others_have_begun(toy_space: Any, truth: Any) -> None:
    study = made(truth, toy_space)
    begun = study.ask()
    begun.suggest_categorical("0-1", categorical(toy_space, "0-1").choices)  # one parameter of six is in the storage
    study.sampler = GHNSampler(Learnt(truth), toy_space, pool=16, seed=0)  # as in another process, with the same seed
    other = study.ask()
    other.suggest_categorical("0-1", categorical(toy_space, "0-1").choices)
    assert attribute(study.trials[0]) != attribute(study.trials[1])
    queued = toy_space.distinct()[0]
    study.enqueue_trial(dict(zip((c.name for c in toy_space.choices()), queued, strict=True)))
    learner = StudyLearner(lambda direction: Surrogate(Learnt(truth), toy_space, direction=direction))
    learner.learn(study, own=1)
    left = learner.surrogate.suggest(9, among=[queued, toy_space.parse(attribute(study.trials[0]))])
    assert left == []


def test_what_is_enqueued_is_kept_and_completed(toy_space: Any, truth: Any) -> None:
    study, archs = made(truth, toy_space), list[Any]()

    def objective(trial: optuna.Trial) -> float:
        archs.append(suggest_architecture(trial, toy_space))
        return truth(archs[-1])

    study.optimize(objective, n_trials=3)
    study.enqueue_trial({"0-1": "avg_pool_3x3", "lr": 0.25})
    study.optimize(objective, n_trials=1)
    alike = [truth(arch) for arch in toy_space.distinct() if arch[0] == "avg_pool_3x3"]
    assert archs[-1][0] == "avg_pool_3x3" and truth(archs[-1]) > np.mean(alike) + np.std(alike)


def test_a_space_that_is_used_up_is_said_and_goes_on() -> None:
    few = FunctionSpace(tiny, SHAPE, 10)
    study = made(lambda arch: 1.0, few)
    with pytest.warns(UserWarning, match="no architecture is left"):
        study.optimize(lambda trial: 0.1 * len(suggest_architecture(trial, few)), n_trials=len(few.distinct()) + 1)
    assert len(set(keys(study, few))) == len(few.distinct())


def test_a_surrogate_that_was_told_before(toy_space: Any, truth: Any) -> None:
    surrogate = Surrogate(Learnt(truth), toy_space, pool=16)
    known = toy_space.distinct()[:9]
    for arch in known:
        surrogate.observe(arch, truth(arch))
    study = optuna.create_study(direction="maximize", sampler=GHNSampler(surrogate, seed=0))
    study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=2)
    assert not {toy_space.canonical(arch) for arch in known} & set(keys(study, toy_space))
    study = optuna.create_study(direction="minimize", sampler=GHNSampler(surrogate))
    with pytest.raises(ConfigError, match="the other direction"):
        study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=1)


def test_equal_seeds_give_equal_trials(toy_space: Any, truth: Any) -> None:
    studies = [made(truth, toy_space) for _ in range(2)]
    for study in studies:
        study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=7)
    assert keys(studies[0], toy_space) == keys(studies[1], toy_space)


# --- what is refused ---


def test_choices_that_change_in_the_middle_of_a_study(toy_space: Any, truth: Any) -> None:
    study, names = made(truth, toy_space), [choice.name for choice in toy_space.choices()]

    def objective(trial: optuna.Trial) -> float:
        options = categorical(toy_space, "0-1").choices
        arch = tuple(trial.suggest_categorical(name, options[:4] if trial.number == 3 else options) for name in names)
        return truth(arch)

    with pytest.raises(ValueError, match="other options of '0-1'") as error:
        study.optimize(objective, n_trials=5)
    assert isinstance(error.value, ConfigError)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 3 + [TrialState.FAIL]
    study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=2)  # and goes on
    assert len(study.sampler.surrogate.observed) == 4
    study.optimize(lambda trial: trial.suggest_int("2-3", 0, 4), n_trials=1, catch=(ConfigError,))
    assert study.trials[-1].state is TrialState.FAIL


def test_a_choice_that_is_no_longer_asked_for(toy_space: Any, truth: Any) -> None:
    study = made(truth, toy_space)
    options = categorical(toy_space, "0-1").choices
    study.optimize(lambda trial: float(trial.suggest_categorical("0-1", options) == "none"), n_trials=1)
    with pytest.raises(ValueError, match=r"(?s)trial 0.*'0-2'"):
        study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=1)


def test_a_study_of_another_space(toy_space: Any, truth: Any, space: FunctionSpace) -> None:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: size(suggest_architecture(trial, space)), n_trials=2)
    study.sampler = GHNSampler(Learnt(truth), toy_space)
    with pytest.raises(ValueError, match=r"(?s)another space.*nasbench201"):
        study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=1)
    for refused in (references_of_study, lambda *a: table_of_study(*a, "mine"), lambda *a: add_to_study(*a, {})):
        with pytest.raises(DataError, match="another space"):
            refused(study, toy_space)
    assert len(references_of_study(study, space)) == len(study.get_trials(states=[TrialState.COMPLETE]))


def test_trials_that_lack_choices_can_be_left_out(toy_space: Any, truth: Any) -> None:
    sampler = GHNSampler(Learnt(truth), toy_space, pool=8, seed=0, incomplete="leave_out")
    study, options = optuna.create_study(direction="maximize", sampler=sampler), categorical(toy_space, "0-1").choices
    with pytest.warns(UserWarning, match=r"left out: 1 \(0\)"):
        study.optimize(lambda trial: float(trial.suggest_categorical("0-1", options) == "none"), n_trials=2)
    with pytest.warns(UserWarning, match=r"no member .*left out: 2 \(0, 1\); trial 0: the choice '0-2'"):
        study.optimize(lambda trial: 1 / trial.number if suggest_architecture(trial, toy_space) else 0.0, n_trials=3)
    assert len(set(keys(study, toy_space))) == 5 and len(sampler.surrogate.observed) == 2
    for taken in (references_of_study, lambda *a, **b: table_of_study(*a, "mine", **b).runs):
        with pytest.raises(DataError, match="leave_out"):
            taken(study, toy_space)
        with pytest.warns(UserWarning, match=r"left out: 2"):
            assert len(taken(study, toy_space, incomplete="leave_out")) == 3
    with pytest.warns(UserWarning, match=r"left out: 2"):
        add_to_study(study, toy_space, {toy_space.distinct()[0]: 0.5}, incomplete="leave_out")
    with pytest.raises(ConfigError, match=r"refuse \| leave_out"):
        references_of_study(study, toy_space, incomplete="skip")


def test_samplers_and_pruners_are_pickled_to_go_on_later(toy_space: Any, truth: Any) -> None:
    study = optuna.create_study(direction="maximize", sampler=GHNSampler(Known(), toy_space, pool=8, seed=0))
    study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=3)
    sampler, pruner = pickle.loads(pickle.dumps((study.sampler, CurvePruner(startup=4))))
    assert not pruner.prune(study, study.trials[0])
    going_on = optuna.create_study(study_name=study.study_name, direction="maximize", sampler=sampler)
    going_on.add_trials(study.trials)
    for one in (study, going_on):
        one.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=2)
    assert keys(going_on, toy_space) == keys(study, toy_space)


def test_several_objectives_and_a_second_study(toy_space: Any, truth: Any) -> None:
    sampler = GHNSampler(Learnt(truth), toy_space, pool=8)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    with pytest.raises(ValueError, match="multi-objective"):
        study.optimize(lambda trial: (truth(suggest_architecture(trial, toy_space)), 1.0), n_trials=1)
    with pytest.raises(ConfigError, match="one objective"):
        references_of_study(study, toy_space)
    with pytest.raises(ConfigError, match="higher for the better"):
        add_to_study(study, toy_space, {})
    for name in ("first", "second"):
        study = optuna.create_study(study_name=name, direction="maximize", sampler=sampler)
        with pytest.raises(ConfigError, match="one study") if name == "second" else nothing():
            study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=1)


def test_wrong_settings(toy_space: Any, truth: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="expected_improvement"):
        GHNSampler(Learnt(truth), toy_space, by="luck")
    with pytest.raises(ConfigError, match="of which space"):
        GHNSampler(Learnt(truth))
    for wrong_seed in ("a", -1, 2**32):
        with pytest.raises(ConfigError, match="seed must be a whole number from 0 to 4294967295"):
            GHNSampler(Learnt(truth), toy_space, seed=wrong_seed)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"unknown option of a surrogate\n +got: +pol"):
        GHNSampler(Learnt(truth), toy_space, pol=3)
    with pytest.raises(ConfigError, match="no study of Optuna"):
        references_of_study(None, toy_space)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no space of architectures"):
        references_of_study(optuna.create_study(), None)  # type: ignore[arg-type]
    told = Surrogate(Learnt(truth), toy_space)
    assert GHNSampler(told, toy_space).surrogate is told
    with pytest.raises(ConfigError, match=r"(?s)its own options.*pool"):
        GHNSampler(told, pool=3)
    with pytest.raises(ConfigError, match="surrogate is of another space"):
        GHNSampler(told, NASBench201((3, 8, 8), 7, width=4, depth=1))
    bare: Any = type("Bare", (), {"name": "bare", "sample": lambda self, rng: 0})()
    with pytest.raises(ConfigError, match="neither be taken apart"):
        GHNSampler(Learnt(truth), bare)
    for wrong in (
        {"model": "oracle"},
        {"threshold": 1.5},
        {"startup": 0},
        {"warmup": -3},
        {"warmup": "a"},
        {"threshold": "a"},
        {"model": 3},
    ):
        with pytest.raises(ConfigError):
            CurvePruner(**wrong)
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "ghn.adapters.optuna")
    with pytest.raises(MissingExtraError, match=r'pip install "ghn\[optuna\]"'):
        __import__("ghn.adapters.optuna")


# --- the pruner ---


def curves(n: int, seed: int = 0) -> Iterator[list[float]]:
    """Accuracies of ten epochs that rise to some end."""
    rng = np.random.default_rng(seed)
    for end in rng.uniform(0.6, 0.9, n):
        yield [float(end - 0.4 * 0.7**e + rng.normal(0, 0.003)) for e in range(10)]


def trained(study: optuna.Study, values: list[float]) -> int:
    """How many epochs a trial trains."""
    trial = study.ask()
    for step, value in enumerate(values):
        trial.report(value, step)
        if trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return step + 1
    study.tell(trial, values[-1])
    return len(values)


@pytest.mark.parametrize("unit", ["fraction", "percent", "error"])
def test_it_stops_what_will_not_beat_the_best(unit: str) -> None:
    study = optuna.create_study(direction="minimize" if unit == "error" else "maximize", pruner=CurvePruner())
    as_told = {"fraction": lambda v: v, "percent": lambda v: 100 * v, "error": lambda v: 1 - v}[unit]
    for values in curves(10):
        assert trained(study, [as_told(v) for v in values]) == 10  # too few to learn from
    best = max(values[-1] for values in curves(10))
    good, bad = ([end - 0.4 * 0.7**e for e in range(10)] for end in (best + 0.02, best - 0.3))
    assert trained(study, [as_told(v) for v in bad]) < 5
    assert trained(study, [as_told(v) for v in good]) == 10
    assert trained(study, [as_told(v) for v in good[:3]] + [float("nan")]) == 4


def test_it_lets_go_on_what_it_cannot_extrapolate() -> None:
    study = optuna.create_study(direction="maximize", pruner=CurvePruner("parametric", startup=2, warmup=2))
    trial = study.ask()
    assert not trial.should_prune()  # nothing was reported
    for values in curves(12):
        study.add_trial(optuna.create_trial(value=values[-1], intermediate_values=dict(enumerate(values))))
    assert trained(study, [0.3] * 10) == 10  # constant
    trial.report(0.1, 57)  # beyond what others reported
    assert not trial.should_prune()
    other = optuna.create_study(direction="maximize", pruner=CurvePruner())
    other.add_trials(study.trials[1:])
    trial = other.ask()
    for step in (0, 2, 4):  # epochs that others have, and not all of them
        trial.report(0.01 * step, step)
    assert trial.should_prune()


# --- studies ---


def test_a_search_becomes_a_study_that_plots_show(toy_space: Any, truth: Any) -> None:
    import matplotlib

    matplotlib.use("Agg")
    searcher = RandomSearch(toy_space, 0)
    found = run_search(searcher, Judge(truth), limit=Limit(trials=8), progress=False)
    study = optuna.create_study(direction="maximize")
    add_to_study(study, toy_space, found)
    curve = {"epochs": [1, 2], "val_accuracy": [0.25, 0.5]}
    arch = toy_space.distinct()[5]
    failed = (Trial("a", arch), Score.failed("no memory", 2.0))
    add_to_study(study, toy_space, [(arch, Score(0.5, std=0.1, extra={"curve": curve})), failed])
    add_to_study(study, toy_space, {toy_space.format(arch): 0.75})
    assert study.best_value == found.best[1].value and len(study.trials) == 11
    assert study.trials[8].intermediate_values == {0: 0.25, 1: 0.5} and study.trials[8].user_attrs["std"] == 0.1
    assert study.trials[9].state is TrialState.FAIL and study.trials[9].user_attrs["error"] == "no memory"
    assert study.trials[9].user_attrs["architecture"] == toy_space.format(arch)
    lost = optuna.create_study(direction="maximize")
    add_to_study(lost, toy_space, [(arch, None), (arch, float("nan"))])
    assert [trial.state for trial in lost.trials] == [TrialState.FAIL, TrialState.FAIL]
    stored = optuna.create_study(direction="maximize")
    extra = {"loss": np.float32(0.5), "seen": np.arange(2), "curve": {"epochs": np.array([1]), "val_accuracy": [0.5]}}
    add_to_study(stored, toy_space, [(arch, Score(np.float32(0.5), np.float64(2.0), extra=extra))])
    (kept,) = stored.trials
    assert json.loads(json.dumps(kept.user_attrs))["seen"] == [0, 1] and kept.user_attrs["loss"] == 0.5  # as on SQLite
    assert kept.intermediate_values == {0: 0.5}
    for wrong in ([arch], "abc", {arch: "high"}, [(arch, Score(0.5, extra={"curve": [1, 2]}))]):
        with pytest.raises(DataError, match=r"pairs|no number|damaged curve"):
            add_to_study(stored, toy_space, wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="damaged curve"):
        add_to_study(stored, toy_space, [(arch, Score(0.5, extra={"curve": {"epochs": [1, 2]}}))])
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        axes = optuna.visualization.matplotlib.plot_optimization_history(study)
    assert len(axes.collections[0].get_offsets()) == 10
    study.sampler = GHNSampler(Learnt(truth), toy_space, pool=8, seed=0)  # and is gone on with
    study.optimize(lambda trial: truth(suggest_architecture(trial, toy_space)), n_trials=1)
    assert len(study.sampler.surrogate.observed) == 9


def test_a_study_becomes_references(toy_space: Any, truth: Any, tmp_path: Any) -> None:
    archs = toy_space.distinct()[:3]
    study = optuna.create_study(direction="maximize")
    curve = {"epochs": [1, 2], "val_accuracy": [0.25, 0.5]}
    add_to_study(study, toy_space, [(archs[0], Score(0.5, extra={"curve": curve})), (archs[1], 0.75), (archs[0], 0.25)])
    text = [toy_space.format(arch) for arch in archs]
    assert references_of_study(study, toy_space) == {text[0]: 0.375, text[1]: 0.75}
    table = table_of_study(study, toy_space, "mine")
    table.save(tmp_path / "mine.jsonl")
    assert table.value() == {text[0]: 0.375, text[1]: 0.75} and table.header.skeleton == toy_space.describe()
    assert list(table.curve(text[0], seed=0)) == [0.25, 0.5]
    losses = optuna.create_study(direction="minimize")
    losses.add_trials(study.trials)
    assert references_of_study(losses, toy_space) == {text[0]: -0.375, text[1]: -0.75}
    with pytest.raises(DataError, match="accuracies"):
        table_of_study(losses, toy_space, "mine")
