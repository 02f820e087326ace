"""Every config composes and builds what it names; what is misspelt is told what was meant."""

from __future__ import annotations

import inspect
from importlib.resources import files
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from lightning_fabric import Fabric
from omegaconf import OmegaConf

from ghn.app.cli import check_overrides, resume_command
from ghn.app.estimators import ESTIMATORS, make_entries
from ghn.app.jobs import JOBS
from ghn.app.setting import Setting, task_space
from ghn.errors import ConfigError
from ghn.families.sharing.bank import SOURCES
from ghn.families.sharing.train import make_method
from ghn.nets import GHN, GHNConfig
from ghn.scoring.readouts import Sample
from ghn.search import Limit, make_searcher
from ghn.tasks import TASKS, ImageTask, make_task
from ghn.train.meta import MetaConfig
from ghn.train.network import Recipe
from ghn.train.rungs import Fidelity
from ghn.train.runtime import DEVICES, PRECISIONS

CONF = files("ghn.app.conf")
OUT = "out=outputs/here"  # the default has the time in it, which hydra alone resolves
GROUPS = {
    "train": ("weights", "net", "space", "task", "trainer"),
    "evaluate": ("estimator", "space", "task", "recipe", "experiment", "search"),
}
MISSING = {"image_folder": ["task.root=/photos"], "dataset": ["task.train={target: a.B}"]}  # what a user must give


def options(group: str) -> list[str]:
    return sorted(f.name[:-5] for f in CONF.joinpath(group).iterdir() if f.name.endswith(".yaml"))


def composed(config: str, *overrides: str) -> dict[str, Any]:
    with initialize_config_module("ghn.app.conf", version_base="1.3"):
        plain = OmegaConf.to_container(compose(config, [OUT, *overrides]), resolve=True)
    assert isinstance(plain, dict)
    return plain


CHOICES = [(config, group, name) for config, groups in GROUPS.items() for group in groups for name in options(group)]


def test_every_group_is_tested() -> None:
    folders = {f.name for f in CONF.iterdir() if f.is_dir() and not f.name.startswith("__")}
    assert folders == {group for groups in GROUPS.values() for group in groups}


@pytest.mark.parametrize(("config", "group", "name"), CHOICES)
def test_every_config_composes_and_passes_the_check(config: str, group: str, name: str) -> None:
    given = [f"{group}={name}", *(MISSING.get(name, []) if group == "task" else [])]
    cfg = composed(config, *given)
    assert (group in ("experiment", "search") or cfg[group]) and "???" not in str(cfg)
    check_overrides(config, given)


@pytest.mark.parametrize("name", options("net"))
def test_every_net_builds(name: str) -> None:
    net = GHN(GHNConfig(classes=7, **composed("train", f"net={name}")["net"]))
    assert 10_000 < sum(p.numel() for p in net.parameters()) < 3_000_000


@pytest.mark.parametrize("name", options("trainer"))
def test_every_trainer_builds(name: str) -> None:
    cfg = composed("train", f"trainer={name}")
    assert MetaConfig(**cfg["trainer"]).steps > 0
    assert set(cfg["trainer"]) == set(MetaConfig.__dataclass_fields__)  # nothing is left to an unseen default


@pytest.mark.parametrize("name", [name for name in options("weights") if name != "ghn"])
def test_every_way_to_share_weights_builds(name: str) -> None:
    cfg = composed("train", f"weights={name}")
    method = make_method(**cfg["weights"])
    assert cfg["weights"]["method"] == name and set(cfg["weights"]) - {"method"} == set(type(method).__slots__)
    assert cfg["trainer"]["optimizer"] == ("adamw" if name == "smash" else "sgd")
    assert composed("train", f"weights={name}", "trainer=demo")["trainer"]["optimizer"] == "adamw"


@pytest.mark.parametrize("name", options("space"))
def test_every_space_builds(name: str, toy_task: ImageTask) -> None:
    assert task_space(composed("train", f"space={name}")["space"], toy_task).classes == toy_task.classes


@pytest.mark.parametrize("name", options("task"))
def test_every_task_is_known_with_its_options(name: str) -> None:
    settings = composed("train", f"task={name}", *MISSING.get(name, []))["task"]
    inspect.signature(TASKS[settings.pop("name")]).bind(**settings)


def test_every_task_has_a_config() -> None:
    assert {composed("train", f"task={n}", *MISSING.get(n, []))["task"]["name"] for n in options("task")} == set(TASKS)


