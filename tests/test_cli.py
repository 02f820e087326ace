"""The two entry points in this process, which saves the seconds of an import; a training once as a user runs it.

`tests/test_readme.py` runs both as a user does.
"""

from __future__ import annotations

import json
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from ghn.assets import asset
from ghn.errors import DataError
from ghn.report.model import read_report
from ghn.scoring.load import SHIPPED, load
from ghn.tables.references import ReferenceTable
from ghn.train.checkpoint import load_tensors

ROOT = Path(__file__).parent.parent
TINY_NET = ["net.hidden=8", "net.heads=2", "net.layers=1", "net.decoder_hidden=8", "net.channels=8"]
TINY = [*TINY_NET, "space.width=2", "trainer.architectures=2", "trainer.images=8", "trainer.log_every=1000", "check=0"]
TINY += ["population=0"]
TINY += ["device=cpu", "threads=1", "progress=false", "trainer.sampling=uniform"]
RANK = ["estimator=ghn", "skeletons=[]", "space.width=2", "n=12", "references=nasbench201", "bootstrap=20"]
RANK += ["sample.val=32", "sample.batch=32"]
RANK += ["device=cpu", "threads=1", "progress=false"]


Call = Callable[..., Any]  # script and arguments to what it exits with: a message, or None at a normal end


def command(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "ignore", str(ROOT / script), *arguments]


def run_here(patch: pytest.MonkeyPatch, folder: Path, script: str, *arguments: str) -> Any:
    """Runs a script in this process, in a folder; returns what it exits with, None at a normal end."""
    patch.chdir(folder)
    patch.setattr(sys, "argv", [script, *arguments])
    try:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    except SystemExit as end:
        return end.code
    finally:
        GlobalHydra.instance().clear()
    return None


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """`run_here` in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    return partial(run_here, monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of train_ghn.py that was interrupted by Ctrl-C and taken up as the message says."""
    folder = tmp_path_factory.mktemp("cli")
    arguments = [*TINY, "trainer.steps=120", "trainer.save_every=10", "out=run"]
    with subprocess.Popen(
        command("train_ghn.py", *arguments),
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it is ignored under a background shell
    ) as process:
        while steps_done(folder) < 10 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=600)  # a guard against hanging, not a claim
    assert process.returncode == 1 and "Traceback" not in message, message
    assert "go on with: python train_ghn.py" in message and message.rstrip().endswith("out=run resume=true")
    assert not (folder / "run" / "checkpoint.safetensors").exists() and 10 <= steps_done(folder) < 120
    again = message.rpartition("python train_ghn.py ")[2].split()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed:
        assert run_here(patch, folder, "train_ghn.py", *again) is None
    assert "wrote run/checkpoint.safetensors" in printed.getvalue()
    assert steps_done(folder) == json.loads((folder / "run" / "log.jsonl").read_text())["step"] == 120
    return folder / "run"


def steps_done(folder: Path) -> int:
    """Steps in the state on disk; -1 where there is none yet."""
    path = folder / "run" / "state.safetensors"
    return load_tensors(path, "training state")[1]["card"]["step"] if path.exists() else -1


def test_training_leaves_a_checkpoint_that_says_how_it_was_made(trained: Path) -> None:
    card = load(trained / "checkpoint.safetensors", device="cpu").card
    assert card["step"] == 120 and card["command"].startswith("python train_ghn.py net.hidden=8")
    assert card["scoring_task"] == {"name": "cifar10_embedded"}
    assert sorted(p.name for p in trained.parent.iterdir()) == ["run"]  # nothing is left beside it


def test_a_run_is_never_overwritten(trained: Path, call: Call) -> None:
    before = (trained / "checkpoint.safetensors").read_bytes()
    message = call("train_ghn.py", *TINY, "trainer.steps=120", f"out={trained}")
    assert message.startswith("error: ") and "out=" in message
    assert "was made with other settings: trainer" in call(
        "train_ghn.py", *TINY, "trainer.steps=130", f"out={trained}", "resume=true"
    )
    assert (trained / "checkpoint.safetensors").read_bytes() == before


def test_evaluates_a_checkpoint_and_goes_on_with_it(
    trained: Path, call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*RANK, f"checkpoint={trained / 'checkpoint.safetensors'}", "readout=loss", "out=here"]
    assert call("evaluate.py", *arguments) is None
    printed = capsys.readouterr().out
    assert "GHN run/checkpoint" in printed and "wrote here/report.html" in printed
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here"]  # no log file beside it
    names = {p.name for p in (tmp_path / "here").iterdir()}
    assert names == {"report.html", "report.md", "report.json", "figures", "scores", ".job"}
    comparison = read_report(tmp_path / "here").comparisons[0]
    row = comparison.row("GHN run/checkpoint, loss")
    archs = load(trained / "checkpoint.safetensors", device="cpu").space.benchmark().candidates(12, "development")
    assert list(comparison.ids) == archs
    scores = [
        json.loads(x) for x in (tmp_path / "here/scores/ghn_run_checkpoint__loss.jsonl").read_text().splitlines()[1:]
    ]
    assert [s["id"] for s in scores] == archs and list(row.estimates) == [s["value"] for s in scores]
    message = call("evaluate.py", *arguments)
    assert message.startswith("error: the output folder is not empty") and "resume=true" in message
    assert call("evaluate.py", *arguments, "resume=true", "bootstrap=10") is None
    assert read_report(tmp_path / "here").comparisons[0].row(row.name).estimates == row.estimates


