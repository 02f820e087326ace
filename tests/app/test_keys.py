"""Every key of every job and of every training: what it can be, and what is said of anything else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, get_args, get_origin

import pytest
from job_cases import defaults
from pydantic.fields import FieldInfo

from ghn.analysis.correction import LEAST
from ghn.app.estimator_keys import EntrantKeys, MemberKeys, SampleKeys, SurrogateKeys
from ghn.app.job_keys import RankKeys, SearchKeys, SurveyKeys
from ghn.app.jobs import JOBS
from ghn.app.overrides import composed, keys_of, options_of
from ghn.app.ranges import Keys
from ghn.app.read_keys import groups_of, read_keys
from ghn.app.search_keys import LEAST_EPOCHS, OPTIONS
from ghn.app.train_keys import NetKeys, OneshotKeys, SmashKeys, TrainerKeys, TrainKeys
from ghn.arguments import in_words
from ghn.errors import ConfigError
from ghn.families.curves.estimator import CURVE_MODELS
from ghn.families.sharing.memory_code import KERNELS
from ghn.families.sharing.paths import PATHS
from ghn.families.surrogates.models import MODELS
from ghn.nets.ghn import DECODERS, ENCODERS
from ghn.scoring.standard_features import FEATURES
from ghn.search.acquisition import ACQUISITIONS
from ghn.search.costs import COSTS
from ghn.search.epochs import READINGS
from ghn.search.registry import SCHEDULERS, SEARCHERS
from ghn.tables.twins import TWINS
from ghn.train.meta import OPTIMIZERS, SAMPLINGS, SCHEDULES
from ghn.train.runtime import DEVICES, PRECISIONS

HUGE = 10**30
WRONG = {
    "null": None,
    "text": "nonsense\x1b",
    "no text": "",
    "list": [[]],
    "no list": [],
    "dict": {"a": 1},
    "no dict": {},
    "float": 1.5,
    "true": True,
    "false": False,
    "zero": 0,
    "negative": -1,
    "huge": HUGE,
    "negative huge": -HUGE,
    "huge float": 1e300,
    "nan": math.nan,
    "inf": math.inf,
    "zero byte": "a\0b",
    "half a letter": "a\ud800",
    "long": "a" * 100_000,
}
CHOICES = [("evaluate", f"job={name}") for name in JOBS]
CHOICES += [("train", f"weights={name}") for name in options_of("weights")]


@cache
def options_for(config: str, choice: str) -> dict[str, Any]:
    return defaults(choice) if config == "evaluate" else composed("train", ["out=outputs/here", choice])


def places(kind: type[Keys], options: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], FieldInfo]]:
    """Every key that the options have, in groups and in lists of groups too, and what it can be."""
    for name, field in kind.model_fields.items():
        yield (here := (*path, name)), field
        value = options[name]
        for at, one in [((), value), *(((i,), one) for i, one in enumerate(value if isinstance(value, list) else ()))]:
            for group in groups_of(field.annotation):
                if isinstance(one, dict) and set(one) == set(group.model_fields):
                    yield from places(group, one, (*here, *at))


def changed(options: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of options with another value at a place; what does not change is shared."""
    if not path:
        return value
    made = options.copy()
    made[path[0]] = changed(options[path[0]] if len(path) > 1 else None, path[1:], value)
    return made


def refusals(kind: type[Keys], options: dict[str, Any], path: tuple[Any, ...]) -> Iterator[tuple[str, str | None]]:
    """Each wrong value of a key, and what is said of it; None where the key can be that."""
    for name, value in WRONG.items():
        try:
            read_keys(kind, changed(options, path, value), options)
        except ConfigError as error:
            yield name, str(error)
        else:
            yield name, None


FORMAL = ("Union", "Literal", "Annotated", "Input should", "typing", "pydantic", "Optional", "<class", "int |", "None")
# the wrong values that some keys can be, and how these say so; no key can be any of the others
CAN_BE = {
    "null": ("null",),
    "text": ("text",),
    "no list": ("a list, each",),
    "dict": ("settings",),
    "no dict": ("settings",),
    "true": ("true or false",),
    "false": ("true or false",),
    "float": ("a number",),
    "zero": ("from 0 to", "of at least 0", "0, or"),
}


def check_key(kind: type[Keys], options: dict[str, Any], path: tuple[Any, ...], field: FieldInfo) -> None:
    """A key takes no wrong value but those it says it can be; of any other is said, in plain words, what is wrong."""
    can_be, key = in_words(field.annotation, field.metadata), ".".join(map(str, path))
    for name, said in refusals(kind, options, path):
        if said is None:
            assert any(words in can_be for words in CAN_BE.get(name, ())), f"{key} takes {name}: {can_be}"
            continue
        what, *more = said.splitlines()
        assert key in what or (what.startswith(path[0]) and key.rpartition(".")[2] in said), f"{key}, {name}: {said}"
        assert any(line.startswith(("  expected:", "  to do:")) for line in more), f"{key}, {name}: {said}"
        plain = "\n".join([what, *(line for line in more if not line.startswith("  got:"))])
        assert not [word for word in FORMAL if word in plain], f"{key}, {name}: {said}"


@pytest.mark.parametrize(("config", "choice"), CHOICES)
def test_every_key_takes_what_it_says_and_nothing_else(config: str, choice: str) -> None:
    options = options_for(config, choice)
    kind = keys_of(config, options)
    found = list(places(kind, options))
    assert set(options) <= {path[0] for path, _ in found}
    for path, field in found:
        check_key(kind, options, path, field)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_of_every_searcher(name: str) -> None:
    bare = options_for("evaluate", "job=search")
    options = {**bare, "search": {**bare["search"], "name": name, "options": {}}}
    for option, field in OPTIONS[name].model_fields.items():
        check_key(SearchKeys, options, ("search", "options", option), field)


