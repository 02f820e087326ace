"""What a command imports before it does anything: no more than it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ghn.app.script import run

ROOT = Path(__file__).parent.parent.parent


def modules_after(code: str, warnings: str = "ignore") -> tuple[set[str], str]:
    """The modules that are loaded when some code has run in a fresh interpreter, and what it printed."""
    more = "; import sys; print('\\n--', *sys.modules)"
    command = [sys.executable, "-W", warnings, "-c", code + more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    printed, _, names = done.stdout.rpartition("\n-- ")
    return set(names.split()), printed


def help_of(script: str, *arguments: str) -> tuple[set[str], str]:
    """The same of a script's help; the last word that is printed is the processor time, in seconds."""
    start = f"import sys, runpy; sys.argv = {[script, *arguments]}; runpy.run_path('{script}', None, '__main__')"
    return modules_after(f"{start}; import time; print(time.process_time())")


def under(modules: set[str], package: str) -> set[str]:
    return {name for name in modules if name == package or name.startswith(f"{package}.")}


def test_help_lists_the_jobs_without_torch() -> None:
    modules, printed = help_of("evaluate.py", "--help")
    assert not {"torch", "numpy"} & modules
    for job in ("rank", "rank_all", "references", "search", "ladder", "survey"):
        assert f"job={job} " in printed
    assert "job=NAME --help" in printed and float(printed.split()[-1]) < 1


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["evaluate.py", "job=references", "--help"], ["seeds=[0, 1, 2]", "recipe.epochs=20", "give_up_after=20"]),
        (["evaluate.py", "search=asha", "--help"], ["search.limit.epochs=200", "search.options.eta=3", "curve_sotl"]),
        (["train_ghn.py", "weights=enas", "--help"], ["weights.entropy=0.01", "trainer.steps=6000", "net.hidden=64"]),
        (["train_ghn.py", "task=image_folder", "-h"], ["task.root=...", "image_folder"]),
    ],
)
def test_help_shows_the_keys_with_their_defaults_without_torch(arguments: list[str], shown: list[str]) -> None:
    modules, printed = help_of(*arguments)
    assert "torch" not in modules
    assert all(words in printed for words in shown)
    assert "survey." not in printed


def test_a_job_imports_what_it_needs_without_a_warning() -> None:
    modules, _ = modules_after("import ghn; ghn.load(); import ghn.app.setting, ghn.app.train", warnings="error")
    assert not under(modules, "ghn.report") and not under(modules, "ghn.search") and "matplotlib" not in modules
    assert not under(modules, "ghn.families") - under(modules, "ghn.families.training") - {"ghn.families"}


def test_an_estimator_imports_what_it_needs() -> None:
    build = "from ghn.app.overrides import composed; from ghn.app.setting import build_setting"
    make = "from ghn.app.estimators import make_entries; make_entries('params', build_setting(composed('evaluate')))"
    modules, _ = modules_after(f"{build}; {make}")
    assert not under(modules, "ghn.families") and not under(modules, "ghn.report") and not under(modules, "ghn.search")


def test_a_reader_that_leaves_ends_it_without_a_word() -> None:
    process = subprocess.Popen(
        [sys.executable, "evaluate.py", "--help"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 141)
    process.stderr.close()


def test_a_script_watches_for_ctrl_c_before_it_imports_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    modules, _ = modules_after("import ghn.app.script")
    assert not {"hydra", "omegaconf", "torch"} & modules

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["evaluate.py", "n=20"])
    monkeypatch.setattr("ghn.app.hydra_run.run_hydra", stopped)
    with pytest.raises(SystemExit, match="interrupted"):
        run("evaluate.py", "evaluate")
