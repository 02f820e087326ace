"""Every config composes and builds what it names; what is misspelt is told what was meant."""

from __future__ import annotations

import inspect
import re
import shlex
from importlib.resources import files
from typing import Any

import pytest
import torch

from ghn.app.cli import resume_command
from ghn.app.estimators import ESTIMATORS
from ghn.app.flags import check_flags
from ghn.app.jobs import JOBS
from ghn.app.overrides import check_overrides, composed, keys_of, options_of
from ghn.app.read_keys import read_keys
from ghn.app.setting import task_space
from ghn.errors import ConfigError
from ghn.families.sharing.train import make_method
from ghn.nets import GHN, GHNConfig
from ghn.scoring.guard import GIVE_UP_AFTER
from ghn.scoring.readouts import Sample
from ghn.search import Limit, make_searcher
from ghn.tasks import TASKS, ImageTask, make_task
from ghn.train.meta import MetaConfig
from ghn.train.network import Recipe
from ghn.train.runtime import DEVICES, PRECISIONS

CONF = files("ghn.app.conf")
GROUPS = {
    "train": ("weights", "net", "space", "task", "trainer"),
    "evaluate": ("job", "space", "task", "recipe", "experiment", "search"),
}
# what a user must give
MISSING = {
    "image_folder": ["task.root=/photos"],
    "dataset": ["task.train={target: a.B}"],
    "csv": ["task.path=t.csv", "task.target=y"],
    "function": ["space.target=function_spaces:tiny"],
}


CHOICES = [(config, group, name) for config, groups in GROUPS.items() for group in groups for name in options_of(group)]


def test_every_group_is_tested() -> None:
    folders = {f.name for f in CONF.iterdir() if f.is_dir() and not f.name.startswith("__")}
    assert folders - {"parts"} == {group for groups in GROUPS.values() for group in groups}


@pytest.mark.parametrize(("config", "group", "name"), CHOICES)
def test_every_config_composes_and_passes_the_check(config: str, group: str, name: str) -> None:
    given = [f"{group}={name}", *(MISSING.get(name, []) if group in ("task", "space") else [])]
    cfg = composed(config, given)
    assert (group in ("experiment", "search") or cfg[group]) and "???" not in str(cfg)
    read_keys(keys_of(config, cfg), cfg)  # yaml and models have the same keys: neither has what the other lacks
    check_overrides(config, given)


SMALL = ("ghn1", "ghn2", "ghn3")
PUBLISHED = {"ghn3_t": 6.9e6, "ghn3_s": 35.8e6, "ghn3_l": 214.7e6, "ghn3_xl": 654.4e6}  # Zhou et al. 2024, table 1


def meta_net(name: str) -> GHN:
    with torch.device("meta"):
        return GHN(GHNConfig(classes=10, **composed("train", [f"net={name}"])["net"]))


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_every_net_is_tested() -> None:
    assert set(options_of("net")) == {*SMALL, *PUBLISHED, "logah"}


@pytest.mark.parametrize("name", SMALL)
def test_every_net_builds(name: str) -> None:
    net = GHN(GHNConfig(classes=7, **composed("train", [f"net={name}"])["net"]))
    assert 10_000 < sum(p.numel() for p in net.parameters()) < 3_000_000


@pytest.mark.parametrize("name", PUBLISHED)
def test_ghn3_has_the_published_sizes(name: str) -> None:
    """Of the authors' weights of kernels, classes and channels: theirs share a decoder, ours have a head each."""
    net = meta_net(name)
    assert count(net) == pytest.approx(PUBLISHED[name], rel=0.03)
    d, k, head = net.config.hidden, net.config.kernel, net.decoder.heads["conv_weight"]
    weights = sum(p.numel() for p in head.parameters() if p.ndim == 2)
    assert weights == 4 * d**2 * k**2 + 32 * d**2 + 8 * d**3  # Zhou et al. 2024, eq. 2, where k is 16


def test_logah_has_the_published_decoder() -> None:
    net = meta_net("logah")
    d, r, rows = net.config.hidden, net.config.rank, 2048 * 16
    weights = sum(p.numel() for p in net.decoder.heads["conv_weight"].parameters() if p.ndim == 2)
    assert weights == 4 * d**2 + 32 * d**2 + 8 * d * 2 * r**2 + r * rows  # Zhou et al. 2024, eq. 5
    assert count(net) < 5e6  # 2.5M there, without a head for classes and with one vector head for all


