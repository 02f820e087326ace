"""Estimators by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning_fabric import Fabric
from toy_models import SAMPLE, cells, save_toy, toy_card

from ghn.analysis.correction import Population
from ghn.analysis.correlation import kendall
from ghn.app.estimators import ESTIMATORS, YOUNG, make_entries
from ghn.app.makers.trained import finished_curves
from ghn.app.setting import Entry, Setting, task_space
from ghn.errors import CheckpointError, ConfigError, NotShippedError
from ghn.families.sharing.bank import SOURCES, Bank, BankConfig
from ghn.scoring.model import Model
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask, make_task
from ghn.train.network import Recipe
from ghn.train.rungs import Fidelity
from ghn.types import Estimator, Score, Trial

LEARN_FROM_CURVES = ("curve_svr", "curve_bnn", "curve_gp")


@pytest.fixture
def setting(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric, toy_checkpoint: Path) -> Setting:
    return Setting(
        toy_space,
        toy_task,
        fabric,
        checkpoints=[str(toy_checkpoint)],
        readouts=["loss", "ridge"],
        sample=SAMPLE,
        recipe=Recipe(epochs=5, batch_size=20),
        fidelity=Fidelity(epochs=4, size=4, width=2),
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_name_makes_estimators_that_score(setting: Setting, name: str, tmp_path: Path) -> None:
    if name in SOURCES:
        setting = replace(setting, checkpoints=[save_bank(tmp_path / "bank.safetensors", setting, name)])
    if name in LEARN_FROM_CURVES:  # and there are none of the toy task
        with pytest.raises(ConfigError, match="finished curves"):
            make_entries(name, setting)
        return
    if name in ("ensemble_best", "ensemble_cheap"):  # of what is shipped for another task
        setting = replace(setting, readouts=["loss"])
    entries = make_entries(name, setting)
    assert len(entries) == (2 if name in ("ghn", "random_init", *SOURCES) else 1)
    assert (
        len({entry.name for entry in entries})
        == len({json.dumps(entry.estimator.identity) for entry in entries})
        == len(entries)
    )
    for entry in entries:
        assert isinstance(entry.estimator, Estimator)
        count = 24 if name.startswith(("combined", "ensemble")) else 2
        failed = [s.error for s in entry.estimator.score([Trial("a", cell) for cell in cells(count)]) if not s.ok]
        if name == "ensemble_cheap":  # one cell lets nothing through, of which a Jacobian says nothing
            assert [str(reason).partition(":")[0] for reason in failed] == ["jacob_cov"]
        else:
            assert not failed


@pytest.mark.parametrize("name", ["naswot", "meco", "grad_norm"])
def test_the_seed_of_the_sample_draws_the_images_of_a_proxy(setting: Setting, name: str) -> None:
    """And that of the setting its weights."""
    small = replace(SAMPLE, zero_cost=8, proxy=8)
    ways = [(small, 0), (replace(small, seed=4), 0), (small, 4), (small, 0)]
    trials = [Trial("a", cells(3)[2])]
    entries = [make_entries(name, replace(setting, sample=sample, seed=seed)) for sample, seed in ways]
    found = [entry.estimator.score(trials)[0].value for (entry,) in entries]
    assert found[0] == found[3] and len(set(found)) == 3


def save_bank(path: Path, setting: Setting, method: str) -> str:
    bank = Bank(BankConfig(method, setting.task.classes), setting.space)
    Model(bank, setting.space, toy_card(setting.task), setting.fabric).save(path)
    return str(path)


def test_shared_weights_come_from_a_checkpoint_of_their_kind(setting: Setting, tmp_path: Path) -> None:
    enas = save_bank(tmp_path / "enas.safetensors", setting, "enas")
    with pytest.raises(CheckpointError, match=r"another kind\n +got: +enas\n +expected: oneshot\n.*estimator=enas"):
        make_entries("oneshot", replace(setting, checkpoints=[enas]))
    with pytest.raises(CheckpointError, match=r"another kind\n +got: +enas\n +expected: ghn"):
        make_entries("ghn", replace(setting, checkpoints=[enas]))
    entry = make_entries("enas", replace(setting, checkpoints=[enas]))[0]
    assert "Pham" in entry.estimator.source and entry.name.startswith("enas ") and entry.one_off_seconds == 90.0


def test_shared_weights_that_are_shipped(setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghn.assets._ROOTS", [tmp_path])
    for seed in (1, 2, 7):
        folder = tmp_path / "checkpoints" / "trainings" / f"enas_s{seed}"
        folder.mkdir(parents=True)
        save_bank(folder / "checkpoint.safetensors", setting, "enas")
    (entry, _) = make_entries("enas", replace(setting, checkpoints=["shipped"]))
    assert entry.name == "enas shipped, loss"
    made = make_entries("enas", replace(setting, checkpoints=["shipped-1", "shipped-2"], readouts=["loss"]))
    assert [entry.name for entry in made] == ["enas shipped-1, loss", "enas shipped-2, loss"]
    with pytest.raises(NotShippedError, match=r"no such weights(?s:.*)shipped-3(?s:.*)weights=enas out=FOLDER"):
        make_entries("enas", replace(setting, checkpoints=["shipped-3"]))
    with pytest.raises(NotShippedError, match=r"no such weights(?s:.*)weights=darts out=FOLDER"):
        make_entries("darts", replace(setting, checkpoints=["shipped"]))
    # a path that is not here is looked for beside the package
    named = make_entries("enas", replace(setting, checkpoints=["checkpoints/trainings/enas_s7/checkpoint.safetensors"]))
    assert named[0].name == "enas enas_s7/checkpoint, loss"


def test_a_young_checkpoint_comes_with_a_warning(setting: Setting, tmp_path: Path) -> None:
    young = make_entries("ghn", setting)
    assert all("trained for 4 steps only" in (entry.warning or "") for entry in young)
    assert all(entry.one_off_seconds == 90.0 for entry in young)
    old, unknown, begun = (tmp_path / f"{name}.safetensors" for name in ("old", "unknown", "begun"))
    save_toy(old, setting.space, setting.task, setting.fabric, seconds=7200.0, step=YOUNG)
    save_toy(unknown, setting.space, setting.task, setting.fabric, seconds=None, step=None)
    start = {"digest": "", "space": {"name": "deepnets"}, "seconds": 60.0}  # it goes on from another
    save_toy(begun, setting.space, setting.task, setting.fabric, seconds=90.0, step=4, started_from=start)
    for path, seconds in ((old, 7200.0), (unknown, None), (begun, 90.0)):
        for entry in make_entries("ghn", replace(setting, checkpoints=[str(path)])):
            assert entry.warning is None and entry.one_off_seconds == seconds


def test_checkpoints_are_told_apart(setting: Setting, tmp_path: Path) -> None:
    other = tmp_path / "b" / "checkpoint.safetensors"
    save_toy(other, setting.space, setting.task, setting.fabric, seed=1)
    entries = make_entries("ghn", replace(setting, checkpoints=[*setting.checkpoints, str(other)]))
    assert [e.name.split(", ")[1] for e in entries] == ["loss", "ridge"] * 2
    assert "b/checkpoint" in entries[2].name
    assert len({entry.estimator.identity["weights"] for entry in entries}) == 2


def test_several_checkpoints_are_read_together(setting: Setting, tmp_path: Path) -> None:
    other = tmp_path / "b" / "checkpoint.safetensors"
    save_toy(other, setting.space, setting.task, setting.fabric, seed=1)
    (entry,) = make_entries("combined", replace(setting, checkpoints=[[*setting.checkpoints, str(other)]]))
    assert entry.name.endswith("/toy + b/checkpoint") and entry.one_off_seconds == 180.0
    assert {"ghn_depth3", "ghn2_depth3"} < set(entry.estimator.identity["members"])


def ensemble(setting: Setting, *members: str | dict[str, Any], population: int = 0) -> Entry:
    options = {"name": "ensemble", "members": list(members), "population": population}
    return make_entries("ensemble", replace(setting, ensemble=options))[0]


def test_an_ensemble_is_the_mean_normal_score_of_its_members(setting: Setting) -> None:
    trials = [Trial(str(i), cell) for i, cell in enumerate(cells(40))]
    both = ensemble(setting, "params", "flops")
    assert both.name == "ensemble: params + flops" and both.one_off_seconds is None and both.warning is None
    scores = both.estimator.score(trials)
    single = [[s.value for s in make_entries(name, setting)[0].estimator.score(trials)] for name in ("params", "flops")]
    normal = [Population.of({"x": np.array(v)}).normal_scores("x", np.array(v)) for v in single]
    assert kendall([s.value for s in scores], np.mean(normal, axis=0)) == pytest.approx(1.0)
    assert all(s.std is None for s in scores)
    assert (
        "AZ-NAS" in both.estimator.source
        and make_entries("params", setting)[0].estimator.source in both.estimator.source
    )


def test_an_ensemble_with_a_hypernetwork_costs_what_that_costs(setting: Setting) -> None:
    entry = ensemble(setting, "ghn", "params")  # two read-outs of one checkpoint
    assert entry.name == "ensemble: ghn + ghn2 + params"
    assert entry.one_off_seconds == 90.0 and "4 steps only" in (entry.warning or "")


def test_an_ensemble_with_a_population_of_its_own_judges_one_alone(setting: Setting) -> None:
    alone, together = ensemble(setting, "params", "flops", population=30), ensemble(setting, "params", "flops")
    assert alone.estimator.score([Trial("a", cells(1)[0])])[0].ok
    assert alone.estimator.identity["population"] != together.estimator.identity["population"]
    with pytest.raises(ConfigError, match="too few networks"):
        together.estimator.score([Trial("a", cells(1)[0])])


def test_references_tell_an_ensemble_whom_to_believe(setting: Setting) -> None:
    trials = [Trial(str(i), cell) for i, cell in enumerate(cells(90))]
    params = np.array([s.value for s in make_entries("params", setting)[0].estimator.score(trials)])
    made = ensemble(setting, "params", "random_init").estimator  # whose losses of random weights say little
    plain = kendall([s.value for s in made.score(trials[50:])], params[50:]) or 0.0
    made.fit([(trial, Score(float(value))) for trial, value in zip(trials[:50], params, strict=False)])
    scores = made.score(trials[50:])
    assert (kendall([s.value for s in scores], params[50:]) or 0.0) > plain + 0.05
    assert all(s.std for s in scores)


def test_members_of_an_ensemble_may_have_options_of_their_own(setting: Setting) -> None:
    deeper = {"name": "ghn", "readout": "loss", "skeletons": [{"depth": 1}, {"depth": 2}]}
    entry = ensemble(setting, {"name": "ghn", "readout": "loss"}, deeper, "params")
    assert entry.name == "ensemble: ghn + ghn2 + params"
    (alone,) = make_entries("ghn", replace(setting, readouts=["loss"], skeletons=[{"depth": 1}, {"depth": 2}]))
    members = entry.estimator.identity["members"]
    assert members["ghn2"] == alone.estimator.identity != members["ghn"]


@pytest.mark.parametrize(
    "members",
    [
        (),
        ("params",),
        ("params", "params"),
        ("params", "ensemble"),
        ("params", "nobody"),
        ("params", {"name": "ghn", "skeleton": []}),
        ("params", {"name": "low_fidelity", "fidelity": {"epoch": 1}}),
        ("params", {"readout": "loss"}),
    ],
)
def test_what_is_no_ensemble(setting: Setting, members: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigError, match=r"combines other estimators|unknown estimator|do not fit"):
        ensemble(setting, *members)


def test_generated_weights_are_read_in_other_skeletons(setting: Setting) -> None:
    plain, deeper = (
        make_entries("ghn", replace(setting, readouts=["loss"], skeletons=skeletons))[0]
        for skeletons in ([], [{"depth": 1}, {"depth": 3}])
    )
    assert deeper.name == f"{plain.name}, depth 1, depth 3"
    one, two = (entry.estimator.score([Trial("a", cells(1)[0])])[0].value for entry in (plain, deeper))
    assert one != two
    with pytest.raises(ConfigError, match="do not fit space"):
        make_entries("ghn", replace(setting, skeletons=[{"deepness": 3}]))


def test_unknown_names(setting: Setting) -> None:
    with pytest.raises(ConfigError, match=r"gnh[\s\S]*ghn \| combined[\s\S]* \| training"):
        make_entries("gnh", setting)
    for name in ESTIMATORS:
        with pytest.raises(ConfigError, match=r"logits[\s\S]*loss \| accuracy \| ridge"):
            make_entries(name, replace(setting, readouts=["loss", "logits"]))


def test_a_checkpoint_for_another_space_is_refused(setting: Setting) -> None:
    with pytest.raises(CheckpointError, match="another space"):
        make_entries("ghn", replace(setting, space=replace(setting.space, width=8)))


def test_a_space_takes_channels_size_and_classes_from_the_task(toy_task: ImageTask, toy_space: NASBench201) -> None:
    assert task_space({"name": "nasbench201", "width": 4, "depth": 1}, toy_task) == toy_space
    with pytest.raises(ConfigError, match="nasbench102"):
        task_space({"name": "nasbench102"}, toy_task)
    with pytest.raises(ConfigError, match="with"):
        task_space({"name": "nasbench201", "with": 4}, toy_task)


def test_curves_learn_from_the_shipped_ones_where_these_fit(setting: Setting) -> None:
    task = make_task("cifar10_embedded")
    fitting = replace(setting, space=NASBench201((3, 16, 16), 10, width=8, depth=1), task=task, recipe=Recipe())
    found = finished_curves(fitting)
    assert len(found) == 96 and all(len(score.extra["curve"]["epochs"]) == 20 for _, score in found)
    for other in ({"recipe": Recipe(epochs=10)}, {"space": replace(fitting.space, width=4)}, {"task": setting.task}):
        assert finished_curves(replace(fitting, **other)) == []
