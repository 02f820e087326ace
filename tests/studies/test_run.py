"""Every study as a command: its config, its keys, how it ends, and whether docs name what exists."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from ghn.app.setting import Setting
from ghn.errors import ConfigError, DataError
from studies.run import CONF, STUDIES, help_of, options_of, run_study

ROOT = Path(__file__).resolve().parents[2]


def test_every_study_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    modules = {p.stem for p in (ROOT / "studies").glob("*.py") if "run_study(" in p.read_text()} - {"run"}
    assert modules == set(STUDIES)
    assert {f.name for f in CONF.iterdir() if f.name.endswith(".yaml")} == {f"{s}.yaml" for s in (*STUDIES, "common")}
    runpy.run_module("studies", run_name="__main__")
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()] == [f"studies.{name}" for name in STUDIES]


@pytest.mark.parametrize("name", STUDIES)
def test_every_config_composes_and_says_what_its_keys_mean(name: str) -> None:
    options = options_of(name, ["resume=true", "out=here"])
    assert (options["resume"], options["out"]) == (True, "here") and "???" not in str(options)
    assert callable(getattr(import_module(f"studies.{name}"), f"{name}_study"))
    told = help_of(name)
    assert all(re.search(rf"^{key}:|^# groups.* {key}=", told, re.MULTILINE) for key in options)


@pytest.mark.parametrize(
    ("name", "overrides", "named"),
    [
        ("curves", ["curves.model=[last]"], "curves.models"),
        ("curves", ["n=12"], "keys of resume"),
        ("curves", ["+n=12"], "n"),
        ("pnas", ["draws=many"], "a whole number from 1"),
        ("pnas", ["draws=null"], "got:      null"),
        ("pnas", ["resume=perhaps"], "true or false"),
        ("pnas", ["out=ü"], "letters beyond ASCII"),
        ("morphism", ["threads=0"], "threads is out of range"),
        ("nasbench201", ["bootstrap=-1"], "bootstrap is out of range"),
        ("nasbench201", ["pool=foo"], "pool cannot have this value"),
        ("compare_searchers", ["compare.seeds=0"], "a whole number from 1"),
        ("racing", ["racing.n=-1"], "racing.n cannot have this value"),
        ("racing", ["racing.best=[foo]"], "racing.best cannot have this value"),
        ("rules", ["rules.proxies=3"], "a list such as"),
        ("rules", ["rules.table=-1"], "text"),
        ("snapshots", ["snapshots.pace.ghn=fast"], "a number from 0"),
        ("pnas", ["beam"], "beam"),
        ("outside", ["task=cifar11"], "cifar10_16px"),
        ("growth", ["out=${nope}"], "nope"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, overrides: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        options_of(name, overrides)


def test_null_is_taken_where_the_meaning_of_a_key_says_what_it_is() -> None:
    assert options_of("rules", ["rules.n=null"])["rules"]["n"] is None
    assert options_of("racing", ["racing.n=50"])["racing"]["n"] == 50
    assert options_of("morphism", ["threads=null", "fidelity.epochs=null"])["threads"] is None


def test_what_evaluate_says_of_studies_is_so() -> None:
    moved: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "ghn/app/conf/moved.yaml"))
    assert set(moved["studies"]) == set(STUDIES)
    keys = {name: set(options_of(name)) for name in STUDIES}
    assert all(key in keys[name] for key, names in moved["study_keys"].items() for name in names)


def test_groups_are_those_of_the_scripts() -> None:
    assert options_of("growth", ["space=darts"])["space"]["name"] == "darts"
    net = options_of("growth", ["net@growth.net=ghn1"])["growth"]["net"]
    assert net != options_of("growth")["growth"]["net"]


def test_a_study_ends_with_a_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stopped(setting: Setting, options: Any) -> None:
        raise KeyboardInterrupt

    def failed(setting: Setting, options: Any) -> None:
        raise DataError("nothing there")

    given = [f"out={tmp_path}/a b", "draws=3", "device=cpu"]
    with pytest.raises(SystemExit) as ended:
        run_study("pnas", stopped, given)
    assert f"python -m studies.pnas draws=3 device=cpu 'out={tmp_path}/a b' resume=true" in str(ended.value)
    with pytest.raises(SystemExit, match="error: nothing there"):
        run_study("pnas", failed, given)
    assert not GlobalHydra.instance().is_initialized()


def test_a_study_runs_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "studies.curves", "curves.models=[last,sotl]", "bootstrap=20"]
    done = subprocess.run(
        [*command, "curves.observed=[4]", "out=judged", "device=cpu"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "judged" / "curves.json").read_text())
    assert found["runs"] == 128 and [v["model"] for v in found["verdicts"]] == ["last", "sotl"]
    assert [p.name for p in tmp_path.iterdir()] == ["judged"]


def test_nothing_of_the_library_imports_studies() -> None:
    reaching = [p for p in (ROOT / "ghn").rglob("*.py") if re.search(r"^\s*(from|import) studies", p.read_text(), re.M)]
    assert not reaching


def test_docs_name_studies_that_exist() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "Makefile"]
    text = {page.name: page.read_text() for page in pages if page.name != "log.md"}  # which tells of the past
    named = {name for page in text.values() for name in re.findall(r"-m studies\.([a-z]\w*)", page)}
    assert named == set(STUDIES)
    files = {name for page in text.values() for name in re.findall(r"\bstudies/\w+\.py", page)}
    assert all((ROOT / name).is_file() for name in files)
    jobs = {name for page in text.values() for name in re.findall(r"\b(?:job|experiment)=(\w+)", page)}
    assert not jobs & set(STUDIES)


def commands_in_docs() -> list[str]:
    text = "\n".join(page.read_text() for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))).replace("\\\n", " ")
    return sorted({found for line in re.findall(r"python -m studies\.[a-z][^`\n]*", text) if (found := line.strip())})


@pytest.mark.parametrize("command", commands_in_docs())
def test_documented_commands_have_keys_that_exist(command: str) -> None:
    plain = re.sub(r"\$\([^)]*\)|\$\w+", "here", command)
    _, _, module, *overrides = shlex.split(plain, comments=True)
    options_of(module.removeprefix("studies."), [one for one in overrides if "=" in one])