@pytest.mark.parametrize("name", options_of("trainer"))
def test_every_trainer_builds(name: str) -> None:
    cfg = composed("train", [f"trainer={name}"])
    skeletons = [] if cfg["trainer"]["skeletons"] == "auto" else cfg["trainer"]["skeletons"]
    assert MetaConfig(**{**cfg["trainer"], "skeletons": skeletons}).steps > 0
    assert set(cfg["trainer"]) == set(MetaConfig.__dataclass_fields__)  # nothing is left to an unseen default


@pytest.mark.parametrize("name", [name for name in options_of("weights") if name != "ghn"])
def test_every_way_to_share_weights_builds(name: str) -> None:
    cfg = composed("train", [f"weights={name}"])
    method = make_method(**cfg["weights"])
    assert cfg["weights"]["method"] == name and set(cfg["weights"]) - {"method"} == set(type(method).__slots__)
    assert cfg["trainer"]["optimizer"] == ("adamw" if name == "smash" else "sgd")
    assert composed("train", [f"weights={name}", "trainer=demo"])["trainer"]["optimizer"] == "adamw"


@pytest.mark.parametrize("name", options_of("space"))
def test_every_space_builds(name: str, toy_task: ImageTask) -> None:
    settings = composed("train", [f"space={name}", *MISSING.get(name, [])])["space"]
    assert task_space(settings, toy_task).classes == toy_task.classes


@pytest.mark.parametrize("name", options_of("task"))
def test_every_task_is_known_with_its_options_of(name: str) -> None:
    settings = composed("train", [f"task={name}", *MISSING.get(name, [])])["task"]
    inspect.signature(TASKS[settings.pop("name")]).bind(**settings)


def test_every_task_has_a_config() -> None:
    assert {composed("train", [f"task={n}", *MISSING.get(n, [])])["task"]["name"] for n in options_of("task")} == set(
        TASKS
    )


def test_the_default_task_builds() -> None:
    settings = composed("evaluate")["task"]
    assert len(make_task(settings.pop("name"), **settings).train) == 10_000


def test_recipes_samples_and_runtimes_are_what_the_library_takes() -> None:
    cfg = composed("evaluate")
    assert Recipe(**cfg["recipe"]) == Recipe()  # with which the shipped references were trained
    assert Sample(**cfg["sample"]) == Sample()
    assert cfg["give_up_after"] == composed("evaluate", ["job=references"])["give_up_after"] == GIVE_UP_AFTER
    for config in GROUPS:
        assert composed(config)["device"] in DEVICES and composed(config)["precision"] in PRECISIONS
    assert cfg["job"] in JOBS


@pytest.mark.parametrize("name", options_of("experiment"))
def test_every_experiment_names_a_job(name: str) -> None:
    cfg = composed("evaluate", [f"experiment={name}"])
    assert (cfg["job"] == "rank") == (name == "none")


@pytest.mark.parametrize("name", [name for name in options_of("search") if name not in ("none", "ladder")])
def test_every_search_builds(name: str, toy_space: Any) -> None:
    cfg = composed("evaluate", [f"search={name}"])
    search = cfg["search"]
    assert cfg["job"] == "search" and search["name"] == name and search["estimator"] in ESTIMATORS
    assert make_searcher(name, toy_space, seed=search["seed"], **search["options"]).ask(1) and Limit(**search["limit"])


def test_the_ladder_has_steps_that_are_known() -> None:
    cfg = composed("evaluate", ["search=ladder"])
    assert cfg["job"] == "ladder" and cfg["search"]["steps"][-1]["budget"] == cfg["recipe"]["epochs"]
    assert {step["estimator"] for step in cfg["search"]["steps"]} <= set(ESTIMATORS)


def test_the_check_scores_on_the_images_that_are_trained_on() -> None:
    assert composed("train", ["task=cifar10_16px"])["scoring_task"] == composed("train", ["task=cifar10_16px"])["task"]