def test_every_option_of_a_line_of_a_survey_and_of_a_member_of_an_ensemble() -> None:
    survey, rank = options_for("evaluate", "job=survey"), options_for("evaluate", "job=rank")
    rank = {**rank, "ensemble": {"members": ["params", {"name": "ghn"}], "population": 0}}
    line = ("survey", "estimators", "ghn")
    for option, field in EntrantKeys.model_fields.items():
        check_key(SurveyKeys, survey, (*line, option), field)
    for option, field in MemberKeys.model_fields.items():
        check_key(RankKeys, rank, ("ensemble", "members", 1, option), field)
    sample = changed(survey, (*line, "sample"), {})
    for option, field in SampleKeys.model_fields.items():
        check_key(SurveyKeys, sample, (*line, "sample", option), field)


TOGETHER = [
    ("job=references", {"seeds": [0, 1, 0]}, "seeds"),
    ("job=score", {"address": "auto"}, "engine=ray"),
    ("job=rank_all", {"best": 3, "references": "published"}, "best=3"),
    ("job=search", {"search.name": "evolution", "search.options": {"population": 5, "sample": 6}}, "sample=6"),
    ("job=search", {"search.name": "bayesian", "search.options": {"batch": 9, "pool": 8}}, "pool=8"),
    ("job=search", {"search.name": "lemonade", "search.options": {"children": 3, "proposals": 2}}, "children=3"),
    ("job=search", {"search.name": "asha", "search.options": {"max_budget": 2, "min_budget": 3}}, "min_budget=3"),
    ("job=search", {"search.name": "asha", "search.options": {"max_budget": 21}}, "recipe.epochs=20"),
    (
        "job=search",
        {"search.name": "asha", "search.estimator": "training", "search.options": {"max_budget": 20, "min_budget": 1}},
        "search.estimator=low_fidelity",
    ),
    (
        "job=search",
        {"search.name": "asha", "search.estimator": "curve_parametric", "search.options": {"min_budget": 3}},
        "from 4 to recipe.epochs=20",
    ),
    ("job=search", {"search.name": "random", "search.options": {"budget": 0.5}}, "search.options.budget"),
    ("job=search", {"search.name": "random", "search.options": {"eta": 3}}, "search.options.eta"),
    ("job=search", {"search.judge": "combined"}, "search.judge"),
    ("job=search", {"search.objectives": ["params", "params"]}, "search.objectives"),
    ("job=ladder", {"search.pool": 6}, "search.pool"),
    ("job=ladder", {"search.steps": [{"estimator": "ghn"}, {"estimator": "ghn"}]}, "search.steps"),
    ("job=ladder", {"recipe.epochs": 5}, "search.steps.2.budget"),
]


@pytest.mark.parametrize(("choice", "changes", "named"), TOGETHER)
def test_values_that_do_not_go_together(choice: str, changes: dict[str, Any], named: str) -> None:
    options = options_for("evaluate", choice)
    for key, value in changes.items():
        options = changed(options, tuple(key.split(".")), value)
    with pytest.raises(ConfigError) as caught:
        read_keys(keys_of("evaluate", options), options)
    assert named in str(caught.value)


def names_of(kind: type[Keys], key: str) -> set[Any]:
    """The names that a key can have."""
    annotation = kind.model_fields[key].annotation
    return {name for one in (annotation, *get_args(annotation)) if get_origin(one) is Literal for name in get_args(one)}


def test_the_names_that_keys_can_have_are_those_that_there_are() -> None:
    searcher = SearchKeys.model_fields["search"].annotation
    assert isinstance(searcher, type)
    assert names_of(searcher, "name") == {*SEARCHERS, *SCHEDULERS} == set(OPTIONS)
    assert names_of(searcher, "epoch") == set(READINGS) and names_of(OPTIONS["lemonade"], "objective") == set(COSTS)
    assert names_of(OPTIONS["bayesian"], "by") == set(ACQUISITIONS)
    assert names_of(SurrogateKeys, "model") == set(MODELS)
    assert names_of(RankKeys, "device") == names_of(TrainKeys, "device") == set(DEVICES)
    assert names_of(RankKeys, "precision") == names_of(TrainKeys, "precision") == set(PRECISIONS)
    assert names_of(RankKeys, "twins") == set(TWINS) and names_of(RankKeys, "features") == set(FEATURES)
    assert names_of(NetKeys, "encoder") == set(ENCODERS) and names_of(NetKeys, "decoder") == set(DECODERS)
    assert names_of(TrainerKeys, "sampling") == set(SAMPLINGS) and names_of(TrainerKeys, "schedule") == set(SCHEDULES)
    assert names_of(TrainerKeys, "optimizer") == set(OPTIMIZERS) and names_of(OneshotKeys, "paths") == set(PATHS)
    for name, model in CURVE_MODELS.items():
        assert model.least_epochs == LEAST_EPOCHS.get(f"curve_{name}", 1)
    sides = [side for side in range(10) if _takes(SmashKeys, {**SMASH, "kernel": side})]
    assert tuple(sides) == KERNELS
    ghn = options_for("train", "weights=ghn")
    assert next(n for n in range(1, 100) if _takes(TrainKeys, {**ghn, "population": n})) == LEAST


SMASH = {"method": "smash", "unit": 8, "hidden": 64, "blocks": 4}


def _takes(kind: type[Keys], options: dict[str, Any]) -> bool:
    try:
        read_keys(kind, options)
    except ConfigError:
        return False
    return True
