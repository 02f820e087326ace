"""What a first user types wrongly: each ends with what is wrong and what to do, before any work."""

from __future__ import annotations

import re
import sys
import urllib.request
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest
import torch
from ghn_command import ROOT, Done, Typed, type_with
from room import no_room

import ghn
from ghn.assets import asset
from ghn.errors import GhnError
from ghn.locks import locked
from ghn.report.model import read_report
from ghn.scoring.load import SHIPPED
from ghn.spaces import FunctionSpace

OWN = """
from torch import nn
def raises(choose):
    choose("a", [1, 2])
    raise RuntimeError("boom")
def text(choose):
    return choose("a", ["one", "two"])
number = 3
def build(choose):
    width = choose("width", [4, 8])
    return nn.Sequential(nn.Flatten(), nn.Linear(768, width), nn.Linear(width, choose.classes))
"""
OTHER = "choose its space"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Typed:
    """A folder as a first user has it, with files of all kinds, and what runs a command line there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for proxy in ("http_proxy", "https_proxy"):  # no network
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it would keep these proxies for the tests after this
    monkeypatch.setenv("GHN_DATA", str(tmp_path.with_name(f"{tmp_path.name}-data")))
    sys.modules.pop("first_own", None)
    (tmp_path / "first_own.py").write_text(OWN)
    (tmp_path / "notes.txt").write_text("hello\n")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("mine")
    (tmp_path / "cut.safetensors").write_bytes(asset(SHIPPED).read_bytes()[:100_000])
    (tmp_path / "columns.csv").write_text("name,score\na,1\n")
    (tmp_path / "macro.csv").write_text("architecture,accuracy\np4-w64-h2r4-h3r2,0.9\n")
    torch.save({"a": torch.zeros(3)}, tmp_path / "model.pt")
    return type_with(monkeypatch, capsys)


# command line, exit code, what is wrong, what to do; the code of a script that ends with a message is 1
WRONG = [
    # the command
    ("ghn sreach", 2, "unknown command", "did you mean search"),
    ("ghn n=300 rank", 2, "a command stands first", "ghn --help"),
    ("ghn rank score", 2, "score is no setting", "ghn score"),
    ("ghn search evolutoin", 2, "unknown searcher", "did you mean evolution?"),
    ("ghn train --json", 2, "ghn train has no --json", "rank, score, search"),
    ("ghn --shell-completion", 2, "--shell-completion needs one thing to do", "install=bash"),
    ("evaluate.py --shell-completion", 1, "--shell-completion needs one thing to do", "install=bash"),
    ("evaluate.py rank", 1, "rank is no setting", "python evaluate.py job=rank"),
    # the way of typing
    ("ghn rank --n 300", 2, "there is no flag --n", "n=300"),
    ("evaluate.py --n=300", 1, "there is no flag --n", "n=300"),
    ("ghn rank n = 300", 2, "blanks stand around =", "n=300"),
    ("ghn rank n= 300", 2, "blanks stand around =", "n=300"),
    ("ghn rank readout=[loss, ridge]", 2, "a bracket is left open", "'readout=[loss, ridge]'"),
    # names and values
    ("ghn rank estmator=ghn", 2, "estmator", "ghn rank --help"),
    ("train_ghn.py epochs=10", 1, "epochs", "python train_ghn.py --help"),
    ("ghn rank space=nasbench-201", 2, "space/nasbench-201", "did you mean nasbench201"),
    ("ghn rank space=3", 2, "must be a string", "darts, deepnets"),
    ("ghn rank estimator=gnh", 2, "estimator cannot have this value", "did you mean ghn?"),
    ("ghn rank n=-3", 2, "n is out of range", "for instance n=300"),
    ("ghn rank n=many", 2, "n has the wrong type", "for instance n=300"),
    ("ghn rank readout=los", 1, "unknown read-out", "did you mean loss"),
    ("ghn rank job=score", 2, "ghn rank does one job", "ghn score"),
    # of another version
    ("evaluate.py job=pnas", 1, "job=pnas is a study now", "python -m studies.pnas"),
    ("ghn rank estimator.name=ghn", 2, "estimator.name is called estimator now", "estimator=ghn"),
    # the machine
    ("ghn train device=gpu", 2, "device cannot have this value", "did you mean cuda?"),
    ("ghn train task=cifar100", 1, "CIFAR-100 could not be loaded", "connect to the network"),
    # files and folders
    ("ghn rank out=notes.txt", 1, "notes.txt cannot be written", "write elsewhere"),
    ("ghn rank out=thesis estimator=params n=12", 1, "the output folder is not empty", "choose another"),
    ("ghn train out=thesis", 1, "other things than a training", "choose another folder"),
    ("train_ghn.py out=.", 1, "other things than a training", "choose another folder"),
    ("ghn train task=image_folder task.root=nowhere", 1, "not a folder of images", "check the path"),
    # checkpoints
    ("ghn rank checkpoint=nowhere.safetensors n=12", 1, "no checkpoint here", "FOLDER/checkpoint.safetensors"),
    ("ghn rank checkpoint=macro n=12 estimator=ghn", 1, "made for another space", OTHER),
    ("ghn rank checkpoint=notes.txt n=12", 1, "not a safetensors file", "copy or download it again"),
    ("ghn rank checkpoint=model.pt n=12", 1, "model.pt is a pickle", "ghn train"),
    ("ghn rank checkpoint=cut.safetensors n=12", 1, "truncated", "copy or download it again"),
    ("ghn train start=cut.safetensors", 1, "truncated", "copy or download it again"),
    ("ghn info", 2, "ghn info takes one checkpoint", "nasbench201"),
    ("ghn info nasbench-201", 1, "no checkpoint here", "did you mean nasbench201"),
    ("ghn info thesis", 1, "no checkpoint here", "FOLDER/checkpoint.safetensors"),
    # references
    ("ghn rank references=nowhere.csv", 1, "unknown references", "there is no such file"),
    ("ghn rank references=columns.csv", 1, "unknown column", "score:name"),
    ("ghn rank references=macro.csv", 1, "not of the space nasbench201", "|nor_conv"),
    ("ghn rank space=nats_size", 1, "no candidates and references of its own", "references=mine.csv"),
    ("ghn score archs=3 space=nats_size space.width=7", 1, "was trained for another space", "choose its space"),
    ("ghn rank n=5 estimator=params", 1, "too few candidates", "more candidates"),
    # a space of one's own
    ("ghn train space=function", 2, "space.target must be given", "space.target="),
    ("ghn train space.target=first_own:build", 2, "a key of space=function", "space=function space.target="),
    ("ghn train space=function space.target=first_own", 1, "a module and a name in it", "first_own:build"),
    ("ghn train space=function space.target=first_wn:build", 1, "cannot be imported", "run from the folder"),
    ("ghn train space=function space.target=first_own:biuld", 1, "has no 'biuld'", "did you mean build?"),
    ("ghn train space=function space.target=first_own:raises", 1, "RuntimeError: boom", "mend it"),
    ("ghn train space=function space.target=first_own:text", 1, "gives no module", "mend it"),
    (
        "ghn score archs=3 space=function space.target=first_own:build",
        1,
        "for another space",
        "ghn train space=function",
    ),
    ("ghn train space=function space.target=first_own:number", 1, "a space is made of a function", "my_file:build"),
    # what does not go together
    ("ghn train weights=smash space=darts", 1, "square kernels up to 3", "weights.kernel=5"),
    ("ghn train weights=smash space=vit", 1, "square kernels up to 3", "weights=oneshot"),
    # lists of architectures
    ("ghn score", 2, "needs a file of architectures", "archs=100"),
    ("ghn score nowhere.txt", 2, "there is no such file", "one a line"),
    ("ghn score 12010221 space=macro", 2, "there is no such file", "archs=12010221"),
    ("ghn score empty.txt", 1, "there is nothing to score", "one a line"),
]


def is_told(done: Done, code: int, what: str, to_do: str) -> None:
    assert done.code == code, done
    message = done.err[done.err.index("error: ") :]
    assert "Traceback" not in done.err and what in message and to_do in message, message


@pytest.mark.parametrize(("line", "code", "what", "to_do"), WRONG, ids=[line for line, *_ in WRONG])
def test_a_wrong_command_is_told_before_anything_is_made(
    typed: Typed, tmp_path: Path, line: str, code: int, what: str, to_do: str
) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*"))
    is_told(typed(line), code, what, to_do)
    after = sorted(path.name for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)
    assert [name for name in after if not name.endswith(".pyc") and name != "__pycache__"] == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_cuda_where_there_is_none(typed: Typed) -> None:
    is_told(typed("ghn rank device=cuda"), 1, "device cuda is not available", "device=auto")


def test_a_file_of_something_else_says_what_the_first_line_lacks(typed: Typed) -> None:
    done = typed("ghn score notes.txt out=scored progress=false")
    is_told(done, 1, "all 1 architectures failed", "archs= is a list of architectures of the space nasbench201")
    assert "is one of" not in done.err
    Path("macro.txt").write_text("21212222\n")
    done = typed("ghn score macro.txt out=others progress=false")
    is_told(done, 1, "all 1 architectures failed", "the first is one of space=macro")


PARAMS = "ghn score archs=3 estimator=params progress=false out=here"


def test_a_folder_that_is_used_twice(typed: Typed) -> None:
    """By a second run, with other settings, by another job, at once."""
    assert typed(PARAMS).code == 0
    is_told(typed(PARAMS), 1, "there are scores already", "resume=true")
    assert typed(f"{PARAMS} resume=true").code == 0
    is_told(typed(f"{PARAMS} resume=true space.width=4"), 1, "with other settings", "other")
    is_told(typed("ghn rank estimator=params n=12 out=here"), 1, "the output folder is not empty", "choose another")
    is_told(typed("ghn train out=here"), 1, "other things than a training", "choose another")
    lock = locked("here")
    thread = Thread(target=lock.__enter__)  # another thread is no other for a lock than another process
    thread.start()
    thread.join()
    is_told(typed(f"{PARAMS} resume=true"), 1, "another run writes into this folder", "wait for its end")
    lock.__exit__(None, None, None)


def test_a_full_disk_and_the_command_that_goes_on(typed: Typed) -> None:
    line = "ghn search random search.estimator=params search.limit.trials=2 progress=false out=here"
    with no_room(300):
        done = typed(line)
    is_told(done, 1, "cannot be written", "raise the limit")
    again = done.err.rpartition("go on with: ")[2].strip()
    assert again == f"{line} resume=true" and typed(again).code == 0


def test_ctrl_c_names_the_command_that_was_typed(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("ghn.app.rank"), "evaluate", stop)
    done = typed("ghn rank n=12 out=here")
    assert (done.code, done.err) == (130, "\ninterrupted; go on with: ghn rank n=12 out=here resume=true\n")
    monkeypatch.setattr("ghn.search.runner.keep_busy", stop)
    line = "ghn search random search.estimator=params search.limit.trials=2 progress=false out=there"
    kept = "0 finished trials are kept in there/history.jsonl"
    assert typed(line).err == f"\ninterrupted; {kept}; go on with: {line} resume=true\n"
    monkeypatch.setattr("ghn.app.entry.check_command", stop)
    assert typed("ghn rank") == Done(130, "", "\ninterrupted\n")


@pytest.mark.parametrize("line", ["ghn --version", "evaluate.py --version", "train_ghn.py --version"])
def test_the_version_is_that_of_ghn(typed: Typed, line: str) -> None:
    assert typed(line) == Done(0, f"ghn {ghn.__version__}\n", "")


@pytest.mark.parametrize(
    "line", ["evaluate.py help", "train_ghn.py help", "ghn rank help", "ghn help rank", "ghn help"]
)
def test_help_without_dashes(typed: Typed, line: str) -> None:
    done = typed(line)
    assert done.code == 0 and "KEY=VALUE" in done.out


def test_an_extra_that_is_missing_says_what_installs_it(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("fastapi", "uvicorn"):
        monkeypatch.setitem(sys.modules, module, None)
    for module in [name for name in sys.modules if name.startswith(("ghn.adapters.service", "ghn.app.serve"))]:
        monkeypatch.delitem(sys.modules, module)  # of another test, with the extra
    is_told(typed("ghn serve"), 1, "needs", 'pip install "ghn[serve]"')
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "ghn.adapters.optuna", raising=False)
    with pytest.raises(GhnError, match=re.escape('pip install "ghn[optuna]"')):
        import_module("ghn.adapters.optuna")


def test_make_says_which_python_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"\$\(PYTHON\) -c '(.*)'", (ROOT / "Makefile").read_text())
    assert code is not None
    monkeypatch.setattr(sys, "version_info", (3, 9))
    with pytest.raises(SystemExit, match=r"3\.11 or newer; try make PYTHON=python3\.11"):
        exec(code[1])


STRING = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
CALLS: list[tuple[str, Callable[[Any], Any], str]] = [
    ("a name that is nearly one", lambda _: ghn.load("nasbench-201"), "did you mean nasbench201"),
    ("no path", lambda _: ghn.load(3), "give one"),
    ("one string", lambda model: model.score(STRING), "put it into a list"),
    ("nothing", lambda model: model.rank(None), "put it into a list"),
    ("an accuracy", lambda model: model.rank([STRING], {STRING: 0.9}), "at least 5"),
    ("nowhere to save", lambda model: model.save(None), "a path, such as"),
    ("no report", lambda _: read_report(None), "a path, such as"),  # type: ignore[arg-type]
    ("a space", lambda _: ghn.make_space("nasbench-201"), "did you mean nasbench201"),
    ("a function by name", lambda _: FunctionSpace("build", (3, 16, 16), 10), "the function itself"),  # type: ignore[arg-type]
]


@pytest.fixture(scope="module")
def shipped() -> Any:
    return ghn.load(device="cpu")


@pytest.mark.parametrize(("call", "named"), [case[1:] for case in CALLS], ids=[case[0] for case in CALLS])
def test_a_wrong_call_is_told(shipped: Any, call: Callable[[Any], Any], named: str) -> None:
    with pytest.raises(GhnError, match=re.escape(named)):
        call(shipped)


def test_of_no_architectures_there_are_no_scores(shipped: Any) -> None:
    assert shipped.score([]) == shipped.rank([]) == []


def test_a_wrong_name_of_the_package() -> None:
    with pytest.raises(AttributeError, match="module 'ghn' has no attribute 'lod'"):
        ghn.lod  # noqa: B018


def test_a_notebook_that_was_restarted_opens_what_it_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is defined anew, from the same source: the checkpoint is still of its space."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "first_notebook.py").write_text(OWN)
    (tmp_path / "run").mkdir()

    def space() -> FunctionSpace:
        sys.modules.pop("first_notebook", None)
        return FunctionSpace(import_module("first_notebook").build, (3, 16, 16), 10)

    before, after = space(), space()
    assert before.build is not after.build
    assert before.network(before.sample(Random(0))).graph == after.network(after.sample(Random(0))).graph