WRONG = [
    ("train", ["trainer.stepz=3"], "trainer.steps"),
    ("train", ["nett=ghn1"], "net"),
    ("train", ["task=cifar11"], "cifar10_16px"),
    ("train", ["task=image_folder"], "task.root"),
    ("train", ["trainer.steps=many"], "a whole number from 1 to 1,000,000,000"),
    ("train", ["trainer.lr=fast"], "for instance trainer.lr=0.002"),
    ("train", ["resume=yes_please"], "true or false"),
    ("train", ["out=${nope}"], "nope"),
    ("evaluate", ["checkpont=a"], "checkpoint"),
    ("evaluate", ["n=10", "readouts=ridge"], "readout"),
    ("evaluate", ["sample.valid=3"], "sample.val"),
    ("evaluate", ["n=2.5"], "for instance n=300"),
    ("evaluate", ["n=[1"], "[1"),
    ("evaluate", ["="], "Could not override"),
    ("evaluate", ["+="], "an override does not fit"),
    ("evaluate", ["a" * 5000 + "=1"], "an override does not fit"),
    ("evaluate", ["readout"], "readout"),
    ("evaluate", ["sample.val=true"], "a whole number from 1 to 1,000,000,000, or null"),
    ("evaluate", ["sample.batch=true"], "for instance sample.batch=512"),
    ("evaluate", ["seeds=[0]"], "job=references"),
    ("evaluate", ["job=references", "bootstrap=10"], "job=rank or job=rank_all or job=survey"),
    (
        "evaluate",
        ["job=references", "sample.val=10"],
        "job=rank or job=score or job=search or job=ladder or job=survey",
    ),
    ("evaluate", ["job=rank", "search=asha"], "job=search or job=ladder"),
    ("evaluate", ["search=asha", "search.limit.trial=3"], "search.limit.trials"),
    ("evaluate", ["+depth=3"], "there is no key depth"),
    ("evaluate", ["estimator.depth=3"], "estimator"),
    ("evaluate", ["search=random", "search.options.distinct=false"], "+search.options.distinct="),
    ("evaluate", ["search=random", "search.options.more=3"], "search.options"),
    ("evaluate", ["search=random", "+search.options.more=3"], "search.options.budget | search.options.distinct"),
    ("evaluate", ["--cfg", "job", "checkpont=a"], "checkpoint"),
    ("evaluate", ["job=growth", "--cfg=job"], "python -m studies.growth"),
    ("evaluate", ["+sample.more=3"], "there is no key sample.more"),
    ("evaluate", ["search=random", "estimator=params"], "search.estimator or job=rank"),
    ("evaluate", ["search=anneal"], "evolution"),
    ("evaluate", ["job=rnak"], "rank"),
    ("evaluate", ["job=ladder", "search.steps=[{estimator: ghn, budgt: 2}]"], "search.steps.0.budgt"),
]


