"""A training that is killed at its first files, or whose disk is full, goes on to the same log, card and weights."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import toy
from lightning_fabric import Fabric
from meta_runs import CONFIG
from room import no_room

from ghn.errors import WriteError
from ghn.files import GrowingFile
from ghn.nets import GHNConfig
from ghn.scoring.load import CHECKPOINT
from ghn.scoring.model import Model
from ghn.scoring.train_model import train_hypernetwork
from ghn.train.checkpoint import load_tensors
from ghn.train.loop import LOG, STATE, read_lines

NET = GHNConfig(classes=4, hidden=16, heads=2, layers=1, decoder_hidden=16, channels=8)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="what is killed is forked")


def train(fabric: Fabric, folder: Path, *, resume: bool = False) -> Model:
    how: dict[str, Any] = {"check": 0, "progress": False, "resume": resume}
    return train_hypernetwork(NET, toy.SPACE, toy.make_task(), CONFIG, fabric, folder, **how)


def without_times(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "seconds"}


@pytest.fixture(scope="module")
def whole(fabric: Fabric, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Model]:
    """A run that nothing happens to."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, train(fabric, folder)


def same(folder: Path, model: Model, undisturbed: tuple[Path, Model]) -> None:
    """Asserts that a run which went on gave what one gives that was not killed, and left nothing else."""
    whole, known = undisturbed
    assert without_times(model.card["metrics"]) == without_times(known.card["metrics"]) != {}
    assert [*map(without_times, read_lines(folder / LOG))] == [*map(without_times, read_lines(whole / LOG))]
    assert all(torch.equal(a, b) for a, b in zip(model.net.parameters(), known.net.parameters(), strict=True))
    left = {path.name for path in folder.iterdir() if path.is_file()}
    assert left == {CHECKPOINT, STATE, LOG}


def dying(kind: type, method: str, at: int) -> Callable[..., Any]:
    """A method in whose `at`-th call the process ends, as by SIGKILL: nothing that would come after is done."""
    real, called = getattr(kind, method), [0]

    def die(*args: Any, **kwargs: Any) -> Any:
        called[0] += 1
        if called[0] == at:
            os._exit(9)
        return real(*args, **kwargs)

    return die


@pytest.mark.parametrize(
    ("kind", "method", "at", "step"),
    [
        (Path, "replace", 1, None),  # before the first state: only what was half-written is there
        (GrowingFile, "__init__", 1, 0),
        (GrowingFile, "write", 4, 2),  # a line is in the log beyond the saved state
    ],
)
def test_killed_at_any_file(
    kind: type,
    method: str,
    at: int,
    step: int | None,
    fabric: Fabric,
    tmp_path: Path,
    whole: tuple[Path, Model],
    capfd: Any,
) -> None:
    out = tmp_path / "out"
    if (pid := os.fork()) == 0:
        try:
            signal.alarm(120)
            setattr(kind, method, dying(kind, method, at))
            train(fabric, out)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert any(path.name.startswith(".") for path in out.iterdir())
    assert step is None or load_tensors(out / STATE, "training state")[1]["card"]["step"] == step
    model = train(fabric, out, resume=True)
    assert (f"nothing to go on with in {out}; starting anew" in capfd.readouterr().err) == (step is None)
    same(out, model, whole)


def test_a_full_disk_ends_it_and_it_goes_on(fabric: Fabric, tmp_path: Path, whole: tuple[Path, Model]) -> None:
    """No file may become larger than half a state; the old one and the log stay."""
    out = tmp_path / "out"
    most = (whole[0] / STATE).stat().st_size * 2 // 3  # the first state is without that of the optimiser
    with (
        no_room(most),
        pytest.raises(WriteError, match=rf"{STATE} cannot be written(.|\n)*too large(.|\n)*resume=true"),
    ):
        train(fabric, out)
    assert {path.name for path in out.iterdir() if path.is_file()} == {STATE, LOG}
    same(out, train(fabric, out, resume=True), whole)
