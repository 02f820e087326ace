"""No default is unable to work: every estimator and every job can be made as the configs have them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from job_cases import defaults, keys_for

from ghn.app.estimators import ESTIMATORS, make_entries
from ghn.app.search import make_steps
from ghn.app.setting import Setting, build_setting
from ghn.app.survey.score import make_entrant, read_entrants
from ghn.errors import ConfigError, NothingToLearnError, NotShippedError
from ghn.families.curves.estimator import CURVE_MODELS
from ghn.families.sharing.bank import SOURCES
from ghn.scoring.proxies import ZERO_COST
from ghn.spaces import DARTS
from ghn.train.rungs import Fidelity
from ghn.types import Estimator


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """The setting of bare evaluate.py: real images, the shipped checkpoints."""
    out = tmp_path_factory.mktemp("defaults")
    return build_setting({**defaults(), "device": "cpu", "out": str(out)})


def test_every_family_has_its_names() -> None:
    assert set(ZERO_COST) | set(SOURCES) | {f"curve_{name}" for name in CURVE_MODELS} < set(ESTIMATORS)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_can_work_with_its_defaults(setting: Setting, name: str) -> None:
    """An estimator that cannot judge is refused when it is made: nothing is spent on it."""
    entries = make_entries(name, setting)
    assert entries and all(isinstance(entry.estimator, Estimator) for entry in entries)


def test_too_few_epochs_for_a_curve_are_refused_before_anything_is_trained(setting: Setting) -> None:
    with pytest.raises(ConfigError, match=r"epochs[\s\S]*3"):
        make_entries("curve_parametric", replace(setting, fidelity=Fidelity(3)))
    with pytest.raises(ConfigError, match="at least 5 epochs"):  # no number of observed epochs would do
        make_entries("curve_parametric", replace(setting, recipe=replace(setting.recipe, epochs=4)))
    assert not list(Path(str(setting.folder)).iterdir())


def test_curves_that_cannot_be_learnt_from_are_refused_before_anything_is_trained(setting: Setting) -> None:
    other = replace(setting, recipe=replace(setting.recipe, epochs=10))  # than that of the shipped curves
    for name in ("curve_svr", "curve_bnn", "curve_gp"):
        for unknown in (other, replace(setting, space=DARTS((3, 16, 16), 10, width=4, depth=3))):
            with pytest.raises(NothingToLearnError, match="none are known"):  # which a survey leaves out and names
                make_entries(name, unknown)
    assert make_entries("curve_last", other)


@pytest.mark.parametrize("job", ["rank", "search"])
def test_the_estimators_of_a_job_are_known(setting: Setting, job: str) -> None:
    keys: Any = keys_for(job)
    wanted = keys.estimator if job == "rank" else [keys.search.estimator]
    assert set(wanted) <= set(ESTIMATORS)


def test_the_steps_of_the_ladder_can_be_made(setting: Setting) -> None:
    keys = keys_for("ladder")
    at_all = replace(setting, fidelity=Fidelity(**keys.fidelity.model_dump()))
    steps = [step.name for step in make_steps(at_all, keys.search.steps)]
    assert steps == ["combined", "low_fidelity 2", "curve_sotl 6", "low_fidelity 20"]


@pytest.mark.parametrize("preset", ["survey", "survey_quick"])
def test_every_line_of_the_survey_can_be_made(setting: Setting, preset: str) -> None:
    keys = keys_for("survey", f"experiment={preset}")
    for line in read_entrants(keys.survey.estimators):
        try:
            assert len(make_entrant(line, setting)) >= len(line.seeds)
        except NotShippedError:  # trainings that are shipped apart: `make trainings`
            assert any(one.startswith("shipped-") for one in line.options["checkpoint"])