@pytest.mark.parametrize(("config", "overrides", "named"), WRONG)
def test_what_does_not_fit_is_told_what_would(config: str, overrides: list[str], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_overrides(config, overrides)
    assert named in str(caught.value)


def test_what_fits_passes() -> None:
    check_overrides("train", ["trainer.lr=1", "threads=2", "scoring_task=null", "out=here", "trainer=demo"])
    check_overrides(
        "evaluate", ["checkpoint=[shipped,a.safetensors]", "readout=[loss,ridge]", "estimator=[ghn,meco]", "n=10"]
    )
    check_overrides("train", ["--info", "config", "nonsense=1"])  # hydra's own flags are hydra's to judge
    check_overrides("train", ["--cfg", "job", "--resolve", "task=image_folder"])  # shown with what is missing yet


# what evaluate.py took in its first year: every job, experiment and search, and every key
STUDIES = (
    "curves",
    "surrogates",
    "pnas",
    "morphism",
    "compare_searchers",
    "snapshots",
    "growth",
    "outside",
    "coverage",
)
STILL = [
    *((f"job={name}",) for name in ("rank", "rank_all", "references", "search", "ladder", "survey")),
    *((f"experiment={name}",) for name in ("none", "survey", "survey_quick")),
    *((f"search={name}",) for name in ("none", "random", "evolution", "pnas", "lemonade", "ladder")),
    *(
        (f"search={name}", "search.workers=2", "search.screen=16")
        for name in ("successive_halving", "hyperband", "asha")
    ),
    ("n=20", "candidates=report", "references=all", "checkpoint=[shipped,a]", "readout=ridge", "bootstrap=10"),
    ("skeletons=[{depth: 1}]", "sample.penalty=0.5", "fidelity.epochs=2", "fidelity.anneal=true", "surrogate.given=20"),
    ("job=rank_all", "given=10", "limit=3"),
    ("job=references", "archs=here.txt", "seeds=[3]", "recipe.epochs=1", "recipe=default"),
    ("experiment=survey", "survey.workers=1", "survey.estimators.fisher=null", "survey.runs=[]", "references=a.csv"),
    ("experiment=survey", "+survey.estimators.mine={name: zen, seeds: [0, 1]}"),
    ("search=ladder", "search.seconds=60", "search.pool=null", "search.pilot=4", "search.seed=1"),
    ("search=asha", "search.limit.epochs=500", "search.options.eta=2", "search.estimator=curve_sotl"),
    ("device=cpu", "precision=bf16", "threads=null", "progress=false", "resume=true", "out=here"),
    *((f"estimator={name}",) for name in ESTIMATORS),
]


@pytest.mark.parametrize("arguments", STILL, ids=" ".join)
def test_what_could_be_typed_before_still_works(arguments: tuple[str, ...]) -> None:
    check_overrides("evaluate", arguments)


NOW = [
    *((f"job={name}", f"python -m studies.{name}") for name in (*STUDIES, "nasbench201", "coverage", "convergence")),
    *((f"experiment={name}", f"python -m studies.{name}") for name in ("nasbench201", "surrogates", "pnas")),
    *((f"{key}={{}}", f"python -m studies.{key}") for key in ("curves", "snapshots", "growth", "outside")),
    ("compare.cost=8", "python -m studies.compare_searchers"),
    ("sizes=[0]", "python -m studies.nasbench201"),
    ("pool=40", "python -m studies.nasbench201"),
    ("draws=2", "python -m studies.nasbench201"),
    ("runs=[a]", "python -m studies.coverage"),
    ("beam=3", "python -m studies.pnas"),
    ("estimator.name=ghn", "estimator=ghn"),
    ("estimator.members=[a,b]", "ensemble.members=[a,b]"),
    ("estimator.population=3", "ensemble.population=3"),
]


@pytest.mark.parametrize(("argument", "now"), NOW)
def test_what_moved_says_what_it_is_called_now(argument: str, now: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_overrides("evaluate", [argument, "n=10"])
    assert now in str(caught.value) and "now" in str(caught.value)


def test_a_study_is_given_the_keys_that_were_typed() -> None:
    with pytest.raises(ConfigError, match=r"python -m studies\.pnas n=10 'models=\[ridge\]'"):
        check_overrides("evaluate", ["n=10", "experiment=pnas", "models=[ridge]"])


def test_the_command_that_goes_on_is_what_a_shell_reads() -> None:
    given = ["n=10", "readout=[loss,ridge]", "out=a", "resume=false"]
    assert resume_command(["evaluate.py"], given, "my runs/b") == (
        "python evaluate.py n=10 'readout=[loss,ridge]' 'out=my runs/b' resume=true"
    )


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--experimental-rerun=config.pickle"], "what a pickle says"),
        (["--exp", "config.pickle"], "what a pickle says"),
        (["--run", "-m"], "--multirun --run"),
    ],
)
def test_flags_that_are_refused(flags: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        check_flags(["n=12", *flags])


def test_other_flags_are_left_to_hydra() -> None:
    check_flags(["-m", "n=12,13"])
    check_flags(["--cfg", "job", "--resolve"])


def test_letters_beyond_ascii_are_told_to_be_quoted() -> None:
    with pytest.raises(ConfigError, match="letters beyond ASCII") as told:
        check_overrides("evaluate", ["out=outputs/é"])
    check_overrides("evaluate", [str(told.value.fix).rpartition(": ")[2].strip("'")])


@pytest.mark.parametrize("folder", ["outputs/a b", "é", 'a"b', "ends\\", "a,b", "{a}", "[1]", "a=b", "a'b"])
def test_the_command_that_goes_on_means_the_same_folder(folder: str) -> None:
    *_, out, resume = shlex.split(resume_command(["evaluate.py"], ["n=12"], folder))
    assert composed("evaluate", ["n=12", out, resume])["out"] == folder
