"""The survey from plain options to its JSON."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import toy
from job_cases import keys_for
from lightning_fabric import Fabric
from shared_cases import METHODS, TRAINER
from toy_models import SAMPLE, save_toy

from ghn.analysis.correlation import Statistic, kendall
from ghn.app.job_keys import SurveyKeys
from ghn.app.read_keys import read_keys
from ghn.app.setting import Setting, build_setting
from ghn.app.survey import job
from ghn.app.survey.subjects import halves, shipped_subjects
from ghn.errors import ConfigError, DataError, ExistsError
from ghn.families.sharing.train import train_shared
from ghn.families.training.full import TrainingEstimator
from ghn.report.model import Survey
from ghn.report.survey.answers import orders_on
from ghn.spaces import DARTS, NATSBenchSize
from ghn.tables import ReferenceTable
from ghn.train.network import Recipe
from ghn.types import Reference

LINES: dict[str, Any] = {
    "ghn": {"label": "hypernetwork"},
    "params": {},
    "synflow": {"seeds": [0, 1]},
    "short": {"name": "low_fidelity", "fidelity": {"epochs": 1}},
}


def make_setting(folder: Path, fabric: Fabric) -> Setting:
    path = folder / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    recipe = Recipe(epochs=2, batch_size=40)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], ["loss"], SAMPLE, recipe, folder=folder / "out")


def make_options(folder: Path) -> dict[str, Any]:
    plan = {"workers": 1, "development": 24, "estimators": LINES, "budgets": [0, 1e9], "sizes": [0], "draws": 2}
    usual = {**keys_for("survey", n=48, bootstrap=20, out=str(folder / "out")).model_dump()}
    return {**usual, "survey": {**usual["survey"], **plan, "permutations": 99, "runs": []}}


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    return make_setting(tmp_path, fabric)


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return make_options(tmp_path)


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory: pytest.TempPathFactory, fabric: Fabric) -> tuple[Setting, dict[str, Any]]:
    """A survey that was made, for those who read what it wrote."""
    folder = tmp_path_factory.mktemp("surveyed")
    setting, options = make_setting(folder, fabric), make_options(folder)
    survey_job(setting, options)
    return setting, options


def survey_job(setting: Setting, options: dict[str, Any]) -> None:
    job.survey_job(setting, read_keys(SurveyKeys, options))


def read(options: dict[str, Any]) -> Survey:
    return Survey.from_json(json.loads((Path(options["out"]) / "survey.json").read_text()))


def test_from_options_to_json_and_back(surveyed: tuple[Setting, dict[str, Any]]) -> None:
    _, options = surveyed
    found = read(options)
    assert found.to_json() == json.loads((Path(options["out"]) / "survey.json").read_text())
    (part,) = found.parts  # the project's own references are of other images than the toy task's
    assert part.comparison.n == 24  # of the report sample
    assert [row.name for row in part.comparison.estimators] == ["hypernetwork", "params", "synflow", "short"]
    assert {cost.label: cost.replicates for cost in found.costs} == {
        "hypernetwork": 1,
        "params": 1,
        "synflow": 2,
        "short": 1,
    }
    costs = {cost.label: cost for cost in found.costs}
    macs = np.array([costs[label].macs for label in ("params", "hypernetwork", "short")], dtype=float)
    assert macs[0] == 0 < macs[1] < macs[2]  # 32 images once; 80 images forwards and backwards
    assert costs["synflow"].macs == pytest.approx(3 * macs[1] / 32)
    assert found.combinations is not None and found.stability is None
    none, best = found.advice
    assert none.label is None and none.kendall == Statistic(None)
    assert best.label in costs and best.total_seconds == pytest.approx(1000 * (costs[best.label].seconds or 0))
    assert best.kendall == part.comparison.row(best.label).get("kendall")


def test_spread_holds_every_replicate(surveyed: tuple[Setting, dict[str, Any]]) -> None:
    _, options = surveyed
    (part,) = read(options).parts
    assert list(part.spread) == ["synflow"]
    first, second = part.spread["synflow"]["kendall"]
    (agreement,) = part.spread["synflow"]["between seeds"]
    assert 0.5 < agreement < 1
    assert first == part.comparison.row("synflow").get("kendall").value
    scores = [json.loads(line) for line in (Path(options["out"]) / "scores/synflow-1.jsonl").open()][1:]
    values = {score["id"]: score["value"] for score in scores}
    ids = part.comparison.ids or ()
    assert second == pytest.approx(kendall([values[arch] for arch in ids], part.comparison.reference))


def test_an_ancestor_and_a_hypernetwork_are_paid_once(setting: Setting, options: dict[str, Any]) -> None:
    lines = {"ghn": {}, "combined": {}, "heirs": {"name": "morphism", "fidelity": {"epochs": 1}}}
    survey_job(setting, {**options, "n": 40, "survey": {**options["survey"], "development": 20, "estimators": lines}})
    found = read(options)
    assert (found.cost("heirs").one_off_seconds or 0) > 0
    assert found.combinations is not None
    both = next(c for c in found.combinations.combinations if set(c.members) >= {"ghn", "combined"})
    assert both.one_off_seconds == pytest.approx(90.0 + ("heirs" in both.members) * found.cost("heirs").one_off_seconds)


def test_in_another_space_what_is_shipped_is_left_out_and_named(
    setting: Setting, options: dict[str, Any], tmp_path: Path
) -> None:
    space = DARTS(toy.SPACE.input_shape, toy.SPACE.classes, width=4, depth=3)
    rng, table = Random(0), tmp_path / "mine.csv"
    rows = [f'"{space.format(space.sample(rng))}",{0.5 + i / 100}' for i in range(20)]
    table.write_text("\n".join(["arch,accuracy", *rows]))
    lines = {"ghn": {"label": "hypernetwork"}, "bank": {"name": "oneshot"}, "surrogate": {}, "params": {}, "flops": {}}
    plan = {**options["survey"], "estimators": lines, "runs": ["checkpoints/trainings/ghn_s1"]}
    there = replace(setting, space=space, checkpoints=["shipped"])
    survey_job(there, {**options, "references": str(table), "survey": plan})
    found = read(options)
    assert [cost.label for cost in found.costs] == ["params", "flops"] and not found.trainings
    (note,) = [note for note in found.notes if "another space" in note]
    assert all(name in note for name in ("hypernetwork", "bank", "surrogate", "ghn_s1"))
    only = {**plan, "estimators": {"ghn": {}}}
    with pytest.raises(ConfigError, match=r"none of the survey(?s:.*)ghn: shipped for another space"):
        survey_job(there, {**options, "references": str(table), "resume": True, "survey": only})


def test_the_order_over_snapshots(setting: Setting, options: dict[str, Any], tmp_path: Path) -> None:
    how = {"check": 0, "snapshots": True, "progress": False}
    train_shared(METHODS["oneshot"], toy.SPACE, setting.task, TRAINER, setting.fabric, tmp_path / "bank", **how)
    lines = {"ghn": LINES["ghn"], "params": {}}
    plan = {**options["survey"], "estimators": lines, "runs": [str(tmp_path / "bank")]}
    survey_job(setting, {**options, "survey": plan})
    (training,) = read(options).trainings
    assert [step.fidelity for step in training.steps] == [2, 4] and training.n == 24
    assert "bank (oneshot)" in (Path(options["out"]) / "index.md").read_text()
    with pytest.raises(DataError, match="no snapshots"):
        survey_job(setting, {**options, "resume": True, "survey": {**plan, "runs": [str(tmp_path)]}})


def test_going_on_scores_nothing_twice(
    surveyed: tuple[Setting, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    setting, made = surveyed
    shutil.copytree(made["out"], tmp_path / "out")
    setting, options = replace(setting, folder=tmp_path / "out"), {**made, "out": str(tmp_path / "out")}
    before = read(options)
    with pytest.raises(ExistsError):
        survey_job(setting, options)
    monkeypatch.setattr("ghn.families.training.low_fidelity.LowFidelityEstimator.score", None)
    monkeypatch.setattr("ghn.scoring.engine.WeightedEstimator.stream", lambda self, trials: iter(()))
    survey_job(setting, {**options, "resume": True})
    assert read(options).parts == before.parts


def test_advice_is_chosen_on_other_networks_than_it_is_told_on(surveyed: tuple[Setting, dict[str, Any]]) -> None:
    setting, options = surveyed
    found = read(options)
    subjects = shipped_subjects(setting, 48, 24)
    assert not set(subjects.choosing.values) & set(subjects.telling.values)
    values = list(subjects.choosing.values.values())
    orders = {}
    for cost in found.costs:
        rows = [json.loads(line) for line in (Path(options["out"]) / f"scores/{cost.key}-0.jsonl").open()][1:]
        known = {row["id"]: row["value"] for row in rows}
        orders[cost.label] = kendall([known[arch] for arch in subjects.choosing.values], values)
    best = found.advice[1]
    assert best.chosen_by == max(v for v in orders.values() if v is not None)
    assert orders[str(best.label)] == best.chosen_by


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"references": "nasbench201"}, ConfigError, "references of a survey"),
        ({"n": 30}, ConfigError, r"networks to choose on(.|\n)*to do: +survey.development=15, or more"),
        ({"n": 14}, ConfigError, r"networks to choose on(.|\n)*to do: +more networks, or all that there are"),
    ],
)
def test_wrong_options(
    setting: Setting, options: dict[str, Any], changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        survey_job(setting, {**options, **changes})
    assert not (Path(options["out"]) / "scores").exists()


def test_a_space_without_shipped_references(setting: Setting) -> None:
    for space, error in ((NATSBenchSize((3, 8, 8), 4), ConfigError), (DARTS((3, 8, 8), 4, width=2), DataError)):
        with pytest.raises(error, match=r"references=mine.csv"):
            shipped_subjects(replace(setting, space=space), 48, 24)


def test_in_any_space_with_a_table_what_learns_does_so_from_the_half_that_is_chosen_on(
    setting: Setting, options: dict[str, Any], tmp_path: Path
) -> None:
    """Trainings of the user's own, of the survey's recipe; who asks for more than there are is left out."""
    archs = [setting.space.format(arch) for arch in setting.space.distinct()[:32]]
    made = TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)
    runs = tuple(made.train(arch, 0) for arch in archs)
    ReferenceTable(made.header(), runs).save(path := tmp_path / "mine.jsonl")
    lines = {
        "params": {},
        "learnt": {"name": "surrogate", "surrogate": {"given": 16, "model": "random_forest"}},
        "asks": {"name": "surrogate", "surrogate": {"given": 17}},
        "curve_svr": {"fidelity": {"epochs": 1}},
        "oneshot": {"checkpoint": "shipped"},
    }
    plan = {**options["survey"], "estimators": lines}
    changes = {"references": str(path), "survey": plan}
    survey_job(setting, {**options, **changes})
    found = read(options)
    assert [cost.label for cost in found.costs] == ["params", "learnt", "curve svr"]
    (note,) = (note for note in found.notes if note.startswith("Left out: asks (too few trained networks"))
    assert "oneshot (shipped for another space)" in note
    assert {row.n for row in found.parts[0].comparison.estimators} == {32}


@pytest.mark.parametrize(("space", "taught"), [(toy.SPACE, False), (DARTS((3, 8, 8), 4, width=2, depth=3), True)])
def test_a_users_table_without_curves_teaches_where_nothing_is_shipped(
    setting: Setting, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: Any, taught: bool
) -> None:
    rng, table = Random(0), tmp_path / "mine.csv"
    archs = list(dict.fromkeys(space.format(space.sample(rng)) for _ in range(24)))
    table.write_text("\n".join(["arch,accuracy", *(f'"{arch}",{0.5 + i / 100}' for i, arch in enumerate(archs))]))
    asked: list[Setting] = []

    def stop(lines: Any, setting: Setting, *more: Any) -> None:
        asked.append(setting)
        raise KeyboardInterrupt

    monkeypatch.setattr("ghn.app.survey.job.score_lines", stop)
    with pytest.raises(KeyboardInterrupt):
        survey_job(replace(setting, space=space), {**options, "references": str(table)})
    assert (asked[0].taught is not None) == taught
    if asked[0].taught:
        assert len(asked[0].taught.accuracy) == len(archs) // 2


def test_halves_are_disjoint_and_whole() -> None:
    reference = Reference("mine", "accuracy", {f"a{i}": i / 30 for i in range(21)}, {})
    one, other = halves(reference)
    assert not set(one.values) & set(other.values) and {**one.values, **other.values} == reference.values
    with pytest.raises(DataError, match="too few networks"):
        halves(Reference("mine", "accuracy", {f"a{i}": i / 30 for i in range(19)}, {}))


def test_orders_of_rows_that_failed_often() -> None:
    reference = list(range(12))
    orders = orders_on({"whole": reference, "few": [float("nan")] * 3 + reference[3:]}, reference)
    assert orders == {"whole": 1.0, "few": None}


@pytest.mark.slow
def test_in_two_processes(tmp_path: Path, options: dict[str, Any]) -> None:
    full = keys_for("survey", "experiment=survey_quick", out=f"{tmp_path}/two", n=40).model_dump()
    plan = {**full["survey"], "workers": 2, "estimators": {"params": {}, "flops": {}}, "permutations": 99}
    plan["development"] = 20
    full |= {"survey": plan, "bootstrap": 20}
    survey_job(build_setting(full), full)
    assert {cost.key: cost.failed for cost in read(full).costs} == {"params": 0, "flops": 0}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("workers", 0, "survey.workers"),
        ("draws", 1.5, "survey.draws"),
        ("permutations", -1, "survey.permutations"),
        ("candidates", "many", "survey.candidates"),
        ("budgets", [], "survey.budgets"),
        ("sizes", [-5], "survey.sizes"),
    ],
)
def test_settings_are_checked_before_anything_is_scored(
    setting: Setting, options: dict[str, Any], name: str, value: object, message: str
) -> None:
    options["survey"] |= {name: value}
    with pytest.raises(ConfigError, match=message):
        survey_job(setting, options)
    assert not Path(options["out"]).exists()


def test_a_survey_without_resamples_is_refused(setting: Setting, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="bootstrap"):
        survey_job(setting, options | {"bootstrap": 0})