def test_trains_references(call: Call, tmp_path: Path) -> None:
    arch = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
    Path("archs.txt").write_text(arch)
    arguments = ["job=references", "archs=archs.txt", "seeds=[3]", "recipe.epochs=1", "space.width=1", "out=here"]
    assert call("evaluate.py", *arguments, "device=cpu", "progress=false") is None
    table = ReferenceTable.load("here/references.jsonl")
    assert [(run.arch, run.seed, len(run.val_accuracy)) for run in table.runs] == [(arch, 3, 1)]
    assert table.runs[0].test_accuracy is not None and table.runs[0].test_accuracy > 0.12
    assert "resume=true" in call("evaluate.py", *arguments)


WRONG = [
    (["job=rnak"], "rank, rank_all, references"),
    (["n=12", "references=published"], "embedded | nasbench201 | all"),
    (["n=12", "references=nasbench201", "readout=logits", "checkpoint=a"], "loss | accuracy | ridge"),
    (["n=12", "references=nasbench201", "checkpoint=nowhere.safetensors"], "nowhere.safetensors"),
    (["checkpont=a"], "checkpoint"),
    (["estimator=gnh"], "random_init"),
    (["n=5000"], "1 to 3930"),
]


@pytest.mark.parametrize(("arguments", "named"), WRONG)
def test_mistakes_end_with_a_message(call: Call, arguments: list[str], named: str, tmp_path: Path) -> None:
    message = call("evaluate.py", *arguments, "device=cpu")
    assert isinstance(message, str) and message.startswith("error: ") and named in message
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_not_there(call: Call) -> None:
    message = call("train_ghn.py", "device=tpu")
    assert "tpu" in message and "auto | cpu | cuda | mps" in message
    if not torch.cuda.is_available():
        message = call("evaluate.py", "device=cuda")
        assert message.startswith("error: device cuda is not available") and "device=auto" in message


def test_shows_its_config(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("evaluate.py", "--cfg", "job", "n=12", "readout=ridge") is None
    printed = capsys.readouterr().out
    assert "'n': 12" in printed and "readout: ridge" in printed


def test_without_arguments_it_scores_with_the_shipped_checkpoint(call: Call, tmp_path: Path) -> None:
    try:
        asset(SHIPPED)
    except DataError:
        pytest.skip("the shipped checkpoint is still being trained")
    assert call("evaluate.py", "n=12", "sample.val=64", "bootstrap=20", "out=here", "progress=false") is None
    report = read_report(tmp_path / "here")
    # by the best reading that the space names, and beside it what orders best
    wanted = ["GHN shipped, loss, depth 1, depth 3, depth 5", "combined, GHN shipped"]
    assert all([row.name for row in comparison.estimators] == wanted for comparison in report.comparisons)
    assert not report.warnings  # it is not young


OWN_SPACE = """
from torch import nn

def build(choose):
    layers = [nn.Conv2d(choose.input_shape[0], 4, choose("kernel", [1, 3]), padding="same"), nn.ReLU()]
    for i in range(choose.int("depth", 1, 3)):
        layers += [nn.Conv2d(4, 4, choose(f"kernel{i}", [1, 3]), padding="same"), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, choose.classes))
"""


def test_a_space_of_ones_own(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "cli_space.py").write_text(OWN_SPACE)
    space = ["space=function", "space.target=cli_space:build", "device=cpu", "threads=1", "progress=false"]
    small = ["trainer.steps=2", "trainer.architectures=2", "trainer.images=8", "check=0", "population=0", "out=run"]
    assert call("train_ghn.py", *space, *TINY_NET, *small) is None
    described = load_tensors(tmp_path / "run/checkpoint.safetensors", "hypernetwork")[1]["card"]["space"]
    assert described["target"] == "cli_space:build" and described["source"]
    search = ["job=search", "search.estimator=ghn", "search.limit.trials=3", "sample.val=16"]
    checkpoint = "checkpoint=run/checkpoint.safetensors"
    assert call("evaluate.py", *search, *space, checkpoint, "out=search") is None
    assert "kernel0" in (tmp_path / "search/history.jsonl").read_text()
    (tmp_path / "cli_space.py").write_text(OWN_SPACE.replace("4, 4", "4, 4 * 1"))
    sys.modules.pop("cli_space")
    refused = str(call("evaluate.py", *search, *space, checkpoint, "out=again"))
    assert "another version of the source of cli_space:build" in refused and "train it again" in refused
    sys.modules.pop("cli_space")
