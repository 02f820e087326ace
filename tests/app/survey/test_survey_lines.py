"""Lines of a survey, from its config to estimators."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import toy
from lightning_fabric import Fabric
from toy_models import SAMPLE, save_toy

from ghn.app.overrides import composed
from ghn.app.setting import Setting, build_setting
from ghn.app.survey.score import make_entrant, read_entrants
from ghn.errors import ConfigError, GhnError, NothingToLearnError, NotShippedError, OtherSpaceError
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.train.network import Recipe

BANKS = {"oneshot", "smash", "enas", "darts", "ghn_half_hour"}  # shipped for one space alone
LEARNERS = {"surrogate", "surrogate_forest", "curve_svr", "curve_bnn", "curve_gp"}  # of references that are shipped


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    recipe = Recipe(epochs=3, batch_size=40)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], ["loss"], SAMPLE, recipe, folder=tmp_path / "out")


def test_names_labels_and_what_is_taken_out() -> None:
    lines = read_entrants(
        {"synflow": {}, "grad_norm": {"label": "gradients", "seeds": [3, 4]}, "mine": {"name": "naswot"}, "zen": None}
    )
    assert [(line.key, line.label, line.estimator, line.seeds) for line in lines] == [
        ("synflow", "synflow", "synflow", (0,)),
        ("grad_norm", "gradients", "grad_norm", (3, 4)),
        ("mine", "mine", "naswot", (0,)),
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "estimators of different labels"),
        ({"synflow": None}, "estimators of different labels"),
        ({"a": {"name": "synflow", "label": "x"}, "b": {"name": "zen", "label": "x"}}, "different labels"),
        ({"nothing": {}}, "survey line nothing: unknown estimator"),
        ({"synflow": {"epochs": 3}}, "survey line synflow: unknown options"),
        ({"synflow": {"seeds": [1, 1]}}, "different whole numbers"),
        ({"synflow": {"seeds": ["a"]}}, "different whole numbers"),
    ],
)
def test_lines_that_cannot_be_read(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_entrants(config)


def test_a_replicate_a_seed_and_checkpoint(setting: Setting, tmp_path: Path, fabric: Fabric) -> None:
    other = tmp_path / "other" / "checkpoint.safetensors"
    save_toy(other, toy.SPACE, toy.make_task(), fabric, seed=1)
    (line,) = read_entrants({"ghn": {"label": "net", "checkpoint": [setting.checkpoints[0], str(other)]}})
    entries = make_entrant(line, setting)
    assert [entry.name for entry in entries] == ["net", "net, no. 2"]
    assert entries[0].estimator.identity["weights"] != entries[1].estimator.identity["weights"]
    (line,) = read_entrants({"naswot": {"seeds": [5, 6, 7], "sample": {"zero_cost": 8}}})
    identities = [entry.estimator.identity for entry in make_entrant(line, setting)]
    assert [one["weights"] for one in identities] == ["random_init/5", "random_init/6", "random_init/7"]
    assert {one["sample"]["zero_cost"] for one in identities} == {8}


def test_trainings_of_one_recipe_and_seed_are_shared(setting: Setting) -> None:
    lines = read_entrants(
        {
            "short": {"name": "low_fidelity", "fidelity": {"epochs": 1}},
            "long": {"name": "low_fidelity", "fidelity": {"epochs": 2}},
            "seeded": {"name": "low_fidelity", "fidelity": {"epochs": 2}, "seeds": [1]},
        }
    )
    made = [make_entrant(line, setting)[0].estimator for line in lines]
    assert all(isinstance(estimator, LowFidelityEstimator) for estimator in made)
    short, long, seeded = (estimator.store.folder for estimator in made)  # type: ignore[attr-defined]
    assert short == long != seeded


@pytest.mark.parametrize(
    "options",
    [
        {"name": "ghn", "readout": ["loss", "ridge"]},
        {"name": "ghn", "checkpoint": "nowhere.safetensors"},
        {"name": "low_fidelity", "fidelity": {"epoch": 1}},
        {"name": "naswot", "sample": {"images": 1}},
    ],
)
def test_lines_that_cannot_be_made_say_which(setting: Setting, options: dict[str, Any]) -> None:
    (line,) = read_entrants({"mine": options})
    with pytest.raises(GhnError, match="survey line mine"):
        make_entrant(line, setting)


def test_what_of_the_survey_another_space_lacks(tmp_path: Path) -> None:
    options = composed("evaluate", ["experiment=survey", "space=macro", f"out={tmp_path}"])
    setting = build_setting(options)
    lines, made = read_entrants(options["survey"]["estimators"]), set()
    for line in lines:
        with suppress(NotShippedError, OtherSpaceError, NothingToLearnError):  # the survey says that it is left out
            made |= {line.key for _ in make_entrant(line, setting)}
    assert {line.key for line in lines} - made == BANKS | LEARNERS