def test_the_default_task_builds() -> None:
    settings = composed("evaluate")["task"]
    assert len(make_task(settings.pop("name"), **settings).train) == 10_000


def test_recipes_samples_and_runtimes_are_what_the_library_takes() -> None:
    for name in options("recipe"):
        cfg = composed("evaluate", f"recipe={name}")
        assert Recipe(**cfg["recipe"]) == Recipe()  # with which the shipped references were trained
    assert Sample(**cfg["sample"]) == Sample()
    for config in GROUPS:
        assert composed(config)["device"] in DEVICES and composed(config)["precision"] in PRECISIONS
    assert cfg["job"] in JOBS


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_names_a_job(name: str) -> None:
    cfg = composed("evaluate", f"experiment={name}")
    assert cfg["job"] in JOBS and (name == "none") == (cfg["job"] == "rank")


@pytest.mark.parametrize("name", [name for name in options("search") if name not in ("none", "ladder")])
def test_every_search_builds(name: str, toy_space: Any) -> None:
    cfg = composed("evaluate", f"search={name}")
    search = cfg["search"]
    assert cfg["job"] == "search" and search["name"] == name and search["estimator"] in ESTIMATORS
    assert make_searcher(name, toy_space, seed=search["seed"], **search["options"]).ask(1) and Limit(**search["limit"])


def test_the_ladder_has_steps_that_are_known() -> None:
    cfg = composed("evaluate", "search=ladder")
    assert cfg["job"] == "ladder" and cfg["search"]["steps"][-1]["budget"] == cfg["recipe"]["epochs"]
    assert {step["estimator"] for step in cfg["search"]["steps"]} <= set(ESTIMATORS)


@pytest.mark.parametrize("name", options("estimator"))
def test_every_estimator_is_known(name: str, toy_space: Any, toy_task: ImageTask, fabric: Fabric) -> None:
    chosen = composed("evaluate", f"estimator={name}")["estimator"]["name"]
    assert chosen in ESTIMATORS
    if chosen not in ("ghn", "combined", "ensemble", *SOURCES):  # which needs a checkpoint that fits
        assert make_entries(
            chosen, Setting(toy_space, toy_task, fabric, sample=Sample(val=8, proxy=8), fidelity=Fidelity(2))
        )


def test_the_check_scores_on_the_images_that_are_trained_on() -> None:
    assert composed("train", "task=cifar10_16px")["scoring_task"] == composed("train", "task=cifar10_16px")["task"]


WRONG = [
    ("train", ["trainer.stepz=3"], "trainer.steps"),
    ("train", ["nett=ghn1"], "net"),
    ("train", ["task=cifar11"], "cifar10_16px"),
    ("train", ["task=image_folder"], "task.root"),
    ("train", ["trainer.steps=many"], "int, such as 6000"),
    ("train", ["trainer.lr=fast"], "float, such as 0.002"),
    ("train", ["resume=yes_please"], "bool"),
    ("train", ["out=${nope}"], "nope"),
    ("evaluate", ["checkpont=a"], "checkpoint"),
    ("evaluate", ["n=10", "readouts=ridge"], "readout"),
    ("evaluate", ["sample.valid=3"], "sample.val"),
    ("evaluate", ["n=2.5"], "int, such as 300"),
    ("evaluate", ["n=[1"], "[1"),
    ("evaluate", ["readout"], "readout"),
]


@pytest.mark.parametrize(("config", "overrides", "named"), WRONG)
def test_what_does_not_fit_is_told_what_would(config: str, overrides: list[str], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_overrides(config, overrides)
    assert named in str(caught.value)


def test_what_fits_passes() -> None:
    check_overrides("train", ["trainer.lr=1", "threads=2", "scoring_task=null", "out=here", "trainer=demo"])
    check_overrides("evaluate", ["checkpoint=[shipped,a.safetensors]", "readout=[loss,ridge]", "seeds=[0]", "n=10"])
    check_overrides("train", ["--cfg", "job", "nonsense=1"])  # hydra's own flags are hydra's to judge


def test_the_command_that_goes_on_is_what_a_shell_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["evaluate.py", "n=10", "readout=[loss,ridge]", "out=a", "resume=false"])
    assert resume_command("evaluate.py", "my runs/b") == (
        "python evaluate.py n=10 'readout=[loss,ridge]' 'out=my runs/b' resume=true"
    )
